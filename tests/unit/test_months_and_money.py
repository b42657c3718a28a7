"""Months as text, and money in fen."""

import re
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Yuan, fen, yuan
from domain.months import Month, count, first_day, month_of, plus

PATTERN: str = Yuan.__metadata__[0].pattern  # type: ignore[attr-defined]
MONTHS = st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(month_of)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 2, 29), "2024-02"),
        (date(2024, 3, 1), "2024-03"),
        (date(2023, 12, 31), "2023-12"),
        (date(987, 1, 1), "0987-01"),
    ],
)
def test_a_day_lies_in_its_month_from_the_first_to_the_last(day: date, expected: str) -> None:
    assert month_of(day) == expected


@pytest.mark.parametrize(
    ("month", "months", "expected"),
    [
        ("2023-12", 1, "2024-01"),
        ("2024-01", -1, "2023-12"),
        ("2024-02", 12, "2025-02"),
        ("2024-12", -24, "2022-12"),
        ("2024-07", 0, "2024-07"),
        ("1999-11", 14, "2001-01"),
    ],
)
def test_months_are_added_across_years(month: str, months: int, expected: str) -> None:
    assert plus(Month(month), months) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2024-02", "2024-02", 1),
        ("2023-11", "2024-02", 4),
        ("2024-03", "2024-02", 0),
        ("2024-12", "2024-01", 0),
        ("2020-01", "2029-12", 120),
    ],
)
def test_both_ends_count(first: str, last: str, expected: int) -> None:
    assert count(Month(first), Month(last)) == expected


def test_the_first_day_of_a_leap_february_is_the_first() -> None:
    assert first_day(Month("2024-02")) == date(2024, 2, 1)


@given(MONTHS, st.integers(-1_200, 1_200))
def test_adding_months_is_undone_by_subtracting_them(month: Month, months: int) -> None:
    assert plus(plus(month, months), -months) == month


@given(MONTHS, st.integers(1, 1_200))
def test_so_many_months_from_a_month_on_are_so_many(month: Month, months: int) -> None:
    assert count(month, plus(month, months - 1)) == months


@given(MONTHS, MONTHS)
def test_months_sort_as_their_days_do(one: Month, other: Month) -> None:
    assert (one < other) == (first_day(one) < first_day(other))


@given(MONTHS)
def test_the_day_before_a_month_lies_in_the_month_before(month: Month) -> None:
    assert month_of(first_day(month) - timedelta(days=1)) == plus(month, -1)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00"), (1, "0.01"), (10, "0.10"), (100, "1.00"), (281_850, "2818.50"), (99_999_999_999, "999999999.99")],
)
def test_fen_and_yuan_say_the_same(amount: int, text: str) -> None:
    assert yuan(amount) == text
    assert fen(text) == amount
    assert re.fullmatch(PATTERN, text)


@given(st.integers(0, 99_999_999_999))
def test_no_fen_is_lost_on_the_way_to_yuan_and_back(amount: int) -> None:
    assert fen(yuan(amount)) == amount
    assert re.fullmatch(PATTERN, yuan(amount))


@pytest.mark.parametrize(
    "text", ["1", "1.0", "01.00", "-1.00", "1,000.00", "1e3", ".50", "1.005", "", "1.00\n", "１.00", "1.0０"]
)
def test_what_is_not_yuan_with_two_decimals_does_not_fit(text: str) -> None:
    with pytest.raises(ValueError, match="matching regex"):
        msgspec.convert(text, Yuan)
