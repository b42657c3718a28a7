"""Calendar months as `YYYY-MM` text, which sorts as time does and reads the same in a log, an alert and a file."""

from datetime import date
from functools import lru_cache
from typing import NewType

Month = NewType("Month", str)


@lru_cache(maxsize=65_536)
def month_of(day: date) -> Month:
    """The month a day lies in."""
    return Month(f"{day.year:04d}-{day.month:02d}")


@lru_cache(maxsize=8_192)
def first_day(month: Month) -> date:
    """The first day of a month."""
    return date(int(month[:4]), int(month[5:]), 1)


@lru_cache(maxsize=65_536)
def plus(month: Month, months: int) -> Month:
    """The month so many months later (earlier when negative)."""
    year, index = divmod(_index(month) + months, 12)
    return Month(f"{year:04d}-{index + 1:02d}")


def count(first: Month, last: Month) -> int:
    """How many months from `first` to `last`, both counted; 0 when `last` lies before `first`."""
    return max(0, _index(last) - _index(first) + 1)


@lru_cache(maxsize=8_192)
def _index(month: Month) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1
