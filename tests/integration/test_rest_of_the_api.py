"""Dead letters, the law and the register of sources over HTTP, and what is asked once and for all."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from domain.disclosures import DataDisclosed
from domain.facts import Department
from domain.law import Law
from domain.sources import Policy, Registered, SourceKeyAdded
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.sources import Sources
from services.accepting.intake import accept
from services.accounts import Role
from services.application import Changqing
from services.bus.worker import Arrived
from tests.asking import Asking
from tests.building import number_of

ACCOUNTS = {
    "officer": (Role.OFFICER, "4403"),
    "colleague": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
    "community": (Role.COMMUNITY, "4403"),
}
INTAKE = "intake.social-insurance"
KEY = {"Idempotency-Key": '"a-key-of-the-test-1"'}


@pytest.fixture
def letters(dsn: str, keys: KeyRing, law: Law) -> list[str]:
    """Four messages that nobody can take in: three that are no JSON, one of a day that never was."""
    application = Changqing(dsn, keys, law)
    values = [b"{", b"{{", b"{ ", event("1900-01-01")]
    arrived = [Arrived(INTAKE, 0, n, (), value) for n, value in enumerate(values)]
    accept(application, [one.received for one in arrived])
    application.close()
    return [one.place for one in arrived]


def event(on: str) -> bytes:
    told = {
        "specversion": "1.0",
        "type": "death-reported.v1",
        "source": "/social-insurance/shenzhen",
        "id": "d1",
        "data": {"person": {"identity_number": number_of(1), "name": "王小明"}, "effective": on},
    }
    return json.dumps(told).encode()


def log_of(database: Database, kind: type[Any]) -> list[Any]:
    entries = [entry for rows in log.scan(database) for entry in codec.entries(rows)]
    return [entry.event for entry in entries if isinstance(entry.event, kind)]


# Dead letters


def test_letters_are_listed_by_failure_and_page_by_page(asked: Asking, letters: list[str]) -> None:
    first = asked.json("officer", "/v1/dead-letters?limit=3")
    rest = asked.json("officer", f"/v1/dead-letters?limit=3&after={first['after']}")
    assert [one["place"] for one in (*first["letters"], *rest["letters"])] == letters
    assert ("malformed-json", 3) in {(one["code"], one["letters"]) for one in first["groups"]}
    assert rest["after"] is None
    assert asked.json("community", "/v1/dead-letters")["letters"] == []
    assert asked.json("auditor", f"/v1/dead-letters/{letters[0]}")["code"] == "malformed-json"
    assert asked.status("community", f"/v1/dead-letters/{letters[0]}") == 403
    assert asked.status("officer", "/v1/dead-letters/intake.police-0-99") == 404


def test_the_message_as_it_came_is_shown_after_the_look_is_recorded(
    asked: Asking, letters: list[str], database: Database
) -> None:
    shown = asked.ask("officer", f"/v1/dead-letters/{letters[3]}/original", "POST").json()
    assert base64.b64decode(shown["value_base64"]) == event("1900-01-01")
    (look,) = log_of(database, DataDisclosed)
    assert (look.actor, look.fields) == ("officer", ("original", f"dead-letter:{letters[3]}"))
    assert asked.ask("community", f"/v1/dead-letters/{letters[3]}/original", "POST").status_code == 403


def test_a_letter_is_sent_again_mended_and_given_up(asked: Asking, letters: list[str]) -> None:
    again = asked.ask("officer", f"/v1/dead-letters/{letters[0]}/replay", "POST").json()
    assert (again["outcome"], again["answer"]["code"]) == ("refused", "malformed-json")
    mended = asked.ask("officer", f"/v1/dead-letters/{letters[3]}/mend", "POST", content=event("2024-03-12")).json()
    assert mended["outcome"] in {"accepted", "parked"}
    assert asked.json("officer", f"/v1/dead-letters/{letters[3]}")["state"] == "mended"
    ended = asked.post("officer", f"/v1/dead-letters/{letters[1]}/give-up", {"reason": "送错了"}).json()
    assert (ended["state"], ended["reason"]) == ("given-up", "送错了")
    sent = asked.post("officer", "/v1/dead-letters/replay", {"code": "malformed-json"}).json()
    assert sent == {"outcomes": {"refused": 2}}
    longer = asked.ask("officer", f"/v1/dead-letters/{letters[0]}/mend", "POST", content=b" " * (512 * 1024 + 1))
    assert (longer.status_code, longer.json()["code"]) == (413, "body-too-large")


# Once and for all


def give_up(asked: Asking, place: str, account: str = "officer", **body: str) -> Any:
    given = {"reason": "送错了"} | body
    return asked.ask(account, f"/v1/dead-letters/{place}/give-up", "POST", json=given, headers=KEY)


def test_what_is_asked_again_under_its_key_is_answered_the_same_and_done_no_second_time(
    asked: Asking, letters: list[str], database: Database
) -> None:
    first = give_up(asked, letters[0])
    before = len(log_of(database, object))
    again = give_up(asked, letters[0])
    assert (again.status_code, again.json()) == (200, first.json())
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert len(log_of(database, object)) == before
    without = asked.post("officer", f"/v1/dead-letters/{letters[0]}/give-up", {"reason": "送错了"})
    assert without.json()["code"] == "dead-letter-closed"


def test_a_refusal_is_kept_like_any_answer(asked: Asking, letters: list[str]) -> None:
    refused, again = (give_up(asked, letters[0], reason="11010519491231002X") for _ in range(2))
    assert (refused.status_code, refused.json()["code"]) == (422, "identity-number-in-id")
    assert (again.json(), again.headers["idempotency-replayed"]) == (refused.json(), "true")
    assert again.headers["content-type"] == "application/problem+json"


def test_a_key_is_for_one_request_of_one_account(asked: Asking, letters: list[str]) -> None:
    assert give_up(asked, letters[0]).status_code == 200
    assert give_up(asked, letters[0], reason="别的").json()["code"] == "idempotency-key-reused"
    assert give_up(asked, letters[1]).json()["code"] == "idempotency-key-reused"
    assert give_up(asked, letters[1], "colleague").status_code == 200


def test_what_nobody_answered_yet_is_in_progress_and_later_in_doubt(
    asked: Asking, letters: list[str], dsn: str
) -> None:
    give_up(asked, letters[0])
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("update ledger.once set status = null, answer = null")
        progress = give_up(asked, letters[0])
        owner.execute("update ledger.once set begun = begun - interval '3 minutes'")
        doubt = give_up(asked, letters[0])
        owner.execute("update ledger.once set begun = begun - interval '1 day'")
        forgotten = give_up(asked, letters[0])
    assert (progress.status_code, progress.json()["code"]) == (409, "idempotency-in-progress")
    assert (doubt.status_code, doubt.json()["code"]) == (409, "idempotency-in-doubt")
    assert forgotten.json()["code"] == "dead-letter-closed"


def test_of_a_key_and_an_answer_nothing_is_kept_in_clear(asked: Asking, letters: list[str], dsn: str) -> None:
    give_up(asked, letters[0])
    with psycopg.connect(dsn) as owner:
        (kept,) = owner.execute(
            "select encode(answer, 'escape') || encode(key, 'escape') || status from ledger.once"
        ).fetchall()
    assert "200" in kept[0]
    for clear in ("a-key-of-the-test", letters[0], "given-up"):
        assert clear not in kept[0]


# The law, and the register of sources


def test_the_law_of_a_day_says_by_which_article(asked: Asking, law: Law) -> None:
    then = asked.json("officer", "/v1/law?on=2000-06-01&division=4403")
    rule = {one["key"]: one for one in then["rules"]}["death-stops-pension"]
    assert (rule["document"], rule["article"], rule["valid_to"]) == ("国发〔1978〕104号", "第二条", "2001-12-31")
    now = asked.json("community", "/v1/law?on=2026-11-23&division=440304")
    assert {one["key"]: one for one in now["rules"]}["death-stops-pension"]["document"] == "劳社厅发〔2001〕8号"
    assert now["city"]["steps"]
    assert now["digest"] == law.digest
    assert asked.json("officer", "/v1/law?on=2026-11-23")["city"] is None
    assert asked.ask("", "/v1/law").status_code == 401


def test_every_version_of_a_rule_is_there_with_its_days(asked: Asking, law: Law) -> None:
    for key in {rule.key for rule in law.in_force(datetime(2026, 11, 23, tzinfo=UTC).date())}:
        told = asked.json("officer", f"/v1/law/{key}")
        assert told == json.loads(json.dumps(told))
        assert [one["valid_from"] for one in told] == sorted(one["valid_from"] for one in told)
        assert all(one["document"] and one["article"] and one["zh"] and one["en"] for one in told)
    assert asked.status("officer", "/v1/law/no-such-rule") == 404


def test_the_register_of_sources_is_shown_to_those_whose_they_are(asked: Asking, database: Database) -> None:
    register = Sources(database)
    for source, department in (("/police/shenzhen", Department.POLICE), ("/community/futian", Department.COMMUNITY)):
        register.add(Registered(source=source, department=department, office="局", policy=Policy()), "operator")
    key = SourceKeyAdded(
        source="/community/futian",
        keyid="k1",
        public=bytes(32),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        by="operator",
    )
    register.add_key(key)
    everything = asked.json("auditor", "/v1/sources/registered")
    assert {one["source"] for one in everything} == {"/police/shenzhen", "/community/futian"}
    (mine,) = asked.json("community", "/v1/sources/registered")
    assert (mine["source"], [one["keyid"] for one in mine["keys"]]) == ("/community/futian", ["k1"])


# Addresses


def test_a_path_that_another_would_match_allows_what_it_is_itself_for(asked: Asking) -> None:
    refused = asked.ask("officer", "/v1/dead-letters/replay", "PATCH")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert asked.ask("officer", "/v1/dead-letters/other", "PATCH").headers["allow"] == "GET"


@pytest.mark.parametrize("day", ["0", "20240101", "1.5", "2024-1-1"])
def test_the_law_is_of_a_day_as_iso_8601_writes_it(asked: Asking, day: str) -> None:
    refused = asked.asked("auditor", f"/v1/law?on={day}")
    assert (refused.status_code, refused.json()["path"]) == (400, "query.on")
