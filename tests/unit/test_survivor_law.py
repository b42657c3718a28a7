"""The dated rules and the provinces' settings behind the survivor benefit: which hold when, and what a wrong file is told."""

from collections.abc import Sequence
from datetime import date
from importlib.resources import files

import pytest

from domain.law import LawError
from domain.law.survivors_files import parse_survivor_law
from domain.refusals import Refused
from infra.statutes import the_survivor_law

LAW = the_survivor_law()
NATIONAL = files("domain.law").joinpath("benefit.toml").read_text("utf-8")
SHANDONG = files("domain.law").joinpath("provinces", "shandong.toml").read_text("utf-8")


def test_the_rules_hold_from_the_first_of_september_2021() -> None:
    assert LAW.scheme(date(2021, 9, 1)).document == "人社部发〔2021〕18号"


def test_before_that_day_there_are_none_and_none_are_guessed() -> None:
    with pytest.raises(Refused, match=r"^died-before-rules at died$"):
        LAW.scheme(date(2021, 8, 31))


def test_a_figure_that_is_not_recorded_is_refused() -> None:
    with pytest.raises(Refused, match=r"^base-unknown at base$"):
        LAW.province("44").figure(1999)


@pytest.mark.parametrize("division", ["99", "4", "44abc", "４４", ""])
def test_a_province_that_is_not_recorded_is_refused(division: str) -> None:
    with pytest.raises(Refused, match=r"^province-unknown at province$"):
        LAW.province(division)


def test_every_figure_and_setting_shipped_is_cited_and_dated() -> None:
    assert set(LAW.provinces) == {"32", "37", "41", "44"}
    for province in LAW.provinces.values():
        assert all(figure.document and 2019 <= figure.year <= 2100 for figure in province.base)
        assert all(own.document and own.valid_from >= date(2021, 9, 1) for own in province.rounding)


def test_a_province_of_its_own_rounding_has_the_default_before_that() -> None:
    later = SHANDONG.replace("2021-09-01", "2022-01-01")
    law = parse_survivor_law(("benefit.toml", NATIONAL), {"shandong.toml": later})
    bases = [law.rounding(law.province("37"), day).month_base for day in (date(2021, 12, 31), date(2022, 1, 1))]
    assert bases == ["cent", "year-last"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("months = 2\n", 'months = "two"\n', "scheme[0].grant.months"),
        ("months = 2\n", "months = 2\nmonth = 2\n", "month"),
        ("full_years = 15\n", "", "full_years"),
        ("full_years = 15\n", "full_years = 9\n", "scheme.contributed"),
        ("cap_months = 24\n", "cap_months = 25\n", "cap_months"),
        ("floor_months = 9\n", "floor_months = 25\n", "floor_months"),
        ("below_years = 5, months = 3", "below_years = 5, months = 7", "scheme.contributed"),
        ("below_years = 5, months = 3", "below_years = 11, months = 3", "scheme.contributed"),
        ('month_base = "cent"', 'month_base = "fen"', "month_base"),
        ('month_base = "cent"', 'month_base = "cent"\nduration_decimals = 9', "duration_decimals"),
        ("[[rounding]]\nvalid_from = 2021-09-01", "[[rounding]]\nvalid_from = 2022-09-01", "rounding"),
        ("[[rounding]]\n", "[[rounding]]\nvalid_to = 2030-01-01\n", "rounding"),
        ('valid_from = 2021-09-01\ndocument = "人社部', 'document = "人社部', "valid_from"),
    ],
)
def test_wrong_rules_are_refused_by_file_and_key(old: str, new: str, named: str) -> None:
    assert NATIONAL.count(old) == 1
    with pytest.raises(LawError) as caught:
        parse_survivor_law(("benefit.toml", NATIONAL.replace(old, new)), {})
    assert str(caught.value).startswith("benefit.toml: ")
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "named"),
    [
        ([SHANDONG.replace("47066.00", "47066")], "year_total"),
        ([SHANDONG.replace("47066.00", "0.00")], "year_total"),
        ([SHANDONG.replace('code = "37"', 'code = "370000"')], "code"),
        ([SHANDONG.replace("month_base", "base_month")], "base_month"),
        ([SHANDONG, SHANDONG], "code"),
        ([SHANDONG + SHANDONG[SHANDONG.index("[[base]]") :]], "base"),
    ],
    ids=["no cents", "nothing", "too long", "unknown", "twice", "one year twice"],
)
def test_a_wrong_province_is_refused_by_file_and_key(texts: Sequence[str], named: str) -> None:
    provinces = {f"{number}.toml": text for number, text in enumerate(texts, 1)}
    with pytest.raises(LawError) as caught:
        parse_survivor_law(("benefit.toml", NATIONAL), provinces)
    assert str(caught.value).startswith(f"{len(texts)}.toml: ")
    assert named in str(caught.value)


def test_schemes_that_leave_a_gap_are_refused() -> None:
    scheme = NATIONAL[NATIONAL.index("[[scheme]]") : NATIONAL.index("[[rounding]]")]
    later = scheme.replace("2021-09-01", "2026-02-01")
    first = NATIONAL.replace("valid_from = 2021-09-01", "valid_from = 2021-09-01\nvalid_to = 2025-12-31", 1)
    with pytest.raises(LawError, match=r"^benefit\.toml: scheme: the version from 2026-02-01 does not follow"):
        parse_survivor_law(("benefit.toml", first + later), {})
