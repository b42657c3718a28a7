"""The relay and a Kafka: what it will never take keeps nobody else waiting."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from uuid import UUID

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.consumer.fetcher import ConsumerRecord

from domain.completeness import BatchComplete, BatchIncomplete
from domain.disclosures import AccessDenied, DataDisclosed
from domain.facts import Department
from domain.told import AlertWithdrawn
from infra import codec, log
from infra.bus import Bus
from infra.database import Database
from infra.embedded import Kafka
from infra.keys import KeyRing
from infra.ledger import append_plain
from infra.log import stream_of
from infra.outbox import Outbox
from infra.watching import stream_about
from services.accepting.receipts import Notary
from services.bus.disclosing import DISCLOSURES
from services.bus.outgoing import ALERTS, SOURCE_ALERTS
from services.bus.relay import Relay

SOURCE = "/civil-affairs/shenzhen"
OURS = Department.CIVIL_AFFAIRS
WHOM = UUID("5e3c2f6e-0000-4000-8000-000000000001")


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    home = Path(tempfile.mkdtemp(prefix="cq"))
    server = Kafka(home)
    server.start()
    admin = KafkaAdminClient(bootstrap_servers=server.bootstrap)
    topics = (ALERTS, SOURCE_ALERTS, f"receipts.{OURS}", DISCLOSURES)
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1) for name in topics])
    admin.close()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


def taken(server: Kafka, topic: str) -> list[bytes]:
    return [message.value for message in messages_of(server, topic)]


def messages_of(server: Kafka, topic: str) -> list[ConsumerRecord]:
    consumer = KafkaConsumer(bootstrap_servers=server.bootstrap, auto_offset_reset="earliest")
    at = TopicPartition(topic, 0)
    consumer.assign([at])
    end = consumer.end_offsets([at])[at]
    messages: list[ConsumerRecord] = []
    while len(messages) < end:
        messages += [message for batch in consumer.poll(timeout_ms=1000).values() for message in batch]
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


def test_who_was_shown_what_goes_to_the_siem_again_after_a_crash_under_the_same_id_and_names_nobody(
    database: Database, keys: KeyRing, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = DataDisclosed(
        department=Department.COMMUNITY,
        actor="shequ-1",
        purpose="visit",
        legal_basis="b",
        fields=("name",),
        retirees=(WHOM,),
    )
    denied = AccessDenied(department="", actor="", act="POST /oauth/token", code="unauthenticated", what="", address="")
    alert = AlertWithdrawn(alert=f"{WHOM}-1", retiree=WHOM, office="social-insurance/440300000000", evidence=())
    with database.transaction() as connection:
        for event in (look, denied, alert):
            append_plain(connection, WHOM if event is alert else stream_of("reader:shequ-1"), event)

    def relayed(relay: Relay, after: int) -> None:
        with database.transaction() as connection:
            relay.handle(codec.entries(log.read(connection, after, 100)))

    outbox = Outbox(database)
    relay = Relay(outbox, Bus({"bootstrap_servers": [kafka.bootstrap]}), Notary(keys), Event())
    with monkeypatch.context() as crashing:
        crashing.setattr(outbox, "sent", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            relayed(relay, 0)
    relayed(relay, 0)  # and the record of the alert's delivery, as it stands in the log by now
    assert outbox.position() == 4
    relay._producer.close()
    messages = messages_of(kafka, DISCLOSURES)
    told = [msgspec.json.decode(one.value) for one in messages]
    assert [one["metadata"]["uid"] for one in told] == ["1", "2", "1", "2", "4"]
    assert [one["class_uid"] for one in told[2:]] == [6003, 3002, 6003]
    assert told[:2] == told[2:4], "the same again"
    assert {one.key for one in messages} == {b"community", b"unknown", b"social-insurance"}
    assert told[4]["unmapped"]["people"] == 1
    assert not any(str(WHOM) in one.value.decode() for one in messages)
    assert len(taken(kafka, ALERTS)) == 2
