"""Periods of months that registers and bulletins are of."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from domain.months import Month, first_day, month_of, plus
from domain.refusals import Refused
from services.application import BEIJING
from services.reading.sheets import Asked

_MOST = 120
"""Months that a period has at most."""
_EARLIEST, _LATEST = Month("1900-01"), Month("9998-12")
"""Beyond them no day can be reckoned with."""


class Period(NamedTuple):
    """Whole months, both counted; `last_day`: the last day of it that has come."""

    first: Month
    last: Month
    last_day: date

    @property
    def first_day(self) -> date:
        """Its first day."""
        return first_day(self.first)

    @property
    def since(self) -> datetime:
        """Its beginning."""
        return datetime.combine(self.first_day, time(), BEIJING).astimezone(UTC)

    @property
    def until(self) -> datetime:
        """The end of its last day: what is recorded then no longer belongs to it."""
        return datetime.combine(self.last_day + timedelta(days=1), time(), BEIJING).astimezone(UTC)


def period_of(asked: Asked, day: date, usual: tuple[Month, Month]) -> Period:
    """The period asked for, up to a day. `usual`: where nothing was asked. Raises `Refused("invalid-field")`."""
    first = asked.first or (min(asked.last, usual[0]) if asked.last else usual[0])
    last = asked.last or max(first, usual[1])
    if not _EARLIEST <= first <= last <= _LATEST or plus(first, _MOST) <= last:
        raise Refused("invalid-field", "last", f"a period has 1 to {_MOST} months")
    end = first_day(plus(last, 1)) - timedelta(days=1)
    return Period(first, last, min(end, max(day, first_day(first))))


def lately(day: date) -> tuple[Month, Month]:
    """The month of a day and the two before it."""
    return plus(month_of(day), -2), month_of(day)
