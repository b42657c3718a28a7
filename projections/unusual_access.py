"""Reading that was flagged as far from usual, for whoever is to look into it."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from domain.disclosures import UnusualAccessFlagged
from domain.history import Entry
from projections.read_model import ReadModel, columns


class UnusualRow(Struct, frozen=True, kw_only=True):
    """A flag. `times`: what it came to on the day; `usual`: what that is compared with; `brought_by`: the position of the last look before it."""

    flag_id: str
    position: int
    recorded_at: datetime
    why: str
    day: date
    department: str
    actor: str
    times: int
    usual: int
    brought_by: int
    retiree: UUID | None = None


def keys(entry: Entry) -> tuple[str, ...]:
    """A flag has a row of its own."""
    return (str(entry.position),) if isinstance(entry.event, UnusualAccessFlagged) else ()


def fold(flag_id: str, row: UnusualRow | None, entry: Entry) -> UnusualRow | None:
    """The row of a flag: written once."""
    event = entry.event
    if not isinstance(event, UnusualAccessFlagged):
        return row
    return UnusualRow(
        flag_id=flag_id,
        position=entry.position,
        recorded_at=entry.recorded_at,
        why=event.why,
        day=event.day,
        department=event.department,
        actor=event.actor,
        times=event.count,
        usual=event.usual,
        brought_by=event.position,
        retiree=event.retiree,
    )


UNUSUAL_ACCESS = ReadModel("unusual_access", UnusualRow, keys, fold, once=True)

PAGE = f"""
select {columns(UnusualRow)} from unusual_access
where position < %(position)s and (%(actor)s = '' or actor = %(actor)s) and (%(department)s = '' or department = %(department)s)
  and (%(retiree)s::uuid is null or retiree = %(retiree)s)
order by position desc limit %(limit)s
"""  # noqa: S608 - the columns are our own
"""The newest flags before a position, of an account, a department, a retiree (any when empty or null)."""
