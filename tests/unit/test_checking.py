"""One verdict for whatever stands in a line; all numbers are invented, with check digits that fit."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from domain.checking import Verdict, check, check_division, check_identity, check_uscc
from domain.lineage import Lineage
from infra.statutes import the_lineage

TODAY = date(2026, 11, 23)
PERSON = "11010519491231002X"
COMPANY = "91440300MA05AMPLE6"
DIGITS_ONLY = "91210200000000001J"
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return the_lineage()


@pytest.mark.parametrize(
    "written",
    [COMPANY, COMPANY.lower(), "９１４４０３００ＭＡ０５ＡＭＰＬＥ６", "91440300-MA05AMPLE-6", " 91440300 ma05ample6 "],
)
def test_every_way_to_write_a_credit_code_has_one_normal_form(written: str) -> None:
    found = check_uscc(written)
    assert (found.verdict, found.normal) == ("valid", COMPANY)


@pytest.mark.parametrize(
    ("written", "verdict", "reason"),
    [
        ("91440300MA05AMPLE7", "flagged", "check-digit"),
        ("914403000000010000", "flagged", "excel-zeros"),
        ("91990300MA05AMPLE6", "flagged", "no-division"),
        ("91A40300MA05AMPLE6", "flagged", "no-division"),
        ("91440300MAO5AMPLE6", "invalid", "letter-not-used"),
        ("91440300MA05AMPLEZ", "invalid", "letter-not-used"),
        ("91440300MA05AMPLE", "invalid", "seventeen-signs"),
        ("91440300MA05AMPLE66", "invalid", "nineteen-signs"),
        ("440301000000001", "invalid", "registration-number"),
        ("MA05AMPL-3", "invalid", "organisation-code"),
        ("9.14403E+17", "invalid", "excel-scientific"),
        ("91440300********E6", "invalid", "masked"),
        ("91440300MA05AMPL示6", "invalid", "not-eighteen-signs"),
        ("", "invalid", "empty"),
    ],
)
def test_credit_codes_that_do_not_fit(written: str, verdict: str, reason: str) -> None:
    """A check digit that fails is flagged and not refused: in the early years such codes were given out."""
    found = check_uscc(written)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert (found.normal is None) == (verdict == "invalid")


@given(st.text(ALPHABET, min_size=9, max_size=9), st.integers(0, 16), st.sampled_from(ALPHABET))
def test_one_wrong_sign_in_a_credit_code_never_passes(body: str, at: int, sign: str) -> None:
    stem = f"91440300{body}"
    code = stem + uscc.calc_check_digit(stem + "0")
    assert check_uscc(code).verdict == "valid"
    wrong = code[:at] + sign + code[at + 1 :]
    assert check_uscc(wrong).verdict == ("valid" if wrong == code else "flagged")


@pytest.mark.parametrize(
    ("written", "day", "verdict", "reason", "said"),
    [
        ("440304000000", TODAY, "valid", "in-force", "广东省深圳市福田区，2026-11-23 在用"),
        ("４４０３０４ ００００００", TODAY, "valid", "in-force", "广东省深圳市福田区，2026-11-23 在用"),
        ("440304901001", TODAY, "valid", "county-in-force", "广东省深圳市福田区，"),
        ("210282000000", date(2010, 1, 1), "valid", "in-force", "辽宁省大连市普兰店市，2010-01-01 在用"),
        ("210282000000", TODAY, "flagged", "no-longer-in-force", "普兰店市，2015-10-13 起停用，去向：210214000000 普兰店区"),
        ("210282001001", TODAY, "flagged", "no-longer-in-force", "普兰店市，2015-10-13 起停用"),
        ("440321000000", date(2000, 1, 1), "flagged", "no-longer-in-force", "440307000000 龙岗区，分为多个，不作推断"),
        ("410112000000", TODAY, "flagged", "no-longer-in-force", "郊区，1987 起停用，去向：未收录"),
        ("440309000000", date(2010, 1, 1), "flagged", "not-yet-in-force", "龙华区，2016-09-14 起启用"),
        ("440399000000", TODAY, "flagged", "not-in-list", "广东省深圳市没有收录这个代码"),
        ("330106000000", TODAY, "flagged", "not-listed", "未收录"),
        ("440304000001", TODAY, "invalid", "no-street", "有社区而没有街道"),
        ("000000000000", TODAY, "invalid", "no-street", "没有省"),
        ("440304", TODAY, "invalid", "short-division", "补零至 12 位"),
        ("4.40304E+11", TODAY, "invalid", "excel-scientific", "科学计数法"),
        ("福田区", TODAY, "invalid", "not-twelve-digits", "12 位"),
    ],
)  # fmt: skip
def test_a_division_is_looked_up_as_of_a_day(
    lineage: Lineage, written: str, day: date, verdict: str, reason: str, said: str
) -> None:
    found = check_division(written, lineage, day)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert said in found.zh
    assert found.en.isascii()
    assert (found.normal is None) == (verdict == "invalid")


@pytest.mark.parametrize(
    ("written", "kinds"),
    [
        (PERSON, ["identity"]),
        (COMPANY, ["uscc"]),
        (DIGITS_ONLY, ["uscc"]),
        ("440304901001", ["division"]),
        ("4.40304E+11", ["division"]),
        ("1.10105E+17", ["identity"]),
        ("9.14403E+17", ["uscc"]),
        ("110105194912310021", ["identity"]),
        ("914403000000010000", ["uscc"]),
        ("11010519491231002", ["identity"]),
        ("110105491231002", ["identity"]),
        ("l10105194912310021", ["identity"]),
        ("1101051949****002X", ["identity"]),
        ("91440300MAO5AMPLE6", ["uscc"]),
        ("李秀英", ["unknown"]),
        ("'", ["unknown"]),
        ("unified social", ["unknown"]),
    ],
)
def test_the_form_says_what_it_is(lineage: Lineage, written: str, kinds: list[str]) -> None:
    assert [found.kind for found in check(written, lineage, TODAY)] == kinds


def test_18_digits_that_fit_both_ways_are_said_to_be_both(lineage: Lineage) -> None:
    """Signs 3 to 8 of such an identity number read as a division too: 11 is Beijing."""
    both = first_that_is_both()
    person, company = check(both, lineage, TODAY)
    assert (person.kind, person.verdict, person.normal) == ("identity", "valid", both)
    assert (company.kind, company.verdict, company.normal) == ("uscc", "valid", both)


def first_that_is_both() -> str:
    for serial in range(100_000, 200_000):
        stem = f"421102195{serial % 10}0101{serial // 10 % 1000:03d}"
        for last in "0123456789":
            if {check_identity(stem + last, TODAY).verdict, check_uscc(stem + last).verdict} == {"valid"}:
                return stem + last
    raise AssertionError("there is none")


@given(written=st.text("0123456789XxOlEMA*.,+- 　李", max_size=24))
def test_every_line_gets_a_verdict_and_a_normal_form_is_its_own(lineage: Lineage, written: str) -> None:
    for found in check(written, lineage, TODAY):
        assert (found.normal is None) == (found.verdict == "invalid")
        if found.normal is not None:
            assert again(found, lineage).normal == found.normal


def again(found: Verdict, lineage: Lineage) -> Verdict:
    assert found.normal is not None
    return next(other for other in check(found.normal, lineage, TODAY) if other.kind == found.kind)
