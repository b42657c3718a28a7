"""Timelines: spans of months with a status, and the months in which two of them differ."""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from domain.facts import Reference
from domain.law import Citation
from domain.months import Month, plus


class Status(StrEnum):
    """What a month's pension is."""

    PAYABLE = "payable"
    STOPPED = "stopped"


class Span(Struct, frozen=True):
    """Months `first` to `last` (both included; None: without end) with one status, the rule and the facts behind it."""

    first: Month
    last: Month | None
    status: Status
    rule: Citation
    facts: tuple[Reference, ...]

    @property
    def pays(self) -> bool:
        """Whether the pension of these months is paid."""
        return self.status is Status.PAYABLE


Timeline = tuple[Span, ...]
"""Spans in order, without a gap or an overlap; the last has no end. Empty: nobody is registered, nothing is known."""


class Run(Struct, frozen=True):
    """Months `first` to `last` of which one thing is true: they are paid, or not."""

    first: Month
    last: Month | None
    pays: bool

    def within(self, first: Month | None, last: Month | None) -> "Run | None":
        """The part of it in the months `first` to `last` (None: no bound); None when nothing is."""
        begin, end = max(self.first, first or self.first), _earlier(self.last, last)
        return Run(begin, end, self.pays) if end is None or begin <= end else None


def joined(runs: Iterable[Run | None]) -> tuple[Run, ...]:
    """Runs in order, those that follow on each other and say the same made one; None is left out."""
    found: list[Run] = []
    for run in runs:
        if run is None:
            continue
        before = found[-1] if found else None
        if before and before.pays == run.pays and before.last and plus(before.last, 1) == run.first:
            found[-1] = Run(before.first, run.last, run.pays)
        else:
            found.append(run)
    return tuple(found)


def differences(before: Iterable[Span | Run], after: Iterable[Span | Run]) -> tuple[Run, ...]:
    """The runs of months whose pension differs, in order; `pays` tells whether `after` is the one that pays.

    A month that a side does not speak of differs from nothing: who was never registered was told nothing.
    """
    after = tuple(after)
    return joined(
        Run(other.first, other.last, other.pays).within(one.first, one.last)
        for one in before
        for other in after
        if one.pays != other.pays
    )


def _earlier(one: Month | None, other: Month | None) -> Month | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
