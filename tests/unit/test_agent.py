"""The Faust side of intake: which offsets may be committed."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from faust.types import TP, Message

from services.agent import faust_app
from services.settings import Settings
from services.worker import Worker

INTAKE = TP("intake.police", 0)
SETTINGS = Settings(
    database_url="postgresql://nowhere",
    kafka_bootstrap="127.0.0.1:1",
    changqing_key_file=Path("none"),
    changqing_credentials_file=Path("none"),
)


def test_only_what_the_worker_took_counts_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust acknowledges what it skips after a rebalance too; committed, it would be lost by a crash before its re-reading."""

    async def story() -> None:
        app = faust_app(cast(Worker, None), SETTINGS)
        monkeypatch.setattr(app.topics, "acks_enabled_for", lambda _: True)  # nobody is subscribed without a broker
        transport: Any = app.transport
        consumer: Any = transport.create_consumer(
            callback=_nothing, on_partitions_revoked=_nothing, on_partitions_assigned=_nothing
        )
        skipped, taken = _message(7), _message(8)
        consumer.taken.add((INTAKE, 8))
        assert (consumer.ack(skipped), consumer.ack(taken)) == (False, True)
        assert list(consumer._acked[INTAKE]) == [8]
        assert not consumer.taken
        consumer._thread.thread_loop.close()  # a loop of its own, that only a started consumer closes

    asyncio.run(story())


async def _nothing(*_: object) -> None:
    """There is no broker to be called back by."""


def _message(offset: int) -> Message:
    given: dict[str, Any] = {"timestamp": 0.0, "timestamp_type": 0, "headers": {}, "key": b"", "value": b""}
    return Message("intake.police", 0, offset, checksum=None, **given)
