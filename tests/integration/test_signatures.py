"""Signed events from intake to the log, and back out of it byte for byte."""

import base64
import json
from asyncio import Runner
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from aiokafka import ConsumerRecord
from typer.testing import CliRunner

from domain.completeness import SequencesUnused
from domain.disclosures import DataDisclosed
from domain.facts import Department
from domain.history import FactPublished, Receipt
from domain.law import Law
from domain.sources import Policy, Registered, SourceKeyAdded
from infra import codec, log
from infra.database import Database
from infra.dsse import SigningKey
from infra.keys import KeyRing
from infra.sources import Sources
from services.accepting.cloudevents import Publisher
from services.accepting.envelopes import structured
from services.accepting.intake import Answer, Received, Refusal, accept
from services.accepting.verifying import sign
from services.accounts import Account, Role
from services.api.app import create_app
from services.application import Changqing
from services.bus.worker import Arrived, arrived
from services.cli import main
from services.letters.dealing import DeadLetters
from services.settings import Settings
from services.sources.showing import accepted_under
from tests.accounts import bearer, form, new_accounts

POLICE = "/police/shenzhen"
KEY = SigningKey.from_seed(bytes(range(32)))
DATA = b'{ "person": {"identity_number":"11010519491231002X", "name": "\\u738b\xe5\xb0\x8f\xe6\x98\x8e"},\n "effective":"2026-08-12" }'
YEAR = timedelta(days=365)


