"""Timelines: spans of months with a status, composed of the reasons that hold, and the months in which two of them differ."""

from bisect import bisect, insort
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import Reference
from domain.kinds import Kind
from domain.law import Citation
from domain.months import Month, plus


class Status(StrEnum):
    """What a month's pension is. Unadjusted: paid, but without the adjustments that fall into it."""

    PAYABLE = "payable"
    UNADJUSTED = "payable-unadjusted"
    SUSPENDED = "suspended"
    STOPPED = "stopped"


PAYS = frozenset({Status.PAYABLE, Status.UNADJUSTED})
_WEIGHT = {Status.PAYABLE: 0, Status.UNADJUSTED: 1, Status.SUSPENDED: 2, Status.STOPPED: 3}


class Reason(Struct, frozen=True, omit_defaults=True):
    """Why months `first` to `last` (both included; None: without end) are not paid as usual, by which rule and facts.

    `adjusted_after`: the last month whose adjustment is still withheld, where that is later than `last`. `kept`: what was paid
    of these months all the same is not recovered.
    """

    kind: Kind
    first: Month
    last: Month | None
    status: Status
    rule: Citation
    facts: tuple[Reference, ...]
    adjusted_after: Month | None = None
    kept: bool = False

    def holds(self, month: Month) -> bool:
        """Whether it speaks of a month."""
        return self.first <= month and (self.last is None or month <= self.last)


class Span(Struct, frozen=True, omit_defaults=True):
    """Months `first` to `last` (both included; None: without end) with one status, the rule and the facts behind it.

    `kind`: why they are not paid as usual. `also`: what else would have it so; no reason ends the effect of another. `kept`:
    what was paid of them all the same is not recovered, by no reason.
    """

    first: Month
    last: Month | None
    status: Status
    rule: Citation
    facts: tuple[Reference, ...]
    kind: Kind | None = None
    also: tuple[Reason, ...] = ()
    kept: bool = False

    @property
    def pays(self) -> bool:
        """Whether the pension of these months is paid."""
        return self.status in PAYS

    @property
    def why(self) -> Kind | None:
        """Why it is not."""
        return None if self.pays else self.kind


Timeline = tuple[Span, ...]
"""Spans in order, without a gap or an overlap; the last has no end. Empty: nobody is registered, nothing is known."""


def composed(usual: Timeline, reasons: Sequence[Reason]) -> Timeline:
    """The timeline when reasons are laid over the usual months: in each month the heaviest decides, and the earliest of those."""
    if not reasons:
        return usual
    ordered = sorted(reasons, key=_gravity) if len(reasons) > 1 else reasons
    cuts = sorted({r.first for r in ordered} | {plus(r.last, 1) for r in ordered if r.last})
    to_come = sorted(enumerate(ordered), key=_begins, reverse=True)
    holding: list[tuple[int, Reason]] = []
    found: list[Span] = []
    for span in usual:
        for month, last in _parts(span, cuts):
            if holding:
                holding = [one for one in holding if one[1].last is None or month <= one[1].last]
            while to_come and to_come[-1][1].first <= month:
                if (one := to_come.pop())[1].holds(month):
                    insort(holding, one)
            laid = _laid(span, month, last, holding)
            if found and _goes_on(found[-1], laid):
                found[-1] = replace(found[-1], last=last)
            else:
                found.append(laid)
    return tuple(found)


def _gravity(reason: Reason) -> tuple[int, bool, Month, tuple[Reference, ...]]:
    """The order in which reasons decide."""
    return -_WEIGHT[reason.status], reason.kind is not Kind.DEATH, reason.first, reason.facts


def _begins(ranked: tuple[int, Reason]) -> Month:
    return ranked[1].first


def _goes_on(before: Span, laid: Span) -> bool:
    """Whether a span says of the months after another one what that says."""
    return (
        before.facts == laid.facts
        and before.status is laid.status
        and before.kind is laid.kind
        and before.rule == laid.rule
        and before.also == laid.also
        and before.kept is laid.kept
    )


