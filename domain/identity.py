"""Citizen identity numbers (GB 11643): normal form and check. What does not fit is refused, never guessed."""

import re
import unicodedata
from datetime import date

from stdnum.cn import ric

from domain.refusals import Refused

_EIGHTEEN = re.compile(r"\d{17}[\dX]", re.ASCII)
_FIFTEEN = re.compile(r"\d{15}", re.ASCII)
_WITHIN = re.compile(r"(?<!\d)\d{17}[\dX](?!\d)", re.ASCII)
_SEVENTEEN = re.compile(r"(?:\d\s*){17}")
_OLDEST = 1880  # a serial number that reads as an earlier birth is a serial number
_BORN_18YY = ("996", "997", "998", "999")
"""Endings of 15-digit numbers kept for people born in the 1800s."""


def normal(number: str, path: str = "data.person.identity_number") -> str:
    """The 18-digit normal form of an identity number.

    Full-width characters, spaces and a small x are folded; 15-digit numbers get their century and check digit.
    An address code that was not in use in the year of birth is no error.

    Raises `Refused("identity-number-invalid")`; the number itself is never repeated.
    """
    text = number if _EIGHTEEN.fullmatch(number) else re.sub(r"\s", "", unicodedata.normalize("NFKC", number)).upper()
    if _FIFTEEN.fullmatch(text):
        text = text[:6] + ("18" if text.endswith(_BORN_18YY) else "19") + text[6:]
        text += ric.calc_check_digit(text + "0")
    if not _EIGHTEEN.fullmatch(text):
        raise Refused("identity-number-invalid", path, "it is not 18 digits, the last of them possibly X")
    if ric.calc_check_digit(text) != text[-1]:
        raise Refused("identity-number-invalid", path, "its check digit does not fit (GB 11643)")
    try:
        born(text)
    except ValueError:
        raise Refused("identity-number-invalid", path, "its date of birth is no date") from None
    return text


def names_a_person(text: str) -> bool:
    """Whether an 18-digit identity number of somebody who may live stands in a text."""
    if len(text) < 18:
        return False
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if not _SEVENTEEN.search(folded):
        return False
    folded = re.sub(r"\s", "", folded).upper()
    return any(_valid(found) for found in _WITHIN.findall(folded))


def _valid(number: str) -> bool:
    try:
        return born(normal(number)).year >= _OLDEST
    except Refused:
        return False


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
