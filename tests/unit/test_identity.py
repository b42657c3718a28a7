"""Identity numbers: one normal form for one person, and no guessing."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from domain.identity import born, examine, names_a_person, normal, normal_name
from domain.refusals import Refused

VALID = "11010519491231002X"


def with_check_digit(stem: str) -> str:
    return stem + ric.calc_check_digit(stem + "0")


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Valid numbers of any address code, also of none in use."""
    day = draw(st.dates(date(1880, 1, 1), date(2024, 12, 31)))
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
        "110105-19491231-002X",
        "110105\u201119491231\u2212002X",
        "\ufeff11010519491231002X\u200b",
        "'11010519491231002X",
        '="11010519491231002X"',
        "11010519491231002Х",
        "11010519491231002х",
        "11010519491231002Χ",
        "11010519491231002×",
        "11010519491231002Ⅹ",
    ],
    ids=[
        "as it is",
        "small x",
        "spaces",
        "full width",
        "full width, small x",
        "15 digits",
        "hyphens",
        "other hyphens",
        "signs without width",
        "apostrophe",
        "formula",
        "Cyrillic",
        "small Cyrillic",
        "Greek",
        "multiplication sign",
        "Roman ten",
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


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        ("1.10105E+17", "excel-scientific"),
        ("1.10105194912310e+17", "excel-scientific"),
        ("110105194912310000", "excel-zeros"),
        ("110,105,194,912,310,000", "as-number"),
        ("110105491231002.0", "as-number"),
        ("1101051949123100l1", "letter-for-digit"),
        ("1101O519491231002X", "letter-for-digit"),
        ("1101〇519491231002X", "letter-for-digit"),
        ("1101О519491231002X", "letter-for-digit"),
        ("110105194912310X21", "x-inside"),
        ("1101051949****002X", "masked"),
        ("11010519491231002*", "masked"),
        ("11010519491231002", "seventeen-digits"),
        ("1101051949123100210", "nineteen-digits"),
        ("1101051949123100", "not-eighteen-digits"),
        ("110105194912310", "cut-to-fifteen"),
        ("110105490230002", "birth-no-date"),
        ("110105700101996", "birth-too-early"),
        ("110105194912310021", "check-digit"),
        ("李秀英", "not-eighteen-digits"),
        ("11010519491231002x 李秀英", "not-eighteen-digits"),
    ],
)
def test_what_is_lost_is_recognised_as_what_it_is_and_refused(written: str, reason: str) -> None:
    found, form = examine(written)
    assert (found.code, found.verdict, form) == (reason, "invalid", None)
    with pytest.raises(Refused, match="identity-number-invalid") as caught:
        normal(written)
    assert caught.value.detail == found.en


def test_a_number_that_ends_in_000_and_fits_is_flagged_and_taken() -> None:
    """One in eleven numbers that a spreadsheet cut off fits by chance, and some people's numbers do end so."""
    number = "440304195503020000"
    found, form = examine(number)
    assert (found.code, found.verdict, form) == ("ends-in-000", "flagged", number)
    assert normal(number) == number


def test_nobody_is_born_after_today_or_before_1880() -> None:
    today = date(2026, 11, 23)
    tomorrow, before = with_check_digit("44030420261124001"), with_check_digit("44030418791231001")
    assert normal(tomorrow) == tomorrow  # who knows no day does not judge it
    assert normal(with_check_digit("44030420261123001"), today=today)
    assert examine(tomorrow, today)[0].code == "birth-in-future"
    assert examine(before, today)[0].code == "birth-too-early"
    assert normal(with_check_digit("44030418800101001"))
    assert not names_a_person(before)


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        "death/11010519491231002x/1",
        "110105 19491231 002X",
        "110105-19491231-002X",
        "110105.19491231.002X",
        "110105_19491231_002X",
        "110105/1949/12/31/002X",
        "1101 0519 4912 3100 2X",
        "110105\u201119491231\u2212002\u200bX",
        "１１０１０５－１９４９１２３１－００２Ｘ",
        "11010519491231002Х",
        "2026-110105-19491231-002X-1",
        "7-110105-19491231-002X",
        "440304202611200028",
        "440304 20261120 0028",
    ],
)
def test_a_number_within_a_text_names_a_person_however_it_is_written(text: str) -> None:
    assert names_a_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-004711",
        "110105-19491231-0021",
        "110105:19491231:002X",
        "9110105-19491231-002X",
        "110105-19491231-002X7",
        "11010519491231002",
        "110105491231002",
        "440304-20261120-0028",
        "440304/2026/11/20/0028",
        "00000000-0000-4000-8000-000000000000",
    ],
    ids=[
        "nothing",
        "a record",
        "check digit",
        "moments",
        "a digit before",
        "a digit behind",
        "17",
        "15",
        "division, day and serial",
        "a path of days",
        "a UUID",
    ],
)
def test_what_is_no_whole_number_of_somebody_who_may_be_retired_names_nobody(text: str) -> None:
    assert not names_a_person(text)


@given(numbers(), st.lists(st.sampled_from(["", "", "-", " ", ".", "_", "/", " - "]), min_size=17, max_size=17))
def test_whatever_stands_between_the_digits_of_somebody_born_before_2000_it_is_found(
    number: str, between: list[str]
) -> None:
    written = "".join(sign + gap for sign, gap in zip(number, [*between, ""], strict=True))
    assert names_a_person(f"x-{written}.pdf") or born(number).year >= 2000


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


@given(numbers(), st.integers(0, 16))
def test_two_neighbours_exchanged_are_always_found(number: str, at: int) -> None:
    """ISO 7064 MOD 11-2 finds every single error and every exchange of neighbours, the check digit among them."""
    wrong = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if wrong != number:
        with pytest.raises(Refused):
            normal(wrong)


@given(numbers(), st.sampled_from("0123456789X"))
def test_a_wrong_check_digit_is_always_found(number: str, last: str) -> None:
    if last != number[-1]:
        with pytest.raises(Refused):
            normal(number[:-1] + last)


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), st.integers(0, 999_999), st.integers(0, 995))
def test_fifteen_digits_and_their_eighteen_are_one_person(day: date, place: int, serial: int) -> None:
    old = f"{place:06d}{day:%y%m%d}{serial:03d}"
    new = normal(old)
    assert new == with_check_digit(f"{place:06d}{day:%Y%m%d}{serial:03d}")
    assert new[:6] + new[8:17] == old


@given(st.text("0123456789XxOl*.,E+-－ Хх×'　", max_size=24))
def test_whatever_is_taken_is_taken_once(written: str) -> None:
    found, form = examine(written)
    assert (form is None) == (found.verdict == "invalid")
    if form is not None:
        assert normal(form) == normal(written) == form


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
