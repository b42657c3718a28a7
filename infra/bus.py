"""Apache Kafka by kafka-python: reaching it, and producing what must not be lost."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import CoordinatorNotAvailableError, KafkaError
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


class Bus:
    """How to reach Kafka: bootstrap servers and the security settings of kafka-python (`security_protocol`, ...)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """A client of the cluster's administration, closed afterwards. What Kafka says no to is a `BusError`."""
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                yield admin
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error

    def members(self, group: str) -> int:
        """How many workers a consumer group has that got their partitions; 0 while it shares them out."""
        with self.admin() as admin:
            try:
                described = admin.describe_groups([group])[group]
            except CoordinatorNotAvailableError:
                return 0  # a fresh cluster makes its coordinator when first asked
        return len(described["members"]) if described["group_state"] == "Stable" else 0

    def producer(self) -> "Producer":
        """A producer: idempotent, acknowledged by all replicas, in order per key. It connects when it first sends."""
        return Producer(self._settings)


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
