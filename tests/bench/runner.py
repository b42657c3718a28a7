"""Measures contenders turn by turn, and compares what it measured: within one run, sample against sample."""

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import NamedTuple

from msgspec import Struct

from tests.bench.server import BenchServer
from tests.bench.sizes import Sizes


class Figure(NamedTuple):
    """Something measured: what was done, by whom, and the unit it is counted in."""

    what: str
    unit: str = "events/s"


Sample = dict[Figure, float]
Contender = Callable[[], Sample]


class Stopwatch:
    """The seconds a piece of work took, once it is done."""

    seconds = 0.0


class Claim(Struct, frozen=True, kw_only=True):
    """What must hold of two figures, or of one, and how it turned out.

    A ratio counts as reached when that of the medians and the median of the pairwise ones both do.
    """

    section: str
    what: str
    target: float
    at_most: bool = False
    of_medians: float
    of_pairs: float | None = None

    @property
    def reached(self) -> bool:
        """Whether every reading of it is on the right side of the target."""
        values = [self.of_medians] if self.of_pairs is None else [self.of_medians, self.of_pairs]
        return all(value <= self.target if self.at_most else value >= self.target for value in values)


class Bench:
    """What a section works with. It collects figures, claims and notes as they come."""

    def __init__(self, server: BenchServer, sizes: Sizes, repeats: int) -> None:
        self.server = server
        self.sizes = sizes
        self.repeats = repeats
        self.section = ""
        self.samples: dict[tuple[str, Figure], list[float]] = {}
        self.claims: list[Claim] = []
        self.notes: list[tuple[str, str]] = []
        self.loads: dict[str, str] = {}

    def begin(self, section: str) -> None:
        """Turn to a section, and remember how busy the machine is."""
        self.section = section
        self.loads[section] = load()
        self.say(f"begins, load {load()}")

    def say(self, text: str) -> None:
        """Tell whoever waits what is going on; on standard error, as standard output is for the result."""
        sys.stderr.write(f"{self.section}: {text}\n")
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """Something a reader of the table must know."""
        self.notes.append((self.section, text))
        self.say(text)

    def compare(self, contenders: Mapping[str, Contender], times: int = 1) -> None:
        """Take `repeats` samples of each, or `times` as many, one after the other, every other round backwards.

        So the noise of a shared machine meets all of them alike, and nobody always goes first.
        """
        rounds = self.repeats * times
        for repeat in range(rounds):
            for name in list(contenders)[:: -1 if repeat % 2 else 1]:
                sample = contenders[name]()
                for figure, value in sample.items():
                    self.samples.setdefault((self.section, figure), []).append(value)
                values = ", ".join(f"{value:,.4g} {figure.unit}" for figure, value in sample.items())
                self.say(f"{repeat + 1}/{rounds} {name}: {values}")

    @contextmanager
    def timed(self, *, settle: bool = True) -> Iterator[Stopwatch]:
        """Time a block. Before it, for everybody alike: a checkpoint, unless `settle` is false, and a full collection.

        What the harness holds is then frozen, else every collection of any contender would go through it.
        """
        if settle:
            self.server.checkpoint()
        gc.collect()
        gc.freeze()
        watch, begun = Stopwatch(), perf_counter()
        try:
            yield watch
        finally:
            watch.seconds = perf_counter() - begun
            gc.unfreeze()

    def of(self, figure: Figure) -> list[float]:
        """The samples of a figure of this section."""
        return self.samples[self.section, figure]

    def best(self, *figures: Figure) -> Figure:
        """The figure with the highest median."""
        return max(figures, key=lambda figure: median(self.of(figure)))

    def claim_ratio(
        self, what: str, ours: Figure, theirs: Figure, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Compare two figures of this section."""
        mine, other = self.of(ours), self.of(theirs)
        pairs = median(one / another for one, another in zip(mine, other, strict=True))
        self._claim(what, median(mine) / median(other), pairs, at_least, at_most)

    def claim(self, what: str, ours: Figure, *, at_least: float | None = None, at_most: float | None = None) -> None:
        """Hold one figure of this section against a number."""
        self._claim(what, median(self.of(ours)), None, at_least, at_most)

    def _claim(
        self, what: str, of_medians: float, of_pairs: float | None, at_least: float | None, at_most: float | None
    ) -> None:
        target = at_least if at_most is None else at_most
        assert target is not None
        made = Claim(
            section=self.section,
            what=what,
            target=target,
            at_most=at_most is not None,
            of_medians=of_medians,
            of_pairs=of_pairs,
        )
        self.claims.append(made)


def load() -> str:
    """How busy the machine is: the load of the last 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())
