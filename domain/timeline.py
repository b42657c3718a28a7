"""Timelines: spans of months with a status, and the months in which two of them differ."""

from collections.abc import Iterator
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


Timeline = tuple[Span, ...]
"""Spans in order, without a gap or an overlap; the last has no end. Empty: nobody is registered, nothing is known."""


class Run(Struct, frozen=True):
    """Months in which one timeline pays and the other does not."""

    first: Month
    last: Month | None
    pays: bool


def clip(timeline: Timeline, first: Month, last: Month | None) -> Timeline:
    """The part of a timeline within the months `first` to `last`."""
    return tuple(
        Span(max(span.first, first), _earlier(span.last, last), span.status, span.rule, span.facts)
        for span in timeline
        if (last is None or span.first <= last) and (span.last is None or span.last >= first)
    )


def differences(before: Timeline, after: Timeline) -> Iterator[Run]:
    """The runs of months whose pension differs, in order; `pays` tells whether `after` is the one that pays.

    A month that a timeline does not speak of differs from nothing: who was never registered was told nothing.
    """
    current: Run | None = None
    for one in before:
        for other in clip(after, one.first, one.last):
            if (one.status is Status.PAYABLE) == (other.status is Status.PAYABLE):
                continue
            pays = other.status is Status.PAYABLE
            if current and current.pays == pays and current.last and plus(current.last, 1) == other.first:
                current = Run(current.first, other.last, pays)
                continue
            if current:
                yield current
            current = Run(other.first, other.last, pays)
    if current:
        yield current


def _earlier(one: Month | None, other: Month | None) -> Month | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
