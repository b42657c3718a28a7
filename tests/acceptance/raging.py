"""A storm over a whole system: its processes and servers killed with -9, or stopped for a while, at random."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from threading import Event as Flag

from tests.acceptance.running import System, alive

LONGEST_STOP = 14.0
"""Seconds: longer than the broker waits for a worker before it gives its partitions to another."""


class Rage:
    """Strikes one process after the other: each of them in every round, in random order."""

    def __init__(self, system: System, processes: list[str], rng: Random) -> None:
        self._system = system
        self._processes = processes
        self._rng = rng
        self.killed: dict[str, int] = dict.fromkeys(processes, 0)
        self.stopped: dict[str, int] = dict.fromkeys(processes, 0)

    def until(self, over: Flag) -> None:
        """Strike until told that it is over; each at least once before that."""
        while True:
            for process in self._rng.sample(self._processes, len(self._processes)):
                self._strike(process)
                time.sleep(self._rng.uniform(0.2, 2.0))
            if over.is_set():
                return

    def _strike(self, process: str) -> None:
        pid = self._await_living(process)
        if self._rng.random() < 2 / 3 or not self.killed[process]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed[process] += 1
            return
        with stopped(pid):
            time.sleep(self._rng.uniform(1.0, LONGEST_STOP))
        self.stopped[process] += 1

    def _await_living(self, process: str) -> int:
        deadline = time.monotonic() + 120
        while True:
            with suppress(FileNotFoundError, ValueError):
                pid = self._system.pid(process)
                if pid and alive(pid):
                    return pid
            assert time.monotonic() < deadline, f"{process} did not come back by itself"
            time.sleep(0.05)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process and all under it; let them go on at the end."""
    family = [pid, *_descendants(pid)]
    _signal(family, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(family, signal.SIGCONT)


def _signal(pids: list[int], sent: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, sent)


def _descendants(pid: int) -> list[int]:
    """The processes under one: PostgreSQL's sessions, which a stopped postmaster would not stop."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError):
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
    return found
