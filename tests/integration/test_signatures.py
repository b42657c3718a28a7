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
import pytest
from typer.testing import CliRunner

from domain.completeness import SequencesUnused
from domain.facts import Department
from domain.history import DataDisclosed, FactPublished, Receipt
from domain.law import Law
from domain.sources import Policy, Registered, SourceKeyAdded
from infra import codec, log
from infra.database import Database
from infra.dsse import SigningKey
from infra.keys import KeyRing
from infra.sources import Sources
from services.accounts import Accounts, Role
from services.api.app import create_app
from services.application import Changqing
from services.cli import main
from services.cloudevents import Publisher
from services.envelopes import structured
from services.intake import Answer, Received, Refusal, accept
from services.settings import Settings
from services.sources import accepted_under
from services.verifying import sign

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
        "CHANGQING_CREDENTIALS_FILE": str(tmp_path / "accounts"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Settings.of(given)


def agree(sources: Sources, *, signed: bool = True) -> None:
    """Register the police's source, with a key that was good a year ago and will be in a year."""
    agreed = Policy(must_be_signed=signed)
    sources.add(Registered(source=POLICE, department=Department.POLICE, office="", policy=agreed), "值班员")
    now = datetime.now(UTC)
    span = {"valid_from": now - YEAR, "valid_until": now + YEAR}
    sources.add_key(SourceKeyAdded(source=POLICE, keyid=KEY.keyid, public=KEY.public, by="值班员", **span))


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


# Originals


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
    with application.database.transaction() as connection:
        connection.execute("delete from ledger.retiree_key")
    before = len(events(application.database))
    assert "person-erased" in original(POLICE, "1", code=3).stderr
    assert "event-unknown" in original(POLICE, "2", code=3).stderr
    assert len(events(application.database)) == before


# Over HTTP


def test_over_http_every_mode_leads_to_one_receipt(settings: Settings) -> None:
    secret = Accounts.add(settings.changqing_credentials_file, "gateway", Role.PUBLISHER, Department.POLICE, "")
    app = create_app(settings)
    lifespan = app.router.lifespan_context(app)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://here",
        headers={"Authorization": f"Bearer gateway.{secret}"},
    )

    def post(content: bytes, headers: list[tuple[str, str]]) -> Any:
        return runner.run(client.post("/events", content=content, headers=headers)).json()

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
