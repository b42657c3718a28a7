"""Whoever is registered under a code of another day is found where they are on the day asked, and under one county only."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.divisions import Level, level
from domain.lineage import Lineage
from infra.statutes import the_lineage
from projections.roster import communities
from services.demo.sample import sample_areas
from services.web.places import called

LINEAGE = the_lineage()
TODAY = date(2026, 11, 23)
DAYS = st.dates(date(1980, 12, 31), TODAY)
COUNTIES = sorted(
    {
        area.code
        for change in [date(1980, 12, 31), *(change.on for change in LINEAGE.changes), TODAY]
        for day in (change - timedelta(days=1), change)
        for area in LINEAGE.on(day)
        if level(area.code) is Level.COUNTY
    }
)
COMMUNITIES = [f"{county[:6]}001002" for county in COUNTIES]

PULANDIAN_CITY, PULANDIAN = "210282001001", "210214001001"
BAOAN_COUNTY, BAOAN, LONGHUA, LONGGANG = "440321001001", "440306001001", "440309001001", "440307001001"
YANGXIN, PUQI, SUBURBS, BEIJING = "422327001001", "422302001001", "410112001001", "110105001001"
REGISTERED = [PULANDIAN_CITY, PULANDIAN, BAOAN_COUNTY, BAOAN, LONGHUA, LONGGANG, YANGXIN, PUQI, SUBURBS, BEIJING]


@pytest.mark.parametrize(
    ("code", "day", "place"),
    [
        (PULANDIAN_CITY, date(2015, 10, 12), PULANDIAN_CITY),
        (PULANDIAN_CITY, date(2015, 10, 13), "210214000000"),
        (PULANDIAN, date(2015, 10, 12), "210282000000"),
        (PULANDIAN, TODAY, PULANDIAN),
        (PUQI, TODAY, "421281000000"),
        (YANGXIN, TODAY, "420222000000"),
        (BAOAN, date(1985, 1, 1), "440321000000"),
        (LONGHUA, date(2010, 1, 1), "440306000000"),
        (LONGHUA, date(1985, 1, 1), "440321000000"),
        (BAOAN, TODAY, BAOAN),
        (BEIJING, TODAY, BEIJING),
    ],
)
def test_a_code_of_another_day_belongs_to_its_one_successor_or_to_what_it_was(code: str, day: date, place: str) -> None:
    assert LINEAGE.placed(code, day) == place


def test_what_was_split_is_found_in_the_city_and_in_no_part_of_it_as_nobody_recorded_in_which() -> None:
    assert LINEAGE.placed(BAOAN_COUNTY, TODAY) == "440300000000"
    assert LINEAGE.placed(SUBURBS, TODAY) == SUBURBS
    assert communities(REGISTERED, "4403", LINEAGE, TODAY) == [BAOAN_COUNTY, BAOAN, LONGHUA, LONGGANG]
    assert communities(REGISTERED, "440306", LINEAGE, TODAY) == [BAOAN]
    assert communities(REGISTERED, "4101", LINEAGE, TODAY) == [SUBURBS]


def test_a_roster_is_found_under_the_code_in_force_on_the_day_asked() -> None:
    both = [PULANDIAN_CITY, PULANDIAN]
    assert communities(REGISTERED, "210214", LINEAGE, TODAY) == both
    assert communities(REGISTERED, "210282", LINEAGE, date(2010, 1, 1)) == both
    assert communities(REGISTERED, "440306", LINEAGE, date(2010, 1, 1)) == [BAOAN, LONGHUA]
    assert communities(REGISTERED, "440321", LINEAGE, date(1990, 1, 1)) == [BAOAN_COUNTY, BAOAN, LONGHUA, LONGGANG]
    assert communities(REGISTERED, "4223", LINEAGE, date(1997, 1, 1)) == [PUQI]
    assert communities(REGISTERED, "4202", LINEAGE, date(1997, 1, 1)) == [YANGXIN]
    assert communities(REGISTERED, "4212", LINEAGE, TODAY) == [PUQI]
    assert communities(REGISTERED, "", LINEAGE, TODAY) == REGISTERED


def test_a_code_asked_on_a_day_on_which_it_is_not_in_force_has_those_registered_under_it() -> None:
    assert communities(REGISTERED, PULANDIAN_CITY, LINEAGE, TODAY) == [PULANDIAN_CITY]
    assert communities(REGISTERED, "210282", LINEAGE, TODAY) == [PULANDIAN_CITY]
    assert communities(REGISTERED, "210214", LINEAGE, date(2010, 1, 1)) == [PULANDIAN]


@given(st.sampled_from(COMMUNITIES), DAYS)
def test_on_no_day_is_anybody_found_under_two_counties(code: str, day: date) -> None:
    in_force = [county for county in COUNTIES if LINEAGE.in_force(county, day)]
    under = [county for county in in_force if communities([code], county[:6], LINEAGE, day)]
    assert len(under) <= 1
    place = LINEAGE.placed(code, day)
    assert LINEAGE.placed(place, day) == place
    if place != code:
        assert LINEAGE.in_force(place, day)
    near = f"{code[:6]}000000"
    if LINEAGE.in_force(near, day):
        assert under == [near]


@given(st.sampled_from(COMMUNITIES), DAYS, DAYS)
def test_nothing_is_guessed_whoever_is_placed_elsewhere_became_that_from_each_day_of_their_code(
    code: str, then: date, day: date
) -> None:
    county, place = f"{code[:6]}000000", LINEAGE.placed(code, day)
    if place == code or level(place) < Level.COUNTY or not LINEAGE.in_force(county, then):
        return
    found = LINEAGE.became(county, then, day) if then <= day else LINEAGE.was(county, then, day)
    assert [area.code for area in found] == [place]


@pytest.mark.parametrize(
    ("code", "day", "name"),
    [
        (PULANDIAN, TODAY, "辽宁省大连市普兰店区"),
        (PULANDIAN_CITY, date(2010, 1, 1), "辽宁省大连市普兰店市"),
        (PULANDIAN_CITY, TODAY, "辽宁省大连市普兰店市（现普兰店区 now Pulandian District）"),
        ("440309000000", date(2010, 1, 1), "广东省深圳市龙华区（时属宝安区 then Bao'an District）"),
        (
            BAOAN_COUNTY,
            date(2000, 1, 1),
            "广东省深圳市宝安县（现宝安区、龙岗区 now Bao'an District, Longgang District）",
        ),
        (SUBURBS, TODAY, "河南省郑州市郊区（已撤销 abolished）"),
        ("410111001001", date(1981, 1, 1), "河南省郑州市金海区（其后设立 established later）"),
        (BEIJING, TODAY, ""),
        ("4403", TODAY, "广东省深圳市"),
    ],
)
def test_pages_call_a_code_by_its_own_name_and_say_what_it_is_on_the_day(code: str, day: date, name: str) -> None:
    assert called(LINEAGE, code, day) == name


def test_the_names_of_the_invented_communities_fit_into_the_lineage() -> None:
    areas = [*sample_areas()]
    lines = "".join(f'{area.code} = {{ zh = "{area.zh}", en = "{area.en}" }}\n' for area in areas)
    lineage: Lineage = the_lineage(lines)
    assert all(called(lineage, area.code, TODAY).endswith(area.zh) for area in areas)


def test_a_community_that_is_listed_without_dates_goes_with_its_district() -> None:
    names = f"""
210214001000 = {{ zh = "丰荣街道", en = "Fengrong Street" }}
{PULANDIAN} = {{ zh = "某社区", en = "Some Community" }}
"""
    lineage, before = the_lineage(names), date(2010, 1, 1)
    assert lineage.placed(PULANDIAN, before) == "210282000000"
    assert (
        called(lineage, PULANDIAN, before) == "辽宁省大连市普兰店区丰荣街道某社区（时属普兰店市 then Pulandian City）"
    )
    assert called(lineage, PULANDIAN, TODAY) == "辽宁省大连市普兰店区丰荣街道某社区"
    assert communities([PULANDIAN], "210282", lineage, before) == communities([PULANDIAN], PULANDIAN, lineage, TODAY)
