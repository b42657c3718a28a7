"""Entitlement: a pure function of the set of facts and the law. No order of arrival changes it.

`timeline` says what each month's pension is. `assess` sets it against what was paid meanwhile, which follows from the
same facts and the days on which they were learned: until an alert could reach the agency, it went on as before.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from domain.facts import STRONG, DeathReported, DeathRetracted, Department, Known, Reference, RetirementRegistered
from domain.law import Law
from domain.months import Month, count, month_of, plus
from domain.timeline import Span, Status, Timeline, clip, differences


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
    paid: Timeline = ()
    overpaid: Debt | None = None
    owed: Debt | None = None
    suspicion: Suspicion | None = None


def registration(facts: Iterable[Known]) -> Known | None:
    """The registration that counts: the agency's own before an enterprise's, then the latest; None: not registered."""
    found = [known for known in facts if isinstance(known.fact, RetirementRegistered)]
    return max(found, key=lambda k: precedence(k.department, k.fact.effective, k.reference), default=None)


def registered_fact(facts: Iterable[Known]) -> RetirementRegistered | None:
    """What the registration that counts says; None: not registered."""
    found = registration(facts)
    return found.fact if found and isinstance(found.fact, RetirementRegistered) else None


def precedence(department: str, effective: date, reference: Reference) -> tuple[bool, date, Reference]:
    """Which of two registrations counts: the one whose precedence is greater."""
    return department == Department.AGENCY, effective, reference


def timeline(facts: Iterable[Known], law: Law) -> Timeline:
    """The status of every month from the first pension on, without end; empty while nobody is registered."""
    facts = tuple(facts)
    registered = registration(facts)
    if registered is None:
        return ()
    retired = registered.fact.effective
    start = plus(month_of(retired), law.rule("pension-starts", retired).months_after)
    death = min(_confirmed(facts, registered), key=lambda known: (known.fact.effective, known.reference), default=None)
    if death is None:
        return _payable(start, None, registered, law)
    rule = law.rule("death-stops-pension", death.fact.effective)
    stop = max(start, plus(month_of(death.fact.effective), rule.months_after))
    stopped = Span(stop, None, Status.STOPPED, rule.citation, (death.reference,))
    return (*_payable(start, plus(stop, -1), registered, law), stopped)


def assess(facts: Iterable[Known], law: Law, today: date) -> Assessment:
    """Where the retiree stands on `today`. Empty while nobody is registered."""
    facts = tuple(facts)
    due = timeline(facts, law)
    if not due:
        return Assessment(())
    paid = _paid(facts, law, today)
    runs = list(differences(paid, due))
    return Assessment(
        due,
        paid,
        _debt((run.first, run.last) for run in runs if not run.pays),
        _debt((run.first, run.last) for run in runs if run.pays),
        _suspicion(facts, law),
    )


def last_paid_month(law: Law, today: date) -> Month:
    """The last month whose pension counts as paid on `today`."""
    month = month_of(today)
    return month if today >= _payment_day(law, today) else plus(month, -1)


def live_deaths(facts: Iterable[Known]) -> list[Known]:
    """Reports of a death that nobody has taken back.

    A retraction undoes the report it names, and every report of the same department under the same document: the same
    death cannot come back without a new one. A report without any document does not prove that it is another death;
    see `_undocumented`.
    """
    facts = tuple(facts)
    retracted = {
        Reference(known.reference.source, known.fact.retracts)
        for known in facts
        if isinstance(known.fact, DeathRetracted)
    }
    reports = [known for known in facts if isinstance(known.fact, DeathReported)]
    documents = {
        (known.department, known.fact.document)
        for known in reports
        if known.reference in retracted and known.fact.document
    }
    return [
        known
        for known in reports
        if known.reference not in retracted and (known.department, known.fact.document) not in documents
    ]


def _confirmed(facts: tuple[Known, ...], registered: Known) -> list[Known]:
    return [
        known
        for known in live_deaths(facts)
        if known.department in STRONG and not _mismatch(known, registered) and not _undocumented(known, facts)
    ]


def _undocumented(known: Known, facts: tuple[Known, ...]) -> bool:
    """A report without a document, from a department that took one back: it may be the same death, so it only suspects."""
    return known.fact.document is None and any(
        isinstance(other.fact, DeathRetracted) and other.department == known.department for other in facts
    )


def _mismatch(known: Known, registered: Known) -> bool:
    """The number fits and the name does not. A name that was not given says nothing."""
    return bool(known.name_tag and registered.name_tag and known.name_tag != registered.name_tag)


def _suspicion(facts: tuple[Known, ...], law: Law) -> Suspicion | None:
    registered = registration(facts)
    if registered is None or _confirmed(facts, registered):
        return None
    reports = sorted(live_deaths(facts), key=lambda known: (known.fact.effective, known.reference))
    if not reports:
        return None
    day = reports[0].fact.effective
    return Suspicion(
        plus(month_of(day), law.rule("death-stops-pension", day).months_after),
        any(_mismatch(known, registered) for known in reports),
        tuple(known.reference for known in reports),
    )


def _payable(start: Month, last: Month | None, registered: Known, law: Law) -> Timeline:
    """The payable months `start` to `last`, cut where a new version of the rule came into force."""
    if last is not None and last < start:
        return ()
    spans = [
        Span(first, None, Status.PAYABLE, rule.citation, (registered.reference,))
        for first, rule in law.versions("pension-payable", start)
        if last is None or first <= last
    ]
    ends = [plus(span.first, -1) for span in spans[1:]] + [last]
    return tuple(
        Span(span.first, end, span.status, span.rule, span.facts) for span, end in zip(spans, ends, strict=True)
    )


def _paid(facts: tuple[Known, ...], law: Law, today: date) -> Timeline:
    """What was paid up to `today`: each month by what was known on its payment day.

    Before the retiree was registered here the agency paid without us, so the first registration counts as known from
    the start, and every other fact from the day on which both it and that registration were known.
    """
    first_known = [known for known in facts if isinstance(known.fact, RetirementRegistered)]
    registered = min(first_known, key=lambda known: (known.learnt, known.reference))
    told = {_told(known, registered, law, today) for known in facts if known is not registered}
    paid: list[Span] = []
    first = Month("0001-01")
    for until in [*sorted(told), plus(last_paid_month(law, today), 1)]:
        if until > first:
            known_by_then = (k for k in facts if k is registered or _told(k, registered, law, today) <= first)
            paid += clip(timeline(known_by_then, law), first, plus(until, -1))
            first = until
    return tuple(paid)


def _told(known: Known, registered: Known, law: Law, today: date) -> Month:
    """The first month whose payment day came after the fact was known to us together with its retiree."""
    learnt = max(known.learnt, registered.learnt)
    month = month_of(learnt)
    told = month if learnt < _payment_day(law, learnt) else plus(month, 1)
    return min(told, plus(last_paid_month(law, today), 1))


def _payment_day(law: Law, day: date) -> date:
    """The payment day of the month of `day`; the last of a month that is shorter."""
    last = monthrange(day.year, day.month)[1]
    return day.replace(day=min(law.rule("payment-day", day).day_of_month, last))


def _debt(runs: Iterable[tuple[Month, Month | None]]) -> Debt | None:
    closed = [(first, last) for first, last in runs if last is not None]
    if not closed:
        return None
    return Debt(sum(count(first, last) for first, last in closed), closed[0][0], closed[-1][1])
