"""Whatever is killed in the middle of an import, the same command goes on: nothing is lost, doubled or told twice."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from infra.embedded import Postgres
from infra.migrations import migrate
from tests.importing import write_lines
from tests.importing_runs import (
    SMALL,
    Home,
    Running,
    await_head,
    check,
    kill_and_go_on,
    kill_workers,
    moments,
    wait_until,
)

LINES = 8_000


@pytest.fixture
def home(tmp_path: Path, dsn: str) -> Home:
    return Home(tmp_path, dsn)


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, to be killed. Its directory is short: a socket's path has little room."""
    path = Path(tempfile.mkdtemp(prefix="cq"))
    postgres = Postgres(path)
    try:
        postgres.start()
        migrate(postgres.dsn("import"))
        yield postgres
    finally:
        postgres.stop()
        rmtree(path, ignore_errors=True)


def test_the_importing_process_is_killed_again_and_again(home: Home) -> None:
    kill_and_go_on(home, LINES, moments(1, LINES, 3))


def test_workers_are_killed_and_replaced(home: Home) -> None:
    kill_workers(home, LINES, moments(1, LINES, 3))


def test_all_its_processes_are_killed_at_once(home: Home) -> None:
    file = home.path / "f"
    written = write_lines(file, LINES, bad=0.01)

    for moment in moments(7, LINES, 2):
        with Running(home, file, *SMALL) as running:
            await_head(home.dsn, moment, running)
            for pid in [*running.workers, running.process.pid]:
                running.kill(pid)

    with Running(home, file, "--workers", "3", "--batch", "500") as running:  # other ones may go on
        check(running, running.end(3), written, home.dsn)


def test_a_worker_that_always_dies_ends_the_import_with_a_sentence(home: Home) -> None:
    file = home.path / "f"
    write_lines(file, 100)
    home.more["PYTHONPATH"] = str(home.path)
    home.write("sitecustomize.py", b"import os, sys\nif 'services.importing.worker' in sys.orig_argv: os._exit(9)\n")

    with Running(home, file) as running:
        running.end(1)

    assert "a worker ended 3 times in a row, with 9" in running.said.read_text("utf-8")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_postgresql_goes_away_and_comes_back(tmp_path: Path, server: Postgres, how: str) -> None:
    home = Home(tmp_path, server.dsn("import"))
    file = home.path / "f"
    written = write_lines(file, LINES, bad=0.01)

    with Running(home, file, *SMALL) as running:
        for moment in (1_000, 3_000):
            await_head(home.dsn, moment, running)
            if how == "stopped":
                server.stop()
            else:
                assert server.pid
                os.kill(server.pid, signal.SIGKILL)
                wait_until(lambda: not server.alive, "its end")
            wait_until(lambda: "PostgreSQL is not available" in running.said.read_text("utf-8"), "the warning")
            server.start()
        check(running, running.end(3), written, home.dsn)


def test_postgresql_is_away_when_an_import_begins(tmp_path: Path, server: Postgres) -> None:
    home = Home(tmp_path, server.dsn("import"))
    file = home.path / "f"
    written = write_lines(file, 500)
    server.stop()

    with Running(home, file) as running:
        wait_until(lambda: len(running.workers) == 2, "its workers")
        running.process.send_signal(signal.SIGINT)
        running.end(130)
    with Running(home, file) as running:
        wait_until(lambda: "等待数据库" in running.said.read_text("utf-8"), "the warning")
        server.start()
        check(running, running.end(), written, home.dsn)