@pytest.fixture
def application(dsn: str, keys: KeyRing, law: Law) -> Iterator[Changqing]:
    opened = Changqing(dsn, keys, law)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def settings(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    given = {
        "DATABASE_URL": dsn,
        "CHANGQING_KEY": bytes(range(32)).hex(),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Settings.of(given)


def agree(sources: Sources, *, signed: bool = True, until: datetime | None = None) -> None:
    """Register the police's source, with a key that was good a year ago and will be in a year, or until then."""
    agreed = Policy(must_be_signed=signed)
    sources.add(Registered(source=POLICE, department=Department.POLICE, office="", policy=agreed), "值班员")
    now = datetime.now(UTC)
    span = {"valid_from": now - YEAR, "valid_until": until or now + YEAR}
    sources.add_key(SourceKeyAdded(source=POLICE, keyid=KEY.keyid, public=KEY.public, by="值班员", **span))


def event(id_: str, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "type": "death-reported.v1", "source": POLICE, "id": id_, "data": {}} | more


def told(id_: str, **more: Any) -> bytes:
    event = {"specversion": "1.0", "type": "death-reported.v1", "source": POLICE, "id": id_} | more
    return json.dumps(event).encode()[:-1] + b', "data": ' + DATA + b"}"


def signed(id_: str, **more: Any) -> bytes:
    extensions = [name for name in more if name != "time"]
    return told(id_, **more, dssematerial=sign(structured(told(id_, **more)), KEY, extensions))


def answers(application: Changqing, *bodies: bytes) -> list[Answer]:
    publisher = Publisher("kafka:intake.police", Department.POLICE, "kafka")
    return accept(application, [Received(partial(structured, body), publisher) for body in bodies])


def said(answer: Answer) -> str:
    return answer.code if isinstance(answer, Refusal) else str(answer.status)


def events(database: Database) -> list[Any]:
    return [codec.decode(*row).event for rows in log.scan(database) for row in rows]


def test_of_a_batch_what_is_signed_is_taken_in_and_what_is_not_refused(application: Changqing) -> None:
    agree(application.sources)
    altered = signed("3").replace(b"2026-08-12", b"2026-08-13")
    stripped, good, extended = told("1"), signed("2"), signed("4", sequence="7")
    found = answers(application, stripped, good, altered, extended, extended.replace(b'"7"', b'"8"'))
    assert [said(one) for one in found] == [
        "signature-missing",
        "parked",
        "signature-invalid",
        "parked",
        "signature-invalid",
    ]
    published = [event for event in events(application.database) if isinstance(event, FactPublished)]
    assert [(event.id, event.signed_by) for event in published] == [("2", KEY.keyid), ("4", KEY.keyid)]


def test_a_key_that_is_revoked_counts_no_more_and_what_came_under_it_is_listed(application: Changqing) -> None:
    agree(application.sources)
    assert [said(one) for one in answers(application, signed("1"), signed("2"))] == ["parked", "parked"]
    since = datetime.now(UTC) - timedelta(hours=1)
    application.sources.revoke(KEY.keyid, since, "遗失", "值班员")
    assert [said(one) for one in answers(application, signed("3"))] == ["signing-key-revoked"]
    listed = list(accepted_under(application.database, KEY.keyid, since))
    assert [(one.source, one.id, one.type) for one in listed] == [(POLICE, id_, "death-reported.v1") for id_ in "12"]
    assert list(accepted_under(application.database, KEY.keyid, datetime.now(UTC))) == []
    shown = CliRunner().invoke(main, ["source", "affected", KEY.keyid])
    assert (shown.exit_code, "2 条" in shown.output) == (0, True)


def test_what_a_source_reported_under_a_key_is_listed_too(application: Changqing) -> None:
    agree(application.sources)
    unsigned = SequencesUnused(
        source=POLICE,
        id="v",
        department=Department.POLICE,
        published_by="gateway",
        channel="http",
        digest=b"",
        first=1,
        last=4_711,
    )
    application.ledger.report([msgspec.structs.replace(unsigned, id="u", signed_by=KEY.keyid), unsigned])
    listed = list(accepted_under(application.database, KEY.keyid, datetime.now(UTC) - YEAR))
    assert [(one.id, one.type, one.retiree) for one in listed] == [("u", "sequences-unused.v1", None)]


def test_reports_under_a_key_are_listed_with_the_events(application: Changqing) -> None:
    """Whoever had the key could say that numbers were never used, and so hide what was lost."""
    agree(application.sources)
    unused = event("1", type="sequences-unused.v1", data={"first": 1, "last": 9})
    unused["dssematerial"] = sign(structured(json.dumps(unused).encode()), KEY)
    found = answers(application, json.dumps(unused).encode(), signed("2"))
    assert [said(one) for one in found] == ["accepted", "parked"]
    listed = list(accepted_under(application.database, KEY.keyid, datetime.now(UTC) - YEAR))
    assert sorted((one.id, one.type, one.retiree is None) for one in listed) == [
        ("1", "sequences-unused.v1", True),
        ("2", "death-reported.v1", False),
    ]


def test_what_others_agree_reaches_a_process_that_runs(application: Changqing, database: Database) -> None:
    assert [said(one) for one in answers(application, told("1"))] == ["parked"]
    agree(Sources(database))
    application.sources._good_until = 0.0  # as after its two seconds
    assert [said(one) for one in answers(application, told("2"), signed("3"))] == ["signature-missing", "parked"]


def test_a_source_that_nobody_registered_is_as_it_was_and_held_to_a_signature_it_bears(application: Changqing) -> None:
    assert [said(one) for one in answers(application, told("1"), signed("2"))] == ["parked", "signing-key-unknown"]


def test_what_was_accepted_is_known_whatever_becomes_of_its_key_and_nothing_else_is(application: Changqing) -> None:
    before = answers(application, told("1"))
    agree(application.sources)
    before += answers(application, signed("2"))
    assert [said(one) for one in before] == ["parked", "parked"]
    application.sources.revoke(KEY.keyid, datetime.now(UTC) - YEAR, "遗失", "值班员")
    other = signed("2").replace(b"2026-08-12", b"2026-08-13")
    found = answers(application, told("1"), signed("2"), told("3"), signed("4"), other)
    assert found[:2] == [msgspec.structs.replace(one, known=True) for one in before]
    assert [said(one) for one in found[2:]] == ["signature-missing", "signing-key-revoked", "signature-invalid"]


def test_what_is_not_signed_is_refused_as_that_before_anything_else(application: Changqing, database: Database) -> None:
    """Else the watch would believe that the source sent it, and that its numbers were not lost."""
    agree(application.sources)
    bad = {"data": {}, "sequence": "2"}
    unsigned = json.dumps(event("1", **bad)).encode()
    forged = json.dumps(event("2", **bad, dssematerial=sign(structured(told("3")), KEY))).encode()
    report = json.dumps(event("4", type="batch-closed.v1", data={"batch": "b"})).encode()
    odd = json.dumps(event("5", type="no-such.v1")).encode()
    found = answers(application, unsigned, forged, report, odd)
    assert [said(one) for one in found] == [
        "signature-missing",
        "signature-invalid",
        "signature-missing",
        "signature-missing",
    ]
    signed_rubbish = event("6", **bad)
    signed_rubbish["dssematerial"] = sign(structured(json.dumps(signed_rubbish).encode()), KEY, ["sequence"])
    elsewhere = json.dumps(event("7") | {"source": "/civil-affairs/shenzhen"}).encode()
    found = answers(application, json.dumps(signed_rubbish).encode(), elsewhere)
    assert [said(one) for one in found] == ["missing-field", "not-your-source"]


def test_a_report_that_was_accepted_is_known_whatever_becomes_of_its_key(application: Changqing) -> None:
    agree(application.sources)
    heartbeat = event("1", type="source-heartbeat.v1", data={"sequence": 3})
    heartbeat["dssematerial"] = sign(structured(json.dumps(heartbeat).encode()), KEY)
    other = event("2", type="source-heartbeat.v1", data={"sequence": 4})
    other["dssematerial"] = sign(structured(json.dumps(other).encode()), KEY)
    (before,) = answers(application, json.dumps(heartbeat).encode())
    application.sources.revoke(KEY.keyid, datetime.now(UTC) - YEAR, "遗失", "值班员")
    found = answers(application, signed("3"), json.dumps(other).encode(), json.dumps(heartbeat).encode())
    assert [said(one) for one in found[:2]] == ["signing-key-revoked", "signing-key-revoked"]
    assert found[2] == msgspec.structs.replace(before, known=True)


def test_a_key_is_judged_by_when_the_event_came_and_its_revocation_by_now(
    application: Changqing, keys: KeyRing
) -> None:
    """What waited in Kafka or as a dead letter, for no fault of its publisher's, does not go stale."""
    agree(application.sources)
    after, before = datetime.now(UTC) + 2 * YEAR, datetime.now(UTC) - 2 * YEAR
    body, publisher = signed("1"), Publisher("kafka:intake.police", Department.POLICE, "kafka")
    for at in (after, before):
        (answer,) = accept(application, [Received(partial(structured, body), publisher, body, at=at)])
        assert said(answer) == "signing-key-expired"
    waited = Arrived("intake.police", 0, 1, (), signed("2"), datetime.now(UTC) - YEAR / 2)
    application.sources.revoke(KEY.keyid, datetime.now(UTC) - timedelta(hours=1), "遗失", "值班员")
    assert [said(one) for one in accept(application, [waited.received])] == ["signing-key-revoked"]


def test_a_dead_letter_is_sent_again_under_the_key_that_was_good_when_it_came(
    application: Changqing, dsn: str, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    now = datetime.now(UTC)
    agree(application.sources, until=now - timedelta(hours=1))
    earlier = now - timedelta(hours=2)
    waiting = Arrived("intake.police", 0, 1, (), signed("1"), earlier)
    with monkeypatch.context() as faulty:
        faulty.setattr("infra.batch.decide", fails)
        assert [said(one) for one in accept(application, [waiting.received])] == ["internal"]
    with psycopg.connect(dsn) as connection:
        connection.execute("update ledger.dead_letter set recorded_at = %s", [earlier])
    assert [said(one) for one in answers(application, signed("2"))] == ["signing-key-expired"]
    waited = Arrived("intake.police", 0, 2, (), signed("3"), earlier)
    assert [said(one) for one in accept(application, [waited.received])] == ["parked"]
    mine = Account(name="mine", role=Role.PUBLISHER, department=Department.POLICE)
    assert said(DeadLetters(application, keys).replay(mine, waiting.place)) == "parked"


def test_the_broker_alone_says_when_a_message_came() -> None:
    """A publisher may put any time into its message, and so make an old key good."""
    by_the_broker, by_its_publisher = (
        arrived(ConsumerRecord("intake.police", 0, 1, 1_771_200_000_500, kind, None, b"{", 0, 0, 1, ()))
        for kind in (1, 0)
    )
    assert by_the_broker.at == datetime(2026, 2, 16, 0, 0, 0, 500_000, UTC)
    assert by_its_publisher.at is None


@pytest.mark.parametrize(
    "attempt",
    [
        "update ledger.source_key set public = ''",
        "update ledger.source_key set valid_until = null",
        "delete from ledger.source_key",
    ],
)
def test_a_key_is_revoked_and_never_altered(application: Changqing, database: Database, dsn: str, attempt: str) -> None:
    agree(application.sources)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction() as connection:
        connection.execute(attempt.encode())
    with pytest.raises(psycopg.DatabaseError, match="never altered"), psycopg.connect(dsn) as owner:
        owner.execute(attempt.encode())


# Originals


def test_of_a_report_there_is_no_original_to_be_shown(application: Changqing) -> None:
    heartbeat = json.dumps(event("1", type="source-heartbeat.v1")).encode()
    assert [said(one) for one in answers(application, heartbeat)] == ["accepted"]
    assert "event-unknown" in original(POLICE, "1", code=3).stderr


def original(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, ["original", *words, "--by", "审计员", "--purpose", "核对签名"])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("revoked", [False, True])
def test_an_event_comes_out_as_it_was_sent_and_the_look_is_in_the_log(application: Changqing, *, revoked: bool) -> None:
    agree(application.sources)
    body = signed("1", sequence="7", urgent=True, time="2026-08-12T08:00:00.123456789+08:00")
    with_subject = body[:-1] + b', "subject": "x"}'  # put in after signing
    refusal, receipt = answers(application, with_subject, body)
    assert said(refusal) == "signature-invalid"
    assert isinstance(receipt, Receipt)
    if revoked:
        application.sources.revoke(KEY.keyid, datetime.now(UTC) - YEAR, "遗失", "值班员")
    shown = original(POLICE, "1")
    event = json.loads(shown.stdout)
    assert base64.b64decode(event.pop("data_base64")) == DATA
    sent = json.loads(body)
    assert event == {name: value for name, value in sent.items() if name != "data"}
    assert "签名相符" in shown.stderr
    assert ("revoked later" in shown.stderr) is revoked
    looked = events(application.database)[-1]
    assert isinstance(looked, DataDisclosed)
    assert (looked.actor, looked.purpose, looked.retirees) == ("审计员", "核对签名", (receipt.retiree,))
    assert original(POLICE, "1", "--data").stdout_bytes == DATA


def test_of_what_is_not_there_and_of_the_erased_nothing_is_shown_and_nothing_recorded(application: Changqing) -> None:
    answers(application, told("1"))
    with psycopg.connect(application.database.dsn) as connection:  # as erasing does it, with its owner's rights
        connection.execute("delete from ledger.retiree_key")
    before = len(events(application.database))
    assert "person-erased" in original(POLICE, "1", code=3).stderr
    assert "event-unknown" in original(POLICE, "2", code=3).stderr
    assert len(events(application.database)) == before


# Over HTTP


def test_over_http_every_mode_leads_to_one_receipt(settings: Settings) -> None:
    secrets = new_accounts(settings.database_url, [("gateway", Role.PUBLISHER, Department.POLICE, "")])
    app = create_app(settings)
    lifespan = app.router.lifespan_context(app)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")

    def post(content: bytes, headers: list[tuple[str, str]]) -> Any:
        return runner.run(client.post("/v1/events", content=content, headers=headers)).json()

    binary = [
        ("ce-specversion", '"1.0"'),
        ("ce-type", "death%2Dreported.v1"),
        ("ce-source", POLICE),
        ("CE-ID", "%e4%b8%80 1".replace(" ", "%20")),
        ("content-type", "application/vnd.police+json; charset=utf-8"),
        ("ce-traceparent", '"a \\"quoted\\" one"'),
    ]
    whole = [("content-type", "Application/CloudEvents+JSON; charset=utf-8")]
    with Runner() as runner:
        runner.run(lifespan.__aenter__())
        asked = client.post("/oauth/token", data=form("gateway", secrets["gateway"]))
        client.headers.update(bearer(runner.run(asked)))
        one = post(DATA, binary)
        assert one["id"] == "一 1"
        again = post(told("一 1", traceparent="x"), whole)
        assert again["known"]
        assert again["position"] == one["position"]
        batch = [("content-type", "application/cloudevents-batch+json; charset=UTF-8")]
        assert post(b"[" + told("一 1") + b"," + told("2") + b"]", batch)[0] == again
        assert post(b"[]", batch) == []
        for wrong in (
            [*binary, ("ce-id", "2")],
            [*binary, ("ce-part", "%C0%A0")],
            [*binary, ("ce-my_name", "x")],
            [("content-type", "application/cloudevents+avro"), *binary[:4]],
            [("content-type", "application/json")],
        ):
            assert post(DATA, wrong)["code"] == "not-cloudevents", wrong
        runner.run(client.aclose())
        runner.run(lifespan.__aexit__(None, None, None))
    shown = original(POLICE, "一 1")
    assert json.loads(shown.stdout)["traceparent"] == 'a "quoted" one'
