"""Take alerts as they come: `consume.py http|kafka PLACE [COUNT]`. Prints each once, as one line of JSON.

Wants CHANGQING_URL and CHANGQING_ACCOUNT for HTTP, KAFKA_BOOTSTRAP for Kafka, as `publish.py`. PLACE is a file that remembers
how far we are; the same command goes on from there. Ends after COUNT alerts, or never.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import account
import bus
import httpx
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Consumer

SILENT_SECONDS = 45  # the ledger says something every 15 s: whoever hears nothing for so long has no connection


def main() -> None:
    """Take what comes as the arguments say."""
    way, file, *count = sys.argv[1:]
    place = Path(file)
    taken: dict[str, int] = json.loads(place.read_text()) if place.exists() else {}
    alerts = over_http(taken) if way == "http" else over_kafka(taken)
    for where, alert in itertools.islice(alerts, int(count[0]) if count else None):
        print(JSONFormat().write(alert).decode(), flush=True)
        taken[where] = int(alert.get_id())
        # Yours belongs into the same transaction as what you do with the alert; a crash between the two repeats one.
        part = place.with_suffix(".part")
        part.write_text(json.dumps(taken))
        part.replace(place)


def over_http(taken: Mapping[str, int]) -> Iterator[tuple[str, BaseCloudEvent]]:
    """Server-sent events. A connection that breaks is made again from the last id, so nothing is missed or comes twice."""
    url = os.environ["CHANGQING_URL"] + "/v1/alerts/stream"
    while True:
        try:
            headers = account.header() | {"Last-Event-ID": str(taken.get("http", 0))}
            with httpx.stream("GET", url, headers=headers, timeout=SILENT_SECONDS) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        yield "http", JSONFormat().read(CloudEvent, line[5:].strip())
        except httpx.TransportError as error:
            print(f"the connection broke: {error!r}", file=sys.stderr)
        time.sleep(1)


def over_kafka(taken: Mapping[str, int]) -> Iterator[tuple[str, BaseCloudEvent]]:
    """The agency's topic. Kafka brings each at least once; an id is a position of the log and rises within a partition."""
    consumer = Consumer(
        bus.settings()
        | {"group.id": "social-insurance.sample-python", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe(["alerts.pension"])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            assert message.error() is None, message.error()
            headers = {key: value for key, value in message.headers() or [] if isinstance(value, bytes)}
            event = kafka.from_kafka_event(
                kafka.KafkaMessage(headers=headers, key=message.key(), value=message.value())
            )
            where = str(message.partition())
            if int(event.get_id()) > taken.get(where, 0):
                yield where, event
            consumer.commit(
                message, asynchronous=False
            )  # after the place was written, as `main` asks for the next then
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
