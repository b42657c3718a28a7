"""What `changqing publish` says: defects before, progress meanwhile, a line of result for each event, and the sum."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from domain.refusals import Refused
from services.client.outbox import Standing
from services.sentences import SENTENCES

_EVERY_SECONDS: Final = 10.0
_SAID: Final = 20
"""Refusals that people are told of one by one; all of them stand in the results."""


class Sum(Struct, frozen=True, kw_only=True):
    """What became of a file, for programs. `waiting`: without a receipt yet; `known`: of the accepted and parked, repeats."""

    file: str
    events: int
    accepted: int
    parked: int
    known: int
    refused: int
    waiting: int
    outbox: str
    results: str

    @property
    def sentence(self) -> str:
        """The same for people, Chinese first."""
        counts = {
            "受理 accepted": self.accepted,
            "待登记 parked": self.parked,
            "其中已有 of these known": self.known,
            "不予受理 refused": self.refused,
            "尚无回执 no receipt yet": self.waiting,
        }
        said = [f"{name} {count:,}" for name, count in counts.items() if count] or ["无 none"]
        where = f"\n回执 receipts: {self.results}" if self.results else ""
        return f"{self.events:,} 条 events: {'，'.join(said)}{where}"


def refused_line(line: int, refused: Refused) -> dict[str, Any]:
    """A defect as a line of results: nothing was sent."""
    words = SENTENCES[refused.code]
    return {
        "line": line,
        "status": "refused",
        "sent": False,
        "code": refused.code,
        "path": refused.path,
        "detail": refused.detail,
        "reason": {"zh": words.zh, "en": words.en},
        "remedy": {"zh": words.remedy_zh, "en": words.remedy_en},
    }


def standing_line(line: int, standing: Standing) -> dict[str, Any]:
    """How it stands with an event, as a line of results."""
    place = {"line": line} if line else {}  # what an earlier run left has none
    whose = {"source": standing.source, "id": standing.id}
    if standing.receipt is None:
        return place | whose | {"status": "waiting"}
    receipt: dict[str, Any] = msgspec.to_builtins(standing.receipt)
    return place | receipt | whose


def sentence_of(result: dict[str, Any]) -> str:
    """A refusal in a line of results for people."""
    where = " ".join(part for part in (result["code"], result.get("path", "")) if part)
    at = f"第 {result['line']} 行 line {result['line']}" if "line" in result else f"{result['source']} {result['id']}"
    said = f"{at} 不予受理 refused: "
    words, remedy = result.get("reason") or {}, result.get("remedy") or {}
    said += f"{words.get('zh', '')} {words.get('en', '')} ({where})".lstrip()
    detail = f": {result['detail']}" if result.get("detail") else ""
    return f"{said}{detail}\n      处理 remedy: {remedy.get('zh', '')} {remedy.get('en', '')}".rstrip()


class Results:
    """Writes the lines of result, and counts them."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self.tally: Counter[str] = Counter()

    def write(self, results: Iterable[dict[str, Any]]) -> None:
        """Write and count."""
        for result in results:
            self.tally[result["status"]] += 1
            self.tally["known"] += bool(result.get("known"))
            if self._out:
                self._out.write(msgspec.json.encode(result).decode() + "\n")
            if result["status"] == "refused" and self.tally["refused"] <= _SAID:
                say(sentence_of(result))
        if (more := self.tally["refused"] - _SAID) > 0:
            say(f"另有 {more:,} 条不予受理 and {more:,} more are refused")


@contextmanager
def results_to(path: Path | None) -> Iterator[Results]:
    """Results into a file that is there whole or not at all; `-` is standard output, None nowhere."""
    if path is None or str(path) == "-":
        yield Results(sys.stdout if path else None)
        return
    fresh = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            yield Results(out)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


class Bar:
    """How far it is: a bar at a terminal, elsewhere a line every ten seconds; on standard error."""

    def __init__(self, total: int) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._bar = Progress(
            TextColumn("回执 receipts"),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)
        self._told, self._came, self._total = time.monotonic(), 0, total

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def advance(self, came: int) -> None:
        """So many receipts more."""
        self._came += came
        self._bar.advance(self._task, came)
        if self._bar.disable and time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            say(f"回执 receipts {self._came:,} / {self._total:,}")


def say(sentence: str) -> None:
    """To people, on standard error."""
    sys.stderr.write(sentence + "\n")
