"""The relay and a Kafka: what it will never take keeps nobody else waiting."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from domain.completeness import BatchComplete, BatchIncomplete
from domain.facts import Department
from infra import codec, log
from infra.bus import Bus
from infra.database import Database
from infra.embedded import Kafka
from infra.keys import KeyRing
from infra.ledger import append_plain
from infra.outbox import Outbox
from infra.watching import stream_about
from services.accepting.receipts import Notary
from services.bus.outgoing import SOURCE_ALERTS
from services.bus.relay import Relay

SOURCE = "/civil-affairs/shenzhen"
OURS = Department.CIVIL_AFFAIRS


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    home = Path(tempfile.mkdtemp(prefix="cq"))
    server = Kafka(home)
    server.start()
    admin = KafkaAdminClient(bootstrap_servers=server.bootstrap)
    topics = (SOURCE_ALERTS, f"receipts.{OURS}")
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1) for name in topics])
    admin.close()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


def taken(server: Kafka, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=server.bootstrap, auto_offset_reset="earliest")
    at = TopicPartition(topic, 0)
    consumer.assign([at])
    end = consumer.end_offsets([at])[at]
    messages: list[bytes] = []
    while len(messages) < end:
        messages += [message.value for batch in consumer.poll(timeout_ms=1000).values() for message in batch]
    consumer.close()
    return messages


def test_what_is_too_large_for_kafka_is_told_without_its_data_and_the_next_one_follows(
    database: Database, keys: KeyRing, kafka: Kafka
) -> None:
    runs = tuple((10**14 + n, 10**14 + n) for n in range(0, 80_000, 2))
    large = BatchIncomplete(source=SOURCE, department=OURS, batch="1", count=80_000, arrived=40_000, missing=runs)
    small = BatchComplete(source=SOURCE, department=OURS, batch="2", count=1)
    with database.transaction() as connection:
        for event in (large, small):
            append_plain(connection, stream_about(SOURCE), event)
    outbox = Outbox(database)
    relay = Relay(outbox, Bus({"bootstrap_servers": [kafka.bootstrap]}), Notary(keys), Event())
    for rows in log.scan(database):
        relay.handle(codec.entries(rows))
    relay._producer.close()
    assert outbox.position() == 2
    for topic in (SOURCE_ALERTS, f"receipts.{OURS}"):
        told = {one["id"]: one for one in map(msgspec.json.decode, taken(kafka, topic))}
        assert [(one["type"], one["subject"]) for one in told.values()] == [
            ("batch-incomplete.v1", SOURCE),
            ("batch-complete.v1", SOURCE),
        ]
        assert "data" not in told["1"]
        assert told["1"]["dataomitted"] > 1_048_576
        assert told["2"]["data"]["batch"] == "2"
