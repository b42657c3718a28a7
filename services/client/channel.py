"""A way to a ledger, as the client sees it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.client.receipts import Receipt


class Waiting(NamedTuple):
    """An event that waits for its receipt: its number in the outbox, who it is, Kafka's key for it, and its bytes.

    `instead`: where the log tells that other content was refused under this id, which this event took the place of; 0: none.
    A receipt that comes late may still be that one's.
    """

    number: int
    source: str
    id: str
    key: str
    body: bytes
    instead: int = 0


class Channel(Protocol):
    """Sends events and brings back what became of them. Sending anything again is always safe.

    `most`: how many events, and `most_bytes` how many bytes, it takes at a time.
    """

    most: int
    most_bytes: int

    def send(self, events: Sequence[Waiting]) -> list[Receipt | None]:
        """Send events in their order; the receipt of each, None for one that is not answered yet.

        Raises `UnreachableError` when trying again may help, another `ClientError` when it cannot.
        """
        ...

    def close(self) -> None:
        """Let go of the connections."""
        ...
