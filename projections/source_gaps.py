"""Gaps in the duties of data sharing: when each source was silent, which numbers and which batches of it were missing from when to when."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.completeness import (
    BatchComplete,
    BatchIncomplete,
    SourceGapClosed,
    SourceGapFound,
    SourceHeard,
    SourceSilent,
)
from domain.history import Entry
from projections.read_model import ReadModel, columns

_BEIJING = timezone(timedelta(hours=8))


class Gap(Struct, frozen=True, omit_defaults=True):
    """Something was not heard or not there. `kind`: silent, numbers, batch; `what`: the numbers or the batch. UTC.

    `until`: when it was heard or there after all; None: not yet.
    """

    kind: str
    what: str
    since: datetime
    until: datetime | None = None

    def open_on(self, day: date) -> bool:
        """Whether it was open at the end of a day in Beijing."""
        begun = self.since.astimezone(_BEIJING).date() <= day
        return begun and (self.until is None or self.until.astimezone(_BEIJING).date() > day)


class SourceGapsRow(Struct, frozen=True, kw_only=True):
    """A source with every gap that was ever told of, JSON, each a `Gap`, the earliest told first."""

    source: str
    department: str
    gaps: list[str] = []
    position: int


_FOUND = SourceSilent | SourceGapFound | BatchIncomplete
_ENDED = SourceHeard | SourceGapClosed | BatchComplete


def keys(entry: Entry) -> tuple[str, ...]:
    """The source that something was found of."""
    event = entry.event
    return (event.source,) if isinstance(event, _FOUND | _ENDED) else ()


def fold(source: str, row: SourceGapsRow | None, entry: Entry) -> SourceGapsRow | None:
    """The row after an entry."""
    event = entry.event
    if not isinstance(event, _FOUND | _ENDED):
        return row
    row = row or SourceGapsRow(source=source, department=event.department, position=entry.position)
    kind, what = _named(event)
    gaps = list(told(row.gaps))
    open_ = [gap for gap in gaps if (gap.kind, gap.what) == (kind, what) and gap.until is None]
    if isinstance(event, _ENDED):
        until = event.heard if isinstance(event, SourceHeard) else entry.recorded_at
        gaps = [replace(gap, until=until) if gap in open_ else gap for gap in gaps]
    elif not open_:
        since = {SourceSilent: "expected", SourceGapFound: "since"}.get(type(event))
        gaps.append(Gap(kind, what, getattr(event, since) if since else entry.recorded_at))
    return replace(row, gaps=[msgspec.json.encode(gap).decode() for gap in gaps], position=entry.position)


def told(gaps: list[str]) -> Iterator[Gap]:
    """The gaps of a row."""
    return (msgspec.json.decode(one, type=Gap) for one in gaps)


def as_of(row: SourceGapsRow, day: date) -> tuple[Gap, ...]:
    """The gaps that were open at the end of a day."""
    return tuple(gap for gap in told(row.gaps) if gap.open_on(day))


def _named(event: _FOUND | _ENDED) -> tuple[str, str]:
    match event:
        case SourceSilent() | SourceHeard():
            return "silent", ""
        case SourceGapFound(first=first, last=last) | SourceGapClosed(first=first, last=last):
            return "numbers", f"{first}-{last}"
        case BatchIncomplete(batch=batch) | BatchComplete(batch=batch):
            return "batch", batch


SOURCE_GAPS = ReadModel("source_gaps", SourceGapsRow, keys, fold)

ALL = f"select {columns(SourceGapsRow)} from source_gaps order by source"  # noqa: S608 - the columns are our own
"""Every source that something was ever missing of: as many as departments have systems."""
