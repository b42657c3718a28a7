"""Intake by Kafka: what becomes of the messages of the intake topics, batch by batch. `agent.py` brings them.

Publish, then remember: the ledger commits, the log knows what was refused, repeats have their receipts, dead letters are on
their topic, and only then are the offsets committed. A crash anywhere before that means the batch comes again, and the ledger
knows what it had.
"""

import base64
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import msgspec
import structlog

from domain.facts import Department
from domain.history import Taken
from domain.refusals import Refused
from infra.bus import Bus, BusError, Message
from infra.database import DatabaseError
from infra.keys import KeyRing
from infra.pausing import PausesRead
from infra.refused import LETTER_LIMIT, Headers, Letter, Original
from infra.traces import traceparent
from services.accepting.cloudevents import STRUCTURED, Envelope, Publisher, binary, structured
from services.accepting.envelopes import media_of
from services.accepting.intake import Answer, Received, accept
from services.accepting.receipts import Notary, SignedRefusal
from services.application import Changqing
from services.bus.outgoing import DEAD_LETTERS, DeadLetter, carried, intake_topic, receipt_message

_logger = structlog.get_logger()

RETRY_SECONDS = 1.0


class Arrived(msgspec.Struct, frozen=True):
    """A message of an intake topic, with where it stood."""

    topic: str
    partition: int
    offset: int
    headers: Headers
    value: bytes
    at: datetime | None = None
    """When the broker had it; None: nobody but its publisher says so."""

    @property
    def place(self) -> str:
        """Where it stood, in one word."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    @property
    def publisher(self) -> Publisher:
        """The department whose topic it is: the broker's access rules decide who may write there."""
        return _publisher(self.topic)

    @property
    def traceparent(self) -> str:
        """The trace that its sending belongs to, by the header that tracing libraries put beside a message."""
        given = next((text for name, text in self.headers if name == "traceparent"), None)
        return traceparent(given.decode("latin-1")) if given else ""

    def envelope(self) -> Envelope:
        """Its envelope. Raises `Refused`."""
        return envelope_of(self.headers, self.value)

    @property
    def received(self) -> Received:
        """The message for the one handler."""
        return Received(
            self.envelope, self.publisher, self.value, f"kafka:{self.place}", self.letter, self.at, self.traceparent
        )

    def letter(self) -> Letter:
        """What is kept of it when it is refused: Kafka lets it go after a few days."""
        return Letter(
            place=self.place,
            channel="kafka",
            original=Original.of(self.headers, self.value),
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
        )


def envelope_of(given: Headers, value: bytes) -> Envelope:
    """The envelope of a message: structured mode when the content type says so, else binary mode by its headers. Raises `Refused`.

    Names are looked at without regard to case. A header that matters and stands there twice is refused, as nobody knows which is meant.
    """
    headers = {name.lower(): (text or b"").decode("utf-8", "surrogateescape") for name, text in given}
    twice = _twice(given) if len(headers) < len(given) else frozenset()
    content_type = headers.get("content-type")
    if "content-type" in twice:
        raise Refused("not-cloudevents", "content-type", "it stands there twice")
    media = media_of(content_type) if content_type is not None else None
    if media == STRUCTURED or (media is None and "ce_specversion" not in headers):
        if not value:
            raise Refused("malformed-json", "", "the message is empty")
        return structured(value)
    if "ce_specversion" not in headers or (media or "").startswith("application/cloudevents"):
        raise Refused("not-cloudevents", "content-type", f"one event a message: {STRUCTURED}, or ce_ headers")
    if any(name.startswith("ce_") for name in twice):
        raise Refused("not-cloudevents", "headers", "a ce_ header stands there twice")
    attributes = {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}
    return binary(({"datacontenttype": content_type} if content_type else {}) | attributes, value)


def _twice(headers: Headers) -> frozenset[str]:
    """The names, in small letters, that stand there more than once."""
    return frozenset(name for name, count in Counter(name.lower() for name, _ in headers).items() if count > 1)


class Worker:
    """Takes batches of arrived messages into the ledger."""

    def __init__(self, application: Changqing, bus: Bus, keys: KeyRing, notary: Notary) -> None:
        self._application = application
        self._producer = bus.producer()
        self._keys = keys
        self._sign = notary.signed
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
        """Accept a batch; send receipts of repeats, which the log does not tell of, and dead letters.

        Waits for PostgreSQL and Kafka as long as it takes: meanwhile nothing more is read, which is the back-pressure.
        """
        received = [one.received for one in batch]
        answers = _patiently(partial(accept, self._application, received))
        if messages := _patiently(partial(self._messages, batch, answers)):
            _patiently(partial(self._producer.send, messages))

    def _messages(self, batch: Sequence[Arrived], answers: Sequence[Answer]) -> list[Message]:
        """What is new the relay tells of. A repeat has a receipt of its own, under a number of its own."""
        out: list[Message] = []
        for one, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Taken) and not answer.known:
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
            topic=one.topic,
            partition=one.partition,
            offset=one.offset,
            refusal=refusal,
            sealed=self._sealed(one.value, refusal),
        )
        return Message(
            DEAD_LETTERS, one.place.encode(), msgspec.json.encode(carried(DEAD_LETTERS, "", letter)), "application/json"
        )

    def _sealed(self, value: bytes, refusal: SignedRefusal) -> str:
        """The original bytes, unless they are about somebody erased, or a message could not hold them: then their place must do."""
        kept = refusal.code != "person-erased" and len(value) <= LETTER_LIMIT
        return base64.b64encode(self._keys.seal_letter(value)).decode() if kept else ""


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
    at = _moment(message.timestamp) if message.timestamp_type == _BY_THE_BROKER else None
    return Arrived(message.topic, message.partition, message.offset, message.headers or (), message.value or b"", at)


_BY_THE_BROKER = 1
"""What Kafka calls `LogAppendTime`, as our topics have it."""


@lru_cache(maxsize=64)  # what comes together has few
def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)
