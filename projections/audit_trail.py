"""The audit trail of data sharing: who published, received and read what about whom."""

from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import Struct

from domain.disclosures import DataDelivered, DataDisclosed, LogRead, Look, Way
from domain.history import Entry, FactPublished
from projections.read_model import ReadModel, columns


class TrailRow(Struct, frozen=True, kw_only=True):
    """One deed about one retiree. `deed`: published, received or read; `what`: a stored name, an outlet or the fields.

    `late_days`: of what was published, the days from when it was true until we were told.
    """

    deed_id: str
    position: int
    recorded_at: datetime
    deed: str
    department: str
    actor: str
    retiree: UUID
    what: str
    purpose: str | None = None
    legal_basis: str | None = None
    late_days: int | None = None
    way: str | None = None
    look: str | None = None
    reason: str | None = None


def keys(entry: Entry) -> tuple[str, ...]:
    """One row for each retiree that the deed is about."""
    match entry.event:
        case FactPublished():
            return (f"{entry.position}-{entry.stream}",)
        case DataDisclosed(retirees=retirees) | DataDelivered(retirees=retirees):
            return tuple(f"{entry.position}-{retiree}" for retiree in retirees)
        case LogRead(retiree=UUID() as retiree):
            return (f"{entry.position}-{retiree}",)
        case _:
            return ()


def fold(deed_id: str, row: TrailRow | None, entry: Entry) -> TrailRow | None:
    """The row of a deed: written once, as deeds are not undone."""
    retiree = UUID(deed_id.split("-", 1)[1])
    deed = partial(TrailRow, deed_id=deed_id, position=entry.position, recorded_at=entry.recorded_at, retiree=retiree)
    match entry.event:
        case FactPublished() as event:
            return deed(
                deed="published",
                department=event.department,
                actor=event.published_by,
                what=entry.name,
                late_days=(event.learnt - event.fact.effective).days,
            )
        case DataDelivered() as event:
            return deed(
                deed="received",
                department=event.department,
                actor=event.outlet,
                what=", ".join(event.fields),
                purpose=event.purpose or None,
                legal_basis=event.legal_basis or None,
            )
        case LogRead() as event:
            return deed(
                deed="read",
                department=event.department,
                actor=event.actor,
                what=event.command,
                way=Way.TERMINAL,
                look=Look.SHOWN,
                reason=event.reason or None,
            )
        case DataDisclosed() as event:
            return deed(
                deed="read",
                department=event.department,
                actor=event.actor,
                what=", ".join(event.fields),
                purpose=event.purpose,
                legal_basis=event.legal_basis,
                way=event.way,
                look=event.look,
                reason=event.reason or None,
            )
        case _:
            return row


AUDIT_TRAIL = ReadModel("audit_trail", TrailRow, keys, fold, once=True)

PAGE = f"""
select {columns(TrailRow)} from audit_trail
where (%(department)s = '' or department = %(department)s) and (%(retiree)s::uuid is null or retiree = %(retiree)s)
  and (%(actor)s = '' or actor = %(actor)s)
  and (look is distinct from 'deeds' or %(actor)s <> '' or %(retiree)s::uuid is not null)
  and (position, deed_id) < (%(position)s, %(deed_id)s)
order by position desc, deed_id desc limit %(limit)s
"""  # noqa: S608 - the columns are our own
"""The newest deeds of a department and an account (any when empty) about a retiree (any when null), before a deed.

Looks at the trail itself only where one or the other is asked for: an auditor's own would fill every first page.
"""

LOOKS = f"""
select {columns(TrailRow)} from audit_trail
where deed <> 'published' and (position, deed_id) < (%(position)s, %(deed_id)s)
  and (retiree = %(retiree)s or retiree in (select r.retiree from roster r where r.led_by = %(retiree)s))
order by position desc, deed_id desc limit %(limit)s
"""  # noqa: S608 - likewise
"""Who was shown or handed what of a retiree, of the records that it leads too, the newest first, before a deed."""

OFFICERS = """
select department, actor, deed, what, purpose, count(*) as deeds, count(distinct retiree) as people,
       min(recorded_at) as first, max(recorded_at) as last
from audit_trail
where (%(department)s = '' or department = %(department)s) and (%(actor)s = '' or actor = %(actor)s)
  and recorded_at >= %(since)s and recorded_at < %(until)s
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""
"""What each account of a department did in a period: how often, to how many people."""

LATE = f"""
select t.*, r.community
from unnest(%(tellers)s::text[], %(facts)s::text[]) as duty(department, what) cross join lateral (
    select {columns(TrailRow)} from audit_trail t
    where t.department = duty.department and t.what = duty.what and t.late_days > %(least)s and t.late_days > 0
      and t.position < %(before)s and t.recorded_at >= %(since)s and t.recorded_at < %(until)s
    order by t.position desc limit %(limit)s
) t left join lateral (select community from roster where registered and retiree = t.retiree limit 1) r on true
order by t.position desc limit %(limit)s
"""  # noqa: S608 - likewise
"""The newest facts, of those that some departments must tell, that were told more than so many days after they were true, before a position."""
