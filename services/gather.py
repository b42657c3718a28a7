"""Group commit: submissions of many requests gather while one batch commits, and form the next."""

import asyncio
from collections.abc import Callable, Sequence

from services.intake import Answer, Received

BATCH = 1_000


class Gatherer:
    """Hands gathered submissions to `accept`, one batch at a time, in a thread.

    No waiting for company: an idle gatherer commits a lone submission at once, a busy one commits all that came meanwhile.
    """

    def __init__(self, accept: Callable[[Sequence[Received]], list[Answer]]) -> None:
        self._accept = accept
        self._waiting: list[tuple[Sequence[Received], asyncio.Future[list[Answer]]]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, received: Sequence[Received]) -> list[Answer]:
        """The answers to what was received, once it is on disk. Raises what `accept` raises."""
        future: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((received, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            taken = self._take()
            try:
                answers = iter(await asyncio.to_thread(self._accept, [one for some, _ in taken for one in some]))
            except Exception as error:  # noqa: BLE001 - each submitter is told, and the next batch goes on
                for _, future in taken:
                    if not future.done():
                        future.set_exception(error)
                continue
            for some, future in taken:
                mine = [next(answers) for _ in some]
                if not future.done():  # the request may have gone away; what it sent is accepted all the same
                    future.set_result(mine)

    def _take(self) -> list[tuple[Sequence[Received], asyncio.Future[list[Answer]]]]:
        size, count = 0, 0
        for some, _ in self._waiting:
            if count and size + len(some) > BATCH:
                break
            size, count = size + len(some), count + 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken
