"""Identity numbers: one normal form for one person, and no guessing."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from domain.identity import born, normal, normal_name
from domain.refusals import Refused

VALID = "11010519491231002X"


def with_check_digit(stem: str) -> str:
    return stem + ric.calc_check_digit(stem + "0")


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Valid numbers of any address code, also of none in use."""
    day = draw(st.dates(date(1850, 1, 1), date(2024, 12, 31)))
    return with_check_digit(f"{draw(st.integers(0, 999_999)):06d}{day:%Y%m%d}{draw(st.integers(0, 999)):03d}")


@pytest.mark.parametrize(
    "written",
    [
        VALID,
        "11010519491231002x",
        " 110105 19491231 002X ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "11010519491231002ｘ\n",
        "110105491231002",
    ],
)
def test_every_way_to_write_a_number_has_one_normal_form(written: str) -> None:
    assert normal(written) == VALID


@pytest.mark.parametrize("ending", ["996", "997", "998", "999"])
def test_fifteen_digits_that_end_in_996_to_999_were_born_in_the_1800s(ending: str) -> None:
    found = normal(f"110105981231{ending}")
    assert found == with_check_digit(f"11010518981231{ending}")
    assert born(found) == date(1898, 12, 31)


def test_fifteen_digits_that_end_in_995_were_born_in_the_1900s() -> None:
    assert born(normal("110105981231995")) == date(1998, 12, 31)


def test_a_leap_day_is_a_date_of_birth_in_a_leap_year_only() -> None:
    assert born(normal(with_check_digit("44030420000229001"))) == date(2000, 2, 29)
    with pytest.raises(Refused, match="identity-number-invalid"):
        normal(with_check_digit("44030419000229001"))


def test_an_address_code_that_was_never_in_use_is_no_error() -> None:
    assert normal(with_check_digit("99999919500101001"))


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021",
        "11010519491231002",
        "11010519491231002XX",
        "1101051949123100X2",
        "",
        "not a number",
        with_check_digit("44030419500230001"),
        with_check_digit("44030419501301001"),
        with_check_digit("44030400000101001"),
        "110105490230002",
    ],
    ids=[
        "check digit",
        "17",
        "19",
        "X inside",
        "empty",
        "text",
        "30 February",
        "month 13",
        "year 0",
        "15: 30 February",
    ],
)
def test_what_does_not_fit_is_refused_and_never_repeated(number: str) -> None:
    with pytest.raises(Refused) as caught:
        normal(number)
    refusal = caught.value
    assert refusal.code == "identity-number-invalid"
    assert refusal.path == "data.person.identity_number"
    assert not number.strip() or number not in f"{refusal} {refusal.detail}"


@pytest.mark.parametrize("zero", ["٠", "०", "߀"], ids=["Arabic", "Devanagari", "N'Ko"])
def test_digits_of_another_script_make_no_second_person(zero: str) -> None:
    written = "".join(chr(ord(zero) + int(sign)) if sign.isdigit() else sign for sign in VALID)
    with pytest.raises(Refused, match="identity-number-invalid"):
        normal(written)


@given(numbers())
def test_the_normal_form_is_its_own_normal_form(number: str) -> None:
    assert normal(number) == number
    assert normal(normal(number)) == normal(number)


@given(numbers(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(number: str, at: int, by: int) -> None:
    wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
    with pytest.raises(Refused):
        normal(wrong)


@given(st.text(max_size=40))
def test_any_text_is_a_number_in_ascii_or_refused(text: str) -> None:
    try:
        number = normal(text)
    except Refused:
        return
    assert number.isascii()
    assert len(number) == 18


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("王小明", " 王 小明 "),
        ("王小明", "王　小明"),
        ("买买提·艾力", "买买提•艾力"),
        ("买买提·艾力", "买买提・艾力"),
        ("买买提·艾力", "买买提･艾力"),
        ("Li Ming", "ＬＩ　ＭＩＮＧ"),
    ],
)
def test_a_name_is_the_same_however_it_was_typed(one: str, other: str) -> None:
    assert normal_name(one) == normal_name(other)


def test_different_names_stay_different() -> None:
    assert normal_name("王小明") != normal_name("王小敏")
