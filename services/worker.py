"""Intake by Kafka: what becomes of the messages of the intake topics, batch by batch. `agent.py` brings them.

Publish, then remember: the ledger commits, receipts of what it did not take in are on their topics, and only then are the
offsets committed. A crash anywhere before that means the batch comes again, and the inbox knows what it had.
"""

import base64
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import msgspec
import structlog

from domain.facts import Department
from domain.history import Receipt
from domain.refusals import Refused
from infra.bus import Bus, BusError, Message
from infra.database import DatabaseError
from infra.keys import KeyRing
from infra.pausing import PausesRead
from services.application import Changqing
from services.cloudevents import STRUCTURED, Envelope, Publisher, binary, structured
from services.intake import Answer, Received, accept
from services.outgoing import DEAD_LETTERS, DeadLetter, intake_topic, receipt_message

_logger = structlog.get_logger()

LETTER_LIMIT = 512 * 1024
"""Bytes of a refused message that are kept in its dead letter; the brokers take 1 MiB."""
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
        return _publisher(self.topic)

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
        self._producer = bus.producer()
        self._keys = keys
        self._pauses = PausesRead(application.database)
        self._resting = frozenset(map(intake_topic, Department))

    def resting(self) -> frozenset[str]:
        """The topics that an operator let rest, as was last known; all of them while nothing was ever known."""
        try:
            self._resting = frozenset(map(intake_topic, self._pauses.look()))
        except DatabaseError as error:
            _logger.warning("waiting to see whose intake rests", error=str(error))
        return self._resting

    def take(self, batch: Sequence[Arrived]) -> None:
        """Accept a batch, and send receipts and dead letters of what the log itself will not tell of.

        Waits for PostgreSQL and Kafka as long as it takes: meanwhile nothing more is read, which is the back-pressure.
        """
        received = [Received(one.envelope, one.publisher) for one in batch]
        head = _patiently(self._application.recorder.max_notification_id) or 0
        answers = _patiently(partial(accept, self._application, received))
        if messages := self._messages(batch, answers, head):
            _patiently(partial(self._producer.send, messages))

    def _messages(self, batch: Sequence[Arrived], answers: Sequence[Answer], head: int) -> list[Message]:
        out: list[Message] = []
        for one, answer in zip(batch, answers, strict=True):
            department = one.publisher.department
            if isinstance(answer, Receipt):
                if answer.position <= head:  # accepted before: the relay told of it then, and this one asks again
                    out.append(receipt_message(department, answer, f"receipt-{answer.position}", answer.recorded_at))
                continue
            out.append(receipt_message(department, answer, f"receipt-{one.place}", datetime.now(UTC)))
            letter = DeadLetter(
                topic=one.topic,
                partition=one.partition,
                offset=one.offset,
                refusal=answer,
                sealed=self._sealed(one.value),
            )
            out.append(Message(DEAD_LETTERS, one.place.encode(), msgspec.json.encode(letter), "application/json"))
        return out

    def _sealed(self, value: bytes) -> str:
        """The original bytes, unless a message could not hold them: then their place in the topic must do."""
        return base64.b64encode(self._keys.seal_letter(value)).decode() if len(value) <= LETTER_LIMIT else ""


@lru_cache
def _publisher(topic: str) -> Publisher:
    return Publisher(f"kafka:{topic}", Department(topic.removeprefix("intake.")), "kafka")


def _patiently(deed: Any) -> Any:
    """Do it until it works; only what waits for a server is repeated."""
    while True:
        try:
            return deed()
        except (DatabaseError, BusError) as error:
            _logger.warning("waiting to take in a batch", error=str(error))
            time.sleep(RETRY_SECONDS)


def arrived(message: Any) -> Arrived:
    """A message as Faust has it."""
    headers = message.headers.items() if isinstance(message.headers, Mapping) else message.headers or ()
    return Arrived(
        message.topic,
        message.partition,
        message.offset,
        {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in headers},
        message.value or b"",
    )
