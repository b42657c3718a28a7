"""Publish one life event and wait for its receipt: `publish.py http|kafka EVENT.json [--dry-run]`.

Wants CHANGQING_URL, and CHANGQING_ACCOUNT=name:secret for HTTP; KAFKA_BOOTSTRAP for Kafka (KAFKA_USER, KAFKA_PASSWORD and
KAFKA_CA of a secured one). SIGNING_KEY, a PEM file, signs the event. Prints the receipt; ends with 0 when the fact is on
disk, with 3 when it was refused, with 1 when no answer came: then do it again, nothing is ever taken twice.
"""

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import account
import bus
import httpx
import proof
from cloudevents.core.bindings import http, kafka
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Consumer, Producer, TopicPartition

SECONDS = 60


def main() -> int:
    """Publish as the arguments say."""
    way, file, *options = sys.argv[1:]
    given = json.loads(Path(file).read_text("utf-8"))
    data = json.dumps(given.pop("data"), ensure_ascii=False).encode()
    if key := os.environ.get("SIGNING_KEY"):
        given["dssematerial"] = proof.material(given, data, Path(key))
    if "time" in given:
        given["time"] = proof.moment(given["time"])
    event = CloudEvent(given, data)
    if "--dry-run" in options:
        message = http.to_binary_event(event)
        print(json.dumps({"headers": message.headers, "body": base64.b64encode(message.body).decode()}))
        return 0
    answer = over_http(event) if way == "http" else over_kafka(event)
    if "proof" not in answer:  # whoever may not publish at all gets no receipt
        print(json.dumps(answer, ensure_ascii=False))
        return 1
    receipt = proof.receipt(answer["proof"], proof.ledger_keys(os.environ["CHANGQING_URL"]))
    assert (receipt["source"], receipt["id"]) in {(event.get_source(), event.get_id()), (None, None)}
    print(json.dumps(receipt, ensure_ascii=False))
    return 3 if receipt["status"] == "refused" else 0


def over_http(event: CloudEvent) -> Any:
    """Binary mode: the data stays the very bytes that were signed."""
    message = http.to_binary_event(event)
    try:
        headers = message.headers | account.header()
    except httpx.HTTPStatusError as error:
        return error.response.json()
    url = os.environ["CHANGQING_URL"] + "/v1/events"
    return httpx.post(url, content=message.body, headers=headers, timeout=SECONDS).json()


def over_kafka(event: CloudEvent) -> Any:
    """To the department's topic; the receipt comes on its own. Listen first, so that it cannot be missed."""
    department = event.get_source().split("/")[1]
    receipts = Consumer(bus.settings() | {"group.id": f"{department}.sample"})
    receipts.assign(_ends(receipts, f"receipts.{department}"))
    try:
        message = kafka.to_binary_event(event, key_mapper=_key)
        producer = Producer(bus.settings() | {"acks": "all", "enable.idempotence": True})
        producer.produce(f"intake.{department}", message.value, message.key, headers=list(message.headers.items()))
        assert producer.flush(SECONDS) == 0, "Kafka did not take the event"
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for one in receipts.consume(100, timeout=0.2):
                answer = json.loads(one.value())["data"]
                if (answer["source"], answer["id"]) == (event.get_source(), event.get_id()):
                    return answer
    finally:
        receipts.close()
    sys.exit("no receipt came")


def _key(event: CloudEvent) -> str:
    """What orders the events of one person: a pseudonym of your own, never an identity number."""
    return str(event.get_extension("partitionkey") or event.get_id())


def _ends(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Each partition of a topic at its end."""
    partitions = [
        TopicPartition(topic, number) for number in consumer.list_topics(topic, SECONDS).topics[topic].partitions
    ]
    for partition in partitions:
        partition.offset = consumer.get_watermark_offsets(partition, SECONDS)[1]
    return partitions


if __name__ == "__main__":
    sys.exit(main())
