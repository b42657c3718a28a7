"""The community roster (台账): who is served where, and how the pension stands."""

from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.alerts import OFF, Action
from domain.decide import AlertRaised, AlertWithdrawn
from domain.dossier import precedence
from domain.facts import (
    MAY_PUBLISH,
    AlertApplied,
    AlertDismissed,
    DeathRetracted,
    FactRetracted,
    Reference,
    RetirementRegistered,
    SpecialGroup,
)
from domain.history import Entry, FactMoved, FactPublished
from domain.links import RecordsJoined, RecordsParted
from projections.read_model import ReadModel


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
    that were taken back or corrected before they came. Not `registered`: none is left, or none came yet. `under`: the record
    whose key the person is encrypted under, where that is another; `led_by`: the record that goes on for this one.
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
    under: UUID | None = None
    led_by: UUID | None = None


_REGISTRARS = MAY_PUBLISH[RetirementRegistered]
_STATUS = {Action.STOP: "stopped", Action.SUSPEND: "suspended"}


def keys(entry: Entry) -> tuple[UUID, ...]:
    """The retiree an entry is about, when it can touch the roster."""
    match entry.event:
        case AlertRaised() | AlertWithdrawn() | FactPublished(fact=AlertApplied() | AlertDismissed()):
            return (entry.stream,)
        case FactPublished(fact=RetirementRegistered()) | RecordsJoined() | RecordsParted():
            return (entry.stream,)
        case FactMoved(published=event) if isinstance(event.fact, RetirementRegistered) or _taken_back(event):
            return (entry.stream,)
        case FactPublished() as event if event.department in _REGISTRARS and _taken_back(event):
            return (entry.stream,)
        case _:
            return ()


def fold(retiree: UUID, row: RosterRow | None, entry: Entry) -> RosterRow | None:
    """The row after an entry. Alerts only follow a registration, so without a row there is nothing for them to change."""
    event = entry.event
    if isinstance(event, FactMoved):
        event = replace(event.published, under=None) if event.of == retiree else event.published
    if isinstance(event, RecordsJoined | RecordsParted):
        row = row or RosterRow(retiree=retiree, position=entry.position)
        return replace(_regrouped(row, event), position=entry.position)
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


def _regrouped(row: RosterRow, event: RecordsJoined | RecordsParted) -> RosterRow:
    """The row of a record that rests from now on, or goes on by itself; the facts that come with that have come before."""
    other = event.other
    if isinstance(event, RecordsJoined):
        return row if event.leads or event.both else replace(row, led_by=other)
    gone = [name for name in row.gone if _under(name) != other]
    stand_again = [replace(one, gone_by=None) if one.gone_by == other else one for one in _held(row)]
    return _counting(replace(row, led_by=None, gone=gone), [one for one in stand_again if one.under != other])


def _without_alerts(row: RosterRow, gone: tuple[str, ...], *, ended: bool) -> RosterRow:
    """The row when alerts need no answer any more; only when what they asked has `ended` the pension is paid again."""
    left = [alert for alert in row.verify_alerts if alert not in gone]
    row = replace(row, verify_alerts=left, verify_alert=left[-1] if left else None)
    if ended and row.off_alert in gone:
        return replace(row, status="payable", stopped_from=None, off_alert=None)
    return row


def _published(row: RosterRow, event: FactPublished, position: int) -> RosterRow:
    """As the dossier does it: what is taken back or corrected goes, now or when it comes."""
    held = _held(row)
    gone = list(row.gone)
    for id_ in _taken_back(event):
        named = [one for one in held if (one.source, one.id) == (event.source, id_)]
        if not named:
            gone = list(dict.fromkeys((*gone, _name(event.source, id_, event.under))))
        held = [one for one in held if one not in named]
        if event.under:  # of another record: they stand again if the two part
            held += [replace(one, gone_by=event.under) for one in named if not one.gone_by]
    if isinstance(event.fact, RetirementRegistered):
        by = next((name for name in gone if msgspec.json.decode(name)[:2] == [event.source, event.id]), None)
        one = Registration(event.department, event.source, event.id, event.fact, event.sealed, event.under)
        if by is None or _under(by):
            held.append(replace(one, gone_by=_under(by) if by else None))
    return _counting(replace(row, gone=gone, position=position), held)


def _taken_back(event: FactPublished) -> tuple[str, ...]:
    """The ids, of the same source, of facts that this one takes back or takes the place of."""
    fact = event.fact
    retracted = fact.retracts if isinstance(fact, DeathRetracted | FactRetracted) else None
    return tuple(id_ for id_ in (fact.corrects, retracted) if id_)


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
        sealed=counting.sealed,
        registered=True,
        others=[msgspec.json.encode(other).decode() for other in others],
        under=counting.under,
    )


def _name(source: str, id_: str, under: UUID | None) -> str:
    return msgspec.json.encode((source, id_, under) if under else (source, id_)).decode()


def _under(name: str) -> UUID | None:
    """The record under which something was taken back before it came, where that is another."""
    _, _, *under = msgspec.json.decode(name)
    return UUID(under[0]) if under else None


ROSTER = ReadModel("views.roster", RosterRow, keys, fold)

PAGE = """
select * from views.roster
where registered and led_by is null and community like %(division)s || '%%' and retiree > %(after)s
  and exists (select from ledger.retiree_key k where k.retiree = coalesce(under, views.roster.retiree))
order by retiree limit %(limit)s
"""
"""A page of the people of a division (any prefix of its code), after a retiree; not the erased."""

ONE = """
select * from views.roster
where registered and retiree = coalesce((select led_by from views.roster where retiree = %(retiree)s), %(retiree)s)
"""
"""One retiree, or whose record leads that one's."""

COUNTS = """
select community, count(*) as people, count(*) filter (where status = 'stopped') as stopped,
       count(*) filter (where status = 'suspended') as suspended,
       count(*) filter (where party_member) as party_members, count(*) filter (where special_groups <> '{}') as special
from views.roster where registered and led_by is null and community like %(division)s || '%%' group by community order by community
"""
"""How many people each community of a division serves."""
