"""Citizen identity numbers (GB 11643): normal form and check. What does not fit is refused, never guessed."""

import re
import unicodedata
from datetime import date

from stdnum.cn import ric

from domain.refusals import Refused
from domain.written import Reason, folded, lost

_EIGHTEEN = re.compile(r"\d{17}[\dX]", re.ASCII)
_FIFTEEN = re.compile(r"\d{15}", re.ASCII)
_LIKE_X = re.compile(r"(\d{17})[ХΧ×✕✖╳]", re.ASCII)  # Cyrillic, Greek, and what input methods offer
_GAP = r"[\s\-._/\u2010-\u2015\u2212\u00ad\u200b-\u200f\u2060\ufeff\u202a-\u202e]"
"""What people and programs write within a number: white space, hyphens, dots, bars, strokes, signs without width."""
_GAPS = re.compile(f"{_GAP}+")
_DIGIT = f"[0-9]{_GAP}*+"
_WRITTEN = (  # the day of birth by its looks, so that few are examined
    f"(?:{_DIGIT}){{6}}(?:1{_GAP}*+[89]|2{_GAP}*+[0-9]){_GAP}*+{_DIGIT}{_DIGIT}"
    f"[01]{_GAP}*+{_DIGIT}[0-3]{_GAP}*+{_DIGIT}(?:{_DIGIT}){{3}}[0-9XxХхΧχ×✕✖╳]"
)
_PERHAPS = re.compile(_WRITTEN)
_WITHIN = re.compile(rf"(?<![0-9])(?=({_WRITTEN})(?![0-9]))")  # each place where one may begin
_RECORDS_SINCE = 2000
"""Division, day and serial with signs between are how records are numbered; nobody who was born that late draws a pension."""
_LIKE_DIGITS = re.compile(r"[\dOОΟ〇QIL|ZSB]{15,18}X?")
_OLDEST = 1880  # a serial number that reads as an earlier birth is a serial number
_BORN_18YY = ("996", "997", "998", "999")
"""Endings of 15-digit numbers kept for people born in the 1800s."""

FITS = Reason("fits", "valid", "符合 GB 11643", "it fits GB 11643")
FITS_FIFTEEN = Reason(
    "fits-fifteen",
    "valid",
    "15 位旧号，规范形式补上了世纪和校验码",
    "an old number of 15 digits: the normal form has its century and check digit",
)
ENDS_IN_000 = Reason(
    "ends-in-000",
    "flagged",
    "校验码相符，但末三位是 000，也可能是 Excel 抹去后碰巧相符，请核对原件",
    "the check digit fits, but it ends in 000, as a number that a spreadsheet cut off may by chance: compare the document",
)
EXCEL_ZEROS = Reason(
    "excel-zeros",
    "invalid",
    "末三位被 Excel 抹成了 000，须从原件重录",
    "a spreadsheet made its last three digits zeros: enter it again from the document",
)
CHECK_DIGIT = Reason("check-digit", "invalid", "校验码不符（GB 11643）", "its check digit does not fit (GB 11643)")
BIRTH_NO_DATE = Reason("birth-no-date", "invalid", "出生日期不是日期", "its date of birth is no date")
BIRTH_IN_FUTURE = Reason("birth-in-future", "invalid", "出生日期在今天之后", "its date of birth lies in the future")
BIRTH_TOO_EARLY = Reason(
    "birth-too-early", "invalid", "出生日期早于 1880 年", f"its date of birth lies before {_OLDEST}"
)
LETTER_FOR_DIGIT = Reason(
    "letter-for-digit",
    "invalid",
    "数字中混入了形近的字母（如 O 与 0、l 与 1）",
    "a letter stands where a digit must, such as O for 0 or l for 1",
)
X_INSIDE = Reason("x-inside", "invalid", "X 只能是第 18 位", "an X may only be the last of 18 digits")
SEVENTEEN = Reason("seventeen-digits", "invalid", "只有 17 位，少了一位", "it has 17 digits: one is missing")
NINETEEN = Reason(
    "nineteen-digits",
    "invalid",
    "有 19 位：多了一位，或者是银行卡号",
    "it has 19 digits: one too many, or a bank card's number",
)
CUT_TO_FIFTEEN = Reason(
    "cut-to-fifteen",
    "invalid",
    "是 18 位号码的前 15 位，后三位已丢失",
    "these are the first 15 digits of a number of 18: three are lost",
)
NOT_EIGHTEEN = Reason(
    "not-eighteen-digits",
    "invalid",
    "不是 18 位（末位可为 X）或 15 位数字",
    "it is not 18 digits, the last of them possibly X, nor 15",
)


