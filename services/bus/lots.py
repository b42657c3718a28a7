"""Faust's consumer, handing on lots of messages instead of single ones.

Faust makes two tasks, a queue entry and an acknowledgement of every message, which takes longer than the ledger does to
accept it. Here one message of Faust's carries everything that was fetched at once. A small lot is done before the next is
fetched: what comes meanwhile waits in the fetcher's buffer and in the broker, and comes together. While a large one is in
work, the next is made ready, and no more than that.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from infra.odd_headers import read_odd_headers

_logger = structlog.get_logger()

FETCH_SECONDS = 0.25
"""How long a fetch waits for the first message."""
LOOK_SECONDS = 0.5
"""How often it is asked whose topics rest."""
LET_GO_SECONDS = 5.0
"""How long a rebalance waits for a lot in work: less than the session lasts. Done later, it is read again by whoever has it then."""
LARGE = 500
"""Messages of a lot after which there is likely to be another one."""
STUCK_SECONDS = 300.0
"""How long partitions may be shared out; after that whoever does it is thought to have stopped."""
_FETCH_MAX_WAIT_MS = 100
"""How long a fetch of nothing may hold up what comes to a partition that was not in it; Faust asks for 1,500."""


class Lot(ConsumerMessage):
    """What was fetched at once, of any partitions; of each in its order."""

    def __init__(self, records: Sequence[Any], tp: TP, generation: int) -> None:
        first = records[0]
        super().__init__(
            tp.topic,
            tp.partition,
            first.offset,
            first.timestamp,
            0,
            {},
            b"",
            b"",
            None,
            tp=tp,
            generation_id=generation,
        )
        self.records = records
        self.done = asyncio.Event()


class _Thread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        read_odd_headers()
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001 - Faust has no setting for it
        return consumer

    def is_here(self) -> None:
        """Say that whoever fetches lives, though nothing is fetched.

        Silent for `max.poll.interval.ms`, we would leave the group; and as nothing is fetched either while partitions are shared
        out, never come back.
        """
        if (subscription := getattr(self._consumer, "_subscription", None)) is not None:
            subscription._last_fetch_ended = monotonic()  # noqa: SLF001 - only a fetch sets it

    @property
    def out_of_group(self) -> bool:
        """Whether what keeps us in the group has ended for good, as it does on an error that aiokafka did not foresee."""
        task = getattr(getattr(self._consumer, "_coordinator", None), "_coordination_task", None)
        return task is not None and task.done()


class LotConsumer(Consumer):
    """Fetches lot after lot, and commits what was done of each partition; nothing else ever counts as done.

    Faust acknowledges what it skips after a rebalance, though that is fetched once more. Were its offset committed before
    the second copy is in the ledger, a crash in between would lose it.
    """

    _thread: _Thread
    resting: Callable[[], frozenset[str]] = staticmethod(frozenset)
    """Asks for the topics of which nothing is to be fetched; called in a thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._done: dict[TP, int] = {}
        self._at_rest: frozenset[str] = frozenset()
        self._looked = 0.0
        self._stalled_since: float | None = None
        self._last: Lot | None = None
        self._in_work: Lot | None = None

    def begun(self, lot: Lot) -> None:
        """The agent has a lot in work."""
        self._in_work = lot

    def took(self, lot: Lot) -> None:
        """A lot is done: its offsets may be committed, unless its partitions were shared out anew meanwhile."""
        if lot.generation_id == self.app.consumer_generation_id:
            for record in lot.records:
                self._done[TP(record.topic, record.partition)] = record.offset + 1
        lot.done.set()

    async def wait_empty(self) -> None:
        """Before partitions are let go: wait a little for the lot in work, then commit."""
        if self._in_work:
            await self.wait_first(self._in_work.done.wait(), timeout=LET_GO_SECONDS)
        await self.commit_and_end_transactions()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget what was done of them: who has them next may be further."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._done.pop(tp, None)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._fetch_one()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _fetch_one(self) -> None:
        if self._thread.out_of_group and not self.should_stop:
            _logger.critical("lost the consumer group for good; it is joined again when this process is started again")
            os._exit(70)
        self._thread.is_here()
        if self._stuck(monotonic()):
            _logger.critical(
                "partitions were shared out without end; the group is joined anew when this process is started again"
            )
            os._exit(70)
        if self._rebalancing():
            await self.wait_first(self.can_resume_flow.wait(), timeout=FETCH_SECONDS)
            return
        await self._look()
        active = {tp for tp in self._get_active_partitions() if tp.topic not in self._at_rest}
        if not active:
            await self.sleep(FETCH_SECONDS)
            return
        generation = self.app.consumer_generation_id
        fetched = await self._getmany(active, FETCH_SECONDS)
        if self._rebalancing() or generation != self.app.consumer_generation_id:
            # What was fetched before the partitions were shared out anew is fetched again, after what comes before it.
            try:
                await self.perform_seek()
            except Exception as error:  # noqa: BLE001 - whoever has the partitions next seeks for themselves
                _logger.warning("could not seek while partitions are shared out", error=type(error).__name__)
            return
        records = [record for some in fetched.values() for record in some]
        if records:
            tp = TP(records[0].topic, records[0].partition)
            await self._hand_on(Lot(records, tp, generation))

    async def _hand_on(self, lot: Lot) -> None:
        """Bring a lot to the agent, and wait until there is room for the next."""
        before, self._last = self._last, lot
        await self.callback(lot)  # held up by a rebalance, it brings a lot that the stream then skips
        awaited = before if len(lot.records) >= LARGE else lot
        while awaited and not awaited.done.is_set() and not self._rebalancing() and not self.should_stop:
            if awaited.generation_id != self.app.consumer_generation_id:
                return  # nobody works at it: it was skipped, and comes again
            self._thread.is_here()
            with suppress(TimeoutError):
                async with asyncio.timeout(FETCH_SECONDS):
                    await awaited.done.wait()

    def _rebalancing(self) -> bool:
        return not self.flow_active

    def _stuck(self, now: float) -> bool:
        """Whether partitions have been shared out for longer than that ever takes."""
        if not self._rebalancing():
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now
        return self._stalled_since is not None and now - self._stalled_since > STUCK_SECONDS

    async def _look(self) -> None:
        if monotonic() - self._looked > LOOK_SECONDS:
            self._at_rest = await asyncio.to_thread(self.resting)
            self._looked = monotonic()

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    # Which offsets Faust commits

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp in list(self._done) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self._done.get(tp)
