"""Numbers as people and programs write them: what is folded because it can mean one thing only, and what is recognised as lost.

Folding never guesses. What a spreadsheet rounded off, a hand left out or an eye took for another sign is named and
refused, by a reason that never repeats what was written.
"""

import re
import unicodedata
from typing import Literal, NamedTuple


class Reason(NamedTuple):
    """Why a verdict is what it is: a stable code, the verdict, and a sentence in both languages without the number."""

    code: str
    verdict: Literal["valid", "flagged", "invalid"]
    zh: str
    en: str


EMPTY = Reason("empty", "invalid", "没有内容", "it is empty")
EXCEL_SCIENTIFIC = Reason(
    "excel-scientific",
    "invalid",
    "被 Excel 变成了科学计数法，后面的位数已丢失，须从原件重录",
    "a spreadsheet turned it into scientific notation and its last digits are lost: enter it again from the document",
)
AS_NUMBER = Reason(
    "as-number",
    "invalid",
    "被当作数值存过（有小数点或千位分隔符），可能已失真，须从原件重录",
    "it was kept as a number, with a decimal point or separators of thousands, and may be rounded: enter it again as text",
)
MASKED = Reason("masked", "invalid", "有几位被星号遮盖", "some of its signs are masked")
OTHER_DIGITS = Reason(
    "other-digits", "invalid", "含有其他文字的数字", "it has digits of another script than 0 to 9 in it"
)

_NOTHING = {
    **dict.fromkeys(range(0x2010, 0x2016)),  # hyphens and dashes
    **dict.fromkeys(map(ord, "-−­")),
    **dict.fromkeys((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F))),  # without width
}
_AROUND = "='\"‘’“”`"
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+?\d{1,2}", re.ASCII)
_NUMERIC = re.compile(r"\d+\.\d*|\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


def folded(text: str) -> str:
    """A text in capitals of normal width, without spaces, hyphens, signs without width, or quotation marks around it."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).translate(_NOTHING).strip(_AROUND).upper()


def lost(text: str) -> Reason | None:
    """What a program or a hand did to a folded number so that it is lost, whatever number it was; None if nothing of these."""
    if not text:
        return EMPTY
    if _SCIENTIFIC.fullmatch(text):
        return EXCEL_SCIENTIFIC
    if _NUMERIC.fullmatch(text):
        return AS_NUMBER
    if "*" in text:
        return MASKED
    if any(sign.isdecimal() and not sign.isascii() for sign in text):
        return OTHER_DIGITS
    return None
