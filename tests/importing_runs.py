"""`changqing import` as a subprocess, met from outside; and what must hold in the ledger after it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Self

import psycopg

from tests.importing import Written, write_lines

CHANGQING = Path(sys.executable).with_name("changqing")
SMALL = ("--batch", "200")


class Home:
    """A directory with what an operator needs: a key, accounts, and files to import into one database."""

    def __init__(self, path: Path, dsn: str) -> None:
        self.path = path
        self.dsn = dsn
        self.more: dict[str, str] = {}
        (path / "key").write_text(bytes(range(32)).hex())
        (path / "accounts").write_text("{}")

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the services."""
        return (
            os.environ
            | self.more
            | {
                "DATABASE_URL": self.dsn,
                "CHANGQING_KEY_FILE": str(self.path / "key"),
            }
        )

    def write(self, name: str, content: bytes) -> Path:
        file = self.path / name
        file.write_bytes(content)
        return file

    def run(self, file: Path, *options: str, code: int = 0) -> Any:
        """Import to the end; the result, which must be there when the file was imported."""
        with Running(self, file, *options) as running:
            return running.end(code)


class Running:
    """One import, running."""

    def __init__(self, home: Home, file: Path, *options: str) -> None:
        self.said = home.path / "said.txt"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [CHANGQING, "import", file, "--json", "--workers", "2", *options],
                stdout=subprocess.PIPE,
                stderr=said,
                env=home.environment,
                cwd=home.path,
            )
        self.refused = file.with_name(f"{file.name}.refused.jsonl")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self, code: int = 0) -> Any:
        """Wait for the end; the result, None when none was said."""
        said, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == code, (self.process.returncode, self.said.read_text("utf-8"))
        return json.loads(said) if said else None

    @property
    def workers(self) -> list[int]:
        """Its worker processes, in the order of their beginning."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sorted(int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split())

    def kill(self, pid: int | None = None) -> None:
        """kill -9, of itself unless another one is named."""
        os.kill(pid or self.process.pid, signal.SIGKILL)


def moments(seed: int, lines: int, count: int) -> list[int]:
    """Some positions of the log of so many lines, in order."""
    return sorted(Random(seed).sample(range(100, lines * 2 // 3), count))  # noqa: S311 - any will do


def kill_and_go_on(home: Home, lines: int, at: Sequence[int]) -> None:
    """Import a file, kill -9 the importing process at some positions, and give the same command again each time."""
    file = home.path / "f"
    written = write_lines(file, lines, bad=0.01)
    for moment in at:
        with Running(home, file, *SMALL) as running:
            wait_until(lambda running=running: len(running.workers) == 2, "its workers")  # type: ignore[misc]
            workers = running.workers
            await_head(home.dsn, moment, running)
            running.kill()
        wait_until(lambda workers=workers: not any(map(alive, workers)), "the workers to end", 5)  # type: ignore[misc]
    with Running(home, file, *SMALL) as running:
        check(running, running.end(3), written, home.dsn)


def kill_workers(home: Home, lines: int, at: Sequence[int]) -> None:
    """Import a file and kill -9 its older worker at some positions: one that is killed before its first part again and again ends it."""
    file = home.path / "f"
    written = write_lines(file, lines, bad=0.01)
    with Running(home, file, *SMALL) as running:
        for moment in at:
            await_head(home.dsn, moment, running)
            wait_until(lambda: len(running.workers) == 2, "a new worker")
            running.kill(running.workers[0])
        check(running, running.end(3), written, home.dsn)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_head(dsn: str, position: int, running: Running) -> None:
    """Until the ledger has come to a position, or the import to its end."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        wait_until(lambda: running.process.poll() is not None or head(connection) >= position, f"position {position}")


def head(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("select position from ledger.head").fetchone()
    assert row
    return int(row[0])


def wait_until(reached: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.002)


def refusals(file: Path) -> list[tuple[int, str]]:
    """Line and code of what stands in a file of refusals."""
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    return [(line["line"], line["refusal"]["code"]) for line in lines]


def check(running: Running, result: Any, written: Written, dsn: str) -> None:
    """Everything is there once, in order, and everything is told of once, in order."""
    taken = written.lines - len(written.refused)
    assert result["complete"]
    assert result["accepted"] + result["parked"] == taken
    assert (result["known"], result["refused"]) == (0, len(written.refused))
    assert refusals(running.refused) == sorted(written.refused.items())
    with psycopg.connect(dsn) as connection:
        facts = connection.execute(
            "select position, stream, version, case when name <> 'submission-refused.v1'"
            " then convert_from(state, 'UTF8')::jsonb ->> 'id' end from ledger.event order by position"
        ).fetchall()
        (inbox,) = connection.execute("select count(*) from ledger.inbox").fetchone() or (0,)
    assert inbox == taken
    assert (result["first_position"], facts[-1][0]) == (1, len(facts))
    assert_in_order([(stream, version, id_) for _, stream, version, id_ in facts])


def assert_in_order(events: Sequence[tuple[Any, int, str | None]]) -> None:
    """Each retiree's versions count 1, 2, 3, and the facts among them (`seed-line`) are in the order of the file."""
    versions: dict[Any, int] = defaultdict(int)
    lines: dict[Any, int] = defaultdict(int)
    for stream, version, id_ in events:
        versions[stream] += 1
        assert version == versions[stream]
        if id_:
            line = int(id_.rpartition("-")[2])
            assert line > lines[stream]
            lines[stream] = line
