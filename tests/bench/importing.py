"""`changqing import` of a file, as its user sees it: how fast against the stock recorder, in how much memory."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from time import sleep

import psycopg

from tests.bench import bulk, ours
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.server import count_rows
from tests.bench.stream import LOAD, Story

COMMAND = [str(Path(sys.executable).with_name("changqing")), "import"]
SUBMISSIONS = Figure("ours: `changqing import` of the long file, the whole command, its start included", "lines/s")
EVENTS = Figure("ours: the same, events written")
MEMORY = Figure("ours: the same, memory of all its processes at most", "MB")
MEMORY_SHORT = Figure("ours: the same of a file of a quarter of the lines", "MB")

_TIMES_LONGER = 4
_POLL = 0.2  # seconds; whoever asks more often takes a part of what is measured


def measure(bench: Bench) -> None:
    """One event a line, as many workers as the command takes by itself. The memory is their resident sets, added up."""
    count = bench.sizes.imported
    with tempfile.TemporaryDirectory(prefix="cqb") as folder:
        home = Path(folder)
        (home / "key").write_text(ours.KEY.hex())
        (home / "accounts").write_text("{}")
        _write(home / "short.jsonl", count)
        _write(home / "long.jsonl", count * _TIMES_LONGER)
        size = (home / "long.jsonl").stat().st_size >> 20
        bench.note(f"{count:,} and {count * _TIMES_LONGER:,} lines, {size} MB the longer")

        def long() -> Sample:
            sample = _import(bench, home, "long.jsonl", count * _TIMES_LONGER)
            return {SUBMISSIONS: sample[0], EVENTS: sample[1], MEMORY: sample[2]}

        def short() -> Sample:
            return {MEMORY_SHORT: _import(bench, home, "short.jsonl", count)[2]}

        bench.compare(
            {
                "import": long,
                "import, short": short,
                "stock insert": partial(bulk.stock_insert, bench),
                "stock save": partial(bulk.stock_save, bench),
                "stock save, made": partial(bulk.stock_save_made, bench),
                "stock save, apart": partial(bulk.stock_save_apart, bench),
            }
        )
    bench.claim_ratio("events with the full work / stock batched save", EVENTS, bulk.SAVE, at_least=2.5)
    bench.claim_ratio("the same / stock batched save of what was made before", EVENTS, bulk.SAVE_MADE, at_least=2.5)
    bench.claim_ratio("the same / stock batched save by as many processes", EVENTS, bulk.SAVE_APART, at_least=1)
    bench.claim_ratio("the same / stock batched insert, ready made", EVENTS, bulk.INSERT, at_least=1)
    bench.claim("events a second", EVENTS, at_least=25_000)
    bench.claim_ratio("memory, long file / short file", MEMORY, MEMORY_SHORT, at_most=1.2)


def _write(file: Path, lines: int) -> None:
    story = Story()
    with file.open("wb") as opened:
        for _ in range(lines // 1_000):
            opened.writelines(sent.body + b"\n" for sent in story.told(1_000, LOAD))


def _import(bench: Bench, home: Path, name: str, lines: int) -> tuple[float, float, float]:
    """Import a file into a fresh database: lines a second, events a second, and megabytes at most."""
    with bench.server.copy_of() as dsn, tempfile.TemporaryDirectory(dir=home) as written:
        given = {
            "DATABASE_URL": dsn,
            "CHANGQING_KEY_FILE": str(home / "key"),
        }
        command = [*COMMAND, str(home / name), "--refusals", str(Path(written) / "refused.jsonl")]
        peak = 0
        with bench.timed() as watch, subprocess.Popen(command, env=os.environ | given, stdout=DEVNULL) as process:
            while process.poll() is None:
                peak = max(peak, _resident(process.pid))
                sleep(_POLL)
        assert process.returncode == 0, f"the import ended with {process.returncode}"
        with psycopg.connect(dsn) as connection:
            accepted, events = count_rows(connection, "ledger.inbox"), count_rows(connection, "ledger.event")
        assert accepted == lines, f"{accepted:,} of {lines:,} lines were accepted"
    return lines / watch.seconds, events / watch.seconds, peak / 1024


def _resident(pid: int) -> int:
    """Kilobytes of a process and its children; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    own = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
    return own + sum(map(_resident, children))
