"""One embedded PostgreSQL for the whole run, as the product starts it, and databases made fresh for each sample."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg
from psycopg import Connection, sql

from infra.database import Rows
from infra.embedded import Postgres
from infra.migrations import migrate

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_SHOWN = ("server_version", "wal_sync_method", "shared_buffers", "max_wal_size", "autovacuum")
MIGRATED, EMPTY = "migrated", "template1"
_PROBES = 100


class BenchServer:
    """The server and its databases."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._numbers = count(1)
        self._admin = psycopg.connect(postgres.dsn("postgres"), autocommit=True)
        self.settings = {name: self._show(name) for name in (*DURABLE, *_SHOWN)}
        assert {name: self.settings[name] for name in DURABLE} == DURABLE, (
            "nothing is measured on a server that may lose commits"
        )
        migrate(postgres.dsn(MIGRATED))

    @contextmanager
    def copy_of(self, template: str = MIGRATED) -> Iterator[str]:
        """The DSN of a database in the same state as the template, dropped afterwards."""
        name = f"sample_{next(self._numbers)}"
        try:
            yield self.keep(name, template)
        finally:
            self._admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def keep(self, name: str, template: str = MIGRATED) -> str:
        """The DSN of a new database that stays until the end of the run, and may be the template of others."""
        statement = sql.SQL("create database {} template {}")
        self._admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self._postgres.dsn(name)

    def vacuum(self, dsn: str) -> None:
        """Tidy a database that was just filled: its first reader would do that work otherwise, while it is timed."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("vacuum (analyze)")

    def checkpoint(self) -> None:
        """Write everything out, so that no contender pays for what the one before it left in memory."""
        self._admin.execute("checkpoint")

    def processor_seconds(self) -> float:
        """What the server's processes that live on have taken of the processor so far."""
        lasting = "('client backend', 'walwriter', 'background writer', 'checkpointer')"
        found = self._admin.execute(f"select pid from pg_stat_activity where backend_type in {lasting}")  # noqa: S608 - ours
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for (pid,) in found) / 1e9

    def _show(self, name: str) -> str:
        return str(_one(self._admin.execute(sql.SQL("show {}").format(sql.Identifier(name)))))


@contextmanager
def served() -> Iterator[tuple[BenchServer, dict[str, str]]]:
    """A server of our own and what its disk is like; stopped, and its directory removed, however the run ends."""
    home = Path(tempfile.mkdtemp(prefix="cqb"))
    postgres = Postgres(home)
    try:
        disk = {"file system": _file_system(home), "fdatasync of 8 kB, median": f"{_fdatasync(home):.2f} ms"}
        postgres.start()
        yield BenchServer(postgres), disk
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C would leave the server behind
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


def _one(cursor: "psycopg.Cursor[Rows]") -> object:
    row = cursor.fetchone()
    assert row is not None
    return row[0]


def count_rows(connection: Connection[Rows], table: str) -> int:
    """How many rows a table has."""
    statement = sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".")))
    return int(str(_one(connection.execute(statement))))


def _file_system(home: Path) -> str:
    """What the data lies on; a tmpfs would make every commit look cheap."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [(point, kind) for point, kind in mounts if home.is_relative_to(point)]
    return max(inside, key=lambda mount: len(mount[0]))[1]


def _fdatasync(home: Path) -> float:
    """Milliseconds that the disk takes to make a page durable."""
    file, times = home / "probe", []
    fd = os.open(file, os.O_CREAT | os.O_RDWR)
    try:
        for _ in range(_PROBES):
            begun = perf_counter()
            os.pwrite(fd, bytes(8192), 0)
            os.fdatasync(fd)
            times.append((perf_counter() - begun) * 1000)
    finally:
        os.close(fd)
        file.unlink()
    return median(times)
