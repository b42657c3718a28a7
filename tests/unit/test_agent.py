"""The Faust side of intake: which offsets may be committed, when it stays in the group, what it can read."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from faust.types import TP

from infra.odd_headers import read_odd_headers
from services.bus.agent import faust_app
from services.bus.lots import STUCK_SECONDS, Lot
from services.bus.worker import Worker
from services.settings import Settings

INTAKE = TP("intake.police", 0)
SETTINGS = Settings(
    database_url="postgresql://nowhere",
    kafka_bootstrap="127.0.0.1:1",
    changqing_key_file=Path("none"),
)


def test_only_what_the_worker_took_counts_as_done() -> None:
    """Faust acknowledges what it skips after a rebalance too; committed, it would be lost by a crash before its re-reading."""

    async def story(consumer: Any) -> None:
        skipped = _lot(7, 8, generation=1)
        consumer.ack(skipped)
        assert _committable(consumer) == {}
        consumer.took(_lot(7, 8, 9, generation=1))
        assert _committable(consumer) == {INTAKE: 10}

    _run(story)


def test_what_was_done_before_partitions_were_shared_out_anew_is_not_committed_after_it() -> None:
    async def story(consumer: Any) -> None:
        consumer.took(_lot(7, generation=1))
        await consumer.on_partitions_revoked({INTAKE})
        consumer.app.consumer_generation_id = 2
        consumer.took(_lot(8, generation=1))
        assert _committable(consumer) == {}

    _run(story)


def test_who_lets_everything_rest_or_waits_for_the_ledger_says_that_it_lives() -> None:
    """Else aiokafka takes it for dead after `max.poll.interval.ms`, and never joins again, as nothing is fetched meanwhile."""

    async def story(consumer: Any) -> None:
        known = SubscriptionState()
        consumer._thread._consumer = SimpleNamespace(_subscription=known)
        consumer.flow_active = False
        consumer.can_resume_flow.set()
        known._last_fetch_ended = 0.0
        await consumer._fetch_one()
        assert known._last_fetch_ended > 0.0, "while partitions are shared out"
        consumer.flow_active, consumer._active_partitions = True, set()
        known._last_fetch_ended = 0.0
        await consumer._fetch_one()
        assert known._last_fetch_ended > 0.0, "while nothing is fetched"

    _run(story)


def test_kafka_is_told_the_longest_wait_that_it_can_be_told() -> None:
    app = faust_app(cast(Worker, SimpleNamespace(resting=frozenset)), SETTINGS)
    longest = app.conf.broker_max_poll_interval * 1_000
    assert 24 * 86_400_000 < longest < 2**31


def test_partitions_that_are_shared_out_without_end_end_the_process() -> None:
    async def story(consumer: Any) -> None:
        consumer.flow_active = False
        assert not consumer._stuck(1_000.0)
        assert not consumer._stuck(1_000.0 + STUCK_SECONDS)
        assert consumer._stuck(1_001.0 + STUCK_SECONDS)
        consumer.flow_active = True
        assert not consumer._stuck(1_002.0 + STUCK_SECONDS)
        consumer.flow_active = False
        assert not consumer._stuck(1_003.0 + STUCK_SECONDS), "each time is its own"

    _run(story)


@pytest.mark.parametrize("packing", [0, 1, 2, 3, 4], ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_a_header_whose_name_is_no_utf_8_comes_escaped_and_what_is_behind_it_comes_too(packing: int) -> None:
    """As librdkafka and Go's clients send names of GBK. aiokafka gives up at such a message, and at each try again."""
    read_odd_headers()
    first, second = _fetched(0, b"fine", "x-note"), _fetched(2, _ODD, "x-note", packing)
    records: Any = fetcher.PartitionRecords(
        INTAKE, fetcher.MemoryRecords(first + second), [], 0, None, None, True, fetcher.READ_UNCOMMITTED
    )
    got = [(one.offset, [name for name, _ in one.headers]) for one in records]
    assert got == [
        (0, ["fine"]),
        (1, ["x-note"]),
        (2, [_ODD.decode("utf-8", "surrogateescape")]),
        (3, ["x-note"]),
    ]
    assert records.next_fetch_offset == 4


_ODD = b"\xc4\xfa\xba\xc3"


def _fetched(offset: int, name: bytes, then: str, packing: int = 0) -> bytes:
    """A batch of two records as a broker hands it out, each with a header."""
    made: Any = _DefaultRecordBatchBuilderPy(2, packing, 0, -1, -1, -1, 100_000)
    for n, header in enumerate((_Name(name), then)):
        made.append(n, timestamp=1, key=b"k", value=b"v", headers=[(header, b"x")])
    made.set_producer_state(-1, -1, -1)
    built = bytearray(made.build())
    built[:8] = offset.to_bytes(8, "big")  # outside of what the sum is of
    return bytes(built)


class _Name(str):
    """The name of a header as it is on the wire, whatever it is in."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes) -> "_Name":
        made = super().__new__(cls, raw.decode("latin-1"))
        made.raw = raw
        return made

    def encode(self, *_: Any) -> bytes:
        return self.raw


def _run(story: Any) -> None:
    async def told() -> None:
        worker = cast(Worker, SimpleNamespace(resting=frozenset))
        app = faust_app(worker, SETTINGS)
        app.consumer_generation_id = 1
        transport: Any = app.transport
        consumer: Any = transport.create_consumer(
            callback=_nothing, on_partitions_revoked=_nothing, on_partitions_assigned=_nothing
        )
        await story(consumer)
        consumer._thread.thread_loop.close()  # a loop of its own, that only a started consumer closes

    asyncio.run(told())


def _committable(consumer: Any) -> dict[TP, int]:
    tps = list(consumer._filter_tps_with_pending_acks())
    return dict(consumer._filter_committable_offsets(tps))


async def _nothing(*_: object) -> None:
    """There is no broker to be called back by."""


def _lot(*offsets: int, generation: int) -> Lot:
    records = [SimpleNamespace(topic=INTAKE.topic, partition=0, offset=offset, timestamp=0) for offset in offsets]
    return Lot(records, INTAKE, generation)
