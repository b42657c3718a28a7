"""What became of divisions: which codes were in force on a day, what came before and after them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.divisions import DivisionsError, Level, level
from domain.lineage import Lineage, parse_lineage
from infra.statutes import the_divisions, the_lineage

TODAY = date(2026, 11, 23)
DAYS = st.dates(date(1980, 12, 31), TODAY)


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return the_lineage()


def codes(found: tuple[object, ...]) -> list[str]:
    return [str(area.code)[:6] for area in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "then", "became"),
    [
        ("210221", date(1985, 1, 1), ["210213"]),
        ("210222", date(1985, 1, 1), ["210214"]),
        ("210223", date(1981, 1, 1), ["210281"]),
        ("210225", date(1985, 1, 1), ["210283"]),
        ("210282", date(2010, 1, 1), ["210214"]),
        ("412129", date(1981, 1, 1), ["410183"]),
        ("410121", date(1990, 1, 1), ["410182"]),
        ("410123", date(1990, 1, 1), ["410184"]),
        ("410125", date(1990, 1, 1), ["410185"]),
        ("410108", date(1990, 1, 1), ["410108"]),
        ("422321", date(1981, 1, 1), ["421202"]),
        ("422302", date(1990, 1, 1), ["421281"]),
        ("422300", date(1990, 1, 1), ["421200"]),
        ("422327", date(1990, 1, 1), ["420222"]),
    ],
)
def test_what_moved_has_one_successor(lineage: Lineage, code: str, then: date, became: list[str]) -> None:
    assert codes(lineage.became(code.ljust(12, "0"), then, TODAY)) == became
    assert codes(lineage.was(became[0].ljust(12, "0"), TODAY, then)) == [code]


def test_what_was_split_has_several_and_none_is_chosen(lineage: Lineage) -> None:
    baoan_county, baoan = "440321000000", "440306000000"
    all_of_it = ["440306", "440307", "440309", "440310", "440311"]
    assert codes(lineage.became(baoan_county, date(1990, 1, 1), TODAY)) == all_of_it
    assert codes(lineage.became(baoan_county, date(1990, 1, 1), date(2000, 1, 1))) == ["440306", "440307"]
    assert codes(lineage.became(baoan, date(2010, 1, 1), date(2017, 1, 1))) == ["440306", "440309"]
    assert codes(lineage.became(baoan, date(2010, 1, 1), TODAY)) == ["440306", "440309", "440311"]
    assert codes(lineage.became(baoan, date(2020, 1, 1), TODAY)) == ["440306"]
    assert {code: codes(lineage.was(code.ljust(12, "0"), TODAY, date(1990, 1, 1))) for code in all_of_it} == {
        code: ["440321"] for code in all_of_it
    }


def test_what_nobody_recorded_is_not_guessed(lineage: Lineage) -> None:
    """The suburbs of Zhengzhou were divided in 1987, among which districts is not settled; a street is not listed."""
    assert lineage.became("410112000000", date(1985, 1, 1), TODAY) == ()
    assert lineage.was("410108000000", TODAY, date(1985, 1, 1)) == ()
    assert lineage.became("210282001000", date(2010, 1, 1), TODAY) == ()
    assert lineage.became("210282000000", date(2020, 1, 1), TODAY) == ()  # it was not in force then


def test_a_code_is_in_force_from_its_first_day_to_its_last(lineage: Lineage) -> None:
    approved = date(2015, 10, 13)
    for day, city, district in (
        (approved - timedelta(days=1), True, False),
        (approved, False, True),
        (date(1995, 12, 30), False, False),
        (date(1995, 12, 31), True, False),
    ):
        assert lineage.in_force("210282000000", day) is city
        assert lineage.in_force("210214000000", day) is district


def test_names_are_those_of_the_day(lineage: Lineage) -> None:
    assert lineage.full_name("410108000000", date(2003, 12, 24)) == "河南省郑州市邙山区"
    assert lineage.full_name("410108000000", date(2003, 12, 25)) == "河南省郑州市惠济区"
    assert lineage.full_name("210221000000", date(1980, 12, 31)) == "辽宁省旅大市金县"
    assert lineage.full_name("210282001001", date(2010, 1, 1), "en") == "Pulandian City, Dalian, Liaoning"
    assert lineage.full_name("422302000000", date(1998, 9, 1)) == "湖北省咸宁地区赤壁市"


def test_county_cities_stood_straight_under_their_province(lineage: Lineage) -> None:
    assert lineage.full_name("419016000000", date(1994, 12, 31)) == "河南省荥阳市"


def test_the_divisions_of_a_day_are_divisions(lineage: Lineage) -> None:
    then = lineage.on(date(1985, 12, 31))
    assert then.full_name("440321000000") == "广东省深圳市宝安县"
    assert then.find("440306000000") is None
    assert {area.code for area in the_divisions()} <= {area.code for area in lineage.on(TODAY)}


@pytest.mark.parametrize(
    ("city", "year", "counties"),
    [
        ("2102", 1980, 10),
        ("2102", 1995, 10),
        ("2102", 2015, 10),
        ("4101", 1980, 7),
        ("4101", 1983, 14),
        ("4101", 1987, 12),
        ("4101", 1995, 12),
        ("4223", 1980, 7),
        ("4212", 1998, 6),
        ("4403", 1985, 1),
        ("4403", 1990, 4),
        ("4403", 1992, 5),
        ("4403", 1997, 6),
        ("4403", 2016, 8),
        ("4403", 2018, 9),
    ],
)
def test_as_many_counties_as_the_list_at_the_end_of_the_year_has(
    lineage: Lineage, city: str, year: int, counties: int
) -> None:
    there = [area.code for area in lineage.on(date(year, 12, 31)) if area.code.startswith(city)]
    assert len([code for code in there if level(code) is Level.COUNTY]) == counties


@given(day=DAYS, then=DAYS)
def test_there_and_back_again(lineage: Lineage, day: date, then: date) -> None:
    """What a code became was that code, and whatever it became was in force."""
    earlier, later = sorted((day, then))
    for area in lineage.on(earlier):
        for after in lineage.became(area.code, earlier, later):
            assert lineage.in_force(after.code, later)
            assert area in lineage.was(after.code, later, earlier)


def test_dates_are_told_as_far_as_they_are_known(lineage: Lineage) -> None:
    assert lineage.dated("210214000000", date(2015, 10, 13)) == "2015-10-13"
    assert lineage.dated("210213000000", date(1987, 4, 30)) == "1987-04"
    assert lineage.dated("410183000000", date(1995, 12, 31)) == "1995"


NAMES = """
440000000000 = { zh = "广东省", en = "Guangdong" }
440300000000 = { zh = "深圳市", en = "Shenzhen", valid_from = 1979-03-05 }
440306000000 = { zh = "宝安区", en = "Bao'an District", valid_from = 1992-11-11 }
"""
COUNTY = '{ code = "440321000000", zh = "宝安县", en = "Bao\'an County", valid_to = 1992-11-10 }'
MOVED = '{ on = 1992-11-11, kind = "moved", from = ["440321000000"], to = ["440306000000"] }'


def parse(names: str = NAMES, codes: str = COUNTY, changes: str = MOVED, more: str = "") -> Lineage:
    given = {"names.toml": names} | ({"more.toml": more} if more else {})
    return parse_lineage(given, ("history.toml", f"codes = [{codes}]\nchanges = [{changes}]"))


def test_streets_of_a_users_file_are_in_force_with_their_county() -> None:
    """A street whose beginning nobody gave begins with its county."""
    found = parse(more='440306001000 = { zh = "示例街道", en = "Sample Street" }')
    assert found.full_name("440306001000", TODAY) == "广东省深圳市宝安区示例街道"
    assert not found.in_force("440306001000", date(1990, 1, 1))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"codes": COUNTY.replace("valid_to", "valid_until")}, "history.toml: .*valid_until"),
        ({"codes": COUNTY.replace("valid_to =", "valid_from = 1993-01-01, valid_to =")}, "440321000000 ends before"),
        ({"codes": f"{COUNTY}, {COUNTY}"}, "440321000000 has two names at the same time"),
        ({"codes": COUNTY.replace("4403", "4405")}, "history.toml: 440521000000 lies in 440500000000, which is not listed"),
        ({"names": NAMES.replace("1979-03-05", "2000-01-01")}, "names.toml: 440306000000 lies in 440300000000, which is not in"),
        ({"changes": MOVED.replace("440306", "440399")}, "history.toml: a change names 440399000000"),
        ({"changes": MOVED.replace("11-11", "12-01")}, "history.toml: 440306000000 and its changes do not agree about 1992-11-11"),
        ({"changes": ""}, "history.toml: 440321000000 and its changes do not agree about 1992-11-11"),
        ({"changes": MOVED.replace("moved", "eaten")}, "history.toml: Invalid enum value 'eaten'"),
        ({"changes": MOVED.replace('"440306000000"', '"440306"')}, "history.toml: Expected `str` matching"),
        ({"more": "440306001000 = { zh = 1 }"}, "more.toml: Expected `str`"),
        ({"more": '440308001000 = { zh = "示例", en = "Sample" }'}, "more.toml: 440308001000 lies in 440308000000"),
    ],
    ids=[
        "unknown member",
        "ends first",
        "overlap",
        "no city",
        "county before its city",
        "unknown successor",
        "another day",
        "end without a change",
        "unknown kind",
        "short code",
        "user's file",
        "user's street without a county",
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_by_file_and_code(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(DivisionsError, match=said):
        parse(**wrong)
