"""Entitlement: a pure function of the set of facts and the law. No order of arrival changes it.

`timeline` says what each month's pension is. `review` sets it against what was paid meanwhile, which follows from the
same facts and the days on which they were learned: until an alert could reach the agency, it went on as before.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from domain.dossier import Dossier, learn
from domain.facts import Known, Reference
from domain.law import Law
from domain.months import Month, count, month_of, plus
from domain.timeline import Run, Span, Status, Timeline, differences, joined


class Debt(Struct, frozen=True):
    """Months of pension that are due to one side: how many, from the first to the last of them."""

    months: int
    first: Month
    last: Month


class Suspicion(Struct, frozen=True):
    """A death that must be verified before anything happens: the month that would be the first without a pension."""

    first: Month
    mismatch: bool
    facts: tuple[Reference, ...]


class Assessment(Struct, frozen=True):
    """Where a retiree stands on a day: the timeline, what was paid, too much or too little of it, and what to verify."""

    timeline: Timeline
    paid: tuple[Run, ...] = ()
    overpaid: Debt | None = None
    owed: Debt | None = None
    suspicion: Suspicion | None = None


def timeline(dossier: Dossier, law: Law) -> Timeline:
    """The status of every month from the first pension on, without end; empty while nobody is registered."""
    registered = dossier.registered
    if registered is None:
        return ()
    start = _start(registered, law)
    death = next(iter(dossier.confirmed), None)
    if death is None:
        return _payable(start, None, registered, law)
    rule = law.rule("death-stops-pension", death.fact.effective)
    stop = max(start, plus(month_of(death.fact.effective), rule.months_after))
    stopped = Span(stop, None, Status.STOPPED, rule.citation, (death.reference,))
    return (*_payable(start, plus(stop, -1), registered, law), stopped)


def review(dossier: Dossier, law: Law, today: date) -> Assessment:
    """Where the retiree stands on `today`. Empty while nobody is registered."""
    due = timeline(dossier, law)
    if not due:
        return Assessment(())
    paid = _paid(dossier, due, last_paid_month(law, today))
    runs = differences(paid, due)
    return Assessment(
        due,
        paid,
        _debt((run.first, run.last) for run in runs if not run.pays),
        _debt((run.first, run.last) for run in runs if run.pays),
        _suspicion(dossier, law),
    )


def learned(dossier: Dossier, known: Known, law: Law) -> Dossier:
    """The dossier with one more fact; what was paid until the day it was learned is settled by what was known before.

    Before the retiree was registered here the agency paid without us, so to the day of the first registration the months
    count as paid by it alone.
    """
    until = last_paid_month(law, known.learnt)
    before = _settled(dossier, law, until) if dossier.registered else dossier
    after = learn(before, known)
    if after.first == dossier.first:
        return after
    alone = Run(_start(known, law), None, pays=True).within(None, until)
    return replace(after, paid=(alone,) if alone else (), settled=until)


@lru_cache(maxsize=1_024)
def last_paid_month(law: Law, today: date) -> Month:
    """The last month whose pension counts as paid on `today`."""
    month = month_of(today)
    return month if today >= _payment_day(law, today) else plus(month, -1)


def _settled(dossier: Dossier, law: Law, until: Month) -> Dossier:
    if dossier.settled and dossier.settled >= until:
        return dossier
    return replace(dossier, paid=_paid(dossier, timeline(dossier, law), until), settled=until)


def _paid(dossier: Dossier, due: Timeline, until: Month) -> tuple[Run, ...]:
    """What was paid up to `until`: what is settled, and from there on what was due by all that is known."""
    since = plus(dossier.settled, 1) if dossier.settled else None
    return joined(
        [
            *(run.within(None, until) for run in dossier.paid),
            *(Run(s.first, s.last, s.pays).within(since, until) for s in due),
        ]
    )


def _suspicion(dossier: Dossier, law: Law) -> Suspicion | None:
    if not dossier.deaths or any(dossier.confirmed):
        return None
    day = dossier.deaths[0].fact.effective
    return Suspicion(
        plus(month_of(day), law.rule("death-stops-pension", day).months_after),
        dossier.mismatch,
        tuple(known.reference for known in dossier.deaths),
    )


def _start(registered: Known, law: Law) -> Month:
    retired = registered.fact.effective
    return plus(month_of(retired), law.rule("pension-starts", retired).months_after)


def _payable(start: Month, last: Month | None, registered: Known, law: Law) -> Timeline:
    """The payable months `start` to `last`, cut where a new version of the rule came into force."""
    if last is not None and last < start:
        return ()
    facts = (registered.reference,)
    begins = [(first, rule) for first, rule in law.versions("pension-payable", start) if last is None or first <= last]
    ends = [*(plus(first, -1) for first, _ in begins[1:]), last]
    return tuple(
        Span(first, end, Status.PAYABLE, rule.citation, facts) for (first, rule), end in zip(begins, ends, strict=True)
    )


def _payment_day(law: Law, day: date) -> date:
    """The payment day of the month of `day`; the last of a month that is shorter."""
    last = monthrange(day.year, day.month)[1]
    return day.replace(day=min(law.rule("payment-day", day).day_of_month, last))


def _debt(runs: Iterable[tuple[Month, Month | None]]) -> Debt | None:
    closed = [(first, last) for first, last in runs if last is not None]
    if not closed:
        return None
    return Debt(sum(count(first, last) for first, last in closed), closed[0][0], closed[-1][1])
