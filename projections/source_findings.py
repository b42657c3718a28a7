"""What both sides are to be told about a source now: it follows from its row, its batches and the time alone."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.completeness import (
    BatchComplete,
    BatchIncomplete,
    Finding,
    SourceForkFound,
    SourceGapClosed,
    SourceGapFound,
    SourceHeard,
    SourceJumpFound,
    SourceSilent,
)
from projections.runs import Gap, closed, touching, untold
from projections.sources import COMPLETE, INCOMPLETE, BatchRow, SourceRow

FORKS_AT_A_TIME = 100
"""Numbers given twice that one event tells of: a source that begins anew at 1 gives all of them twice."""
FINDINGS_AT_A_TIME = 100
"""Findings about one source that one look tells; the next look tells more."""
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""When something is due that waits for nothing."""


def findings(row: SourceRow, batches: Sequence[BatchRow], now: datetime, grace: timedelta) -> list[Finding]:
    """What both sides are to be told now; a gap and a batch get `grace`, as what comes by several ways overtakes."""
    whose: dict[str, Any] = {"source": row.source, "department": row.department}
    found: list[Finding] = [SourceGapClosed(**whose, first=gap.first, last=gap.last) for gap in _closed(row)]
    if row.forks:
        found.append(SourceForkFound(**whose, forks=row.forks[:FORKS_AT_A_TIME]))
    if row.far and not row.far.told:
        found.append(SourceJumpFound(**whose, sequence=row.far.first, highest=row.highest))
    found += [
        SourceGapFound(**whose, first=one.first, last=one.last, since=one.since, coarse=one.coarse)
        for one in untold(row.missing, row.gaps)
        if one.since + grace <= now
    ]
    if row.silent and row.heard and row.heard != row.silent.heard:
        found.append(SourceHeard(**whose, heard=row.heard))
    elif not row.silent and (late := expected(row)) and late <= now:
        found.append(SourceSilent(**whose, heard=row.heard, expected=late))
    for batch in batches:
        found += _of_batch(batch, row, now, grace)
    return found[:FINDINGS_AT_A_TIME]


def due(row: SourceRow) -> datetime | None:
    """From when on `findings` may have something about a source, a grace left out; None: not before something happens."""
    jumped = row.far is not None and not row.far.told
    if row.forks or jumped or any(_closed(row)) or (row.silent and row.heard != row.silent.heard):
        return AT_ONCE
    times = [one.since for one in untold(row.missing, row.gaps)]
    if not row.silent and (late := expected(row)):
        times.append(late)
    return min(times, default=None)


def batch_due(batch: BatchRow) -> datetime | None:
    """The same about a batch."""
    if batch.count is None:
        return None
    if batch.arrived == batch.count:
        return None if batch.told == COMPLETE else AT_ONCE
    return None if batch.told == INCOMPLETE else batch.closed


def _of_batch(batch: BatchRow, row: SourceRow, now: datetime, grace: timedelta) -> Iterator[Finding]:
    if batch.count is None or batch.closed is None:
        return
    whose: dict[str, Any] = {"source": batch.source, "department": batch.department, "batch": batch.batch}
    whose["count"] = batch.count
    if batch.arrived == batch.count:
        if batch.told != COMPLETE:
            yield BatchComplete(**whose)
    elif batch.told != INCOMPLETE and batch.closed + grace <= now:
        missing = missing_of(batch, row)
        count = sum(last - first + 1 for first, last in missing)
        yield BatchIncomplete(**whose, arrived=batch.arrived, missing=missing, missing_count=count)


def missing_of(batch: BatchRow, row: SourceRow) -> tuple[tuple[int, int], ...]:
    """The numbers of a batch that did not come, where its source said which it has."""
    if batch.first is None or batch.last is None:
        return ()
    low, high = touching(row.missing, batch.first, batch.last)
    return tuple((max(one.first, batch.first), min(one.last, batch.last)) for one in row.missing[low:high])


def _closed(row: SourceRow) -> Iterator[Gap]:
    yield from row.ended
    yield from closed(row.missing, row.gaps)


def expected(row: SourceRow) -> datetime | None:
    """By when something must be heard."""
    since = [time for time in (row.heard, row.expected_from, row.quiet_until) if time]
    if row.heartbeat_minutes is None or not since:
        return None
    return max(since) + timedelta(minutes=row.heartbeat_minutes)
