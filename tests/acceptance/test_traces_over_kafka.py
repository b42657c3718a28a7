"""One trace goes from a publisher at Kafka through the worker to the alert on Kafka, told by each process to a real collector."""

from collections.abc import Iterator, Mapping

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent

from tests.acceptance.running import System, death, retirement, somebody, wait_until
from tests.collecting import Collector, Span, collecting

TOPIC = "intake.civil-affairs"
PARENT = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[System]:
    running = System(options=("--people", "20"), environment={"CHANGQING_OTLP_URL": collector.url})
    try:
        running.start()
        running.wait_ready()
        yield running
    finally:
        running.close()


def with_extension(sent: CloudEvent, traceparent: str) -> CloudEvent:
    return CloudEvent({**sent.get_attributes(), "traceparent": traceparent}, sent.get_data())


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", ["structured", "binary", "header"])
def test_what_comes_by_kafka_has_one_trace_from_its_publisher_to_the_alert(
    way: str, traced: System, collector: Collector
) -> None:
    trace = f"{['structured', 'binary', 'header'].index(way) + 1:032x}"
    given, who = f"00-{trace}-{PARENT}-01", somebody()
    traced.accept(retirement(who))
    sent, headers = death(who), dict[str, bytes]()
    if way == "header":
        headers = {"traceparent": given.encode()}
    else:
        sent = with_extension(sent, given)
    message = (kafka.to_binary_event if way == "binary" else kafka.to_structured_event)(sent)
    said: Mapping[str, bytes] = {**message.headers, **headers}
    _, offset = traced.publish_raw(TOPIC, message.value, said)

    told = traced.alert(lambda alert: alert.get("traceparent", "").split("-")[1:2] == [trace], "the alert", 60)
    sending = told["traceparent"].split("-")[2]

    def whole() -> dict[str, Span]:
        of_trace = [one for one in collector.spans if one.trace == trace]
        found = {one.name: one for one in of_trace if one.name != "send" or one.id == sending}
        return found if {"receive", "accept", "send"} <= found.keys() else {}

    spans = wait_until(whole, "the spans of every process")
    assert spans["receive"].parent == PARENT
    assert spans["receive"].said["messaging.destination.name"] == TOPIC
    assert spans["receive"].said["messaging.kafka.offset"] == str(offset)
    assert spans["accept"].parent == spans["receive"].id
    assert spans["send"].parent == spans["accept"].id
    assert spans["send"].said["messaging.destination.name"] == "alerts.pension"
    assert not any(clear in str(collector.spans) for clear in (who.identity_number, who.name, told["subject"]))
