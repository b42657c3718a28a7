"""Unified social credit codes (GB 32100): normal form and check.

A check digit that does not fit is flagged and not refused: in the early years codes were given out that fail it. Flagged
codes are accepted from publishers, as `domain.facts.Uscc` asks for the form only.
"""

import re

from stdnum.cn import uscc

from domain.written import Reason, folded, lost

_FORM = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_DIVISION = re.compile(r"(10|1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-6]|71|8[12])[0-9]{4}")
"""A province, or 10 for the whole country, and more digits."""
_NINE = re.compile(r"[0-9A-Z]{8}[0-9X]")

FITS = Reason("fits", "valid", "符合 GB 32100", "it fits GB 32100")
CHECK_DIGIT = Reason(
    "check-digit",
    "flagged",
    "校验码不符（GB 32100）；早期发出的代码有此情况，请核对",
    "its check digit does not fit (GB 32100); codes of the early years may fail: compare the certificate",
)
EXCEL_ZEROS = Reason(
    "excel-zeros",
    "flagged",
    "校验码不符且末三位是 000，可能被 Excel 抹去，请核对",
    "its check digit does not fit and it ends in 000, as a spreadsheet leaves it: compare the certificate",
)
NO_DIVISION = Reason(
    "no-division",
    "flagged",
    "第 3 至 8 位不是行政区划代码",
    "its signs 3 to 8 are no division's code",
)
LOOK_ALIKE = Reason(
    "letter-not-used",
    "invalid",
    "含有代码中不用的字母 I、O、S、V、Z（多为 1、0、5、U、2 之误）",
    "it has a letter that codes never have: I, O, S, V or Z, often for 1, 0, 5, U or 2",
)
SEVENTEEN = Reason("seventeen-signs", "invalid", "只有 17 位，少了一位", "it has 17 signs: one is missing")
NINETEEN = Reason("nineteen-signs", "invalid", "有 19 位，多了一位", "it has 19 signs: one too many")
FIFTEEN = Reason(
    "registration-number",
    "invalid",
    "15 位数字是旧的工商注册号，不是统一社会信用代码",
    "15 digits are an old business registration number, not a credit code",
)
NINE = Reason(
    "organisation-code",
    "invalid",
    "9 位是旧的组织机构代码，不是统一社会信用代码",
    "9 signs are an old organisation code, not a credit code",
)
NOT_EIGHTEEN = Reason(
    "not-eighteen-signs", "invalid", "不是 18 位数字和大写字母", "it is not 18 digits and capital letters"
)


def examine(code: str) -> tuple[Reason, str | None]:
    """What a unified social credit code is, and its normal form of 18 capital signs unless it is invalid."""
    text = folded(code)
    if not _FORM.fullmatch(text):
        return _form_fault(text), None
    if not _DIVISION.fullmatch(text[2:8]):
        return NO_DIVISION, text
    if uscc.calc_check_digit(text) != text[-1]:
        return EXCEL_ZEROS if text.isdecimal() and text.endswith("000") else CHECK_DIGIT, text
    return FITS, text


def _form_fault(text: str) -> Reason:
    if found := lost(text):
        return found
    if not (text.isascii() and text.isalnum()):
        return NOT_EIGHTEEN
    if len(text) == 18:
        return LOOK_ALIKE
    if len(text) == 15 and text.isdecimal():
        return FIFTEEN
    if _NINE.fullmatch(text):
        return NINE
    return {17: SEVENTEEN, 19: NINETEEN}.get(len(text), NOT_EIGHTEEN)
