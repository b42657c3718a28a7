"""Delivering to one webhook: in the log's order, until it has it; then remembering how far it has come.

A crash between the two delivers some again, under the same ids. Nothing is passed over: what cannot be delivered in the end
becomes a dead letter in the same transaction as the place behind it.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from random import SystemRandom
from threading import Event as Flag

import structlog
from msgspec import Struct
from msgspec.structs import replace

from domain.consumers import DeliveryGivenUp
from domain.disclosures import DataDelivered
from domain.history import Entry, handing_over
from infra.consumers import Consumer, Consumers
from infra.database import POLL_SECONDS
from infra.outlets import Failure, MovedError, Outlet, Settled, webhook
from infra.traces import traces_of
from infra.webhooks import Answer, Sender, Webhook
from services.consumers.again import Again
from services.consumers.patience import Patience, Verdict, refuses
from services.consumers.selecting import Item, Leaves, selected
from services.tracing import Tracing

ENTRIES = 500
"""Entries that are read at a time."""
REMEMBER_SECONDS = 1.0
"""How long what was delivered may go unremembered, and would be delivered again after a crash."""
LOOK_SECONDS = 1.0
"""How old what is known of the consumer may be when something is sent: so soon an end, a change or a new secret is heeded."""
GATHER_SECONDS = 0.02
"""How long what comes next may gather: a look at the log for each of many batches a second would be the most of the work."""
PASSED = 5_000
"""How many entries without anything for a consumer are passed before its place is remembered."""

_logger = structlog.get_logger()


class _Deed(Struct, frozen=True):
    entry: Entry
    item: Item
    given_up: DeliveryGivenUp | None = None


class Delivery:
    """Delivers to one consumer; one thread of one process at a time has it."""

    def __init__(
        self, consumers: Consumers, name: str, sender: Sender, patience: Patience, stop: Flag, tracing: Tracing
    ) -> None:
        self._consumers = consumers
        self._name = name
        self._leaves = Leaves.of(consumers)
        self._sender = sender
        self._patience = patience
        self._stop = stop
        self._tracing = tracing
        self._lot = SystemRandom().random
        self._again = Again(consumers, self._leaves, patience, self._lot)
        self._grown = Flag()
        self._place = self._come = 0
        self._deeds: list[_Deed] = []
        self._remembered = self._looked = time.monotonic()

    def close(self) -> None:
        """Close the connections to the receiver."""
        self._sender.close()

    def wake(self) -> None:
        """The log has grown, or what is known of the consumer changed."""
        self._grown.set()

    def run(self) -> None:
        """Deliver until told to stop, or until the consumer has ended."""
        while not self._stop.is_set() and self._round():
            pass

    def _round(self) -> bool:
        """One look at the consumer and at what there is for it; False when it has ended."""
        self._grown.clear()
        self._looked = time.monotonic()
        consumer = self._consumers.find(self._name)
        if consumer.ended is not None:
            return False
        if gone := self._again.turn(consumer, self._send):
            self._end(consumer, gone)
            return True
        outlet = self._consumers.outlets.find(self._name)
        if outlet.position != self._place:  # at first, or because somebody moved it
            self._place = self._come = outlet.position
        self._deeds, self._remembered = [], time.monotonic()
        try:
            entries = self._consumers.outlets.entries(self._come, ENTRIES)
            if not self._is_still(consumer):  # what came after a change is for the terms after it
                return True
            if self._deliver_all(consumer, outlet, entries) and not entries:
                self._grown.wait(POLL_SECONDS)
                self._stop.wait(GATHER_SECONDS)
        except MovedError:
            _logger.info("begins again from its place", consumer=self._name)
        return True

    def _deliver_all(self, consumer: Consumer, outlet: Outlet, entries: Sequence[Entry]) -> bool:
        chosen = [(entry, selected(entry, consumer.terms, self._leaves)) for entry in entries]
        self._announce(consumer, chosen)
        traces = traces_of(self._consumers.database, entries)
        for entry, items in chosen:
            trace = traces.get(entry.position, "")
            for found in items:
                item = replace(found, traceparent=trace) if trace else found
                done = self._deliver(consumer, outlet, entry, item)
                if done is None:
                    self._remember()
                    return False
                if outlet.failing_since or done.given_up:
                    outlet = outlet._replace(
                        event=None, tries=0, failing_since=outlet.failing_since if done.given_up else None
                    )
                self._deeds.append(done)
            self._come = entry.position
            if time.monotonic() - self._remembered > REMEMBER_SECONDS:
                self._remember()
        self._remember()
        return True

    def _announce(self, consumer: Consumer, chosen: Sequence[tuple[Entry, list[Item]]]) -> None:
        """Record what is about to be sent, before the first of it is; what was recorded before a crash is not again."""
        if not any(items for _, items in chosen):
            return
        terms = consumer.terms

        def record(after: int) -> DataDelivered | None:
            fresh = [(entry, item.event) for entry, items in chosen for item in items if entry.position > after]
            return handing_over(terms.department, webhook(self._name), fresh, terms.fields)

        self._consumers.outlets.announce(self._name, chosen[-1][0].position, record)

    def _remember(self) -> None:
        """Remember the place, what was delivered and what was given up. Raises `MovedError`."""
        whole = [deed for deed in self._deeds if deed.entry.position <= self._come]
        if whole or self._come - self._place >= PASSED:
            self._consumers.outlets.settle(self._name, self._place, _settled(self._come, whole))
            self._place = self._come
        self._deeds = [deed for deed in self._deeds if deed.entry.position > self._come]
        self._remembered = time.monotonic()

    def _deliver(self, consumer: Consumer, outlet: Outlet, entry: Entry, item: Item) -> _Deed | None:
        """Deliver one event, however long it takes; None when told to stop or when the consumer is another meanwhile."""
        same = outlet.event == item.event
        tries, refusals, since = (
            (outlet.tries, outlet.refusals, outlet.failing_since) if same else (0, 0, outlet.failing_since)
        )
        if same and outlet.next_try and not self._wait(consumer, outlet.next_try):
            return None
        while (answer := self._send(consumer, item)) is not None:
            tries, refusals, now = tries + 1, refusals + refuses(answer), datetime.now(UTC)
            since = since or now
            failure = Failure(event=item.event, tries=tries, refusals=refusals, since=since, at=now, code=answer.code)
            match self._patience.verdict(answer, refusals, since, entry.recorded_at, now):
                case Verdict.DELIVERED:
                    return _Deed(entry, item)
                case Verdict.DEAD:
                    self._failed(failure)
                    told = DeliveryGivenUp(
                        consumer=self._name,
                        event=item.event,
                        position=entry.position,
                        tries=tries,
                        code=answer.code,
                    )
                    return _Deed(entry, item, told)
                case Verdict.ENDED:
                    self._failed(failure)
                    self._end(consumer, answer)
                    return None
                case Verdict.AGAIN:
                    self._remember()  # what got through before does not wait for this
                    at = self._patience.next_try(answer, tries, now, self._lot())
                    self._failed(replace(failure, at=at) if self._is_still(consumer) else failure)
                    if not self._wait(consumer, at):
                        return None
        return None

    def _send(self, consumer: Consumer, item: Item) -> Answer | None:
        """Send an event once; None when told to stop or when the consumer is another meanwhile."""
        if self._stop.is_set() or (time.monotonic() - self._looked >= LOOK_SECONDS and not self._is_still(consumer)):
            return None
        now = datetime.now(UTC)
        with self._tracing.span("deliver", item.traceparent, consumer=self._name) as trace:
            webhook = Webhook(id=item.event, body=item.body, content_type=item.content_type, traceparent=trace)
            return self._sender.send(consumer.terms.url, webhook, self._consumers.signing(consumer, now), now)

    def _end(self, consumer: Consumer, answer: Answer) -> None:
        """The receiver is gone, and its consumer ends, unless it has another by now."""
        self._consumers.end(self._name, "changqing deliver", answer.code, consumer.revision)

    def _is_still(self, consumer: Consumer) -> bool:
        """Whether nothing about the consumer was changed."""
        if self._consumers.find(self._name).revision != consumer.revision:
            return False
        self._looked = time.monotonic()
        return True

    def _failed(self, failure: Failure) -> None:
        self._consumers.outlets.failed(self._name, failure)
        if failure.tries == 1:
            _logger.warning("a consumer does not take an event", consumer=self._name, code=failure.code)

    def _wait(self, consumer: Consumer, until: datetime) -> bool:
        """Wait; False at once when told to stop, or when something about the consumer was changed."""
        while (left := (until - datetime.now(UTC)).total_seconds()) > 0:
            if self._stop.wait(min(left, POLL_SECONDS)):
                return False
            if not self._is_still(consumer):
                return False
        return True


def _settled(position: int, deeds: list[_Deed]) -> Settled:
    there = [deed for deed in deeds if deed.given_up is None]
    return Settled(
        position=position,
        delivered=[deed.item.event for deed in there],
        given_up=[deed.given_up for deed in deeds if deed.given_up],
        types={deed.item.event: deed.item.type for deed in deeds},
    )
