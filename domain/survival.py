"""Survival verification: due within the cycle from the last, warned of before, suspended when it lapses (law.md; 人社厅发〔2018〕107号)."""

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct

from domain.facts import Known
from domain.kinds import Kind
from domain.law import Law
from domain.months import first_day, month_of, plus
from domain.timeline import Reason, Status


class Verification(Struct, frozen=True):
    """The last one, the day by which the next is due, and the day from which its owner is reminded."""

    last: Known
    due: date
    warned: date


def verification(verified: tuple[Known, ...], law: Law, division: str) -> Verification | None:
    """When the next one is due. None when nobody ever told of one: whoever verified before us did not tell us either."""
    if not verified:
        return None
    last = verified[0]
    return Verification(last, *_term(last.fact.effective, division[:4], law))


@lru_cache(maxsize=16_384)
def _term(verified: date, city: str, law: Law) -> tuple[date, date]:
    """The day by which the next one is due, and the day from which its owner is reminded. `city`: the first digits of its codes."""
    rule = law.local("verification-cycle", verified, city)
    due = _months_later(verified, rule.months_after)
    return due, due - timedelta(days=rule.warn_days)


@lru_cache(maxsize=16)
def reminded_after(law: Law) -> timedelta:
    """Nobody anywhere is reminded sooner than so long after a verification: no month has fewer than 28 days."""
    return min(timedelta(days=28 * rule.months_after - rule.warn_days) for rule in law.anywhere("verification-cycle"))


def lapse(found: Verification | None, law: Law, today: date) -> Reason | None:
    """Once the day has passed, the months after it are suspended."""
    if found is None or today <= found.due:
        return None
    rule = law.rule("verification-lapsed", found.due)
    first = plus(month_of(found.due), 1)
    return Reason(Kind.VERIFICATION_OVERDUE, first, None, Status.SUSPENDED, rule.citation, (found.last.reference,))


def _months_later(day: date, months: int) -> date:
    month = first_day(plus(month_of(day), months))
    return month.replace(day=min(day.day, monthrange(month.year, month.month)[1]))
