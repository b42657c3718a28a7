"""Entitlement: a pure function of the set of facts and the law. No order of arrival changes it.

`timeline` says what each month's pension is. `review` sets it against what was paid meanwhile, which follows from the
same facts and the days on which they were learned: until an alert could reach the agency, it went on as before.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from domain.absence import absence
from domain.custody import stays_of
from domain.dossier import Dossier, learn
from domain.endings import Ending, endings
from domain.facts import DuplicateBenefitSettled, Known, Reference
from domain.kinds import Kind
from domain.law import Citation, Law
from domain.months import Month, count, month_of, plus
from domain.payments import Payment, beside, laid, with_one, without
from domain.rates import Rates
from domain.remembered import once
from domain.survival import lapse, verification
from domain.timeline import Reason, Run, Span, Status, Timeline, composed, joined


class Debt(Struct, frozen=True):
    """Months of pension that are due to one side: how many, from the first to the last of them, how much (fen), and why."""

    months: int
    first: Month
    last: Month
    amount: int = 0
    why: Kind | None = None


class Suspicion(Struct, frozen=True):
    """A death that must be verified before anything happens: the month that would be the first without a pension, what was paid since."""

    first: Month
    mismatch: bool
    facts: tuple[Reference, ...]
    at_risk: Debt | None = None


class Assessment(Struct, frozen=True):
    """Where a retiree stands on a day: the timeline, what was paid, too much or too little of it, and what to verify.

    `ended`: why months are paid that once were not.
    """

    timeline: Timeline
    paid: tuple[Run, ...] = ()
    overpaid: Debt | None = None
    owed: Debt | None = None
    suspicion: Suspicion | None = None
    ended: tuple[Ending, ...] = ()


def timeline(dossier: Dossier, law: Law, today: date) -> Timeline:
    """The status of every month from the first pension on, without end, as `today` knows it; empty while nobody is registered."""
    due = _due(dossier, law, today)
    return due.timeline if due else ()


class _Due(NamedTuple):
    """What is due of one retiree: the timeline, what a month comes to, both together as runs."""

    timeline: Timeline
    rates: Rates
    runs: list[Run]


def _due(dossier: Dossier, law: Law, today: date) -> _Due | None:
    """What is due as `today` knows it; None while nobody is registered."""
    return _reckoned(dossier, law, today) if dossier.registrations else None


@once
def _reckoned(dossier: Dossier, law: Law, today: date) -> _Due:
    registered = dossier.registrations[0]
    against = reasons(dossier, law, today)
    spans = composed(_payable(_start(registered, law), registered, law), against)
    rates = Rates(dossier, law, against)
    return _Due(spans, rates, rates.runs(spans))


def reasons(dossier: Dossier, law: Law, today: date) -> list[Reason]:
    """Whatever speaks against a month, one beside the other. Of a registered retiree."""
    found: list[Reason] = []
    if dossier.confirmed:
        death = dossier.confirmed[0]
        rule = law.rule("death-stops-pension", death.fact.effective)
        stop = plus(month_of(death.fact.effective), rule.months_after)
        found.append(Reason(Kind.DEATH, stop, None, Status.STOPPED, rule.citation, (death.reference,)))
    if dossier.turns:
        turning = dossier.turning
        found += [one for stay in stays_of(dossier, law) for one in stay.reasons(law, dossier.division)]
        found += filter(None, [absence(turning, law)])
        found += _given_up(turning, law)
    if dossier.verified:
        found += filter(None, [lapse(verification(dossier.living, law, dossier.division), law, today)])
    return found


def _given_up(turning: Iterable[Known], law: Law) -> list[Reason]:
    """Of two pensions the other one is kept, from the month after it was settled so, until it is settled otherwise."""
    found: list[Reason] = []
    for known in turning:
        if not isinstance(known.fact, DuplicateBenefitSettled):
            continue
        month = month_of(known.fact.effective)
        if found and found[-1].last is None:
            found[-1] = replace(found[-1], last=month)
        if not known.fact.keeps_ours:
            rule = law.rule("duplicate-benefit", known.fact.effective)
            first, facts = plus(month, 1), (known.reference,)
            found.append(Reason(Kind.DUPLICATE_BENEFIT, first, None, Status.STOPPED, rule.citation, facts))
    return [reason for reason in found if reason.last is None or reason.first <= reason.last]


def review(dossier: Dossier, law: Law, today: date) -> Assessment:
    """Where the retiree stands on `today`. Empty while nobody is registered."""
    due = _due(dossier, law, today)
    if due is None:
        return Assessment(())
    paid = laid(_paid(dossier, due, last_paid_month(law, today)), dossier.payments)
    wrong = _amiss(paid, due)
    overpaid, owed = _debts(wrong, dossier.payments)
    return Assessment(
        due.timeline,
        paid,
        overpaid,
        owed,
        _suspicion(dossier, law, paid, due.rates),
        endings(dossier),
    )


def learned(dossier: Dossier, known: Known, law: Law) -> Dossier:
    """The dossier with one more fact; what was paid until the day it was learned is settled by what was known before.

    Before the retiree was registered here the agency paid without us, so to the day of the first registration the months
    count as paid by it alone.
    """
    until = last_paid_month(law, known.learnt)
    before = _settled(dossier, law, until, known.learnt) if dossier.registered else dossier
    after = learn(before, known)
    if after.first == dossier.first:
        return after
    alone = Run(_start(known, law), None, pays=True).within(None, until)
    return replace(after, paid=(alone,) if alone else (), settled=until)


def due_in(dossier: Dossier, law: Law, today: date, month: Month) -> int:
    """The pension that is due for a month, in fen; 0 where none is."""
    due = _due(dossier, law, today)
    runs = (part for run in due.runs if (part := run.within(month, month))) if due else ()
    return sum(due.rates.of_run(month, month, run) for run in runs) if due else 0


@lru_cache(maxsize=1_024)
def last_paid_month(law: Law, today: date) -> Month:
    """The last month whose pension counts as paid on `today`."""
    month = month_of(today)
    return month if today >= _payment_day(law, today) else plus(month, -1)


def reported(dossier: Dossier, law: Law, today: date, by: Reference, run: Run) -> Dossier:
    """The dossier with what the agency says that it did in some months, or will do, whatever we thought of them."""
    return _told(settled_on(dossier, law, today), Payment(by, (run,)))


def squared(
    dossier: Dossier, law: Law, today: date, by: Payment, first: Month, last: Month | None, *, owed: bool
) -> Dossier:
    """The dossier when what was owed to one side in some months has moved: to the retiree, or back from there."""
    settled = settled_on(unsaid(dossier, by.reference), law, today)
    due = _due(settled, law, today)
    if due is None:
        return settled
    return _told(settled, _made_good(settled, due, by, first, last, owed=owed))


def returned(dossier: Dossier, law: Law, today: date, part: Payment, first: Month, last: Month | None) -> Dossier:
    """The dossier when a part of what was overpaid in some months came back; the last part makes the months good."""
    settled = settled_on(unsaid(dossier, part.reference), law, today)
    due = _due(settled, law, today)
    if due is None:
        return settled
    with_part = replace(settled, payments=(*settled.payments, part))
    over, _ = _debts(_amiss(laid(settled.paid, settled.payments), due), with_part.payments)
    return with_part if over else _told(settled, _made_good(settled, due, part, first, last, owed=False))


def unsaid(dossier: Dossier, by: Reference) -> Dossier:
    """The dossier without what one fact of the agency told of money."""
    return replace(dossier, payments=without(dossier.payments, by))


def _made_good(settled: Dossier, due: _Due, by: Payment, first: Month, last: Month | None, *, owed: bool) -> Payment:
    """A payment that makes months good, with the parts that had come back of them."""
    wrong = _amiss(laid(settled.paid, settled.payments), due)
    runs = (one.due.within(first, last) for one in wrong if (one.amount > 0) == owed)
    payment = replace(by, runs=tuple(replace(run, moved=True) for run in runs if run))
    parts = beside((*settled.payments, payment))
    right = _amiss(laid(settled.paid, (*settled.payments, payment)), due)
    fen = sum(one.amount for one in right) - sum(one.amount for one in wrong)  # so much less is paid of these months
    good = max(0, parts - _over(wrong)) if owed else min(parts, fen)
    return replace(payment, made_good=good, moved=fen - good)


def _told(settled: Dossier, payment: Payment) -> Dossier:
    return replace(settled, payments=with_one(settled.paid, settled.payments, payment))


def settled_on(dossier: Dossier, law: Law, today: date) -> Dossier:
    """The dossier with every month that counts as paid on `today` settled by what is known until now."""
    return _settled(dossier, law, last_paid_month(law, today), today)


def _settled(dossier: Dossier, law: Law, until: Month, today: date) -> Dossier:
    if dossier.settled and dossier.settled >= until:
        return dossier
    due = _due(dossier, law, today)
    return replace(dossier, paid=_paid(dossier, due, until), settled=until) if due else dossier


def _paid(dossier: Dossier, due: _Due, until: Month) -> tuple[Run, ...]:
    """What was paid up to `until`: what is settled, and from there on what was due by all that is known."""
    if dossier.settled == until:
        return dossier.paid
    since = plus(dossier.settled, 1) if dossier.settled else None
    return joined([*(run.within(None, until) for run in dossier.paid), *(run.within(since, until) for run in due.runs)])


class _Amiss(NamedTuple):
    """Months of which another amount is due than was paid: what is due, and by how much it differs (fen)."""

    due: Run
    amount: int
    why: Kind | None


def _amiss(paid: Iterable[Run], due: _Due) -> list[_Amiss]:
    found: list[_Amiss] = []
    rates, at = due.rates, 0
    for was in paid:
        while (last := due.runs[at].last) and last < was.first:
            at += 1  # both are in order, and what is due has no end
        for run in islice(due.runs, at, None):
            if was.last and run.first > was.last:
                break
            if (was.pays is run.pays and was.less == run.less) or (was.pays and run.kept):
                continue
            if not (part := run.within(was.first, was.last)):
                continue
            assert part.last  # what was paid has an end
            amount = rates.of_run(part.first, part.last, run) - rates.of_run(part.first, part.last, was)
            why = run.why or was.why or (Kind.LENIENCY if run.pays and was.pays else None)
            found.append(_Amiss(part, amount, why))
    return found


def _suspicion(dossier: Dossier, law: Law, paid: tuple[Run, ...], rates: Rates) -> Suspicion | None:
    doubtful = dossier.doubtful if dossier.deaths and not dossier.confirmed else []
    if not doubtful:
        return None
    day = doubtful[0].fact.effective
    first = plus(month_of(day), law.rule("death-stops-pension", day).months_after)
    since = [part for run in paid if run.pays and (part := run.within(first, None)) and part.last]
    at_risk = None
    if since:
        months = sum(count(run.first, run.last) for run in since if run.last)
        amount = sum(rates.of_run(run.first, run.last, run) for run in since if run.last)
        at_risk = Debt(months, since[0].first, since[-1].last or since[-1].first, amount)
    return Suspicion(first, dossier.mismatch, tuple(known.reference for known in doubtful), at_risk)


def _start(registered: Known, law: Law) -> Month:
    retired = registered.fact.effective
    return plus(month_of(retired), law.rule("pension-starts", retired).months_after)


def _payable(start: Month, registered: Known, law: Law) -> Timeline:
    """The months from `start` on as they are usually paid, cut where a new version of the rule came into force."""
    facts = (registered.reference,)
    return tuple([Span(first, end, Status.PAYABLE, rule, facts) for first, end, rule in _payable_by(law, start)])


@lru_cache(maxsize=1_024)
def _payable_by(law: Law, start: Month) -> tuple[tuple[Month, Month | None, Citation], ...]:
    begins = list(law.versions("pension-payable", start))
    ends = [*(plus(first, -1) for first, _ in begins[1:]), None]
    return tuple((first, end, rule.citation) for (first, rule), end in zip(begins, ends, strict=True))


def _payment_day(law: Law, day: date) -> date:
    """The payment day of the month of `day`; the last of a month that is shorter."""
    last = monthrange(day.year, day.month)[1]
    return day.replace(day=min(law.rule("payment-day", day).day_of_month, last))


def _over(wrong: Iterable[_Amiss]) -> int:
    return -sum([one.amount for one in wrong if one.amount < 0])


def _debts(wrong: list[_Amiss], payments: tuple[Payment, ...]) -> tuple[Debt | None, Debt | None]:
    """What was paid too much and too little. Parts that came back are taken off the one; what is more than that is the other."""
    if not (wrong or payments):
        return None, None
    less, more = [one for one in wrong if one.amount < 0], [one for one in wrong if one.amount > 0]
    over, parts = _over(less), beside(payments)
    excess = max(0, parts - over)
    told = next((one for one in reversed(payments) if one.month), None)
    month, why = (told.month, told.why) if told else (None, None)
    return (
        _debt(less, over - parts + excess, month, None),
        _debt(more, sum([one.amount for one in more]) + excess, month, why),
    )


def _debt(wrong: list[_Amiss], amount: int, month: Month | None, why: Kind | None) -> Debt | None:
    """A debt of so many fen for months, or else for parts that came back or did not, last in `month`."""
    if not amount:
        return None
    if not wrong:
        assert month
        return Debt(0, month, month, amount, why)
    runs = [one.due for one in wrong]
    months = sum([count(run.first, run.last) for run in runs if run.last])
    return Debt(months, runs[0].first, runs[-1].last or runs[-1].first, amount, wrong[0].why)
