"""The community roster (台账): who is served where, and how the pension stands."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.alerts import OFF, Action
from domain.divisions import within
from domain.dossier import precedence
from domain.facts import (
    MAY_PUBLISH,
    AlertApplied,
    AlertDismissed,
    Category,
    HandoverCompleted,
    ReceptionAccepted,
    Reference,
    RetirementRegistered,
    SpecialGroup,
    taken_back,
)
from domain.handover import Handover, Reception, evolve_handover
from domain.history import Entry, FactMoved, FactPublished
from domain.lineage import Lineage
from domain.links import RecordsJoined, RecordsParted
from domain.told import AlertRaised, AlertWithdrawn
from projections.candidates import page_of, people_of
from projections.read_model import ReadModel, is_of, name, under_of


class Registration(Struct, frozen=True):
    """A registration, with the person it gave, encrypted under the key of the record it was told `under`.

    `gone_by`: the joined record under which it was taken back, so that it stands again when the two part.
    """

    department: str
    source: str
    id: str
    fact: RetirementRegistered
    sealed: bytes
    under: UUID | None = None
    gone_by: UUID | None = None

    @property
    def rank(self) -> tuple[bool, date, Reference]:
        """The greatest of these counts."""
        return precedence(self.department, self.fact.effective, Reference(self.source, self.id))


class RosterRow(Struct, frozen=True, kw_only=True):
    """A retiree under the registration that counts. `sealed` holds the person, encrypted; whoever opens it records a disclosure.

    `status` is the pension as the alerts say, by `off_alert` since `stopped_from`, a month; `verify_alert` is the newest of
    `verify_alerts`, which ask to verify. `others` are the registrations that would count without this one; `gone` those
    that were taken back or corrected before they came. Not `registered`: none is left, or none came yet. `serving`: the
    division of the office that serves, of which `receptions` tell (JSON): the community of the registration before any.
    `under`: the record whose key the person is encrypted under, where that is another; `led_by`: the record that goes on for
    this one.
    """

    retiree: UUID
    community: str = ""
    hukou_division: str | None = None
    department: str = ""
    source: str = ""
    source_id: str = ""
    retired_on: date = date.min
    monthly_pension: str = "0.00"
    contribution_months: int | None = None
    employer: str | None = None
    party_member: bool = False
    special_groups: list[str] = []
    status: str = "payable"
    stopped_from: str | None = None
    verify_alert: str | None = None
    sealed: bytes = b""
    position: int
    registered: bool = False
    off_alert: str | None = None
    verify_alerts: list[str] = []
    others: list[str] = []
    gone: list[str] = []
    category: str = Category.RETIREE
    serving: str = ""
    receptions: list[str] = []
    under: UUID | None = None
    led_by: UUID | None = None


_TELLERS = frozenset().union(
    *(MAY_PUBLISH[fact] for fact in (RetirementRegistered, HandoverCompleted, ReceptionAccepted))
)
_TOLD = (RetirementRegistered, HandoverCompleted, ReceptionAccepted)
_STATUS = {Action.STOP: "stopped", Action.SUSPEND: "suspended"}


def keys(entry: Entry) -> tuple[UUID, ...]:
    """The retiree an entry is about, when it can touch the roster."""
    match entry.event:
        case AlertRaised() | AlertWithdrawn() | FactPublished(fact=AlertApplied() | AlertDismissed()):
            return (entry.stream,)
        case RecordsJoined() | RecordsParted():
            return (entry.stream,)
        case FactMoved(published=event) if isinstance(event.fact, _TOLD) or taken_back(event.fact):
            return (entry.stream,)
        case FactPublished(fact=RetirementRegistered() | HandoverCompleted() | ReceptionAccepted()):
            return (entry.stream,)
        case FactPublished() as event if event.department in _TELLERS and taken_back(event.fact):
            return (entry.stream,)
        case _:
            return ()


def fold(retiree: UUID, row: RosterRow | None, entry: Entry) -> RosterRow | None:
    """The row after an entry. Alerts only follow a registration, so without a row there is nothing for them to change."""
    event = entry.event
    if isinstance(event, FactMoved | RecordsJoined | RecordsParted):
        return _regrouped(row or RosterRow(retiree=retiree, position=entry.position), event, entry.position)
    if isinstance(event, FactPublished):
        if isinstance(event.fact, AlertApplied | AlertDismissed):
            return row and replace(_without_alerts(row, (event.fact.alert,), ended=False), position=entry.position)
        return _published(row or RosterRow(retiree=retiree, position=entry.position), event, entry.position)
    if row is None or not isinstance(event, AlertRaised | AlertWithdrawn):
        return row
    if isinstance(event, AlertWithdrawn):
        return replace(_without_alerts(row, (event.alert,), ended=True), position=entry.position)
    row = _without_alerts(row, event.replaces, ended=True)
    if event.action in OFF:
        row = replace(row, status=_STATUS[event.action], stopped_from=event.first_month, off_alert=event.alert)
    elif event.action is Action.VERIFY:
        row = replace(row, verify_alert=event.alert, verify_alerts=[*row.verify_alerts, event.alert])
    return replace(row, position=entry.position)


def _regrouped(row: RosterRow, event: FactMoved | RecordsJoined | RecordsParted, position: int) -> RosterRow:
    """The row of a record that rests from now on, or goes on by itself; the facts that come with that come before."""
    if isinstance(event, FactMoved):
        fact = replace(event.published, under=None if event.of == row.retiree else event.of)
        return _published(row, fact, position, at_once=event.at_once)
    other = event.other
    row = replace(row, position=position)
    if isinstance(event, RecordsJoined):
        row = row if event.leads or event.both else replace(row, led_by=other)
    else:
        gone = [name for name in row.gone if under_of(name) != other]
        stand_again = [replace(one, gone_by=None) if one.gone_by == other else one for one in _held(row)]
        held = [one for one in stand_again if one.under != other]
        row = _counting(replace(row, led_by=None, gone=gone), held)
    return row if event.handover is None else _served(row, event.handover.receptions)


def _without_alerts(row: RosterRow, gone: tuple[str, ...], *, ended: bool) -> RosterRow:
    """The row when alerts need no answer any more; only when what they asked has `ended` the pension is paid again."""
    left = [alert for alert in row.verify_alerts if alert not in gone]
    row = replace(row, verify_alerts=left, verify_alert=left[-1] if left else None)
    if ended and row.off_alert in gone:
        return replace(row, status="payable", stopped_from=None, off_alert=None)
    return row


def _published(row: RosterRow, event: FactPublished, position: int, *, at_once: bool = True) -> RosterRow:
    """As the dossier and the handover do it: what is taken back or corrected goes, now or when it comes.

    Not `at_once`: it comes from a record that is joined, and how far the handover is comes after all of them.
    """
    held = _held(row)
    receptions = tuple(msgspec.json.decode(one, type=Reception) for one in row.receptions)
    if at_once:
        is_gone = any(is_of(name, event.source, event.id) for name in row.gone)
        receptions = evolve_handover(Handover(receptions=receptions), event.known(None), gone=is_gone).receptions
    gone = list(row.gone)
    for id_ in taken_back(event.fact):
        named = [one for one in held if (one.source, one.id) == (event.source, id_)]
        if not named:
            gone = list(dict.fromkeys((*gone, name(event.source, id_, event.under))))
        held = [one for one in held if one not in named]
        if event.under:  # of another record: they stand again if the two part
            held += [replace(one, gone_by=event.under) for one in named if not one.gone_by]
    if isinstance(event.fact, RetirementRegistered):
        one = Registration(event.department, event.source, event.id, event.fact, event.sealed, event.under)
        by = [under_of(name) for name in gone if is_of(name, event.source, event.id)]
        if None not in by:
            held.append(replace(one, gone_by=by[0]) if by else one)
    return _served(_counting(replace(row, gone=gone, position=position), held), receptions)


def _served(row: RosterRow, receptions: Sequence[Reception]) -> RosterRow:
    received = [msgspec.json.encode(one).decode() for one in receptions]
    return replace(row, receptions=received, serving=_serving(row.community, receptions) if row.registered else "")


def _serving(community: str, receptions: Sequence[Reception]) -> str:
    """The division of the office that received last; of a street that received for its communities, that of the registration."""
    office = receptions[-1].division if receptions else community
    return community if within(community, office) else office


def _held(row: RosterRow) -> list[Registration]:
    others = [msgspec.json.decode(other, type=Registration) for other in row.others]
    if not row.registered:
        return others
    fact = RetirementRegistered(
        effective=row.retired_on,
        monthly_pension=row.monthly_pension,
        residence_division=row.community,
        hukou_division=row.hukou_division,
        contribution_months=row.contribution_months,
        employer=row.employer,
        party_member=row.party_member,
        special_groups=tuple(map(SpecialGroup, row.special_groups)),
        category=Category(row.category),
    )
    counting = Registration(row.department, row.source, row.source_id, fact, row.sealed, row.under)
    return [counting, *others]


def _counting(row: RosterRow, held: list[Registration]) -> RosterRow:
    """The row under the registration that counts of those that stand."""
    gone = [one for one in held if one.gone_by]
    standing = sorted((one for one in held if not one.gone_by), key=lambda one: one.rank, reverse=True)
    if not standing:
        return RosterRow(
            retiree=row.retiree,
            status=row.status,
            stopped_from=row.stopped_from,
            verify_alert=row.verify_alert,
            off_alert=row.off_alert,
            verify_alerts=row.verify_alerts,
            gone=row.gone,
            receptions=row.receptions,
            position=row.position,
            led_by=row.led_by,
            others=[msgspec.json.encode(one).decode() for one in gone],
        )
    counting, *others = [*standing, *gone]
    fact = counting.fact
    return replace(
        row,
        community=fact.residence_division,
        hukou_division=fact.hukou_division,
        department=counting.department,
        source=counting.source,
        source_id=counting.id,
        retired_on=fact.effective,
        monthly_pension=fact.monthly_pension,
        contribution_months=fact.contribution_months,
        employer=fact.employer,
        party_member=fact.party_member,
        special_groups=[str(group) for group in fact.special_groups],
        category=fact.category,
        sealed=counting.sealed,
        registered=True,
        others=[msgspec.json.encode(other).decode() for other in others],
        under=counting.under,
    )


ROSTER = ReadModel("roster", RosterRow, keys, fold)

PAGE = people_of(page_of("community"), "r.community = any(%(communities)s)")
"""A page of those who may be registered in some communities, after a retiree."""

SERVED_PAGE = people_of(page_of("serving"), "r.serving = any(%(communities)s)")
"""The same of those whom these communities serve: who has been received elsewhere is there, and not here."""

PLACES = "select retiree, community, serving from roster where retiree = any(%(retirees)s)"
"""Where some retirees are registered and served."""

ONE = """
select * from roster
where registered and retiree = (
    select case when led_by is null then retiree else led_by end from roster where retiree = %(retiree)s)
