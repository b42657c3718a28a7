"""A producer without its broker says so, every time, and leaves nothing behind."""

import asyncio
import gc

import pytest

from infra.bus import Bus, BusError, Message

NOWHERE = {"bootstrap_servers": ["127.0.0.1:1"]}
MESSAGE = Message("alerts.pension", b"key", b"{}")


def test_without_a_broker_each_batch_is_an_error_and_the_next_one_tries_anew() -> None:
    producer = Bus(NOWHERE).producer()
    for _ in range(2):
        with pytest.raises(BusError, match="did not take"):
            producer.send([MESSAGE])
    producer.close()
    producer.close()
    gc.collect()  # a loop that was left open would warn here, and warnings are errors


def test_it_sends_from_whichever_thread_its_caller_has() -> None:
    producer = Bus(NOWHERE).producer()

    async def story() -> None:
        for _ in range(2):
            with pytest.raises(BusError):
                await asyncio.to_thread(producer.send, [MESSAGE])

    asyncio.run(story())
