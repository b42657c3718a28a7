"""What comes in between: an erasure while people are made findable, rights that are withdrawn, a minute in which nobody else is refused."""

import os
import pwd
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from domain.accounts import Standing
from domain.disclosures import AccessDenied, DataDisclosed, Way
from domain.facts import Department, Person
from domain.history import Receipt
from domain.law import Law
from infra.accounts import AccountRegister
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.searching import Search
from infra.terminal import operator
from services.accepting.intake import accept
from services.accounts import Role
from services.application import Changqing
from services.bus.worker import Arrived
from services.cli import main
from services.reading import denials
from tests.accounts import form, new_accounts
from tests.asking import Asking
from tests.building import number_of, retirement, submission
from tests.signing_in import KEY, Stranger, strangers
from tests.viewing import entries

ACCOUNTS = {
    "officer": (Role.OFFICER, "4403"),
    "guardian": (Role.GUARDIAN, ""),
    "publisher": (Role.PUBLISHER, ""),
    "auditor": (Role.AUDITOR, ""),
}
PATIENCE = 60
BASIS = "个人信息保护法 第四十七条"


def recorded(database: Database, kind: type[Any]) -> list[Any]:
    return [one.event for one in entries(database) if isinstance(one.event, kind)]


# An erasure, and the fold of what people are found by


def test_whoever_is_erased_while_they_are_made_findable_is_found_by_nothing(
    dsn: str, database: Database, keys: KeyRing, law: Law
) -> None:
    who = Person(identity_number=number_of(1), name="王小明", phone="15400001234")
    (receipt,) = Ledger(database, keys, law).accept([submission(retirement(), "r1", person=who)], date(2024, 4, 10))
    assert isinstance(receipt, Receipt)
    with psycopg.connect(dsn, autocommit=True) as owner, ThreadPoolExecutor(2) as pool:
        owner.execute(
            "create function slowly() returns trigger language plpgsql as "
            "$$ begin perform pg_advisory_xact_lock(4711); return null; end $$"
        )
        owner.execute(
            "create constraint trigger slowly after insert on views.search deferrable initially deferred "
            "for each row execute function slowly()"
        )
        owner.execute("select pg_advisory_lock(4711)")
        fold = pool.submit(Search(database, keys).apply, entries(database))
        _until(lambda: _waiting(owner) == 1)  # it has found the key, has written, and commits just now
        erasing = pool.submit(_forget_key, dsn, receipt.retiree)
        _until(lambda: erasing.done() or _waiting(owner) == 2)
        owner.execute("select pg_advisory_unlock(4711)")
        fold.result(PATIENCE)
        erasing.result(PATIENCE)
        assert owner.execute("select count(*) from ledger.retiree_key").fetchone() == (0,)
        assert owner.execute("select count(*) from views.search").fetchone() == (0,)


def _forget_key(dsn: str, retiree: object) -> None:
    with psycopg.connect(dsn) as owner:
        owner.execute("delete from ledger.retiree_key where retiree = %s", [retiree])


def _waiting(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    ).fetchone()
    return int(row[0]) if row else 0


def _until(so: Any) -> None:
    deadline = monotonic() + PATIENCE
    while not so():
        assert monotonic() < deadline
        sleep(0.02)


# Rights that are withdrawn


