"""Intake by Kafka: a Faust agent in a consumer group, stateless, in batches.

Publish, then remember: the ledger commits, receipts of what it did not take in are on their topics, and only then are the
offsets committed. A crash anywhere before that means the batch comes again, and the inbox knows what it had.
"""

import asyncio
import atexit
import base64
import os
import ssl
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import faust
import msgspec
import structlog

from domain.facts import Department
from domain.history import Receipt
from domain.refusals import Refused
from infra.bus import Bus, BusError, Message, Producer
from infra.database import DatabaseError
from infra.keys import KeyRing
from services.application import Changqing
from services.cloudevents import STRUCTURED, Envelope, Publisher, binary, structured
from services.intake import Answer, Received, accept
from services.outgoing import DEAD_LETTERS, INTAKE_GROUP, DeadLetter, intake_topic, receipt_message
from services.settings import Settings

_logger = structlog.get_logger()

BATCH = 1_000
GATHER_SECONDS = 0.02
RETRY_SECONDS = 1.0


class Arrived(msgspec.Struct, frozen=True):
    """A message of an intake topic, with where it stood."""

    topic: str
    partition: int
    offset: int
    headers: Mapping[str, str]
    value: bytes

    @property
    def place(self) -> str:
        """Where it stood, in one word."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    @property
    def publisher(self) -> Publisher:
        """The department whose topic it is: the broker's access rules decide who may write there."""
        return Publisher(f"kafka:{self.topic}", Department(self.topic.removeprefix("intake.")), "kafka")

    def envelope(self) -> Envelope:
        """Its envelope, binary mode when the headers say so, structured otherwise. Raises `Refused`."""
        if not self.value:
            raise Refused("malformed-json", "", "the message is empty")
        if "ce_specversion" in self.headers:
            attributes = {name[3:]: value for name, value in self.headers.items() if name.startswith("ce_")}
            return binary(
                {"datacontenttype": self.headers.get("content-type", "application/json")} | attributes, self.value
            )
        if not self.headers.get("content-type", STRUCTURED).startswith(STRUCTURED):
            raise Refused("not-cloudevents", "datacontenttype")
        return structured(self.value)


class Worker:
    """Takes batches of arrived messages into the ledger."""

    def __init__(self, application: Changqing, bus: Bus, keys: KeyRing) -> None:
        self._application = application
        self._bus = bus
        self._keys = keys
        self._producer: Producer | None = None

    def take(self, batch: Sequence[Arrived]) -> None:
        """Accept a batch, and send receipts and dead letters of what the log itself will not tell of.

        Waits for PostgreSQL and Kafka as long as it takes: meanwhile nothing more is read, which is the back-pressure.
        """
        received = [Received(one.envelope, one.publisher) for one in batch]
        began = datetime.now(UTC)
        answers = _patiently(partial(accept, self._application, received))
        _patiently(partial(self._send, self._messages(batch, answers, began)))

    def _messages(self, batch: Sequence[Arrived], answers: Sequence[Answer], began: datetime) -> list[Message]:
        out: list[Message] = []
        for one, answer in zip(batch, answers, strict=True):
            department = one.publisher.department
            if isinstance(answer, Receipt):
                if answer.recorded_at < began:  # accepted before: the relay told of it then, and this one asks again
                    out.append(receipt_message(department, answer, f"receipt-{answer.position}", answer.recorded_at))
                continue
            out.append(receipt_message(department, answer, f"receipt-{one.place}", began))
            letter = DeadLetter(
                topic=one.topic,
                partition=one.partition,
                offset=one.offset,
                refusal=answer,
                sealed=base64.b64encode(self._keys.seal_letter(one.value)).decode(),
            )
            out.append(Message(DEAD_LETTERS, one.place.encode(), msgspec.json.encode(letter), "application/json"))
        return out

    def _send(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        try:
            self._producer = self._producer or self._bus.producer()
            self._producer.send(messages)
        except BusError:
            if self._producer:
                self._producer.close()
            self._producer = None
            raise


def _patiently(deed: Any) -> Any:
    """Do it until it works; only what waits for a server is repeated."""
    while True:
        try:
            return deed()
        except (DatabaseError, BusError) as error:
            _logger.warning("waiting to take in a batch", error=str(error))
            time.sleep(RETRY_SECONDS)


def faust_app(worker: Worker, settings: Settings) -> faust.App:
    """The Faust application: one agent on all intake topics, a consumer group shared by all workers."""
    app = faust.App(
        INTAKE_GROUP,
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=10,  # the default of 60 s is how long a dead worker's partitions would wait
        broker_heartbeat_interval=2,
        broker_commit_interval=0.5,
        topic_disable_leader=True,  # Faust's own topic creation fails on Kafka 4; ours are declared before
        consumer_auto_offset_reset="earliest",
        store="memory://",
        datadir=_empty_directory(),
        web_enabled=False,
    )
    topic = app.topic(
        *map(intake_topic, Department), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(topic)
    async def intake(stream: Any) -> None:
        async for events in stream.take_events(BATCH, within=GATHER_SECONDS):
            try:
                await asyncio.to_thread(worker.take, [_arrived(event) for event in events])
            except BaseException as error:
                _logger.critical(
                    "a batch failed in a way that was not foreseen; ending, to read it again", exc_info=error
                )
                os._exit(70)

    return app


def _empty_directory() -> Path:
    """Faust insists on a directory for tables; we have none, and leave none behind."""
    directory = tempfile.TemporaryDirectory(prefix="changqing-intake-")
    atexit.register(directory.cleanup)
    return Path(directory.name)


def _credentials(settings: Settings) -> Any:
    """TLS and SASL as Faust wants them; None for plain text."""
    tls = None
    if settings.kafka_security_protocol.endswith("SSL"):
        tls = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    if settings.kafka_security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            ssl_context=tls,
            mechanism=settings.kafka_sasl_mechanism,
        )
    return faust.SSLCredentials(tls) if tls else None


def _arrived(event: Any) -> Arrived:
    message = event.message
    headers = message.headers.items() if isinstance(message.headers, Mapping) else message.headers or ()
    return Arrived(
        message.topic,
        message.partition,
        message.offset,
        {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in headers},
        message.value or b"",
    )