def _laid(usual: Span, month: Month, last: Month | None, holding: list[tuple[int, Reason]]) -> Span:
    """Months of a usual span in which reasons hold, those that decide first."""
    if not holding:
        return Span(month, last, usual.status, usual.rule, usual.facts, usual.kind, usual.also)
    first, *others = (reason for _, reason in holding)
    also = () if first.kind is Kind.DEATH else tuple(others)  # after a death nothing else matters to anybody
    kept = first.kept and all(other.kept or other.status in PAYS for other in others)
    return Span(month, last, first.status, first.rule, first.facts, first.kind, also, kept)


def _parts(span: Span, cuts: Sequence[Month]) -> Iterator[tuple[Month, Month | None]]:
    """The first and the last month of each part of a span, cut before the months in `cuts`."""
    first = span.first
    for month in cuts[bisect(cuts, first) :]:
        if span.last is not None and span.last < month:
            break
        yield first, plus(month, -1)
        first = month
    yield first, span.last


class Run(Struct, frozen=True, omit_defaults=True):
    """Months `first` to `last` of which one thing is true: they are paid, or not, and then `why`.

    `less`: the adjustments, by their month, that are not in what is paid. `moved`: it became true later, by paying back
    or recovering, so that what was done in the months themselves is no news any more. `kept`: not due, and not recovered either.
    """

    first: Month
    last: Month | None
    pays: bool
    why: Kind | None = None
    less: tuple[Month, ...] = ()
    moved: bool = False
    kept: bool = False

    def within(self, first: Month | None, last: Month | None) -> "Run | None":
        """The part of it in the months `first` to `last` (None: no bound); None when nothing is."""
        begin = first if first and first > self.first else self.first
        end = last if last and (self.last is None or last < self.last) else self.last
        if begin is self.first and end is self.last:
            return self
        if end is not None and end < begin:
            return None
        return Run(begin, end, self.pays, self.why, self.less, self.moved, self.kept)


def run_of(span: Span) -> Run:
    """What a span says of payment alone."""
    pays = span.status in PAYS
    return Run(span.first, span.last, pays, None if pays else span.kind, kept=span.kept)


def joined(runs: Iterable[Run | None]) -> tuple[Run, ...]:
    """Runs in order, those that follow on each other and say the same made one; None is left out."""
    found: list[Run] = []
    for run in runs:
        if run is None:
            continue
        before = found[-1] if found else None
        if before and before.last and plus(before.last, 1) == run.first and _same(before, run):
            found[-1] = replace(before, last=run.last)
        else:
            found.append(run)
    return tuple(found)


def _same(one: Run, other: Run) -> bool:
    return (one.pays, one.why, one.less, one.moved) == (other.pays, other.why, other.less, other.moved)


def overwritten(runs: tuple[Run, ...], by: Run) -> tuple[Run, ...]:
    """Runs that end somewhere, with the months of another as that has them; months that no run speaks of are left out.

    Months that moved later stand, but for what moved after that: what was done in the months themselves is no news of them.
    """
    if by.last and by.last < by.first:
        return runs
    before = (run.within(None, plus(by.first, -1)) for run in runs)
    after = (run.within(plus(by.last, 1), None) for run in runs) if by.last else ()
    parts = filter(None, (run.within(by.first, by.last) for run in runs))
    here = (one if one.moved and not by.moved else replace(by, first=one.first, last=one.last) for one in parts)
    return joined([*before, *here, *after])


def differences(before: Iterable[Span | Run], after: Iterable[Span | Run]) -> tuple[Run, ...]:
    """The runs of months whose pension differs, in order; `pays` tells whether `after` is the one that pays.

    `why` is of the side that does not. A month that a side does not speak of differs from nothing: who was never
    registered was told nothing.
    """
    after = tuple(after)
    return joined(
        Run(other.first, other.last, other.pays, other.why or one.why).within(one.first, one.last)
        for one in before
        for other in after
        if one.pays != other.pays
    )
