"""Intake by Kafka: what becomes of the messages of the intake topics, batch by batch. `agent.py` brings them.

Publish, then remember: the ledger commits, the log knows what was refused, repeats have their receipts, dead letters are on
their topic, and only then are the offsets committed. A crash anywhere before that means the batch comes again, and the ledger
knows what it had.
"""

import base64
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import structlog

from domain.facts import Department
from domain.history import Receipt
from domain.refusals import Refused
from infra.bus import Bus, BusError, Message
from infra.database import DatabaseError
from infra.keys import KeyRing
from infra.refused import LETTER_LIMIT, Letter, Original
from services.application import Changqing
from services.cloudevents import STRUCTURED, Envelope, Publisher, binary, structured
from services.intake import Answer, Received, accept
from services.outgoing import DEAD_LETTERS, DeadLetter, receipt_message
from services.receipts import Notary, SignedRefusal

_logger = structlog.get_logger()

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
        """Its envelope. Raises `Refused`."""
        return envelope_of(self.headers, self.value)

    @property
    def received(self) -> Received:
        """The message for the one handler."""
        return Received(self.envelope, self.publisher, self.value, f"kafka:{self.place}", self.letter)

    def letter(self) -> Letter:
        """What is kept of it when it is refused: Kafka lets it go after a few days."""
        return Letter(
            place=self.place,
            channel="kafka",
            original=Original(self.headers, self.value),
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
        )


def envelope_of(headers: Mapping[str, str], value: bytes) -> Envelope:
    """The envelope of a message, binary mode when the headers say so, structured otherwise. Raises `Refused`."""
    if not value:
        raise Refused("malformed-json", "", "the message is empty")
    if "ce_specversion" in headers:
        attributes = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
        return binary({"datacontenttype": headers.get("content-type", "application/json")} | attributes, value)
    if not headers.get("content-type", STRUCTURED).startswith(STRUCTURED):
        raise Refused("not-cloudevents", "datacontenttype")
    return structured(value)


class Worker:
    """Takes batches of arrived messages into the ledger."""

    def __init__(self, application: Changqing, bus: Bus, keys: KeyRing, notary: Notary) -> None:
        self._application = application
        self._producer = bus.producer()
        self._keys = keys
        self._sign = notary.signed

    def take(self, batch: Sequence[Arrived]) -> None:
        """Accept a batch; send receipts of repeats, which the log does not tell of, and dead letters.

        Waits for PostgreSQL and Kafka as long as it takes: meanwhile nothing more is read, which is the back-pressure.
        """
        received = [one.received for one in batch]
        answers = _patiently(partial(accept, self._application, received))
        if messages := self._messages(batch, answers):
            _patiently(partial(self._producer.send, messages))

    def _messages(self, batch: Sequence[Arrived], answers: Sequence[Answer]) -> list[Message]:
        """What is new the relay tells of. A repeat has a receipt of its own, under a number of its own."""
        out: list[Message] = []
        for one, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Receipt) and not answer.known:
                continue
            signed = self._sign(answer)
            if answer.known:
                department = one.publisher.department
                out.append(receipt_message(department, signed, f"receipt-{one.place}", datetime.now(UTC)))
            if isinstance(signed, SignedRefusal):
                out.append(self._letter(one, signed))
        return out

    def _letter(self, one: Arrived, refusal: SignedRefusal) -> Message:
        letter = DeadLetter(
            topic=one.topic, partition=one.partition, offset=one.offset, refusal=refusal, sealed=self._sealed(one.value)
        )
        return Message(DEAD_LETTERS, one.place.encode(), msgspec.json.encode(letter), "application/json")

    def _sealed(self, value: bytes) -> str:
        """The original bytes, unless a message could not hold them: then their place in the topic must do."""
        return base64.b64encode(self._keys.seal_letter(value)).decode() if len(value) <= LETTER_LIMIT else ""


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
