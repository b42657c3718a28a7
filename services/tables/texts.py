"""A cell as it was read, and as text."""

import unicodedata
from datetime import date, datetime, time, timedelta

from domain.refusals import Refused

Cell = str | int | float | bool | date | datetime | time | timedelta
"""What stands in a cell; an empty one is the empty text. A number of a workbook is a float."""

EXACT = 10**15
"""A spreadsheet keeps fifteen digits of a number; of a longer one the rest are zeros."""
_NOTHING = frozenset({"", "-", "--", "—", "——", "/", "\\", "无", "N/A"})
UNCALCULATED = "#未计算"
"""What is put for the result of a formula that nobody calculated: its program left none, or one that is not true."""
_FAILED = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})


def nothing(cell: Cell) -> bool:
    """Whether a cell is empty, or says with a stroke that there is nothing."""
    return isinstance(cell, str) and (not cell or cell.strip().upper() in _NOTHING)


def failed(cell: Cell) -> bool:
    """Whether a cell has the error of a formula in it, or no result of it."""
    return isinstance(cell, str) and (cell in _FAILED or cell == UNCALCULATED)


def sound(cell: Cell, path: str) -> Cell:
    """The cell. Raises `Refused` when it has no result of its formula."""
    if cell == UNCALCULATED:
        raise Refused(
            "invalid-field",
            path,
            "公式未计算，请用 Excel 或 WPS 打开、保存，或粘贴为数值 its formula was never calculated: open and save it in Excel or WPS, or paste its value",
        )
    if failed(cell):
        raise Refused("invalid-field", path, "公式出错 its formula failed")
    return cell


def text(cell: Cell, path: str = "") -> str:
    """A cell as text: a whole number without its point. Raises `Refused` for what a spreadsheet made of a text."""
    if isinstance(cell, str):
        return cell.strip().lstrip("'").strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        if abs(cell) >= EXACT:
            raise Refused("invalid-field", path, "已被当作数值舍入 the spreadsheet kept it as a number and rounded it")
        return str(int(cell)) if cell == int(cell) else repr(cell)
    raise Refused(
        "invalid-field",
        path,
        "被变成了日期，请设为文本格式后重录 the spreadsheet made a date of it: enter it again in a cell of text",
    )


def wide(said: str) -> str:
    """A text in signs of normal width, without spaces around."""
    return unicodedata.normalize("NFKC", said).strip()
