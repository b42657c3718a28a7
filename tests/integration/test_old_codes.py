"""Rosters by the division codes of a day, over the API and the pages: who may see whom follows what became of a code."""

from asyncio import Runner
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from httpx import ASGITransport, AsyncClient, Response
from msgspec.structs import replace

from domain.facts import Department
from domain.law import Law
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.views import Views
from services.accounts import Accounts, Role
from services.api.app import create_app
from services.settings import Settings
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


class Asking:
    """A browser of each account."""

    def __init__(self, runner: Runner, client: AsyncClient, secrets: dict[str, str]) -> None:
        self._runner = runner
        self._client = client
        self._secrets = secrets

    def names(self, account: str, division: str, on: str = "") -> set[str]:
        """Who is shown on the roster of a division, on every page of it."""
        found: list[dict[str, object]] = []
        asked = f"/roster?limit=1&division={division}" + (f"&on={on}" if on else "")
        after = ""
        while rows := self._get(account, asked + after).raise_for_status().json():
            found += rows
            after = f"&after={rows[-1]['retiree']}"
        people = [msgspec.convert(row["person"], dict[str, str]) for row in found]
        return {person["name"] for person in people}

    def status(self, account: str, path: str) -> int:
        return self._get(account, path).status_code

    def page(self, account: str, path: str) -> str:
        return self._get(account, path).raise_for_status().text

    def _get(self, account: str, path: str) -> Response:
        headers = {"Authorization": f"Bearer {account}.{self._secrets[account]}"}
        return self._runner.run(self._client.get(path, headers=headers))


@pytest.fixture
def asking(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Asking]:
    ledger = Ledger(database, keys, law)
    for number, (name, home) in enumerate(HOMES.items(), start=1):
        fact = replace(retirement(), residence_division=home)
        ledger.accept([submission(fact, f"r{number}", number=number_of(number), name=name)], date(2026, 11, 23))
    views = Views(database)
    for rows in log.scan(database, 0, 100):
        views.apply(codec.entries(rows))
    file = tmp_path / "accounts"
    secrets = {
        name: Accounts.add(file, name, Role.COMMUNITY, Department.COMMUNITY, division)
        for name, division in ACCOUNTS.items()
    }
    settings = {"DATABASE_URL": dsn, "CHANGQING_KEY": bytes(range(32)).hex(), "CHANGQING_CREDENTIALS_FILE": str(file)}
    app = create_app(Settings.of(settings))
    client, lifespan = (
        AsyncClient(transport=ASGITransport(app), base_url="http://here"),
        app.router.lifespan_context(app),
    )
    with Runner() as runner:
        runner.run(lifespan.__aenter__())
        yield Asking(runner, client, secrets)
        runner.run(client.aclose())
        runner.run(lifespan.__aexit__(None, None, None))


def test_people_under_a_retired_code_are_on_the_roster_of_its_one_successor(asking: Asking) -> None:
    assert asking.names("pulandian", "210214") == {"普兰店市的", "普兰店区的"}
    assert asking.names("dalian", "2102") == {"普兰店市的", "普兰店区的", "瓦房店的"}
    assert asking.names("pulandian", "210282001001") == {"普兰店市的"}, "as the page of communities links to it"


def test_people_under_a_code_that_was_split_are_the_city_s_and_no_district_s(asking: Asking) -> None:
    assert asking.names("shenzhen", "4403") == {"宝安县的", "宝安区的", "龙华区的"}
    assert asking.names("shenzhen", "440306") == asking.names("baoan", "440306") == {"宝安区的"}
    assert asking.names("shenzhen", "440321") == {"宝安县的"}


def test_a_past_roster_is_found_under_the_code_of_its_day(asking: Asking) -> None:
    assert asking.names("pulandian", "210282", "2010-01-01") == {"普兰店市的", "普兰店区的"}
    assert asking.names("shenzhen", "440306", "2010-01-01") == {"宝安区的", "龙华区的"}
    assert asking.names("shenzhen", "440321", "1990-01-01") == {"宝安县的", "宝安区的", "龙华区的"}


def test_nobody_sees_another_district_s_people_by_asking_for_a_day_on_which_both_were_one(asking: Asking) -> None:
    assert asking.names("baoan", "440306", "2010-01-01") == {"宝安区的"}
    assert asking.status("baoan", "/roster?division=440321&on=1990-01-01") == 403
    assert asking.status("baoan", "/roster?division=440309") == 403
    assert asking.status("pulandian", "/roster?division=210281001001") == 403


def test_pages_name_a_retired_code_and_what_it_is_now(asking: Asking) -> None:
    communities = asking.page("pulandian", "/pages/roster")
    assert "辽宁省大连市普兰店市（现普兰店区 now Pulandian District）" in communities
    assert "210281" not in communities
    assert "社区台账：辽宁省大连市普兰店市" in asking.page("pulandian", "/pages/roster?division=210282&on=2010-01-01")
    roster = asking.page("pulandian", "/pages/roster?division=210282001001")
    (card,) = {line.split('"')[0] for line in roster.split('href="')[1:] if line.startswith("/pages/retirees/")}
    assert "现普兰店区" in asking.page("pulandian", card)
    assert asking.status("baoan", card) == 403