def normal(number: str, path: str = "data.person.identity_number", today: date | None = None) -> str:
    """The 18-digit normal form of an identity number.

    Raises `Refused("identity-number-invalid")` for what `examine` finds invalid; the number itself is never repeated.
    """
    reason, text = examine(number, today)
    if text is None:
        raise Refused("identity-number-invalid", path, reason.en)
    return text


def examine(number: str, today: date | None = None) -> tuple[Reason, str | None]:
    """What an identity number is, and its normal form of 18 digits unless it is invalid.

    Width, spaces, hyphens, a small x and its look-alikes at the end are folded; 15-digit numbers get their century and
    check digit. An address code that was not in use in the year of birth is no error. A birth after `today` is one, if
    that is given.
    """
    text = number if _EIGHTEEN.fullmatch(number) else _LIKE_X.sub(r"\1X", folded(number))
    fits = FITS
    if _FIFTEEN.fullmatch(text):
        cut, fits = text, FITS_FIFTEEN
        text = text[:6] + ("18" if text.endswith(_BORN_18YY) else "19") + text[6:]
        text += ric.calc_check_digit(text + "0")
        if _birth_fault(text, None) and not _birth_fault(cut, None):
            return CUT_TO_FIFTEEN, None
    elif not _EIGHTEEN.fullmatch(text):
        return _form_fault(text), None
    elif ric.calc_check_digit(text) != text[-1]:
        return EXCEL_ZEROS if text.endswith("000") else CHECK_DIGIT, None
    elif text.endswith("000"):
        fits = ENDS_IN_000
    fault = _birth_fault(text, today)
    return (fault, None) if fault else (fits, text)


def _form_fault(text: str) -> Reason:
    """What keeps a folded text from being 18 or 15 digits."""
    if found := lost(text):
        return found
    if text.isascii() and text.isdecimal():
        return {17: SEVENTEEN, 19: NINETEEN}.get(len(text), NOT_EIGHTEEN)
    if len(text) == 18 and text.isascii() and text.replace("X", "").isdecimal():
        return X_INSIDE
    if _LIKE_DIGITS.fullmatch(text) and sum(sign.isdecimal() for sign in text) >= 10:
        return LETTER_FOR_DIGIT
    return NOT_EIGHTEEN


def _birth_fault(number: str, today: date | None) -> Reason | None:
    try:
        birth = born(number)
    except ValueError:
        return BIRTH_NO_DATE
    if birth.year < _OLDEST:
        return BIRTH_TOO_EARLY
    return BIRTH_IN_FUTURE if today and birth > today else None


def shortened(number: str) -> str | None:
    """The 15 digits of an 18-digit number, as they were given until 1999; None of whoever was born later."""
    return None if number[6:8] == "20" else number[:6] + number[8:17]


def names_a_person(text: str) -> bool:
    """Whether an 18-digit identity number of somebody who may live stands in a text, with signs between its digits or without.

    Numbers of 15 digits have no check digit: one in 27 of all serial numbers of that length would be a person's.
    """
    if len(text) < 18:
        return False
    wide = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if not _PERHAPS.search(wide):  # most texts end here: every event's are looked at
        return False
    return any(map(_is_a_person, _WITHIN.findall(wide)))


def _is_a_person(written: str) -> bool:
    bare = written if len(written) == 18 else _GAPS.sub("", written)
    number = examine(bare.upper())[1]
    if number is None or born(number).year < _RECORDS_SINCE:
        return number is not None
    return bare == "".join(written.split())


def born(number: str) -> date:
    """The date of birth in an 18-digit number; `ValueError` when it is no date."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def check_day(number: str, day: date) -> None:
    """Raise `Refused("date-before-birth")` when a fact's day lies before its person was born."""
    if day < born(number):
        raise Refused("date-before-birth", "data.effective")


def normal_name(name: str) -> str:
    """A name for comparison: width folded, no spaces, one form of the middle dot."""
    return re.sub(r"[\s]", "", unicodedata.normalize("NFKC", name)).replace("•", "·").replace("・", "·").upper()
