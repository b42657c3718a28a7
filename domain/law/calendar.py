"""Working days: Monday to Friday, but for the public holidays and the days worked in exchange, as the State Council announces them."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from domain.law.provisions import LawError

_DAY = timedelta(days=1)
_SATURDAY = 5


class Year(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The holidays of one year: `off` are days from Monday to Friday that are none of work, `on` Saturdays and Sundays that are."""

    year: Annotated[int, Meta(ge=1949, le=9999)]
    document: Annotated[str, Meta(min_length=1)]
    mark: Literal["P", "T", "S", "C"]
    off: frozenset[date]
    on: frozenset[date] = frozenset()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    year: tuple[Year, ...]


class Calendar:
    """The years whose holidays are recorded. In any other, Monday to Friday are working days."""

    def __init__(self, years: Iterable[Year] = ()) -> None:
        self._years = {one.year: one for one in years}

    def knows(self, first: date, last: date) -> bool:
        """Whether the holidays of all these days are recorded."""
        return all(year in self._years for year in range(first.year, last.year + 1))

    def works(self, day: date) -> bool:
        """Whether a day is a working day."""
        year = self._years.get(day.year)
        if day.weekday() >= _SATURDAY:
            return year is not None and day in year.on
        return year is None or day not in year.off

    @lru_cache(maxsize=4_096)  # noqa: B019 - a calendar is there as long as its law
    def after(self, day: date, working_days: int) -> date:
        """So many working days after a day, which itself does not count."""
        while working_days > 0:
            day += _DAY
            working_days -= self.works(day)
        return day

    def not_before(self, day: date) -> date:
        """The day itself where it is a working day, else the next one."""
        while not self.works(day):
            day += _DAY
        return day


def parse_calendar(file: str, text: str) -> Calendar:
    """The calendar out of the text of its TOML file. Raises `LawError` naming the file and the year."""
    try:
        years = msgspec.toml.decode(text, type=_File).year
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        raise LawError(f"{file}: {error}") from error
    if len({one.year for one in years}) < len(years):
        raise LawError(f"{file}: a year stands there twice")
    for one in years:
        for day in one.off | one.on:
            if day.year != one.year or (day.weekday() >= _SATURDAY) != (day in one.on) or day in one.on & one.off:
                raise LawError(f"{file}: year {one.year}: {day} is no day that it can name there")
    return Calendar(years)
