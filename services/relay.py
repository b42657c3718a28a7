"""The relay: the log to Kafka. It publishes, then remembers: a crash in between repeats, and never loses."""

from collections.abc import Sequence
from threading import Event as Flag

import structlog

from domain.facts import Department
from domain.history import Entry, delivery
from infra.bus import Bus, BusError
from infra.follower import RETRY_SECONDS, follow
from infra.outbox import Outbox
from services.outgoing import ALERTS, leaving
from services.receipts import Notary

_logger = structlog.get_logger()


class Relay:
    """One follower of the log that sends what leaves it, in the log's order."""

    def __init__(self, outbox: Outbox, bus: Bus, notary: Notary, stop: Flag) -> None:
        self._outbox = outbox
        self._sign = notary.signed
        self._producer = bus.producer()
        self._stop = stop

    def handle(self, entries: Sequence[Entry]) -> None:
        """Send a batch, wait until Kafka has it, then remember the position and what was delivered to whom.

        Waits for Kafka as long as it takes. After a crash or a failure the whole batch is sent again, in order.
        """
        batch = [one for entry in entries for one in leaving(entry, self._sign, self._outbox.alert)]
        while not self._stop.is_set():
            try:
                self._producer.send(batch)
                break
            except BusError as error:
                _logger.warning("Kafka lost, waiting for it", error=str(error))
                self._stop.wait(RETRY_SECONDS)
        else:
            return
        self._outbox.sent(entries[0].position, entries[-1].position, delivery(Department.AGENCY, ALERTS, entries))

    def run(self) -> None:
        """Relay until told to stop."""
        try:
            follow(self._outbox.database, "relay", self._outbox.position, self.handle, self._stop)
        finally:
            self._producer.close()
