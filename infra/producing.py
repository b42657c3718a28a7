"""Producing to Kafka what must not be lost: batches, in order per key, each acknowledged by all replicas."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.helpers import create_ssl_context
from msgspec import Struct

SEND_SECONDS = 30


class BusError(Exception):
    """Kafka cannot be reached or did not take what was sent. Sending it again is safe: consumers know repeats by id."""


class TooLargeError(BusError):
    """Kafka will never take `message`, as it is too large. Sending the others again is safe."""

    def __init__(self, message: "Message") -> None:
        super().__init__(f"{len(message.value)} bytes for {message.topic} are more than Kafka takes")
        self.message = message


class Message(Struct, frozen=True):
    """A message for a topic. `key` orders what must stay in order, and is never personal."""

    topic: str
    key: bytes
    value: bytes
    content_type: str = "application/cloudevents+json; charset=UTF-8"


class Producer:
    """Sends batches; when `send` returns, the brokers have all of it. After a failure it connects anew.

    The client is aiokafka's, on an event loop that runs in the caller's thread for as long as a batch takes: a small batch is
    out in a tenth of the time and of the processor that kafka-python's takes, whose second thread is at odds with the
    first over the interpreter. One thread at a time may send.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: AIOKafkaProducer | None = None

    def send(self, batch: Iterable[Message]) -> None:
        """Send messages in order and wait for every acknowledgement.

        Raises `BusError` when one is missing, `TooLargeError` when one can never be sent. What was acknowledged before it stays sent, so whoever sends again repeats
        some: at least once, in order per key.
        """
        self._loop = self._loop or asyncio.new_event_loop()
        try:
            self._loop.run_until_complete(asyncio.wait_for(self._send(batch), SEND_SECONDS))
        except (KafkaError, OSError, TimeoutError) as error:
            self.close()
            raise BusError(f"Kafka did not take the messages: {type(error).__name__} {error}".strip()) from error
        except BaseException:
            self.close()
            raise

    async def _send(self, batch: Iterable[Message]) -> None:
        if self._client is None:
            self._client = AIOKafkaProducer(**_asynchronous(self._settings), acks="all", enable_idempotence=True)
            await self._client.start()
        pending: list[tuple[Message, asyncio.Future[Any]]] = []
        for m in batch:
            with _as_too_large(m):
                headers = [("content-type", m.content_type.encode())]
                pending.append((m, await self._client.send(m.topic, m.value, m.key, headers=headers)))
        results = await asyncio.gather(*(future for _, future in pending), return_exceptions=True)
        for (m, _), missing in zip(pending, results, strict=True):
            if isinstance(missing, BaseException):
                with _as_too_large(m):
                    raise missing

    def close(self) -> None:
        """Close the connections; unsent messages are dropped, as nobody was told that they were sent."""
        loop, client, self._loop, self._client = self._loop, self._client, None, None
        if loop is None:
            return
        loop.run_until_complete(_ended(client))
        loop.close()


@contextmanager
def _as_too_large(message: Message) -> Iterator[None]:
    """Its client says so before it sends, a broker when it is asked to take it."""
    try:
        yield
    except MessageSizeTooLargeError as error:
        raise TooLargeError(message) from error


async def _ended(client: AIOKafkaProducer | None) -> None:
    if client is not None:
        with suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(client.stop(), 1)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _asynchronous(settings: Mapping[str, Any]) -> dict[str, Any]:
    """kafka-python's settings as aiokafka has them: a TLS context instead of a file."""
    given = dict(settings)
    cafile = given.pop("ssl_cafile", None)
    if str(given.get("security_protocol", "")).endswith("SSL"):
        given["ssl_context"] = create_ssl_context(cafile=cafile)
    return given