@pytest.mark.parametrize(
    "standing",
    [
        Standing(role=Role.COMMUNITY, department=Department.COMMUNITY, division="4403"),
        Standing(role=Role.GUARDIAN, department=Department.AGENCY, division="2102"),
    ],
    ids=["another role", "another division"],
)
def test_what_was_answered_once_is_not_told_again_to_whom_it_may_not_be_told_any_more(
    asked: Asking, database: Database, keys: KeyRing, law: Law, dsn: str, standing: Standing
) -> None:
    (receipt,) = Ledger(database, keys, law).accept([submission(retirement(), "r1")], date(2024, 4, 10))
    assert isinstance(receipt, Receipt)
    wish = {"act": "person.erase", "retiree": str(receipt.retiree), "reason": "kept long enough", "basis": BASIS}
    key = {"Idempotency-Key": '"a-key-of-the-test-1"'}
    made = asked.ask("guardian", "/v1/proposals", "POST", json=wish, headers=key)
    assert made.status_code == 201
    again = asked.ask("guardian", "/v1/proposals", "POST", json=wish, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (made.json(), "true")
    AccountRegister(database).change("guardian", standing, "tests")
    secret = new_accounts(dsn, [("guardian", Role.GUARDIAN, Department.AGENCY, "")])["guardian"]
    token = asked.ask("", "/oauth/token", "POST", data=form("guardian", secret)).json()["access_token"]
    later = asked.ask("", "/v1/proposals", "POST", json=wish, headers=key | {"Authorization": f"Bearer {token}"})
    assert later.status_code in {403, 422}
    assert "idempotency-replayed" not in later.headers
    assert made.json()["proposal"] not in later.text


# Refusals alike


def test_refusals_alike_are_told_when_their_minute_is_over_though_nobody_else_is_refused(
    asked: Asking, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "SECONDS", 0.5)
    for _ in range(20):
        assert asked.status("officer", "/v1/audit") == 403
    _until(lambda: sum(one.count for one in recorded(database, AccessDenied)) == 20)
    told = recorded(database, AccessDenied)
    assert {(one.actor, one.act, one.code) for one in told} == {("officer", "GET /v1/audit", "forbidden")}
    assert len(told) < 20


def test_nothing_that_a_stranger_typed_into_an_address_is_told_to_the_log(asked: Asking, database: Database) -> None:
    number = number_of(1)
    for path in (
        f"/v1/feeds/{number}%3F",
        f"/v1/law/{number}%23",
        f"/v1/registers/{number}",
        f"/v1/retirees/{number}%3Fx",
    ):
        assert asked.ask("", path, headers={"Authorization": "Bearer forged"}).status_code == 401
        asked.asked("officer", path)
    told = recorded(database, AccessDenied)
    assert len(told) >= 4
    assert number not in str(told)


# Dead letters of others


def test_a_letter_of_others_is_shown_by_no_path_and_who_tries_is_told_of(
    asked: Asking, dsn: str, keys: KeyRing, law: Law, database: Database
) -> None:
    application = Changqing(dsn, keys, law)
    arrived = Arrived("intake.police", 0, 0, (), b"{")
    accept(application, [arrived.received])
    application.close()
    unknown = arrived.place.replace("police-0-0", "police-0-7")
    assert unknown != arrived.place
    asks = [
        ("GET", "", None),
        ("POST", "/original", {}),
        ("POST", "/replay", {}),
        ("POST", "/mend", {}),
        ("POST", "/give-up", {"reason": "r"}),
    ]
    for method, path, body in asks:
        theirs, none = (
            asked.ask("publisher", f"/v1/dead-letters/{place}{path}", method, json=body)
            for place in (arrived.place, unknown)
        )
        assert (theirs.status_code, theirs.json()["code"]) == (403, "forbidden"), path
        assert (none.status_code, none.json()["code"]) == (404, "dead-letter-unknown"), path
        assert "police" not in theirs.text.replace(arrived.place, "")
    assert {one.what for one in recorded(database, AccessDenied)} == {"place"}
    assert len(recorded(database, AccessDenied)) == len(asks)
    assert arrived.place not in asked.asked("publisher", "/v1/dead-letters").text
    assert arrived.place not in asked.asked("publisher", "/v1/dead-letters?department=police").text
    for path in ("", "/original"):
        page = asked.asked("publisher", f"/pages/dead-letters/{arrived.place}{path}")
        assert page.status_code in {403, 404, 405}
    assert asked.post("auditor", f"/v1/dead-letters/{arrived.place}/original", {}).status_code == 200
    assert [one.way for one in recorded(database, DataDisclosed)] == [Way.API]


# Names


@pytest.fixture
def stranger(dsn: str) -> Iterator[Stranger]:
    with strangers(dsn) as one:
        yield one


def test_for_a_name_that_nobody_has_the_database_is_asked_the_same(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    really = psycopg.Connection.execute

    def execute(self: Any, query: Any, *args: Any, **more: Any) -> Any:
        asked.append(query if isinstance(query, str) else str(query))
        return really(self, query, *args, **more)

    def statements(name: str, address: str) -> Counter[str]:
        client = stranger.client(address)
        stranger.signs_in("warming up", "x", stranger.client("198.51.100.1"))
        asked.clear()
        stranger.post("/oauth/token", form(name, "guessed"), client)
        page = stranger.get("/login", client)
        token = page.text.partition('name="token" value="')[2].partition('"')[0]
        stranger.post("/login", {"token": token, "name": name, "password": "guessed"}, client)
        return Counter(asked)

    monkeypatch.setattr(psycopg.Connection, "execute", execute)
    there, nobody = statements("officer", "203.0.113.7"), statements("nobody", "203.0.113.8")
    assert there == nobody
    assert sum(there.values()) > 6


# At the terminal


def test_whoever_is_at_the_terminal_is_whom_the_host_knows_whatever_they_say(
    dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = pwd.getpwuid(os.getuid()).pw_name
    environment = {"DATABASE_URL": dsn, "CHANGQING_KEY": KEY.hex()}
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "alice")
    assert operator() == f"operator:{login}"
    made = ["account", "new", "one", "--role", "auditor", "--department", "social-insurance"]
    assert CliRunner().invoke(main, made, env=environment).exit_code == 0
    assert CliRunner().invoke(main, ["account", "disable", "one", "--by", "bob"], env=environment).exit_code == 0
    by = [str(one.event.by) for one in entries(database) if hasattr(one.event, "by")]
    assert by
    assert all(f"operator:{login}" in one for one in by), by
    assert "bob" in by[-1]
