"""Publishing over HTTP to a server that answers badly: nothing is lost, nothing is believed too soon, nothing leaks."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from domain.facts import DeathReported, Person
from services.client import (
    Client,
    ClientError,
    Event,
    HttpChannel,
    KafkaChannel,
    LedgerKeys,
    NotAllowedError,
    Outbox,
    Retrying,
    Undelivered,
    UntrustedError,
    life_event,
)
from tests.accounts import form
from tests.answering import Answer, Answering, problem

QUICK = Retrying(budget=3, first=0.01, longest=0.05)
ACCOUNT = "civil-affairs:a-secret-of-the-test"
BUSY = problem(503, "unavailable")


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as answering:
        yield answering


def client(server: Answering, retrying: Retrying = QUICK, **how: Any) -> Client:
    return Client(HttpChannel(server.url, ACCOUNT, keys=LedgerKeys.of(server.key_set)), retrying=retrying, **how)


def deaths(count: int, source: str = "/civil-affairs/shenzhen") -> list[Event]:
    fact, person = DeathReported(effective=date(2026, 8, 12)), Person(identity_number="11010519491231002X")
    return [life_event(fact, person, source=source, id=f"{n}") for n in range(count)]


def ids(count: int) -> list[str]:
    return [str(n) for n in range(count)]


def test_each_event_has_the_receipt_that_the_ledger_signed_for_it(server: Answering) -> None:
    with client(server) as ours:
        receipts = ours.publish_many(deaths(3))
    assert [(receipt.id, receipt.status, receipt.verified) for receipt in receipts] == [
        (id_, "accepted", True) for id_ in ids(3)
    ]
    assert server.tokens == {"Bearer token-1"}
    assert [dict(parse_qsl(asked)) for asked in server.asked] == [form(*ACCOUNT.split(":"))]


def test_a_token_is_got_anew_before_it_is_over_and_when_it_is_refused(server: Answering) -> None:
    server.granted = lambda: server.token(seconds=0)
    with client(server) as ours:
        ours.publish_many(deaths(1))
        server.granted = server.token
        ours.publish_many(deaths(2))
        server.once(problem(401, "unauthenticated"))
        ours.publish_many(deaths(3))
    assert server.tokens == {"Bearer token-1", "Bearer token-2", "Bearer token-3"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(Answer(401, b'{"error": "invalid_client"}'), NotAllowedError, id="wrong secret"),
        pytest.param(Answer(200, b"<html>welcome</html>"), ClientError, id="somebody's web site"),
        pytest.param(Answer(302, b"", (("location", "https://elsewhere.example"),)), ClientError, id="a redirect"),
        pytest.param(Answer(503, b"busy"), Undelivered, id="busy"),
        pytest.param(Answer(429, b"", (("retry-after", "600"),)), Undelivered, id="too many failed attempts"),
    ],
)
def test_without_a_token_nothing_is_sent_and_the_event_waits(
    server: Answering, answer: Answer, error: type[Exception]
) -> None:
    server.granted = lambda: answer
    with client(server, Retrying(0.3, 0.01, 0.05)) as ours:
        with pytest.raises(error) as caught:
            ours.publish(deaths(1)[0])
        assert ours.outbox.left() == 1
    assert not server.came
    assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(BUSY, id="busy"),
        pytest.param(problem(503, "unavailable", retry_after="1"), id="busy and says for how long"),
        pytest.param(problem(500, "internal"), id="broken"),
        pytest.param(Answer(429, b"slow down"), id="a gateway's limit"),
        pytest.param(Answer(502, b"<html>"), id="a gateway without its server"),
        pytest.param(Answer(0), id="no answer at all"),
    ],
)
def test_the_same_is_sent_again_in_its_order_until_it_is_answered(server: Answering, bad: Answer) -> None:
    server.once(bad, bad)
    with client(server) as ours:
        assert len(ours.publish_many(deaths(3))) == 3
    assert [[event["id"] for event in batch] for batch in server.came] == [ids(3)] * 3


def test_many_events_go_in_batches_and_in_their_order(server: Answering) -> None:
    with client(server) as ours:
        ours.publish_many(deaths(1_201))
    assert server.ids == ids(1_201)
    assert [len(batch) for batch in server.came] == [500, 500, 201]


def test_what_was_not_answered_within_the_budget_is_kept_and_goes_first_the_next_time(
    server: Answering, tmp_path: Path
) -> None:
    server.answer = lambda _: BUSY
    with client(server, Retrying(0.2, 0.01, 0.05), outbox=Outbox(tmp_path / "outbox"), numbered=True) as ours:
        with pytest.raises(Undelivered) as caught:
            ours.publish_many(deaths(3))
        assert (caught.value.left, caught.value.kept) == (3, True)
    before = server.came[-1]
    server.answer = server.receipts
    server.came.clear()
    with client(server, outbox=Outbox(tmp_path / "outbox"), numbered=True) as ours:
        ours.publish(deaths(4)[3])
    assert server.ids == ids(4)
    assert server.came[0][:3] == before  # byte for byte what was sent, the sequence included


def test_what_is_known_to_be_accepted_is_not_sent_again(server: Answering, tmp_path: Path) -> None:
    for _ in range(2):
        with client(server, outbox=Outbox(tmp_path / "outbox")) as ours:
            assert [receipt.verified for receipt in ours.publish_many(deaths(2))] == [True, True]
    assert server.ids == ids(2)


def test_a_refusal_is_an_answer_and_holds_nobody_up(server: Answering) -> None:
    said = {"status": "refused", "code": "no-local-law", "path": "data", "reason": {"zh": "甲", "en": "a"}}
    server.answer = lambda events: Answer(
        200, json.dumps([_plain(server.receipt(one, **(said if one["id"] == "1" else {}))) for one in events]).encode()
    )
    with client(server) as ours:
        receipts = ours.publish_many(deaths(3))
    assert [(receipt.refused, receipt.code) for receipt in receipts] == [
        (False, ""),
        (True, "no-local-law"),
        (False, ""),
    ]


def test_one_event_that_spoils_a_batch_is_found_and_the_others_get_through(server: Answering) -> None:
    def spoilt(events: list[dict[str, Any]]) -> Answer:
        if "37" not in {event["id"] for event in events}:
            return server.receipts(events)
        refusal = json.loads(problem(400, "malformed-json").body)
        said = refusal | {"status": "refused"}
        return Answer(400, json.dumps(refusal | {"proof": _plain(server.receipt(events[0], **said))["proof"]}).encode())

    server.answer = spoilt
    with client(server) as ours:
        receipts = ours.publish_many(deaths(100))
    assert [receipt.code for receipt in receipts if receipt.refused] == ["malformed-json"]
    assert receipts[37].refused


def test_what_is_too_much_at_once_for_a_proxy_goes_in_parts_and_in_order(server: Answering) -> None:
    taken: list[str] = []

    def proxied(events: list[dict[str, Any]]) -> Answer:
        if len(events) > 3:
            return Answer(413, b"<html>413 Request Entity Too Large</html>")
        taken.extend(event["id"] for event in events)
        return server.receipts(events)

    server.answer = proxied
    with client(server) as ours:
        assert [receipt.id for receipt in ours.publish_many(deaths(10))] == ids(10)
    assert taken == ids(10)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(problem(401, "unauthenticated"), NotAllowedError, id="wrong secret"),
        pytest.param(problem(403, "forbidden"), NotAllowedError, id="may not publish"),
        pytest.param(Answer(200, b"<html>welcome</html>"), ClientError, id="somebody's web site"),
        pytest.param(Answer(200, b"[]"), ClientError, id="no receipts"),
        pytest.param(Answer(404, b"{}"), ClientError, id="wrong address"),
        pytest.param(Answer(413, b"<html>"), ClientError, id="one event is too large for a proxy"),
        pytest.param(Answer(200, b'[{"source":"/x","id":"1","status":"accepted"}]'), UntrustedError, id="not signed"),
    ],
)
def test_what_will_not_mend_itself_is_said_at_once_and_the_event_waits(
    server: Answering, answer: Answer, error: type[ClientError]
) -> None:
    server.answer = lambda _: answer
    with client(server) as ours:
        with pytest.raises(error):
            ours.publish(deaths(1)[0])
        assert ours.outbox.left() == 1
    assert len(server.came) == 1


def test_a_receipt_of_another_event_is_not_taken_for_this_ones(server: Answering) -> None:
    other = deaths(9)[8]
    answer = json.dumps([_plain(server.receipt({"source": other.source, "id": other.id}))]).encode()
    server.answer = lambda _: Answer(200, answer)
    with client(server) as ours, pytest.raises(ClientError, match="other events"):
        ours.publish(deaths(1)[0])


def test_nothing_is_sent_where_a_redirect_points(server: Answering) -> None:
    with Answering() as elsewhere:
        server.answer = lambda _: Answer(307, b"", (("location", f"{elsewhere.url}/v1/events"),))
        with client(server) as ours, pytest.raises(ClientError):
            ours.publish(deaths(1)[0])
        assert not elsewhere.came


def test_without_a_broker_everything_waits_in_the_outbox(tmp_path: Path) -> None:
    channel = KafkaChannel({"bootstrap_servers": "127.0.0.1:9"})
    with Client(channel, outbox=Outbox(tmp_path / "outbox"), retrying=Retrying(0.3, 0.01, 0.05)) as ours:
        with pytest.raises(Undelivered, match="Kafka"):
            ours.publish(deaths(1)[0])
        assert ours.outbox.left() == 1


@pytest.mark.parametrize(
    "url", ["http://ledger.example", "ftp://ledger.example", "ledger.example", "https://name:secret@ledger.example"]
)
def test_people_and_secrets_do_not_travel_in_the_open(url: str) -> None:
    with pytest.raises(ClientError, match="https://"):
        HttpChannel(url, ACCOUNT)


def test_a_heartbeat_tells_the_last_number_that_was_given(server: Answering) -> None:
    with client(server, numbered=True) as ours:
        ours.publish_many(deaths(3))
        ours.heartbeat("/civil-affairs/shenzhen")
    beat = server.came[-1][0]
    assert (beat["type"], beat["data"], beat.get("sequence")) == ("source-heartbeat.v1", {"sequence": 3}, None)


def _plain(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt with its proof as JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(receipt)
    return plain
