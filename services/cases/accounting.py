"""How an amount comes about: month by month what was due, what was paid, and the difference."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from domain.dossier import Dossier
from domain.entitlement import Assessment, Debt, last_paid_month, reasons
from domain.law import Law
from domain.money import Yuan, fen, yuan
from domain.months import Month, count, plus
from domain.rates import Rates
from domain.timeline import Run, Span


class MonthLine(Struct, frozen=True, kw_only=True):
    """One month: its status and why, what is due and what was paid in yuan, where the rule stands, and what is amiss.

    `paid` is null while its payment day has not come. `settlement`: paid, overpaid, owed, none, not-yet, or kept: paid all the
    same and not recovered.
    """

    month: Month
    status: str
    kind: str | None = None
    due: Yuan
    paid: Yuan | None
    document: str
    article: str
    settlement: str


class AmountLine(Struct, frozen=True):
    """Months that follow on each other with the same amounts: each month's, in yuan, and all of them together."""

    first: Month
    last: Month
    months: int
    due: Yuan
    paid: Yuan
    difference: Yuan
    amount: Yuan


class Amount(Struct, frozen=True, kw_only=True):
    """Months and yuan, why, and how they come about.

    `returned`: what came back in parts. It is off what was overpaid; where nothing is overpaid any more, it is owed.
    """

    months: int
    first: Month
    last: Month
    amount: Yuan
    kind: str | None = None
    lines: list[AmountLine]
    returned: Yuan = "0.00"


def month_lines(found: Assessment, dossier: Dossier, law: Law, today: date) -> Iterator[MonthLine]:
    """Every month from the first pension to the present one, and to the first of the last span."""
    if not found.timeline:
        return
    rates = Rates(dossier, law, reasons(dossier, law, today))
    due = rates.runs(found.timeline)
    paid_until = last_paid_month(law, today)
    until = max(paid_until, found.timeline[-1].first)
    for span in found.timeline:
        month = span.first
        while month <= min(span.last or until, until):
            owed = _of(due, month, rates)
            paid = _of(found.paid, month, rates) if month <= paid_until else None
            yield MonthLine(
                month=month,
                status=span.status,
                kind=span.kind,
                due=yuan(owed),
                paid=None if paid is None else yuan(paid),
                document=span.rule.document,
                article=span.rule.article,
                settlement="kept" if span.kept and paid else _settlement(owed, paid),
            )
            month = plus(month, 1)


def amount_of(debt: Debt | None, settlement: str, months: Iterable[MonthLine]) -> Amount | None:
    """A debt, with the months it is made of: those that are `settlement`, overpaid or owed."""
    if debt is None:
        return None
    lines = list(_joined(month for month in months if month.settlement == settlement))
    returned = abs(debt.amount - sum(fen(line.amount) for line in lines))
    return Amount(
        months=debt.months,
        first=debt.first,
        last=debt.last,
        amount=yuan(debt.amount),
        kind=debt.why,
        lines=lines,
        returned=yuan(returned),
    )


def span_at(spans: Iterable[Span], month: Month) -> Span | None:
    """The span that a month lies in."""
    return next((span for span in spans if span.first <= month <= (span.last or month)), None)


def _joined(months: Iterable[MonthLine]) -> Iterator[AmountLine]:
    line: AmountLine | None = None
    for month in months:
        paid = month.paid or "0.00"
        if line and plus(line.last, 1) == month.month and (line.due, line.paid) == (month.due, paid):
            line = replace(line, last=month.month)
            continue
        if line:
            yield _totalled(line)
        difference = yuan(abs(fen(month.due) - fen(paid)))
        line = AmountLine(month.month, month.month, 1, month.due, paid, difference, difference)
    if line:
        yield _totalled(line)


def _totalled(line: AmountLine) -> AmountLine:
    months = count(line.first, line.last)
    return replace(line, months=months, amount=yuan(months * fen(line.difference)))


def _of(runs: Sequence[Run], month: Month, rates: Rates) -> int:
    """What a month comes to, in fen; 0 where nothing is said of it."""
    run = next((run for run in runs if run.first <= month <= (run.last or month)), None)
    return rates.of_run(month, month, run) if run else 0


def _settlement(due: int, paid: int | None) -> str:
    if paid is None:
        return "not-yet"
    if due == paid:
        return "paid" if due else "none"
    return "owed" if due > paid else "overpaid"
