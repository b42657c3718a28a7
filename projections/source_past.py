"""What was known of sources: each row that changes leaves the one it was, with the positions from which and up to which it stood.

A source changes with all that comes of it, and its row may be long. So of the rows that stood within one minute of the log only
the last is left, and stands for the whole of that minute: what is known at a time is what was known at the end of its minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from domain.history import Entry
from domain.sources import above
from projections.source_fold import Batch, Held, fold
from projections.sources import BatchRow, SourceRow, touched


class Since(NamedTuple):
    """From which position a row stands, and the minute of that."""

    position: int
    minute: datetime


class Left(NamedTuple):
    """A row as it was, from a position on and up to another."""

    row: SourceRow | BatchRow
    since: Since
    until: int


@dataclass(frozen=True)
class Stands:
    """Since when the rows that are at hand are as they are."""

    sources: dict[str, Since] = field(default_factory=dict)
    batches: dict[Batch, Since] = field(default_factory=dict)


def minute_of(at: datetime) -> datetime:
    """The minute in which something was recorded."""
    return at.replace(second=0, microsecond=0)


def fold_remembering(held: Held, stands: Stands, entries: Sequence[Entry]) -> list[Left]:
    """Fold entries as `fold` does; the rows that they left behind."""
    left: list[Left] = []
    for entry in entries:
        about = touched(entry.event)
        if about is None:
            continue
        source, batch = about
        sources = {name: held.sources.get(name) for name in above(source)}
        key = None if batch is None else (source, batch)
        before = held.batches.get(key) if key else None
        fold(held, [entry])
        now = Since(entry.position, minute_of(entry.recorded_at))
        for name, row in sources.items():
            if held.sources.get(name) != row:
                left += _left(row, stands.sources.get(name), now)
                stands.sources[name] = _since(stands.sources.get(name), now)
        if key and held.batches.get(key) != before:
            left += _left(before, stands.batches.get(key), now)
            stands.batches[key] = _since(stands.batches.get(key), now)
    return left


def _since(since: Since | None, now: Since) -> Since:
    return since if since and since.minute == now.minute else now


def _left(row: SourceRow | BatchRow | None, since: Since | None, now: Since) -> list[Left]:
    return [Left(row, since, now.position)] if row and since and since.minute != now.minute else []
