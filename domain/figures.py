"""Exact numbers: how they are rounded, and how they are written for machines and for people."""

from fractions import Fraction
from math import floor


def half_up(amount: Fraction) -> int:
    """The nearest whole number of something not negative, half up."""
    return floor(amount + Fraction(1, 2))


def exact(number: Fraction) -> str:
    """Text that loses nothing: `19.25`, or `271/12` where decimals would not end."""
    digits = _decimals(number)
    if digits is None:
        return str(number)
    text = f"{abs(number.numerator) * 10**digits // number.denominator:0{digits + 1}d}"
    return ("-" if number < 0 else "") + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)


def spoken(number: Fraction) -> str:
    """The same for people: `19.25`, `22 7/12`, `−22.5`."""
    sign, size = ("−" if number < 0 else ""), abs(number)
    whole, rest = divmod(size, 1)
    return sign + (f"{whole} {rest}" if whole and _decimals(size) is None else exact(size))


def duration(months: int) -> tuple[str, str]:
    """A time in both languages: 28年9个月, 28 years 9 months."""
    years, rest = divmod(months, 12)
    zh = (f"{years}年" if years else "") + (f"{rest}个月" if rest or not years else "")
    en = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in ((years, "year"), (rest, "month")) if count]
    return zh, " ".join(en) or "0 months"


def _decimals(number: Fraction) -> int | None:
    """How many decimals a number has; None when they never end."""
    rest, twos, fives = number.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None
