"""Rosters by the division codes of a day, over the API and the pages: who may see whom follows what became of a code."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission

HOMES = {
    "普兰店市的": "210282001001",
    "普兰店区的": "210214001001",
    "瓦房店的": "210281001001",
    "宝安县的": "440321001001",
    "宝安区的": "440306001001",
    "龙华区的": "440309001001",
}
"""Where people are registered, by their names: two of these codes are in force no more."""
ACCOUNTS = {"pulandian": "210214", "dalian": "2102", "baoan": "440306", "shenzhen": "4403"}


@pytest.fixture
def asked(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Asking]:
    ledger = Ledger(database, keys, law)
    for number, (name, home) in enumerate(HOMES.items(), start=1):
        fact = replace(retirement(date(1989, 12, 31)), residence_division=home)
        ledger.accept([submission(fact, f"r{number}", number=number_of(number), name=name)], date(2026, 11, 23))
    catch_up(database)
    with asking(dsn, tmp_path, {name: (Role.COMMUNITY, division) for name, division in ACCOUNTS.items()}) as asked:
        yield asked


def test_people_under_a_retired_code_are_on_the_roster_of_its_one_successor(asked: Asking) -> None:
    assert asked.names("pulandian", "210214") == {"普兰店市的", "普兰店区的"}
    assert asked.names("dalian", "2102") == {"普兰店市的", "普兰店区的", "瓦房店的"}
    assert asked.names("pulandian", "210282001001") == {"普兰店市的"}, "as the page of communities links to it"


def test_people_under_a_code_that_was_split_are_the_city_s_and_no_district_s(asked: Asking) -> None:
    assert asked.names("shenzhen", "4403") == {"宝安县的", "宝安区的", "龙华区的"}
    assert asked.names("shenzhen", "440306") == asked.names("baoan", "440306") == {"宝安区的"}
    assert asked.names("shenzhen", "440321") == {"宝安县的"}


def test_a_past_roster_is_found_under_the_code_of_its_day(asked: Asking) -> None:
    assert asked.names("pulandian", "210282", "2010-01-01") == {"普兰店市的", "普兰店区的"}
    assert asked.names("shenzhen", "440306", "2010-01-01") == {"宝安区的", "龙华区的"}
    assert asked.names("shenzhen", "440321", "1990-01-01") == {"宝安县的", "宝安区的", "龙华区的"}


def test_nobody_sees_another_district_s_people_by_asking_for_a_day_on_which_both_were_one(asked: Asking) -> None:
    assert asked.names("baoan", "440306", "2010-01-01") == {"宝安区的"}
    assert asked.status("baoan", "/v1/roster?division=440321&on=1990-01-01") == 403
    assert asked.status("baoan", "/v1/roster?division=440309") == 403
    assert asked.status("pulandian", "/v1/roster?division=210281001001") == 403


def test_pages_name_a_retired_code_and_what_it_is_now(asked: Asking) -> None:
    communities = asked.page("pulandian", "/pages/roster")
    assert "辽宁省大连市普兰店市（现普兰店区 now Pulandian District）" in communities
    assert "210281" not in communities
    assert "社区台账：辽宁省大连市普兰店市" in asked.page("pulandian", "/pages/roster?division=210282&on=2010-01-01")
    roster = asked.page("pulandian", "/pages/roster?division=210282001001")
    (card,) = {line.split('"')[0] for line in roster.split('href="')[1:] if line.startswith("/pages/retirees/")}
    assert "现普兰店区" in asked.page("pulandian", card)
    assert asked.status("baoan", card) == 403


def test_a_card_of_a_past_day_is_for_whom_the_code_of_that_day_has_come_to(asked: Asking) -> None:
    (old,) = asked.json("pulandian", "/v1/roster?division=210282001001&on=2010-01-01")
    assert asked.json("pulandian", f"/v1/retirees/{old['retiree']}?on=2010-01-01")["line"] == old
    for line in asked.json("shenzhen", "/v1/roster?division=440321&on=1990-01-01"):
        card = f"/v1/retirees/{line['retiree']}"
        assert asked.json("shenzhen", f"{card}?on=1990-01-01")["line"] == line
        assert asked.status("baoan", f"{card}?on=1990-01-01") == asked.status("baoan", card)
