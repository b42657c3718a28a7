"""The client: puts events in the outbox, sends what waits, keeps the receipts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Self

from domain.refusals import Refused
from services.client.channel import Channel, Waiting
from services.client.errors import UnreachableError
from services.client.events import Event
from services.client.outbox import Again, Outbox
from services.client.receipts import Receipt
from services.client.reports import heartbeat
from services.client.retrying import Patience, Retrying
from services.client.signing import Signer


class Undelivered(UnreachableError):  # noqa: N818 - it says what is so, and nothing is lost
    """Some events have no receipt yet. `kept`: they are in the outbox file, and the next `flush` goes on with them."""

    def __init__(self, left: int, cause: str, *, kept: bool) -> None:
        super().__init__(f"{left} events have no receipt yet: {cause}")
        self.left = left
        self.kept = kept


class Client:
    """Publishes life events by a channel. Use it as a context manager, from one thread.

    Without an `outbox` what waits is lost with the process. `numbered`: events get a `sequence`, so that the ledger
    can tell when one is missing. Once an outbox has numbered a source, all of that source must go through it.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        outbox: Outbox | None = None,
        signer: Signer | None = None,
        numbered: bool = False,
        retrying: Retrying | None = None,
    ) -> None:
        self._channel = channel
        self.outbox = outbox or Outbox()
        self._sign = signer.sign if signer else None
        self._numbered = numbered
        self._retrying = retrying or Retrying()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel and the outbox."""
        self._channel.close()
        self.outbox.close()

    def publish(self, event: Event) -> Receipt:
        """Publish one event and wait for its receipt, a refusal included.

        Raises `Refused` when it can be sent to nobody (too large, an identity number for an id, a conflict in the
        outbox), `Undelivered` when the ledger did not answer within the budget, another `ClientError` when the way is wrong.
        """
        return self.publish_many([event])[0]

    def publish_many(self, events: Iterable[Event]) -> list[Receipt]:
        """Publish events in their order and wait for the receipt of each. Raises as `publish`; `Refused`: before any is sent."""
        numbers = self.queue(list(events))
        self.flush()
        receipts = [self.outbox.standing(number).receipt for number in numbers]
        return [receipt for receipt in receipts if receipt is not None]

    def queue(self, events: Sequence[Event]) -> list[int]:
        """Put events in the outbox without sending any; their numbers in it. Raises the first `Refused`, and then none is in it."""
        put = self.put(events, whole=True)
        return [number for number in put if isinstance(number, int)]

    def put(self, events: Sequence[Event], again: Again = Again.REFUSED, *, whole: bool = False) -> list[int | Refused]:
        """`Outbox.put` with the client's signature and numbering."""
        return self.outbox.put(events, sign=self._sign, numbered=self._numbered, again=again, whole=whole)

    def heartbeat(self, source: str) -> Receipt:
        """Tell the ledger that a source lives, and the last number it has given. Raises as `publish`."""
        last = self.outbox.last_sequence(source)
        return self.publish(heartbeat(source, last or None))

    def flush(self, told: Callable[[int], None] = lambda _: None) -> None:
        """Send all that waits, in order, until everything has its receipt; `told` is called with how many came.

        Raises `Undelivered` when nothing was answered for as long as the budget allows, another `ClientError` at once.
        """
        patience = Patience(self._retrying)
        while batch := self.outbox.waiting(self._channel.most, self._channel.most_bytes):
            failure = UnreachableError("no receipt came")
            try:
                came = self._send(batch)
            except UnreachableError as error:
                came, failure = 0, error
            if came:
                patience.answered()
                told(came)
            if came < len(batch):
                self._pause(patience, failure)

    def _send(self, batch: Sequence[Waiting]) -> int:
        answers = self._channel.send(batch)
        # A crash before the next line leaves them waiting: they are sent again, and the ledger says the same again.
        receipts = [(one.number, answer) for one, answer in zip(batch, answers, strict=True) if answer is not None]
        self.outbox.answered(receipts)
        return len(receipts)

    def _pause(self, patience: Patience, failure: UnreachableError) -> None:
        try:
            patience.wait(failure)
        except UnreachableError as spent:
            raise Undelivered(self.outbox.left(), str(spent), kept=self.outbox.keeps) from spent
