"""A cell to the member it stands for. What can mean one thing only is folded; what cannot is refused, never guessed."""

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from enum import Enum
from functools import cache, partial
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from domain.facts import LIFE_EVENTS, Amount, Division
from domain.identity import CUT_TO_FIFTEEN, ENDS_IN_000, EXCEL_ZEROS, examine
from domain.refusals import Refused
from domain.written import AS_NUMBER, EXCEL_SCIENTIFIC, Reason, folded
from services.tables.columns import PERSON, plain, vocabulary
from services.tables.dates import day, month
from services.tables.texts import EXACT, Cell, nothing, text, wide

_DAMAGED = (EXCEL_ZEROS, EXCEL_SCIENTIFIC, CUT_TO_FIFTEEN, AS_NUMBER)
_MONEY = re.compile(r"\d+(\.\d+)?|\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_YEARS = re.compile(r"(?:(\d+)年)?(?:零?(\d+)(?:个)?月)?", re.ASCII)
_TRUE = frozenset({"是", "有", "对", "√", "✓", "✔", "y", "yes", "true", "1", "t"})
_FALSE = frozenset({"否", "无", "不", "不是", "没有", "×", "✗", "✘", "n", "no", "false", "0", "f", "x"})


def identity_number(cell: Cell, path: str, *, damaged: bool = False) -> str:
    """The normal form of an identity number. Raises `Refused`: `identity-number-damaged` where a spreadsheet cut it off.

    `damaged`: others of its column are, so that an ending 000 whose check digit fits by chance is not believed either.
    """
    if not isinstance(cell, str):
        if isinstance(cell, bool | date | time | timedelta) or abs(cell) >= EXACT or cell != int(cell):
            raise Refused("identity-number-damaged", path, _both(EXCEL_SCIENTIFIC))
        cell = str(int(cell))
    reason, number = examine(cell)
    if reason in _DAMAGED or (damaged and reason is ENDS_IN_000):
        raise Refused("identity-number-damaged", path, _both(reason))
    if number is None:
        raise Refused("identity-number-invalid", path, _both(reason))
    return number


def _both(reason: Reason) -> str:
    return f"{reason.zh} {reason.en}"


def was_cut(cell: Cell) -> bool:
    """Whether a cell shows that a spreadsheet took its column's identity numbers for numbers."""
    if isinstance(cell, str):
        return examine(cell)[0] in (EXCEL_ZEROS, EXCEL_SCIENTIFIC)
    return isinstance(cell, float | int) and not isinstance(cell, bool) and cell >= EXACT


def amount(cell: Cell, path: str) -> str:
    """Yuan with two decimals. Raises `Refused` for more decimals than two, units other than 元, and separators out of place."""
    if isinstance(cell, bool | date | time | timedelta):
        raise Refused("invalid-field", path, "不是金额 this is no amount")
    said = repr(cell) if not isinstance(cell, str) else cell
    said = re.sub(r"\s", "", wide(said)).strip("¥").removeprefix("人民币").removesuffix("圆").removesuffix("元")
    if not isinstance(cell, str) and abs(cell - round(cell, 2)) < 1e-7:
        said = f"{cell:.2f}"  # 3210.1 + 0.2 in a spreadsheet is 3210.2999999999997
    if not _MONEY.fullmatch(said):
        raise Refused(
            "invalid-field", path, "不是以元为单位的金额，写成 3210.50 this is no amount in yuan: write it like 3210.50"
        )
    yuan, _, rest = said.replace(",", "").partition(".")
    if len(rest := rest.rstrip("0")) > 2:
        raise Refused("invalid-field", path, "小数超过两位 it has more decimals than fen")
    return f"{yuan.lstrip('0') or '0'}.{rest:0<2}"


def flag(cell: Cell, path: str, member: str) -> bool:
    """Yes or no, as offices write it. Raises `Refused`."""
    if isinstance(cell, bool):
        return cell
    said = plain(text(cell, path))
    if (named := vocabulary().values.get(member, {}).get(said)) is not None:
        return named == "true"
    if said not in _TRUE | _FALSE:
        raise Refused("invalid-field", path, "填是或否 write 是 or 否")
    return said in _TRUE


def count(cell: Cell, path: str, member: str) -> int:
    """A whole number; contributions also as 28年9个月. Raises `Refused`."""
    said = wide(text(cell, path)).replace(" ", "")
    if member == "contribution_months" and said and (found := _YEARS.fullmatch(said)):
        return int(found[1] or 0) * 12 + int(found[2] or 0)
    bare = re.sub(r"(个月|月|卷|件|份|册)$", "", said)
    if not re.fullmatch(r"\d{1,9}", bare, re.ASCII):
        raise Refused("invalid-field", path, "不是整数 this is no whole number")
    return int(bare)


def term(cell: Cell, path: str) -> int:
    """Months of a time whose column says years: a bare number may be years or months. Raises `Refused`."""
    said = wide(text(cell, path)).replace(" ", "")
    if said.isascii():
        raise Refused("invalid-field", path, "未写明年或月，写成 28年9个月 years or months: write it like 28年9个月")
    return count(said, path, "contribution_months")


def coded(cell: Cell, path: str, member: str, codes: type[Enum]) -> str:
    """The code of what stands in a cell. Raises `Refused`, which lists the codes."""
    said = plain(text(cell, path))
    allowed = {plain(str(code.value)): str(code.value) for code in codes}
    found = vocabulary().values.get(member, {}).get(said) or allowed.get(said)
    if found is None or found not in allowed.values():
        raise Refused("invalid-field", path, f"不在可选值之列 it is none of {', '.join(allowed.values())}")
    return found


def several(cell: Cell, path: str, one: Callable[[Cell, str], Any]) -> list[Any]:
    """A list in a cell, with 、 , ; / or a new line between."""
    parts = [part.strip() for part in re.split(r"[、,，;；/|\n]", text(cell, path))]
    return [one(part, path) for part in parts if not nothing(part)]


def division(cell: Cell, path: str) -> str:
    """A division code of 12 digits; of 6 or 9 digits the county or street, whose code has zeros in their place."""
    said = folded(text(cell, path))
    return said.ljust(12, "0") if re.fullmatch(r"\d{6}|\d{9}", said, re.ASCII) else said


def upper(cell: Cell, path: str) -> str:
    """A credit code, in capitals of normal width."""
    return folded(text(cell, path))


@cache
def reader(kind: str, member: str) -> Callable[[Cell, str], Any]:
    """What makes a member of a cell, by the type that the member has in this kind of event."""
    if member in PERSON:
        return upper if member == "phone" else text
    return _by_type(get_type_hints(LIFE_EVENTS[kind], include_extras=True)[member], member)


def _by_type(hint: Any, member: str) -> Callable[[Cell, str], Any]:
    if NoneType in get_args(hint):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if hint == Amount:
        return amount
    if hint == Division:
        return division
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(bare) is tuple:
        return partial(several, one=_by_type(get_args(bare)[0], member))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return partial(coded, member=member, codes=bare)
    by_type: dict[Any, Callable[[Cell, str], Any]] = {
        str: _TEXTS.get(member, text),
        date: day,
        bool: partial(flag, member=member),
        int: partial(count, member=member),
    }
    return by_type[bare]


_TEXTS = {"until": month, "month": month, "dues_paid_to": month, "employer": upper, "enterprise": upper}
"""Members that are text of a form that their type does not tell."""
