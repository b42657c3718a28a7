"""Work shared out among processes, as the product has one for each processor: begun together, timed until the last is done."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from threading import Barrier
from typing import Any

from services.opening import spare_the_collector

Work = Callable[..., Iterator[None]]
"""A generator: what comes before its one `yield` is making ready, what comes after it is the work."""
PROCESSES = os.cpu_count() or 1
_LONGEST = 300.0
"""Seconds that anybody waits for the others: one of them has died then."""


@contextmanager
def apart(work: Work, shares: Sequence[tuple[Any, ...]]) -> Iterator[Callable[[], None]]:
    """A process for each share, ready to begin; what is given has them all work, and returns when all are done."""
    context = get_context("spawn")
    together = context.Barrier(len(shares) + 1)
    processes = [context.Process(target=_process, args=(together, work, share), daemon=True) for share in shares]
    for process in processes:
        process.start()

    def run() -> None:
        together.wait(_LONGEST)
        together.wait(_LONGEST)

    try:
        together.wait(_LONGEST)
        yield run
        for process in processes:
            process.join(_LONGEST)
        assert all(process.exitcode == 0 for process in processes), "one of the processes failed"
    finally:
        for process in processes:
            process.kill()
            process.join()


def _process(together: Barrier, work: Work, share: tuple[Any, ...]) -> None:
    spare_the_collector()
    try:
        doing = work(*share)
        next(doing)
        together.wait(_LONGEST)
        together.wait(_LONGEST)
        for _ in doing:
            pass
        together.wait(_LONGEST)
    except BaseException:
        together.abort()  # nobody waits for what will not come
        raise
