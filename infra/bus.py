"""Apache Kafka by kafka-python: declaring topics, and producing what must not be lost."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic, OffsetSpec
from kafka.errors import CoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError
from msgspec import Struct

SEND_SECONDS = 30


class BusError(Exception):
    """Kafka cannot be reached or did not take what was sent. Sending it again is safe: consumers know repeats by id."""


class Message(Struct, frozen=True):
    """A message for a topic. `key` orders what must stay in order, and is never personal."""

    topic: str
    key: bytes
    value: bytes
    content_type: str = "application/cloudevents+json; charset=UTF-8"


class GroupLag(Struct, frozen=True, kw_only=True):
    """How many messages of a topic a consumer group has yet to take, by the offsets it committed. `state` is Kafka's word.

    Of a partition that it has committed nothing of, everything counts that Kafka still has.
    """

    group: str
    state: str
    topic: str
    lag: int


class Bus:
    """How to reach Kafka: bootstrap servers and the security settings of kafka-python (`security_protocol`, ...)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

    def declare(self, topics: Iterable[str], *, partitions: int = 4, replication: int = 1) -> None:
        """Make the topics that do not exist yet. Raises `BusError`."""
        wanted = [NewTopic(topic, num_partitions=partitions, replication_factor=replication) for topic in topics]
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                existing = set(admin.list_topics())
                missing = [topic for topic in wanted if topic.name not in existing]
                if missing:
                    admin.create_topics(missing)
        except TopicAlreadyExistsError:
            pass  # another process declared them in the meantime
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error

    def members(self, group: str) -> int:
        """How many workers a consumer group has that got their partitions; 0 while it shares them out."""
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                described = admin.describe_groups([group])[group]
        except CoordinatorNotAvailableError:
            return 0  # a fresh cluster makes its coordinator when first asked
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error
        return len(described["members"]) if described["group_state"] == "Stable" else 0

    def lags(self, ours: Callable[[str], bool] = lambda _: True) -> list[GroupLag]:
        """How far each consumer group is behind on each topic of ours that it has read. Raises `BusError`."""
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                return _lags(admin, ours)
        except CoordinatorNotAvailableError:
            return []  # nobody has ever read
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error

    def producer(self) -> "Producer":
        """A producer: idempotent, acknowledged by all replicas, in order per key. It connects when it first sends."""
        return Producer(self._settings)


def _lags(admin: Any, ours: Callable[[str], bool]) -> list[GroupLag]:
    states = {one["group_id"]: one.get("group_state", "") for one in admin.list_groups()}
    committed = {group: admin.list_group_offsets([group]).get(group, {}) for group in sorted(states)}
    topics = {at.topic for offsets in committed.values() for at in offsets if ours(at.topic)}
    if not topics:
        return []
    partitions = [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics(sorted(topics))
        for partition in topic["partitions"]
    ]
    begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
    ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    lags: dict[tuple[str, str], int] = {}
    for group, offsets in committed.items():
        read = {at.topic for at in offsets}
        for at in partitions:
            if at.topic in read:
                has = max(offsets[at].offset if at in offsets else 0, begins[at].offset)
                lags[group, at.topic] = lags.get((group, at.topic), 0) + max(0, ends[at].offset - has)
    return [
        GroupLag(group=group, state=states[group], topic=topic, lag=lag) for (group, topic), lag in sorted(lags.items())
    ]


class Producer:
    """Sends batches; when `send` returns, the brokers have all of it. After a failure it connects anew."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._client: Any = None

    def send(self, batch: Iterable[Message]) -> None:
        """Send messages in order and wait for every acknowledgement.

        Raises `BusError` when one is missing. What was acknowledged before it stays sent, so whoever sends again repeats
        some: at least once, in order per key.
        """
        try:
            self._client = self._client or KafkaProducer(
                **self._settings, acks="all", enable_idempotence=True, linger_ms=0, compression_type="gzip"
            )
            pending = [
                self._client.send(
                    m.topic, key=m.key, value=m.value, headers=[("content-type", m.content_type.encode())]
                )
                for m in batch
            ]
            for one in pending:
                one.get(timeout=SEND_SECONDS)
        except (KafkaError, OSError) as error:
            self.close()
            raise BusError(f"Kafka did not take the messages: {error}") from error

    def close(self) -> None:
        """Close the connections; unsent messages are dropped, as nobody was told that they were sent."""
        if self._client is not None:
            self._client.close(timeout=1)
            self._client = None
