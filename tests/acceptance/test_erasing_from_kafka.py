"""What a publisher sent in clear goes from the intake topics: at once for every reader, and then from Kafka's own files."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from domain.facts import Department
from infra.bus import Bus
from infra.embedded import Kafka
from infra.embedded import kafka as embedded
from infra.scanned import messages
from infra.topics import Topic, declare
from services.bus.outgoing import INTAKE_GROUP, intake_topic
from services.scanning import needles, scan
from tests.building import number_of

CANARIES = [number_of(1), "欧阳致远"]
SENT = f'{{"person":{{"identity_number":"{CANARIES[0]}","name":"{CANARIES[1]}"}}}}'.encode()
TOPIC = intake_topic(Department.POLICE)
PATIENCE = 120


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kafka]:
    """A Kafka that looks every second for what it may delete, in place of every five minutes."""
    often = "log.retention.check.interval.ms=1000\nlog.segment.delete.delay.ms=1000\n"
    monkeypatch.setattr(embedded, "_PROPERTIES", embedded._PROPERTIES + often)
    home = Path(tempfile.mkdtemp(prefix="cq"))
    started = Kafka(home)
    try:
        started.start()
        yield started
    finally:
        started.stop()
        shutil.rmtree(home, ignore_errors=True)


def read(bus: Bus) -> list[str]:
    """The partitions in whose messages somebody stands."""
    sought = needles(CANARIES)
    return [name for name, text in messages(bus) for one in sought if one.text in text]


def in_files(server: Kafka) -> list[str]:
    return list(scan(CANARIES, [server.home / "data"], database=False, kafka=False))


def send(bus: Bus, *values: bytes, packed: str | None = None) -> None:
    with closing(KafkaProducer(**bus.settings, compression_type=packed)) as producer:
        for value in values:
            producer.send(TOPIC, value=value, partition=0)
        producer.flush()


def test_what_was_taken_in_is_deleted_from_messages_and_then_from_segments_and_what_was_not_stays(
    server: Kafka,
) -> None:
    bus = Bus({"bootstrap_servers": [server.bootstrap]})
    declare(bus, [Topic(name=TOPIC, partitions=1, replication=1, configs={"segment.ms": "2000"})])
    send(bus, SENT)
    send(bus, SENT, packed="gzip")
    assert set(read(bus)) == {f"{TOPIC}-0"}
    assert in_files(server)
    place = TopicPartition(TOPIC, 0)
    with closing(KafkaConsumer(**bus.settings, group_id=INTAKE_GROUP, enable_auto_commit=False)) as intake:
        intake.assign([place])
        intake.commit({place: OffsetAndMetadata(2, "", -1)})
    time.sleep(2.5)  # a segment ends by the clock of its messages, and goes only when all of it was taken in
    send(bus, b"not taken in yet")

    assert bus.let_go(INTAKE_GROUP, [TOPIC]) == {TOPIC: 2}
    assert read(bus) == []
    assert bus.let_go(INTAKE_GROUP, [TOPIC]) == {}
    left = [text for _, text in messages(bus) if text == b"not taken in yet"]
    assert left == [b"not taken in yet"]
    until = time.monotonic() + PATIENCE
    while in_files(server):
        assert time.monotonic() < until, "the segment was not deleted"
        send(bus, b"the next segment begins with a message that comes when the one before it is over")
        time.sleep(1)
