"""Runs of numbers, sorted and apart, and never more than `RUNS` of them: then the last ones become one coarse run.

So what rubbish can make of a source is bounded: its row, the time it takes, and what leaves us about it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

RUNS = 1_000
"""So many runs of a source are known one by one."""


class Run(Struct, frozen=True, omit_defaults=True):
    """Numbers from `first` to `last`."""

    first: int
    last: int


class Gap(Run, frozen=True, omit_defaults=True):
    """Missing numbers that both sides were told of."""

    coarse: bool = False


class Missing(Run, frozen=True, omit_defaults=True):
    """Numbers that did not come, and since when that is known. `coarse`: some of them did; which, is not known any more."""

    since: datetime
    coarse: bool = False


def touching(runs: Sequence[Run], first: int, last: int) -> tuple[int, int]:
    """Which of them share a number with `first` to `last`: the place of the first, and the one after the last."""
    return bisect_left(runs, first, key=_last), bisect_right(runs, last, key=_first)


def _first(run: Run) -> int:
    return run.first


def _last(run: Run) -> int:
    return run.last


def without(runs: tuple[Missing, ...], first: int, last: int) -> tuple[Missing, ...]:
    """The runs without the numbers from `first` to `last`."""
    low, high = touching(runs, first, last)
    if low >= high:
        return runs
    left = [part for one in runs[low:high] for part in _outside(one, first, last)]
    return (*runs[:low], *left, *runs[high:])


def _outside(one: Missing, first: int, last: int) -> Iterator[Missing]:
    if one.first < first:
        yield replace(one, last=first - 1)
    if last < one.last:
        yield replace(one, first=last + 1)


def between(first: int, last: int, ahead: Sequence[Run], since: datetime) -> Iterator[Missing]:
    """The numbers from `first` to `last` but for those of `ahead`, as missing."""
    for one in ahead:
        if one.first > last:
            break
        if first < one.first:
            yield Missing(first, one.first - 1, since)
        first = one.last + 1
    if first <= last:
        yield Missing(first, last, since)


def joined(runs: tuple[Run, ...], number: int) -> tuple[Run, ...]:
    """The runs with a number more. Beyond `RUNS` of them the highest are forgotten."""
    low, high = touching(runs, number - 1, number + 1)
    parts = (Run(number, number), *runs[low:high])
    one = Run(min(map(_first, parts)), max(map(_last, parts)))
    return (*runs[:low], one, *runs[high:])[:RUNS]


def beyond(runs: tuple[Run, ...], number: int) -> tuple[Run, ...]:
    """What of the runs is above a number."""
    return tuple(Run(max(one.first, number + 1), one.last) for one in runs if one.last > number)


def bounded(missing: tuple[Missing, ...], gaps: tuple[Gap, ...]) -> tuple[tuple[Missing, ...], tuple[Gap, ...]]:
    """At most `RUNS` runs; a coarse one that takes the place of others does so with the gaps that were told of them too."""
    if len(missing) <= RUNS:
        return missing, gaps
    rest = missing[RUNS - 1 :]
    coarse = Missing(rest[0].first, rest[-1].last, min(one.since for one in rest), coarse=True)
    return (*missing[: RUNS - 1], coarse), superseded(gaps, coarse)


def superseded(gaps: tuple[Gap, ...], coarse: Missing) -> tuple[Gap, ...]:
    """The gaps but those that lie within a coarse run: of these only the first that was told as coarse."""
    within = [gap for gap in gaps if coarse.first <= gap.first and gap.last <= coarse.last]
    gone = set(within) - set([gap for gap in within if gap.coarse][:1])
    return tuple(gap for gap in gaps if gap not in gone) if gone else gaps


def with_gap(gaps: tuple[Gap, ...], gap: Gap, missing: Sequence[Missing]) -> tuple[Gap, ...]:
    """The gaps after one more was told."""
    gaps = tuple(sorted((*gaps, gap), key=_first))
    low, high = touching(missing, gap.first, gap.last)
    return superseded(gaps, missing[low]) if high - low == 1 and missing[low].coarse else gaps


def untold(missing: Sequence[Missing], gaps: Sequence[Gap]) -> Iterator[Missing]:
    """Missing numbers that nobody was told of.

    What is missing of a gap that was told lies within it, whatever came since; a coarse run that grew is not told again.
    """
    exact, rough = iter(gaps), (gap for gap in gaps if gap.coarse)
    gap, coarse = next(exact, None), next(rough, None)
    told = told_coarse = 0  # up to where the gaps go that begin no later
    for one in missing:
        while gap and gap.first <= one.first:
            told, gap = max(told, gap.last), next(exact, None)
        while coarse and coarse.first <= one.last:
            told_coarse, coarse = max(told_coarse, coarse.last), next(rough, None)
        if one.last > told and not (one.coarse and one.first <= told_coarse):
            yield one


def closed(missing: Sequence[Missing], gaps: Sequence[Gap]) -> Iterator[Gap]:
    """The gaps of which nothing is missing any more."""
    for gap in gaps:
        low, high = touching(missing, gap.first, gap.last)
        if low >= high:
            yield gap
