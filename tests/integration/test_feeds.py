"""Feeds of consumers: by cursor and as server-sent events, with a place that is kept when the reader says so."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
import uvicorn
from msgspec.structs import replace

from domain.consumers import Terms
from domain.disclosures import DataDelivered
from domain.facts import DeathReported, Department
from domain.law import Law
from domain.refusals import Refused
from infra import codec, log
from infra.accounts import AccountRegister
from infra.consumers import Consumers
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.sessions import Sessions
from services.accounts import Role
from services.api.app import create_app
from services.api.cookies import SESSION
from services.identities import accounts as identities
from services.settings import Settings
from tests.accounts import bearer, form, new_accounts
from tests.building import number_of, retirement, submission

TODAY = date(2024, 6, 10)
FEED = "agency-pull"
TERMS = Terms(department=Department.AGENCY, kind="feed", account="agency", types=("pension-alert-*",))

pytestmark = pytest.mark.timeout(120)


class Sent(NamedTuple):
    """A server-sent event as it came."""

    id: str
    type: str
    event: dict[str, Any]


class Reader:
    """Programs of several accounts, over a real connection."""

    def __init__(self, url: str, secrets: dict[str, str]) -> None:
        self._url = url
        self._secrets = secrets
        self._tokens: dict[str, dict[str, str]] = {}

    def get(self, path: str, account: str = "agency") -> httpx.Response:
        return httpx.get(self._url + path, headers=self.headers(account))

    def acknowledge(self, position: int | str, account: str = "agency", feed: str = FEED) -> httpx.Response:
        body = {"position": position}
        return httpx.post(f"{self._url}/v1/feeds/{feed}/acknowledge", json=body, headers=self.headers(account))

    def stream(
        self, count: int, last: str = "", feed: str = FEED, account: str = "agency", query: str = ""
    ) -> list[Sent]:
        """The first so many events of a stream, which is then cut off."""
        headers = self.headers(account) | ({"Last-Event-ID": last} if last else {})
        found: list[Sent] = []
        with httpx.stream("GET", f"{self._url}/v1/feeds/{feed}/stream{query}", headers=headers, timeout=30) as response:
            response.raise_for_status()
            given: dict[str, str] = {}
            for text in response.iter_lines():
                name, _, value = text.partition(": ")
                if name:
                    given[name] = value
                elif "data" in given:
                    found.append(Sent(given["id"], given["event"], json.loads(given["data"])))
                    given = {}
                if not name and len(found) == count:
                    break
        return found

    def address(self, path: str) -> str:
        return self._url + path

    def headers(self, account: str) -> dict[str, str]:
        if account not in self._tokens:
            asked = httpx.post(f"{self._url}/oauth/token", data=form(account, self._secrets[account]))
            self._tokens[account] = bearer(asked)
        return self._tokens[account]


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


@pytest.fixture
def consumers(database: Database, keys: KeyRing) -> Consumers:
    return Consumers(database, keys)


@pytest.fixture
def reader(dsn: str, tmp_path: Path) -> Iterator[Reader]:
    accounts = {
        "agency": (Role.OFFICER, Department.AGENCY, "4403"),
        "agency-2102": (Role.OFFICER, Department.AGENCY, "2102"),
        "civil": (Role.PUBLISHER, Department.CIVIL_AFFAIRS, ""),
        "clerk": (Role.PUBLISHER, Department.AGENCY, "4403"),
        "auditor": (Role.AUDITOR, Department.AGENCY, ""),
    }
    secrets = new_accounts(dsn, ((name, *given) for name, given in accounts.items()))
    topics = tmp_path / "topics.toml"
    topics.write_text('[kinds.life-events]\nreaders = ["civil-affairs"]\n')
    settings = {
        "DATABASE_URL": dsn,
        "CHANGQING_KEY": bytes(range(32)).hex(),
        "CHANGQING_TOPICS_FILE": str(topics),
    }
    with _served(Settings.of(settings)) as url:
        yield Reader(url, secrets)


@contextmanager
def _served(settings: Settings) -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=0, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = Thread(target=server.run)
    thread.start()
    deadline = monotonic() + 30
    while not server.started:
        assert monotonic() < deadline
        sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def tell(ours: Ledger, people: range) -> None:
    for n in people:
        died = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
        told = submission(retirement(), f"r{n}", number=number_of(n)), submission(died, f"d{n}", number=number_of(n))
        for answer in ours.accept(told, TODAY):
            assert not isinstance(answer, Refused)


def positions(database: Database, beginning: str = "pension-alert-") -> list[str]:
    with database.transaction() as connection:
        return [str(row.position) for row in log.read(connection, 0, 10_000) if row.name.startswith(beginning)]


def test_a_feed_goes_on_from_the_place_that_was_acknowledged_and_from_nowhere_else(
    ours: Ledger, consumers: Consumers, reader: Reader, database: Database
) -> None:
    consumers.register(FEED, TERMS, "operator", 0)
    tell(ours, range(1, 6))
    all_ = positions(database)
    first = reader.get(f"/v1/feeds/{FEED}?limit=4").json()
    assert [event["id"] for event in first["events"]] == all_[:4]
    assert reader.get(f"/v1/feeds/{FEED}?limit=4").json() == first, "nothing was acknowledged"
    assert reader.acknowledge(first["after"]).json() == {"position": first["position"]}
    rest = reader.get(f"/v1/feeds/{FEED}").json()
    assert [event["id"] for event in rest["events"]] == all_[4:]
    assert reader.get(f"/v1/feeds/{FEED}?after={rest['after']}").json()["events"] == []
    assert reader.acknowledge(first["position"] - 1).json() == {"position": first["position"]}, "it never goes back"
    answer = reader.acknowledge(10**6)
    assert (answer.status_code, answer.json()["code"]) == (422, "position-ahead")
    for wrong in ("here", "-1", "1.2.3", -1, f"{first['after']}x"):
        assert reader.acknowledge(wrong).status_code in (400, 403, 422), wrong


def test_a_stream_that_breaks_again_and_again_loses_nothing_and_doubles_nothing(
    ours: Ledger, consumers: Consumers, reader: Reader, database: Database
) -> None:
    consumers.register(FEED, replace(TERMS, types=()), "operator", 0)
    tell(ours, range(1, 4))
    got = reader.stream(2)
    while len(got) < 12:
        got += reader.stream(2, last=got[-1].id)
    tell(ours, range(4, 6))
    expected = [event["id"] for event in reader.get(f"/v1/feeds/{FEED}").json()["events"]]
    got += reader.stream(len(expected) - len(got), last=got[-1].id)
    assert [one.event["id"] for one in got] == expected
    assert len(set(expected)) == len(expected)
    assert all(one.type == one.event["type"] for one in got)


def test_a_stream_broken_in_the_middle_of_what_one_fact_became_goes_on_there(
    ours: Ledger, consumers: Consumers, reader: Reader, database: Database
) -> None:
    """A report of civil affairs is a life event for all who may learn of it, and a receipt for them."""
    terms = Terms(department=Department.CIVIL_AFFAIRS, kind="feed", account="civil", types=("death-*", "receipt.v1"))
    consumers.register("civil-pull", terms, "operator", 0)
    tell(ours, range(1, 4))
    given = {"feed": "civil-pull", "account": "civil"}
    whole = reader.stream(6, **given)
    assert [one.type for one in whole] == ["death-reported.v1", "receipt.v1"] * 3
    for before, after in pairwise(whole):
        assert reader.stream(1, last=before.id, **given) == [after]
    position, _, place = whole[2].id.partition(".")
    assert place == "1"
    assert reader.acknowledge(whole[2].id, "civil", "civil-pull").json() == {"position": int(position) - 1}
    assert reader.stream(1, **given)[0].event["id"] == whole[2].event["id"]


def test_what_comes_while_a_stream_is_open_is_sent_at_once_and_recorded_as_handed_over(
    ours: Ledger, consumers: Consumers, reader: Reader, database: Database
) -> None:
    consumers.register(FEED, TERMS, "operator")
    found: list[Sent] = []
    thread = Thread(target=lambda: found.extend(reader.stream(3)))
    thread.start()
    tell(ours, range(1, 2))
    thread.join(30)
    assert [one.id for one in found] == positions(database)
    with database.transaction() as connection:
        (row,) = log.read(connection, 0, 100, names=["personal-data-delivered.v1"])
    delivered = codec.decode(*row).event
    assert isinstance(delivered, DataDelivered)
    assert (delivered.outlet, len(delivered.alerts)) == (f"feed:{FEED}", 3)


def test_a_feed_is_read_by_its_own_account_and_within_that_accounts_division(
    ours: Ledger, consumers: Consumers, reader: Reader, database: Database
) -> None:
    consumers.register(FEED, TERMS, "operator", 0)
    consumers.register("elsewhere", replace(TERMS, account="agency-2102"), "operator", 0)
    consumers.register("hook", replace(TERMS, kind="webhook", account="", url="https://a.example/"), "operator", 0)
    tell(ours, range(1, 3))
    for account in ("civil", "auditor", "agency-2102"):
        assert reader.get(f"/v1/feeds/{FEED}", account).status_code == 403
        assert reader.get(f"/v1/feeds/{FEED}/stream", account).status_code == 403
        assert reader.acknowledge(1, account).status_code == 403
    assert reader.get("/v1/feeds/hook").status_code == 403
    assert reader.get("/v1/feeds/nobody").json()["code"] == "unknown-consumer"
    assert reader.get("/v1/feeds/elsewhere", "agency-2102").json()["events"] == []
    assert len(reader.get(f"/v1/feeds/{FEED}").json()["events"]) == len(positions(database))


def test_alerts_are_read_by_officers_and_auditors_and_what_else_the_agency_gets_by_any_account_of_it(
    ours: Ledger, consumers: Consumers, reader: Reader
) -> None:
    for name, types in {"all": (), "alerts": ("pension-*",), "life": ("death-*", "receipt.v1")}.items():
        consumers.register(name, replace(TERMS, account="clerk", types=types), "operator", 0)
    tell(ours, range(1, 2))
    for name in ("all", "alerts"):
        assert reader.get(f"/v1/feeds/{name}", "clerk").status_code == 403
        assert reader.get(f"/v1/feeds/{name}/stream", "clerk").status_code == 403
        assert reader.acknowledge(1, "clerk", name).status_code == 403
    events = reader.get("/v1/feeds/life", "clerk").json()["events"]
    assert [event["type"] for event in events] == ["receipt.v1", "death-reported.v1"]


def test_what_was_put_into_the_query_of_a_url_of_old_is_not_shown(
    ours: Ledger, consumers: Consumers, reader: Reader
) -> None:
    old = Terms(department=Department.AGENCY, kind="webhook", url="https://a.example/in?token=secret")
    consumers.register("old", old, "operator")
    (shown,) = reader.get("/v1/consumers", "auditor").json()
    assert shown["url"] == "https://a.example/in"
    assert "secret" not in reader.get("/pages/consumers", "auditor").raise_for_status().text


def test_a_stream_ends_when_its_consumer_does_and_says_why_when_asked_again(
    ours: Ledger, consumers: Consumers, reader: Reader
) -> None:
    consumers.register(FEED, TERMS, "operator", 0)
    tell(ours, range(1, 2))
    found: list[Sent] = []
    thread = Thread(target=lambda: found.extend(reader.stream(99)))
    thread.start()
    deadline = monotonic() + 30
    while not consumers.outlets.entries(0, 100)[-1].name.startswith("personal-data-delivered"):
        assert monotonic() < deadline
        sleep(0.02)
    consumers.end(FEED, "operator", "换系统")
    thread.join(30)
    assert not thread.is_alive()
    assert len(found) == 3
    answer = reader.get(f"/v1/feeds/{FEED}/stream")
    assert (answer.status_code, answer.json()["code"]) == (410, "consumer-ended")


def test_consumers_are_shown_with_their_lag_to_auditors_and_to_their_own_department(
    ours: Ledger, consumers: Consumers, reader: Reader, database: Database
) -> None:
    consumers.register(FEED, TERMS, "operator", 0)
    civil = Terms(department=Department.CIVIL_AFFAIRS, kind="webhook", url="https://a.example/in")
    secret = consumers.register("civil-hook", civil, "operator", 0)
    tell(ours, range(1, 3))
    shown = {one["consumer"]: one for one in reader.get("/v1/consumers", "auditor").json()}
    assert (shown[FEED]["waiting"], shown[FEED]["state"]) == (len(positions(database)), "behind")
    assert shown["civil-hook"]["waiting"] == 6
    assert [one["consumer"] for one in reader.get("/v1/consumers").json()] == [FEED]
    assert [one["consumer"] for one in reader.get("/v1/consumers", "civil").json()] == ["civil-hook"]
    page = reader.get("/pages/consumers", "auditor").raise_for_status().text
    assert "有待接收" in page
    assert "civil-hook" in page
    assert secret.removeprefix("whsec_") not in page + json.dumps(shown)
    assert reader.get("/pages/consumers", "civil").status_code == 403
    consumers.outlets.acknowledge(FEED, consumers.outlets.head())
    (mine,) = reader.get("/v1/consumers").json()
    assert (mine["state"], mine["waiting"], mine["behind_seconds"]) == ("current", 0, 0)


def test_a_stream_ends_when_its_account_is_disabled(
    ours: Ledger, consumers: Consumers, reader: Reader, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "KEPT_SECONDS", 0.0)
    consumers.register(FEED, TERMS, "值班员")
    tell(ours, range(1, 2))
    assert reader.get(f"/v1/feeds/{FEED}").status_code == 200
    with httpx.stream(
        "GET", reader.address(f"/v1/feeds/{FEED}/stream"), headers=reader.headers("agency"), timeout=30
    ) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("id")
        AccountRegister(database).disable("agency", "管理员", "离职 left")
        for _ in lines:  # to the end, which comes
            pass
    assert reader.get(f"/v1/feeds/{FEED}").status_code == 401


@pytest.mark.parametrize(
    "alter",
    [
        "update ledger.account set standing = jsonb_set(standing, '{division}', '\"2102\"') where account = 'agency'",
        "update ledger.account set standing = jsonb_set(standing, '{role}', '\"auditor\"') where account = 'agency'",
        "update ledger.account set revision = revision + 1 where account = 'agency'",
        "update ledger.session set purpose = 'handover'",
        "update ledger.session set seen_at = seen_at - interval '31 minutes'",
        "update ledger.account set must_change = true where account = 'agency'",
    ],
    ids=["division", "role", "revision", "purpose", "idle", "password"],
)
def test_a_stream_ends_when_who_reads_it_is_no_more_who_they_were_when_it_began(
    alter: str, ours: Ledger, reader: Reader, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "KEPT_SECONDS", 0.0)
    tell(ours, range(1, 2))
    session = Sessions(database, timedelta(minutes=30), timedelta(hours=10)).begin("agency")
    cookies = {SESSION: session}
    with httpx.stream("GET", reader.address("/v1/alerts/stream"), cookies=cookies, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("id")
        with database.transaction() as connection:
            connection.execute(alter.encode())
        for _ in lines:  # to the end, which comes
            pass


def test_an_open_stream_is_no_use_of_a_session(ours: Ledger, reader: Reader, database: Database, dsn: str) -> None:
    tell(ours, range(1, 2))
    session = Sessions(database, timedelta(minutes=30), timedelta(hours=10)).begin("agency")
    with httpx.stream("GET", reader.address("/v1/alerts/stream"), cookies={SESSION: session}, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("id")
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute("update ledger.session set seen_at = seen_at - interval '20 minutes'")
            before = owner.execute("select seen_at from ledger.session").fetchone()
            tell(ours, range(2, 3))
            people = {json.loads(line[6:])["subject"] for line in _until(lines, 2)}
            assert len(people) == 2, "it was asked again, and went on"
            assert owner.execute("select seen_at from ledger.session").fetchone() == before


def _until(lines: Iterator[str], people: int) -> Iterator[str]:
    """The data of a stream until so many people were among it."""
    seen: set[str] = set()
    while len(seen) < people:
        line = next(lines)
        if line.startswith("data: "):
            seen.add(json.loads(line[6:])["subject"])
            yield line
