"""Group commit: submissions of many requests gather while one batch commits, and form the next."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

from services.accepting.intake import Answer, Received

BATCH = 1_000
"""A batch that has so many takes no more requests in."""


class _Waiting(NamedTuple):
    """What one request brought, and who waits for its answers."""

    received: Sequence[Received]
    answers: asyncio.Future[list[Answer]]


class Gatherer:
    """Hands gathered submissions to `accept`, one batch at a time, in a thread that is there until the gatherer is closed.

    No waiting for company: an idle gatherer commits a lone submission at once, a busy one commits all that came meanwhile.
    Two threads at once, each with people of its own, were tried: their batches are a third as large, and it took longer.
    """

    def __init__(self, accept: Callable[[Sequence[Received]], list[Answer]]) -> None:
        self._accept = accept
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread: Thread | None = None

    async def submit(self, received: Sequence[Received]) -> list[Answer]:
        """The answers to what was received, once it is on disk. Raises what `accept` raises."""
        if self._thread is None or not self._thread.is_alive():  # closed before, or in a process that was forked
            self._waiting = SimpleQueue()
            self._thread = Thread(target=self._work, name="gatherer", daemon=True)
            self._thread.start()
        waiting = _Waiting(received, asyncio.get_running_loop().create_future())
        self._waiting.put(waiting)
        return await waiting.answers

    def close(self) -> None:
        """Finish what is waiting, and end the thread."""
        if self._thread:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while taken := self._take():
            answers: list[Answer] | Exception
            try:
                answers = self._accept([one for waiting in taken for one in waiting.received])
            except BaseException as error:  # noqa: BLE001 - each submitter is told, and the next batch goes on
                answers = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                taken[0].answers.get_loop().call_soon_threadsafe(_tell, taken, answers)

    def _take(self) -> list[_Waiting]:
        """The next batch, as soon as there is one; empty when nothing more will come."""
        taken: list[_Waiting] = []
        size = 0
        while not taken or (size < BATCH and not self._waiting.empty()):
            waiting = self._waiting.get()
            if waiting is None:  # closed; what was taken before is done first
                self._waiting.put(None)
                break
            taken.append(waiting)
            size += len(waiting.received)
        return taken


def _tell(taken: Sequence[_Waiting], answers: list[Answer] | Exception) -> None:
    told = iter(answers if isinstance(answers, list) else ())
    for received, future in taken:
        mine = list(islice(told, len(received)))
        if future.done():  # the request may have gone away; what it sent is accepted all the same
            continue
        if isinstance(answers, Exception):
            future.set_exception(answers)
        else:
            future.set_result(mine)