"""
"""One retiree, or whose record leads that one's."""

SHOWN = people_of(f"with page as materialized ({ONE.replace('select *', 'select retiree', 1)})")
"""The same, with all that a line says."""

COUNTS = """
select community, count(*) as people, count(*) filter (where status = 'stopped') as stopped,
       count(*) filter (where status = 'suspended') as suspended,
       count(*) filter (where party_member) as party_members, count(*) filter (where special_groups <> '{}') as special
from roster where registered and led_by is null and community = any(%(communities)s) group by 1 order by 1
"""
"""How many people are registered in each of some communities."""

SERVED_COUNTS = COUNTS.replace("select community,", "select serving as community,").replace(
    "and community =", "and serving ="
)
"""How many people each of some communities serves."""


def communities(registered: Iterable[str], division: str, lineage: Lineage, day: date) -> list[str]:
    """Of the codes that people are registered under, those that belong to a division (any prefix of its code) on a day.

    A retired code is found under its one successor, and a later one under what it was then. A division asked for on a day
    on which it is not in force has those registered under it and no others.
    """
    nearest = lineage.nearest(division.ljust(12, "0"))
    if nearest and not lineage.in_force(nearest, day):
        return [code for code in registered if code.startswith(division)]
    return [code for code in registered if lineage.placed(code, day).startswith(division)]
