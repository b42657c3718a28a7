"""The relay: the log to Kafka. It records, publishes, then remembers: a crash in between repeats what is sent, and never loses."""

from collections.abc import Sequence
from contextlib import ExitStack
from threading import Event as Flag

import structlog

from domain.history import Entry
from infra.bus import Bus, BusError, Message, TooLargeError
from infra.follower import RETRY_SECONDS, follow
from infra.outbox import Outbox
from infra.traces import traces_of
from services.accepting.receipts import Notary
from services.bus.disclosing import disclosures
from services.bus.outgoing import receipts, traced, without_data
from services.bus.recording import Part, records
from services.tracing import Tracing

_logger = structlog.get_logger()


class Relay:
    """One follower of the log that sends what leaves it, in the log's order."""

    def __init__(self, outbox: Outbox, bus: Bus, notary: Notary, stop: Flag, tracing: Tracing | None = None) -> None:
        self._outbox = outbox
        self._tracing = tracing or Tracing()
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
        with ExitStack() as spans:
            self._send(entries, self._leaving(parts, spans))

    def _leaving(self, parts: Sequence[Part], spans: ExitStack) -> list[Message]:
        """What leaves the log with the entries; what belongs to a trace has a span until it is sent."""
        traces = traces_of(self._outbox.database, [part.entry for part in parts])
        batch: list[Message] = []
        for part in parts:
            for one in (*part.messages, *part.contests, *receipts(part.entry, self._sign), *disclosures(part.entry)):
                if trace := traces.get(part.entry.position):
                    told: dict[str, str | int] = {
                        "messaging.destination.name": one.topic,
                        "position": part.entry.position,
                    }
                    at = spans.enter_context(self._tracing.span("send", trace, None, **told))
                    batch.append(traced(one, at))
                else:
                    batch.append(one)
        return batch

    def _send(self, entries: Sequence[Entry], batch: list[Message]) -> None:
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
