"""Sources: what came of each, what is missing, given twice or late, and what both sides are still to be told about it.

All of it is a fold of the log, the telling included: what was told stands in the log and is read like everything else. So
whoever folds as far as another knows the same, and what is to be told follows from a row and the time alone. Arrived is
whatever got a position: accepted, parked or refused; a refused one fills its number, and keeps it for nobody. Nothing that
is sent makes a row grow without end: whoever sends rubbish is told little more than that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from domain.completeness import (
    BatchClosed,
    BatchComplete,
    BatchIncomplete,
    Finding,
    Fork,
    SequencesUnused,
    SourceForkFound,
    SourceGapClosed,
    SourceGapFound,
    SourceHeard,
    SourceHeartbeat,
    SourceJumpFound,
    SourceReport,
    SourceSilent,
)
from domain.dispositions import SubmissionRefused
from domain.facts import Department
from domain.history import Event, FactPublished
from domain.sources import SourceNumbersSet, SourcePolicySet, SourceRegistered
from projections.runs import (
    Gap,
    Missing,
    Run,
    between,
    beyond,
    bounded,
    joined,
    with_gap,
    without,
)

FORKS_KEPT = 1_000
"""Numbers given twice that wait to be told; what comes beyond is counted only."""
IDS_KEPT = 10
"""Ids kept of one number; what comes under it beyond is counted only."""
JUMP = 1_000_000
"""So far a number may be ahead of the highest and be believed; one that is farther is told, and moves nothing."""
_OTHER_CONTENT = "\n"
"""Stands before the id of what came again with other content; no id has one."""


class Jump(Run, frozen=True, omit_defaults=True):
    """Numbers too far ahead, the latest that came in a row; `told`: whether both sides know that there is such a thing."""

    told: bool = False


class SourceRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A source. `told`: how many findings about it the log holds.

    `gaps`: those told of that are open; `ended`: those that an operator's word ended, which is not told yet. `highest`: the highest number that was taken or that the source spoke of; `ahead`: refused ones above it, which show
    nothing of others; `far`: what was not believed, until the numbers go on below it. `forks`: found and not told yet;
    `forked`: told, or counted only.
    `heartbeat_minutes`: within which something must be heard, counted from `expected_from` at the earliest; None: it need
    not be. `quiet_until`: what it said itself. `silent`: it was told that nothing is heard, since when.
    """

    source: str
    department: Department
    told: int = 0
    heard: datetime | None = None
    highest: int = 0
    missing: tuple[Missing, ...] = ()
    gaps: tuple[Gap, ...] = ()
    ended: tuple[Gap, ...] = ()
    ahead: tuple[Run, ...] = ()
    far: Jump | None = None
    forks: tuple[Fork, ...] = ()
    forked: int = 0
    heartbeat_minutes: int | None = None
    expected_from: datetime | None = None
    quiet_until: datetime | None = None
    silent: SourceSilent | None = None


class BatchRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch of a source: how many of it came, and how many there are, once the source has said so. `told`: what was told last."""

    source: str
    batch: str
    department: Department
    arrived: int = 0
    count: int | None = None
    first: int | None = None
    last: int | None = None
    closed: datetime | None = None
    told: str = ""


INCOMPLETE, COMPLETE = "incomplete", "complete"


class Arrival(NamedTuple):
    """What came of a source, as far as it matters here. `taken`: not refused; `conflict`: refused as its id had other content."""

    source: str
    department: Department
    id: str
    sequence: int | None
    batch: str | None
    taken: bool = True
    conflict: bool = False


def arrival(event: Event) -> Arrival | None:
    """What an event of the log says has come."""
    match event:
        case FactPublished():
            return Arrival(event.source, event.department, event.id, event.sequence, event.batch)
        case SourceReport():
            return Arrival(event.source, event.department, event.id, event.sequence, None)
        case SubmissionRefused(source=str() as source) if _from_its_source(event):
            batch = event.batch if event.id else None
            refused = Arrival(source, event.department, event.id or "", event.sequence, batch, taken=False)
            return refused._replace(conflict=event.code == "id-conflict")
        case _:
            return None


def _from_its_source(event: SubmissionRefused) -> bool:
    """Whether it is shown that the source sent it: else anybody could fill its gaps with refusals."""
    whose = (event.source or "").split("/", 2)
    return whose[:2] == ["", event.department] and not event.code.startswith(("signature-", "signing-key-"))


def touched(event: Event) -> tuple[str, str | None] | None:
    """The source that an event is about, and its batch; None when it is about none."""
    match event:
        case BatchClosed() | BatchIncomplete() | BatchComplete():
            return event.source, event.batch
        case SourceReport() | SourceRegistered() | SourcePolicySet() | SourceNumbersSet():
            return event.source, None
        case _ if isinstance(event, Finding):
            return event.source, None
        case _:
            came = arrival(event)
            return (came.source, came.batch) if came else None


# The numbers


def thing(came: Arrival, ids: Sequence[str]) -> str | None:
    """What came under a number that `ids` came under before, where it is nothing of these; None: it is, or counts for nothing."""
    if came.conflict and came.id in ids:
        return None if _OTHER_CONTENT + came.id in ids else _OTHER_CONTENT + came.id
    return came.id if came.taken and came.id not in ids else None


def fork(sequence: int, ids: Sequence[str], new: str) -> Fork | None:
    """The fork that something new under a number makes; None when it is the first."""
    if not ids:
        return None
    return Fork(sequence, ids[0], None if new == _OTHER_CONTENT + ids[0] else new.removeprefix(_OTHER_CONTENT))


def spoken_of(row: SourceRow, number: int, at: datetime) -> SourceRow:
    """The row after a source has shown, at a time, that it has sent up to `number`."""
    return _up_to(row, number, at)


def filled(row: SourceRow, first: int, last: int, at: datetime) -> SourceRow:
    """The row after numbers were taken, or were said not to be in use."""
    if first == last == row.highest + 1 and not row.ahead and not row.far:  # the common case: in order
        return replace(row, highest=last)
    return _up_to(row, last, at, filling=first)


def refused(row: SourceRow, number: int) -> SourceRow:
    """The row after something was refused: its number is filled, and nothing is believed of what lies below it."""
    if number <= row.highest:
        return replace(row, missing=without(row.missing, number, number))
    return row if number - row.highest > JUMP else replace(row, ahead=joined(row.ahead, number))


def _up_to(row: SourceRow, last: int, at: datetime, filling: int | None = None) -> SourceRow:
    missing = row.missing
    if last - row.highest > JUMP:
        row = replace(row, far=_farther(row.far, last))
    elif last > row.highest:
        missing = (*missing, *between(row.highest + 1, last, row.ahead, at))
        row = replace(row, highest=last, ahead=beyond(row.ahead, last), far=None)
    if filling is not None:
        missing = without(missing, filling, last)
    missing, gaps = bounded(missing, row.gaps)
    return replace(row, missing=missing, gaps=gaps)


def _farther(far: Jump | None, number: int) -> Jump:
    """The latest that is too far ahead. One that follows on it belongs to it; it is told once until the numbers go on."""
    if far and far.first <= number <= far.last + 1:
        return replace(far, last=max(far.last, number))
    return Jump(number, number, told=far is not None and far.told)


def numbered(row: SourceRow, highest: int) -> SourceRow:
    """The row after an operator said that the numbers go on after `highest`.

    What is above it is not asked for, what is missing below stays so. What came in a row from there on while it was not
    believed counts.
    """
    if row.far and row.far.first <= highest + 1 <= row.far.last + 1:
        highest = row.far.last
    return replace(
        row,
        highest=highest,
        missing=tuple(replace(one, last=min(one.last, highest)) for one in row.missing if one.first <= highest),
        gaps=tuple(gap for gap in row.gaps if gap.last <= highest),
        ended=(*row.ended, *(gap for gap in row.gaps if gap.last > highest)),
        ahead=beyond(row.ahead, highest),
        far=None,
    )


# The fold


def came(row: SourceRow, what: Arrival, at: datetime, ids: Sequence[str] = ()) -> SourceRow:
    """The row after something came at a time. `ids`: what came under its number before."""
    row = row if row.heard and row.heard >= at else replace(row, heard=at)
    number = what.sequence
    if number is None:
        return row
    row = filled(row, number, number, at) if what.taken else refused(row, number)
    new = thing(what, ids)
    found = fork(number, ids, new) if new else None
    if not found:
        return row
    if len(ids) >= IDS_KEPT or len(row.forks) >= FORKS_KEPT:
        return replace(row, forked=row.forked + 1)
    return replace(row, forks=(*row.forks, found))


def reported(row: SourceRow, event: Event, at: datetime) -> SourceRow:
    """The row after what its source says of itself."""
    match event:
        case SourceHeartbeat(last=last, until=until):
            row = replace(row, quiet_until=until) if until != row.quiet_until else row
            return spoken_of(row, last, at) if last is not None else row
        case BatchClosed(last=int() as last):
            return spoken_of(row, last, at)
        case SequencesUnused(first=first, last=last):
            return filled(row, first, last, at)
        case _:
            return row


def told(row: SourceRow, event: Finding, version: int) -> SourceRow:
    """The row after both sides were told something."""
    row = replace(row, told=version)
    match event:
        case SourceGapFound() | SourceGapClosed() | SourceJumpFound():
            return _told_numbers(row, event)
        case SourceForkFound(forks=forks):
            known = set(forks)
            waiting = tuple(one for one in row.forks if one not in known)
            return replace(row, forks=waiting, forked=row.forked + len(forks))
        case SourceSilent():
            return replace(row, silent=event)
        case SourceHeard():
            return replace(row, silent=None)
        case BatchIncomplete() | BatchComplete():
            return row


def _told_numbers(row: SourceRow, event: SourceGapFound | SourceGapClosed | SourceJumpFound) -> SourceRow:
    match event:
        case SourceGapFound(first=first, last=last, coarse=coarse):
            gap = Gap(first, last, coarse)
            if last > row.highest:  # an operator has set the numbers back since
                return replace(row, ended=(*row.ended, gap))
            return replace(row, gaps=with_gap(row.gaps, gap, row.missing))
        case SourceGapClosed(first=first, last=last):
            ended = tuple(gap for gap in row.ended if (gap.first, gap.last) != (first, last))
            if ended != row.ended:
                return replace(row, ended=ended)
            return replace(row, gaps=tuple(gap for gap in row.gaps if (gap.first, gap.last) != (first, last)))
        case SourceJumpFound(sequence=sequence):
            if row.far is None or row.far.first != sequence:  # the numbers went on since
                return row
            return replace(row, far=replace(row.far, told=True))


def in_batch(row: BatchRow, event: Event, at: datetime, *, new: bool) -> BatchRow:
    """A batch after an event. `new`: something of it came whose id had not come before."""
    match event:
        case BatchClosed(count=count, first=first, last=last):
            again = row.told if row.count == count else ""
            return replace(row, count=count, first=first, last=last, closed=at, told=again)
        case BatchIncomplete():
            return replace(row, told=INCOMPLETE)
        case BatchComplete():
            return replace(row, told=COMPLETE)
        case _:
            return replace(row, arrived=row.arrived + 1) if new else row


def expecting(row: SourceRow, minutes: int | None, at: datetime) -> SourceRow:
    """The row after it was set, at a time, within how many minutes something must be heard; None: it need not be."""
    silent = row.silent if minutes is not None else None
    return replace(row, heartbeat_minutes=minutes, expected_from=at, silent=silent)
