"""The process that delivers to webhooks: a thread for each consumer, and of several such processes one for each consumer.

Who delivers holds the consumer's lock on the one connection that also listens to the log; a crash gives it up. Were two to
deliver for a moment, the receiver gets an event twice, under one id, and the place in the database lets only one go on.
"""

import time
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

import structlog

from infra.consumers import Consumers
from infra.database import POLL_SECONDS, DatabaseError
from infra.faults import told
from infra.follower import RETRY_SECONDS
from infra.leads import Leads
from infra.webhooks import SECONDS, Sender
from services.consumers.delivering import Delivery
from services.consumers.patience import Patience
from services.tracing import Tracing

FAULT_SECONDS = 30.0
"""How long a consumer rests after a fault of ours, while the others go on."""
LEAVE_SECONDS = SECONDS
"""How long all hands together are waited for: as long as a request may take. One that is stuck for longer ends as soon as it is not,
and the place in the database, which others may have moved meanwhile, takes nothing from it.
"""

_logger = structlog.get_logger()


class Deliverer:
    """Delivers to every webhook; new ones are found without a restart."""

    def __init__(
        self,
        consumers: Consumers,
        sender: Callable[[], Sender],
        stop: Flag,
        patience: Patience | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._consumers = consumers
        self._sender = sender
        self._stop = stop
        self._patience = patience or Patience()
        self._tracing = tracing or Tracing()

    def run(self) -> None:
        """Deliver until told to stop. A lost database is waited for."""
        while not self._stop.is_set():
            try:
                with Leads.of(self._consumers.database) as leads:
                    self._lead(leads)
            except DatabaseError as error:
                _logger.warning("begins again", process="deliver", error=str(error))
                self._stop.wait(RETRY_SECONDS)

    def _lead(self, leads: Leads) -> None:
        crew: dict[str, _Hand] = {}
        looked = 0.0
        try:
            while not self._stop.is_set():
                if time.monotonic() - looked > POLL_SECONDS:
                    self._hire(leads, crew)
                    looked = time.monotonic()
                if leads.grown(POLL_SECONDS):
                    for hand in crew.values():
                        hand.wake()
        finally:
            for hand in crew.values():
                hand.tell_to_stop()
            until = time.monotonic() + LEAVE_SECONDS
            for hand in crew.values():
                hand.join(max(0.0, until - time.monotonic()))

    def _hire(self, leads: Leads, crew: dict[str, "_Hand"]) -> None:
        """A hand for each webhook that goes on; those of consumers that ended give up their lock."""
        for name in [name for name, hand in crew.items() if not hand.is_alive()]:
            crew.pop(name)
            leads.give_up(_lock(name))
        for consumer in self._consumers.all():
            going_on = consumer.terms.kind == "webhook" and consumer.ended is None
            if going_on and consumer.name not in crew and leads.take(_lock(consumer.name)):
                crew[consumer.name] = _Hand(self._consumers, consumer.name, self._sender, self._patience, self._tracing)
                crew[consumer.name].start()


def _lock(name: str) -> str:
    return f"consumer:{name}"


class _Hand(Thread):
    """The thread that delivers to one consumer."""

    def __init__(
        self, consumers: Consumers, name: str, sender: Callable[[], Sender], patience: Patience, tracing: Tracing
    ) -> None:
        super().__init__(name=f"deliver {name}", daemon=True)
        self._done = Flag()
        self._consumer = name
        self._delivery = Delivery(consumers, name, sender(), patience, self._done, tracing)

    def wake(self) -> None:
        self._delivery.wake()

    def tell_to_stop(self) -> None:
        self._done.set()
        self._delivery.wake()

    def run(self) -> None:
        try:
            self._deliver()
        finally:
            self._delivery.close()

    def _deliver(self) -> None:
        while not self._done.is_set():
            try:
                self._delivery.run()
            except DatabaseError as error:
                _logger.warning("waits for PostgreSQL", consumer=self._consumer, error=str(error))
                self._done.wait(RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - one consumer's trouble must not be everybody's; it is said, and tried again
                _logger.critical("cannot deliver", consumer=self._consumer, **told(error))
                self._done.wait(FAULT_SECONDS)
            else:
                return
