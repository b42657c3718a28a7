"""The community roster (台账): who is served where, and how the pension stands."""

from datetime import date
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.alerts import Action
from domain.decide import AlertRaised, AlertWithdrawn
from domain.dossier import precedence
from domain.facts import Reference, RetirementRegistered
from domain.history import Entry, FactPublished
from projections.read_model import ReadModel


class RosterRow(Struct, frozen=True, kw_only=True):
    """A registered retiree. `sealed` holds the person, encrypted; whoever opens it records a disclosure.

    `status` is the pension as the last alerts say; `stopped_from` a month; `verify_alert` the alert that asks to verify.
    """

    retiree: UUID
    community: str
    hukou_division: str | None
    department: str
    source: str
    source_id: str
    retired_on: date
    monthly_pension: str
    contribution_months: int | None
    employer: str | None
    party_member: bool
    special_groups: list[str]
    status: str = "payable"
    stopped_from: str | None = None
    verify_alert: str | None = None
    sealed: bytes
    position: int


def keys(entry: Entry) -> tuple[UUID, ...]:
    """The retiree an entry is about, when it can touch the roster."""
    match entry.event:
        case FactPublished(fact=RetirementRegistered()) | AlertRaised() | AlertWithdrawn():
            return (entry.stream,)
        case _:
            return ()


def fold(retiree: UUID, row: RosterRow | None, entry: Entry) -> RosterRow | None:
    """The row after an entry. Alerts only follow a registration, so without a row there is nothing for them to change."""
    event = entry.event
    if isinstance(event, FactPublished) and isinstance(event.fact, RetirementRegistered):
        return _registered(retiree, row, event, event.fact, entry.position)
    if row is None or not isinstance(event, AlertRaised | AlertWithdrawn):
        return row
    gone = event.replaces if isinstance(event, AlertRaised) else (event.alert,)
    if row.verify_alert in gone:
        row = replace(row, verify_alert=None)
    if isinstance(event, AlertRaised):
        if event.action is Action.STOP:
            row = replace(row, status="stopped", stopped_from=event.first_month)
        elif event.action is Action.RESUME:
            row = replace(row, status="payable", stopped_from=None)
        elif event.action is Action.VERIFY:
            row = replace(row, verify_alert=event.alert)
    return replace(row, position=entry.position)


def _registered(
    retiree: UUID, row: RosterRow | None, event: FactPublished, fact: RetirementRegistered, position: int
) -> RosterRow:
    """The newer registration, unless the one we have takes precedence over it."""
    if row is not None and precedence(
        row.department, row.retired_on, Reference(row.source, row.source_id)
    ) > precedence(event.department, fact.effective, Reference(event.source, event.id)):
        return row
    return RosterRow(
        retiree=retiree,
        community=fact.residence_division,
        hukou_division=fact.hukou_division,
        department=event.department,
        source=event.source,
        source_id=event.id,
        retired_on=fact.effective,
        monthly_pension=fact.monthly_pension,
        contribution_months=fact.contribution_months,
        employer=fact.employer,
        party_member=fact.party_member,
        special_groups=[str(group) for group in fact.special_groups],
        status=row.status if row else "payable",
        stopped_from=row.stopped_from if row else None,
        verify_alert=row.verify_alert if row else None,
        sealed=event.sealed,
        position=position,
    )


ROSTER = ReadModel("views.roster", RosterRow, keys, fold)

PAGE = """
select * from views.roster
where community like %(division)s || '%%' and retiree > %(after)s
  and exists (select from ledger.retiree_key k where k.retiree = views.roster.retiree)
order by retiree limit %(limit)s
"""
"""A page of the people of a division (any prefix of its code), after a retiree; not the erased."""

ONE = "select * from views.roster where retiree = %(retiree)s"
"""One retiree."""

COUNTS = """
select community, count(*) as people, count(*) filter (where status = 'stopped') as stopped,
       count(*) filter (where party_member) as party_members, count(*) filter (where special_groups <> '{}') as special
from views.roster where community like %(division)s || '%%' group by community order by community
"""
"""How many people each community of a division serves."""
