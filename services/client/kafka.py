"""To a ledger over Kafka: events to the intake topic of their department, receipts from its receipts topic."""

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import AuthorizationError, KafkaError, SaslAuthenticationFailedError
from msgspec import Raw, Struct

from services.client.channel import Waiting
from services.client.errors import ClientError, NotAllowedError, UnreachableError
from services.client.receipts import LedgerKeys, Receipt, receipt_of
from services.client.wellformed import department_of

_SEND_SECONDS: Final = 30
_KNOCK_SECONDS: Final = 5
_HEADERS: Final = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
_RECEIPT: Final = "receipt.v1"


class _Told(Struct):
    type: str
    data: Raw = Raw()


class _Whose(Struct):
    source: str | None = None
    id: str | None = None


_told = msgspec.json.Decoder(_Told)
_whose = msgspec.json.Decoder(_Whose)


class KafkaChannel:
    """Brokers, as kafka-python's settings name them (`bootstrap_servers`, `security_protocol`, ...).

    `answer_seconds`: how long it waits for the next receipt. Nothing is remembered of where the receipts were read: an
    event without one is sent again, and the ledger answers again. It connects when it first sends.
    """

    most = 500
    most_bytes = 4 * 1024 * 1024

    def __init__(
        self, settings: Mapping[str, Any], *, keys: LedgerKeys | None = None, answer_seconds: float = 30.0
    ) -> None:
        self._settings = {"bootstrap_timeout_ms": 10_000, **settings}
        servers = self._settings["bootstrap_servers"]
        self._servers = servers.split(",") if isinstance(servers, str) else list(servers)
        self._keys = keys
        self._answer_seconds = answer_seconds
        self._producer: Any = None
        self._consumer: Any = None
        self._listens: set[str] = set()

    def send(self, events: Sequence[Waiting]) -> list[Receipt | None]:
        """Send a batch and wait for its receipts. Raises `UnreachableError`, `NotAllowedError`, `UntrustedError`, `ClientError`."""
        try:
            self._listen({f"receipts.{department_of(event.source)}" for event in events})
            self._publish(events)
            return self._await(events)
        except (AuthorizationError, SaslAuthenticationFailedError) as error:
            self.close()
            raise NotAllowedError(f"Kafka does not let this user do that: {type(error).__name__}") from error
        except (KafkaError, OSError) as error:
            self.close()
            raise UnreachableError(f"Kafka is not available: {type(error).__name__}") from error

    def close(self) -> None:
        """Close the connections; what was not acknowledged is not waited for, as it still waits in the outbox."""
        for client, seconds in ((self._producer, {"timeout": 1}), (self._consumer, {})):
            if client is not None:
                with suppress(KafkaError, OSError):
                    client.close(**seconds)
        self._producer = self._consumer = None
        self._listens = set()

    def _listen(self, topics: set[str]) -> None:
        """Read these topics from where they end now, before anything is sent that they could answer."""
        if not (fresh := topics - self._listens):
            return
        if self._consumer is None:
            self._knock()
            self._consumer = KafkaConsumer(**self._settings, group_id=None, enable_auto_commit=False)
        partitions = []
        for topic in fresh:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise ClientError(f"there is no topic {topic}, or this user may not read it")
            partitions += [TopicPartition(topic, number) for number in numbers]
        before = {one: self._consumer.position(one) for one in self._consumer.assignment()}
        self._consumer.assign([*before, *partitions])
        for partition, offset in (before | self._consumer.end_offsets(partitions)).items():
            self._consumer.seek(partition, offset)
        self._listens |= fresh

    def _knock(self) -> None:
        """See whether any broker is there. kafka-python waits ten seconds for one, and leaves a thread and a socket behind each time."""
        failure = OSError("no broker is named")
        for server in self._servers:
            address = urlsplit(f"//{server}")
            try:
                with socket.create_connection((address.hostname or "", address.port or 9092), _KNOCK_SECONDS):
                    return
            except (OSError, ValueError) as error:
                failure = OSError(str(error))
        raise failure

    def _publish(self, events: Sequence[Waiting]) -> None:
        """Send them in order and wait until the brokers have all."""
        if self._producer is None:
            self._producer = KafkaProducer(
                **self._settings, acks="all", enable_idempotence=True, compression_type="gzip"
            )
        pending = [
            self._producer.send(
                f"intake.{department_of(event.source)}", key=event.key.encode(), value=event.body, headers=_HEADERS
            )
            for event in events
        ]
        for one in pending:
            one.get(timeout=_SEND_SECONDS)

    def _await(self, events: Sequence[Waiting]) -> list[Receipt | None]:
        """The receipts of these events, until all are there or none came for a while."""
        wanted = {(event.source, event.id): event.instead for event in events}
        found: dict[tuple[str, str], Receipt] = {}
        until = time.monotonic() + self._answer_seconds
        while len(found) < len(wanted) and time.monotonic() < until:
            for whose, answer in self._answers():
                if whose in wanted:
                    receipt = receipt_of(answer, self._keys)
                    until = time.monotonic() + self._answer_seconds
                    # What was sent twice is refused twice, at one position: the second may come when it is mended already.
                    if not (receipt.refused and receipt.position and receipt.position == wanted[whose]):
                        found[whose] = receipt
        return [found.get((event.source, event.id)) for event in events]

    def _answers(self) -> Iterator[tuple[tuple[str, str], bytes]]:
        """What came on the receipts' topics: whose it is, and the receipt still to be looked at."""
        for records in self._consumer.poll(timeout_ms=200).values():
            for record in records:
                try:
                    told = _told.decode(record.value or b"")
                    whose = _whose.decode(told.data) if told.type == _RECEIPT else _Whose()
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue  # somebody else's message; what we wait for is a ledger's
                if whose.source is not None and whose.id is not None:
                    yield (whose.source, whose.id), bytes(told.data)
