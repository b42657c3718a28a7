"""Trying again: longer each time and by chance, so that those who wait for one ledger do not all come back at once."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from services.client.errors import UnreachableError


class Retrying(NamedTuple):
    """How long to go on: `budget` seconds without any answer, from pauses of up to `first` seconds to ones of `longest`."""

    budget: float = 120.0
    first: float = 0.5
    longest: float = 30.0


class Patience:
    """One wait for answers. `clock` and `sleep` are seconds as `time` has them."""

    def __init__(
        self,
        retrying: Retrying,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._retrying = retrying
        self._clock = clock
        self._sleep = sleep
        self._tries = 0
        self._until = clock() + retrying.budget

    def answered(self) -> None:
        """Something came: the patience is whole again."""
        self._tries = 0
        self._until = self._clock() + self._retrying.budget

    def wait(self, failure: UnreachableError) -> None:
        """Pause before the next try, as long as was asked for where that was said. Raises `failure` when the budget is spent."""
        most = min(self._retrying.longest, self._retrying.first * 2.0 ** min(self._tries, 30))
        pause = max(failure.after, random.uniform(most / 2, most))  # noqa: S311 - nobody gains by guessing it
        if self._clock() + pause > self._until:
            raise failure
        self._tries += 1
        self._sleep(pause)
