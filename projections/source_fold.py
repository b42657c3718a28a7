"""The fold of the log into sources, many entries at a time: what it has to have at hand, and what it changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from domain.completeness import Finding, SourceReport
from domain.facts import Department
from domain.history import Entry
from domain.sources import SourceNumbersSet, SourcePolicySet, SourceRegistered, above
from projections.sources import (
    IDS_KEPT,
    Arrival,
    BatchRow,
    SourceRow,
    arrival,
    came,
    expecting,
    in_batch,
    numbered,
    reported,
    thing,
    told,
    touched,
)

Batch = tuple[str, str]
"""A source and the name of a batch of its own."""
Number = tuple[str, int]
"""A source and a number of its own."""
Member = tuple[str, str, str]
"""A source, a batch and the id of what is of it."""


@dataclass(frozen=True)
class Needed:
    """What must be at hand to fold some entries: the rows, what came under these numbers, and which of these ids were counted."""

    sources: set[str] = field(default_factory=set)
    batches: set[Batch] = field(default_factory=set)
    numbers: set[Number] = field(default_factory=set)
    members: set[Member] = field(default_factory=set)


@dataclass(frozen=True)
class Held:
    """What is at hand; the fold changes it. Of numbers, the ids in the order in which they came."""

    sources: dict[str, SourceRow] = field(default_factory=dict)
    batches: dict[Batch, BatchRow] = field(default_factory=dict)
    numbers: dict[Number, list[str]] = field(default_factory=dict)
    members: set[Member] = field(default_factory=set)

    def copy(self) -> "Held":
        """What is at hand now, whatever is folded into it later."""
        numbers = {number: list(ids) for number, ids in self.numbers.items()}
        return Held(dict(self.sources), dict(self.batches), numbers, set(self.members))


def needed(entries: Iterable[Entry]) -> Needed:
    """What folding these entries needs."""
    what = Needed()
    for entry in entries:
        if (about := touched(entry.event)) is None:
            continue
        source, batch = about
        what.sources.update(above(source))
        if batch is not None:
            what.batches.add((source, batch))
        if there := arrival(entry.event):
            if there.sequence is not None:
                what.numbers.add((source, there.sequence))
            if there.batch is not None:
                what.members.add((source, there.batch, there.id))
    return what


def fold(held: Held, entries: Sequence[Entry]) -> None:
    """Fold entries into what is at hand, which `needed` named."""
    for entry in entries:
        about = touched(entry.event)
        if about is None:
            continue
        source, batch = about
        event = entry.event
        row = held.sources.get(source) or SourceRow(source=source, department=department_of(source))
        there = arrival(event)
        new = False
        if there:
            row = _came(held, row, there, entry)
            new = _counted(held, there)
        if isinstance(event, SourceReport):
            row = reported(row, event, entry.recorded_at)
        if isinstance(event, Finding):
            row = told(row, event, entry.version)
        if isinstance(event, SourceRegistered | SourcePolicySet):
            row = expecting(row, event.policy.heartbeat_minutes, entry.recorded_at)
        if isinstance(event, SourceNumbersSet):
            row = numbered(row, event.highest)
        held.sources[source] = row
        if batch is not None:
            before = held.batches.get((source, batch))
            before = before or BatchRow(source=source, batch=batch, department=row.department)
            held.batches[source, batch] = in_batch(before, event, entry.recorded_at, new=new)


def department_of(source: str) -> Department:
    """The department of a source that something was taken from: its first segment."""
    return Department(source.split("/", 2)[1])


def _came(held: Held, row: SourceRow, there: Arrival, entry: Entry) -> SourceRow:
    at = entry.recorded_at
    ids: list[str] = []
    if there.sequence is not None:
        ids = held.numbers.setdefault((there.source, there.sequence), [])
    row = came(row, there, at, ids)
    if (new := thing(there, ids)) is not None and len(ids) < IDS_KEPT:
        ids.append(new)
    if row.heartbeat_minutes is None:  # then it is the nearest above it that this is a sign of life of
        for upper in above(there.source)[1:]:
            covering = held.sources.get(upper)
            if covering and covering.heartbeat_minutes is not None:
                held.sources[upper] = came(covering, there._replace(sequence=None), at)
                break
    return row


def _counted(held: Held, there: Arrival) -> bool:
    """Whether it is of a batch, and its id had not come in it before; from now on it has."""
    member = (there.source, there.batch or "", there.id)
    if there.batch is None or member in held.members:
        return False
    held.members.add(member)
    return True
