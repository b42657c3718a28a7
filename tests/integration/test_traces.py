"""One trace goes from whoever published an event to whoever gets the alert, told to a collector over OTLP/HTTP."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.facts import DeathReported
from domain.told import AlertRaised
from infra import codec, log
from infra.bus import Message
from infra.consumers import Consumers
from infra.database import Database
from infra.keys import KeyRing
from infra.traces import traceparent, traces_of
from services.accounts import Role
from services.bus.outgoing import traced
from services.tracing import Tracing
from tests.asking import asking
from tests.building import number_of, retirement
from tests.collecting import Collector, collecting
from tests.delivering import delivering, register
from tests.receiving import receiving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SOURCE = "/social-insurance/shenzhen"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


def event(id_: str, fact: Any, **more: str) -> dict[str, Any]:
    told = msgspec.to_builtins(fact)
    name = told.pop("name")
    person = {"identity_number": number_of(1), "name": "王小明"}
    data = {key: value for key, value in told.items() if value is not None} | {"person": person}
    return {"specversion": "1.0", "type": name, "source": SOURCE, "id": id_, "data": data, **more}


def test_one_trace_goes_from_publisher_to_alert_to_delivery(
    dsn: str, database: Database, keys: KeyRing, tmp_path: Path, collector: Collector
) -> None:
    consumers = Consumers(database, keys)
    with asking(dsn, tmp_path, {"officer": (Role.OFFICER, "")}, CHANGQING_OTLP_URL=collector.url) as asked:
        sent = {"Content-Type": "application/cloudevents+json"}
        registered = asked.ask(
            "officer", "/v1/events", "POST", content=json.dumps(event("r", retirement())), headers=sent
        )
        assert registered.status_code == 200, registered.text
        died = event("d", DeathReported(effective=date(2024, 1, 31)), traceparent=PARENT)
        assert asked.ask("officer", "/v1/events", "POST", content=json.dumps(died), headers=sent).status_code == 200
    entries = [entry for rows in log.scan(database) for entry in codec.entries(rows)]
    raised = [entry for entry in entries if isinstance(entry.event, AlertRaised)]
    stored = {trace for entry in raised if (trace := traces_of(database, entries).get(entry.position, ""))}
    (at,) = stored
    assert at.split("-")[1] == TRACE
    tracing = Tracing.to(collector.url)
    with receiving() as receiver:
        register(consumers, receiver)
        with delivering(consumers, tracing=tracing):
            got = receiver.wait(len(raised))
    tracing.close()
    ours = {span.name: span for span in collector.spans if span.trace == TRACE}
    assert ours["accept"].parent == PARENT.split("-")[2]
    assert ours["deliver"].parent == ours["accept"].id == at.split("-")[2]
    assert {one.headers["traceparent"].split("-")[1] for one in got} == {TRACE}
    requests = [span for span in collector.spans if span.name == "POST /v1/events"]
    assert [span.said["http.response.status_code"] for span in requests] == [200, 200]
    told = json.dumps(collector.spans, ensure_ascii=False)
    assert not any(clear in told for clear in (number_of(1), "王小明", str(raised[0].stream)))


def test_a_request_hands_its_trace_on_to_what_says_of_none_and_without_a_collector_too(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    with asking(dsn, tmp_path, {"officer": (Role.OFFICER, "")}) as asked:
        headers = {"Content-Type": "application/cloudevents+json", "traceparent": PARENT}
        asked.ask("officer", "/v1/events", "POST", content=json.dumps(event("r", retirement())), headers=headers)
    entries = [entry for rows in log.scan(database) for entry in codec.entries(rows)]
    assert set(traces_of(database, entries).values()) == {PARENT}


def test_what_leaves_for_a_topic_says_which_trace_it_belongs_to() -> None:
    message = Message("alerts.pension", b"k", b'{"id":"7","data":{"months":[1, 2]}}')
    assert json.loads(traced(message, PARENT).value) == {"id": "7", "data": {"months": [1, 2]}, "traceparent": PARENT}


@pytest.mark.parametrize(
    "wrong", ["", "x", PARENT.upper(), f"00-{'0' * 32}-00f067aa0ba902b7-01", f"ff{PARENT[2:]}", f"{PARENT}-1", 7, None]
)
def test_what_is_no_trace_is_left_out(wrong: object) -> None:
    assert traceparent(wrong) == ""
    assert traceparent(PARENT) == PARENT
