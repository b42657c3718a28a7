"""The relay: the log to Kafka. It records, publishes, then remembers: a crash in between repeats what is sent, and never loses."""

from collections.abc import Sequence
from threading import Event as Flag

import structlog

from domain.history import Entry
from infra.bus import Bus, BusError, TooLargeError
from infra.follower import RETRY_SECONDS, follow
from infra.outbox import Outbox
from services.accepting.receipts import Notary
from services.bus.outgoing import receipts, without_data
from services.bus.recording import Part, records

_logger = structlog.get_logger()


class Relay:
    """One follower of the log that sends what leaves it, in the log's order."""

    def __init__(self, outbox: Outbox, bus: Bus, notary: Notary, stop: Flag) -> None:
        self._outbox = outbox
        self._sign = notary.signed
        self._producer = bus.producer()
        self._stop = stop

    def handle(self, entries: Sequence[Entry]) -> None:
        """Record who is handed what, send it, wait until Kafka has it, then remember the position.

        Waits for Kafka as long as it takes. After a crash or a failure the whole batch is sent again, in order. What Kafka
        will never take is not waited for: the same event goes out without its data, so that nobody misses that there is one.
        """
        parts = [Part.of(entry, self._outbox.alert) for entry in entries]
        self._outbox.announce(
            entries[-1].position, lambda after: records(part for part in parts if part.entry.position > after)
        )
        batch = [one for part in parts for one in (*part.messages, *part.contests, *receipts(part.entry, self._sign))]
        while not self._stop.is_set():
            try:
                self._producer.send(batch)
                break
            except TooLargeError as error:
                large, instead = error.message, without_data(error.message)
                told = {"error": str(error), "key": large.key.decode()}
                _logger.error("too large for Kafka, told without its data", **told)  # noqa: TRY400 - a trace says no more
                # A Kafka that does not take even that gets nothing of it: the others must not wait for it.
                kept = [instead] if len(instead.value) < len(large.value) else []
                batch = [new for one in batch for new in (kept if one == large else [one])]
            except BusError as error:
                _logger.warning("Kafka lost, waiting for it", error=str(error))
                self._stop.wait(RETRY_SECONDS)
        else:
            return
        self._outbox.sent(entries[0].position, entries[-1].position)

    def run(self) -> None:
        """Relay until told to stop."""
        try:
            follow(self._outbox.database, "relay", self._outbox.position, self.handle, self._stop)
        finally:
            self._producer.close()
