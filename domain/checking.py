"""Is this number what it is said to be? One verdict for identity numbers, credit codes and division codes.

Invalid is what a publisher is refused for; flagged is accepted, and worth a look at the document. Nothing is guessed:
an invalid number has no normal form.
"""

import re
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from domain import credit_code, identity
from domain.divisions import Level, ancestors, level
from domain.lineage import Lineage
from domain.written import EMPTY, Reason, folded, lost

Kind = Literal["identity", "uscc", "division", "unknown"]

_DIVISION = re.compile(r"[0-9]{12}")
_DIVISION_LIKE = re.compile(r"[0-9]{6}|[0-9]{9}|[0-9]{12}|[0-9](\.[0-9]+)?E\+?11")
_SCIENTIFIC_END = re.compile(r"[0-9]E\+?[0-9]{2}$")
_LETTERS = re.compile(r"[A-DF-Z]")  # but E, which a spreadsheet writes
_FEWEST = 6
"""Digits that a text must have to be taken for a number at all."""

UNKNOWN = Reason(
    "unrecognised",
    "invalid",
    "不像身份证号、统一社会信用代码或区划代码",
    "it looks like no identity number, credit code or division code",
)
NOT_TWELVE = Reason("not-twelve-digits", "invalid", "区划代码应为 12 位数字", "a division's code has 12 digits")
SHORT = Reason(
    "short-division",
    "invalid",
    "是 6 位或 9 位的区划代码，请补零至 12 位",
    "a division's code of 6 or 9 digits: fill it up with zeros to 12",
)
NO_STREET = Reason(
    "no-street", "invalid", "有社区而没有街道，或没有省", "it names a community without its street, or no province"
)


class Verdict(Struct, frozen=True, kw_only=True):
    """What an item is found to be: `reason` is a stable code, `zh` and `en` say it; `normal` is None when it is invalid."""

    kind: Kind
    verdict: Literal["valid", "flagged", "invalid"]
    reason: str
    zh: str
    en: str
    normal: str | None


def check_identity(text: str, today: date) -> Verdict:
    """A citizen identity number (GB 11643), as of a day: nobody is born after it."""
    return _verdict("identity", *identity.examine(text, today))


def check_uscc(text: str) -> Verdict:
    """A unified social credit code (GB 32100)."""
    return _verdict("uscc", *credit_code.examine(text))


def check_division(text: str, lineage: Lineage, day: date) -> Verdict:
    """A division's code (GB/T 2260 with GB/T 10114) as of a day: in force, ended (and what became of it), or not listed."""
    code = folded(text)
    if not _DIVISION.fullmatch(code):
        short = code.isascii() and code.isdecimal() and len(code) in {6, 9}
        return _verdict("division", lost(code) or (SHORT if short else NOT_TWELVE), None)
    if code.startswith("00") or (code[6:9] == "000" and code[9:] != "000"):
        return _verdict("division", NO_STREET, None)
    return _verdict("division", _standing(code, lineage, day), code)


def check(text: str, lineage: Lineage, day: date) -> tuple[Verdict, ...]:
    """Whatever it is, by its form. 18 signs that may be two things are what their check digit says; both, if it says both."""
    code = folded(text)
    if sum(sign.isdecimal() for sign in code) < _FEWEST and not _SCIENTIFIC_END.search(code):
        return (_verdict("unknown", UNKNOWN if code else EMPTY, None),)
    if _DIVISION_LIKE.fullmatch(code):
        return (check_division(text, lineage, day),)
    person, company = check_identity(text, day), check_uscc(text)
    if person.normal and company.verdict == "valid":
        return person, company
    return (company,) if _is_company(code, person, company) else (person,)


def _is_company(code: str, person: Verdict, company: Verdict) -> bool:
    """Whether something that is not both is rather a credit code. Most begin with 9, and no identity number of a citizen does."""
    if person.normal or company.verdict == "valid":
        return not person.normal
    if person.reason == identity.LETTER_FOR_DIGIT.code:
        return code.startswith("9")
    return bool(_LETTERS.search(code.removesuffix("X"))) or (len(code) != 15 and code.startswith("9"))


def _verdict(kind: Kind, reason: Reason, normal: str | None) -> Verdict:
    return Verdict(kind=kind, verdict=reason.verdict, reason=reason.code, zh=reason.zh, en=reason.en, normal=normal)


def _standing(code: str, lineage: Lineage, day: date) -> Reason:
    """How a code stands on a day; one that is not listed, by the lowest listed division that it lies in."""
    listed = [upper for upper in ancestors(code) if lineage.spells(upper)]
    if not listed:
        return Reason("not-listed", "flagged", "此地的区划代码未收录", "divisions of this place are not listed here")
    if ended := next((upper for upper in listed if not lineage.in_force(upper, day)), None):
        return _out_of_force(ended, lineage, day)
    zh, en = lineage.full_name(code, day), lineage.full_name(code, day, "en")
    if listed[-1] == code:
        return Reason("in-force", "valid", f"{zh}，{day} 在用", f"{en}, in force on {day}")
    if level(listed[-1]) < Level.COUNTY:
        return Reason("not-in-list", "flagged", f"{zh}没有收录这个代码", f"no such code is listed in {en}")
    return Reason(
        "county-in-force",
        "valid",
        f"{zh}，{day} 在用；这一级的名称未收录",
        f"{en}, in force on {day}; names of this level are not listed",
    )


def _out_of_force(code: str, lineage: Lineage, day: date) -> Reason:
    """When a code that is not in force on a day was, and what it had become."""
    spells = lineage.spells(code)
    before = [spell for spell in spells if spell.valid_to and spell.valid_to < day]
    if not before:
        zh, en, begin = spells[0].zh, spells[0].en, lineage.dated(code, spells[0].valid_from or day)
        return Reason("not-yet-in-force", "flagged", f"{zh}，{begin} 起启用", f"{en}, in force from {begin}")
    last = before[-1]
    assert last.valid_to is not None
    end = lineage.dated(code, last.valid_to + timedelta(days=1))
    now = lineage.became(code, last.valid_to, day)
    zh = "、".join(f"{area.code} {area.zh}" for area in now) or "未收录"
    en = ", ".join(f"{area.code} {area.en}" for area in now) or "not recorded"
    several = ("，分为多个，不作推断", "; it was split, and none is chosen") if len(now) > 1 else ("", "")
    return Reason(
        "no-longer-in-force",
        "flagged",
        f"{last.zh}，{end} 起停用，去向：{zh}{several[0]}",
        f"{last.en}, no longer in force from {end}; became: {en}{several[1]}",
    )
