"""The Faust side of intake: which offsets may be committed."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

from services.agent import faust_app
from services.lots import Lot
from services.settings import Settings
from services.worker import Worker

INTAKE = TP("intake.police", 0)
SETTINGS = Settings(
    database_url="postgresql://nowhere",
    kafka_bootstrap="127.0.0.1:1",
    changqing_key_file=Path("none"),
    changqing_credentials_file=Path("none"),
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
