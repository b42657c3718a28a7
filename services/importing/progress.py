"""How far an import is, for people: a bar at a terminal, a line every ten seconds elsewhere; and its result."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from services.importing.messages import Tally
from services.importing.record import Summary

_EVERY_SECONDS = 10.0


class Progress:
    """Tells on standard error how far it is. `size`: of the file."""

    def __init__(self, size: int, found: Summary | None) -> None:
        self._size = size
        self._before = found.tally.lines if found else 0
        self._began = time.monotonic()
        self._told = self._began
        self._waits = False
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._bar = Bar(
            TextColumn("{task.percentage:>3.0f}%"),
            BarColumn(20),
            TimeRemainingColumn(),
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True)),  # what is left of the line
            expand=True,
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=size)
        if found:
            self._say(f"从第 {found.mark.line + 1} 行继续 going on from line {found.mark.line + 1}")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def show(self, read: int, summary: Summary) -> None:
        """So many bytes were read; the summary is of what is done."""
        now = time.monotonic()
        self._waits = False
        rate = (summary.tally.lines - self._before) / (now - self._began)
        said = f"{rate:,.0f} 条/秒 events/s {_counts(summary.tally)}"
        self._bar.update(self._task, completed=read, description=said)
        if self._bar.disable and now - self._told >= _EVERY_SECONDS:
            left = (now - self._began) * (self._size - read) / read
            self._say(f"{100 * read / self._size:.0f}% {said} 约剩 left {left:.0f} s")
            self._told = now

    def waiting(self, why: str) -> None:
        """A worker waits; said once, until it goes on."""
        if not self._waits:
            self._waits = True
            self._say(f"等待数据库，恢复后自动继续 waiting, it goes on by itself: {why}")

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, soft_wrap=True)


class Result(Struct, frozen=True, kw_only=True):
    """The result of an import, for programs. `complete`: to the end of the file. `seconds` of all its runs."""

    file: str
    complete: bool
    lines: int
    accepted: int
    parked: int
    known: int
    refused: int
    seconds: float
    events_per_second: int
    first_position: int | None
    last_position: int | None
    refusals: str

    @classmethod
    def of(cls, file: Path, refusals: Path, summary: Summary) -> Self:
        """The result that a summary says."""
        tally = summary.tally
        return cls(
            file=str(file),
            complete=summary.complete,
            lines=tally.lines,
            accepted=tally.accepted,
            parked=tally.parked,
            known=tally.known,
            refused=tally.refused,
            seconds=round(summary.seconds, 3),
            events_per_second=round(tally.lines / summary.seconds) if summary.seconds else 0,
            first_position=tally.first,
            last_position=tally.last,
            refusals=str(refusals),
        )

    @property
    def sentences(self) -> str:
        """The same for people, Chinese first."""
        tally = Tally(accepted=self.accepted, parked=self.parked, known=self.known, refused=self.refused)
        where = f"，位置 positions {self.first_position}–{self.last_position}" if self.last_position else ""
        said = f"{self.lines} 条 events, {self.seconds:.1f} s, {self.events_per_second:,} 条/秒 events/s: {_counts(tally)}{where}"
        return f"{said}\n不予受理的行 refused lines: {self.refusals}" if self.refused else said


def _counts(tally: Tally) -> str:
    """The counts, without those that are nothing beside what was accepted."""
    counts = {"待登记 parked": tally.parked, "已有 known": tally.known, "不予受理 refused": tally.refused}
    others = [f"{said} {count:,}" for said, count in counts.items() if count]
    return "，".join([f"受理 accepted {tally.accepted:,}", *others])
