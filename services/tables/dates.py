"""Days and months as offices write them. One that can be read in two ways is refused."""

import re
from datetime import date, datetime, time, timedelta

from domain.refusals import Refused
from services.tables.texts import Cell, text, wide

_FIRST_DAY = date(1899, 12, 30)
"""Day 0 of a spreadsheet's days, from March 1900 on."""
_SERIALS = range(10_000, 73_051)
"""Days from 1927 to 2099: five digits, as no other form of a date has."""
_CUT_MONTHS = range(20_000, 20_400)
"""Days of 1954 and 1955, and as well a month of this century without its zero: 20261."""
_TIME = re.compile(r"[T ]*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$|[T ]*\d{1,2}时(\d{1,2}分)?$")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d{2})(\d{2})", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_SHORT_YEAR = re.compile(r"\d{1,2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?", re.ASCII)
_MONTH = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})月?|(\d{2}))", re.ASCII)
_CUT_ZERO = re.compile(r"\d{4}\.1", re.ASCII)
"""January; or October, entered as 2026.10 into a cell of numbers, which keeps no zero at the end."""
_CHINESE = str.maketrans("〇零○一二三四五六七八九", "000123456789")
_IN_CHINESE = re.compile(r"[〇零○一二三四五六七八九]{4}年[一二三四五六七八九十]{1,3}月([一二三四五六七八九十]{1,3}日)?")


def day(cell: Cell, path: str, *, serials: bool = True) -> str:
    """A day as YYYY-MM-DD. Raises `Refused`: `date-ambiguous` where day and month, or the century, cannot be told.

    `serials`: whether the days of the spreadsheet are counted from 1900.
    """
    if isinstance(cell, date):
        return (cell.date() if isinstance(cell, datetime) else cell).isoformat()
    if isinstance(cell, bool | time | timedelta):
        raise Refused("invalid-field", path, "不是日期 this is no date")
    said = _bare(cell if isinstance(cell, str) else str(int(cell)))
    if found := _YEAR_FIRST.fullmatch(said):
        return _date(path, *(part for part in found.groups() if part))
    if said.isascii() and said.isdecimal() and int(said) in _SERIALS:
        if int(said) in _CUT_MONTHS:
            raise Refused(
                "date-ambiguous",
                path,
                "可能是缺一位的年月，也可能是日期序数，请写成 2026-03-01"
                " a month without its zero, or the number of a day: write it like 2026-03-01",
            )
        if not serials:
            raise Refused(
                "date-ambiguous",
                path,
                "此工作簿的日期自 1904 年起算，请直接填写日期 the workbook counts its days from 1904: enter the date itself",
            )
        return (_FIRST_DAY + timedelta(days=int(said))).isoformat()
    if found := _YEAR_LAST.fullmatch(said):
        return _year_last(path, int(found[1]), int(found[3]), found[4])
    if _SHORT_YEAR.fullmatch(said):
        raise Refused("date-ambiguous", path, "年份只有两位 the year has two digits")
    missing = _MONTH.fullmatch(said)
    raise Refused(
        "invalid-field",
        path,
        "缺少日 the day is missing"
        if missing
        else "不是日期，写成 2026-03-01 this is no date: write it like 2026-03-01",
    )


def month(cell: Cell, path: str, *, serials: bool = True) -> str:
    """A month as YYYY-MM; of a day its month. Raises `Refused`, as `day` does."""
    if isinstance(cell, str | float | int) and not isinstance(cell, bool):
        said = _bare(text(cell, path))
        if _CUT_ZERO.fullmatch(said):
            raise Refused(
                "date-ambiguous",
                path,
                "分不清 1 月和 10 月（2026.10 会变成 2026.1），写成 2026-01"
                " January, or October that lost its zero: write it like 2026-01",
            )
        found = _MONTH.fullmatch(said)
        number = int(found[2] or found[3]) if found else 0
        if found and 1 <= number <= 12:
            return f"{found[1]}-{number:02d}"
    return day(cell, path, serials=serials)[:7]


def _bare(said: str) -> str:
    """A date without the time of day and spaces, in digits of normal width: 二〇二六年三月一日 too."""
    said = wide(said)
    said = re.sub(r"\s", "", _TIME.sub("", said) if ":" in said or "时" in said else said)
    if not _IN_CHINESE.fullmatch(said):
        return said
    return re.sub(r"[一二三四五六七八九]*十[一二三四五六七八九]*", _ten, said).translate(_CHINESE)


def _ten(found: re.Match[str]) -> str:
    tens, _, ones = found.group().partition("十")
    return f"{tens.translate(_CHINESE) or '1'}{ones.translate(_CHINESE) or '0'}"


def _year_last(path: str, first: int, second: int, year: str) -> str:
    """A date that ends in its year: which is the month is told by the other being none."""
    if first != second and first <= 12 and second <= 12:
        raise Refused("date-ambiguous", path, "分不清日和月 which is the day and which the month cannot be told")
    return _date(path, year, *map(str, (second, first) if first > 12 else (first, second)))


def _date(path: str, *parts: str) -> str:
    try:
        return date(*map(int, parts)).isoformat()
    except ValueError:
        raise Refused("invalid-field", path, "没有这一天 there is no such day") from None
