"""Moving the beginning of the log to archives, and bringing it back; the owner's work.

A partition leaves in this order: its file and index are written under temporary names, synced, renamed, and read back; then
one transaction records the archive and drops the partition. So a crash leaves the partition in place, or the archive
complete; never neither. What it may leave beside are `.part` files, or files under the names they will get again: the next
run overwrites both.
"""

import gzip
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from psycopg import Connection, errors, sql
from psycopg.pq import TransactionStatus

from infra.archive import BLOCK_EVENTS, ENTRY, INDEX_HEAD, INDEX_MAGIC, OFFSET, ArchiveError, index_of
from infra.archive_verify import SQL, Record, Say, check, progress
from infra.database import Database, RightsError, Rows
from infra.disk import sync_directory
from infra.embedded.lock import Lock

_TRIES = 20


def archive(database: Database, directory: Path, keep: int, say: Say) -> int:
    """Archive every full partition but the newest `keep`; how many. The database's login must own the ledger.

    Raises `ArchiveError`, `RightsError`, `DatabaseError`; what was archived before that stays so, and the next run goes on.
    """
    with _alone(directory):
        with database.transaction() as connection:
            _must_own(connection)
            full = connection.execute(SQL["partitions_full"]).fetchall()
        leaving = full[: max(len(full) - keep, 0)]
        for name, first, last in leaving:
            with database.transaction() as connection:
                _must_be_passed(connection, last)
                record = _write(connection, directory, name, first, last, say)
            check(record, directory, say)
            with database.transaction() as connection:
                connection.execute(SQL["archive_save"], record._asdict())
                _take_table(connection, say)
                connection.execute(sql.SQL(SQL["partition_drop"]).format(sql.Identifier(name)))
            say(f"{record}: archived in {directory / record.file}, {record.size:,} bytes")
    return len(leaving)


def restore(database: Database, directory: Path, say: Say) -> Record:
    """Make the newest archive a partition again; its files stay. The database's login must own the ledger.

    One transaction: a crash leaves the archive as it was. Raises `ArchiveError`, `RightsError`, `DatabaseError`.
    """
    with _alone(directory), database.transaction() as connection:
        _must_own(connection)
        row = connection.execute(SQL["archive_newest"]).fetchone()
        if row is None:
            raise ArchiveError("archive-none", "nothing is archived")
        record = Record(*row)
        check(record, directory, say)
        ((name,),) = connection.execute(SQL["partition_begin"], {"first": record.first}).fetchall()
        fill = sql.SQL(SQL["partition_fill"]).format(sql.Identifier(name))
        with record.open(directory) as opened, connection.cursor().copy(fill) as copy:
            for block in opened.blocks():
                copy.write(block)
        connection.execute(SQL["partition_attach"], {"name": name, "first": record.first, "last": record.last})
        _take_table(connection, say)  # who has read the table without it must not look for it among the archives
        connection.execute(SQL["archive_forget"], {"first": record.first})
    return record


def _write(connection: Connection[Rows], directory: Path, partition: str, first: int, last: int, say: Say) -> Record:
    """Write a partition and its index, on disk under their names when this returns."""
    table, events = sql.Identifier(partition), last - first + 1
    parts = directory / f"{partition}.part", directory / f"{partition}.index.part"
    digest, offsets, number = hashlib.sha256(), [0], 0
    with _synced(parts[0]) as out:
        for number, block in enumerate(_blocks(connection, table, events), start=1):
            digest.update(block)
            out.write(gzip.compress(block, 6, mtime=0))
            offsets.append(out.tell())
            progress(say, f"positions {first} to {last}", number, "written")
    with _synced(parts[1]) as out:
        out.write(INDEX_HEAD.pack(INDEX_MAGIC, number))
        out.writelines(map(OFFSET.pack, offsets))
        out.writelines(_entries(connection, table))
    file = f"changqing-{first:012}-{last:012}-{digest.hexdigest()[:16]}.copy.gz"
    parts[0].rename(directory / file)
    parts[1].rename(index_of(directory / file))
    sync_directory(directory)
    return Record(first, last, file, digest.digest(), offsets[-1])


def _blocks(connection: Connection[Rows], table: sql.Identifier, events: int) -> Iterator[bytes]:
    """The partition's stream of COPY, each piece `BLOCK_EVENTS` events; PostgreSQL sends an event a message."""
    block = bytearray()
    with connection.cursor().copy(sql.SQL(SQL["partition_copy"]).format(table)) as copy:
        for count, event in enumerate(copy, start=1):
            block += event
            if count % BLOCK_EVENTS == 0 and count < events:
                yield bytes(block)
                block.clear()
    yield bytes(block)


def _entries(connection: Connection[Rows], table: sql.Identifier) -> Iterator[bytes]:
    with connection.cursor().copy(sql.SQL(SQL["partition_index"]).format(table)) as copy:
        for row in copy:
            if len(row) > ENTRY.size:  # the shorter one ends the stream
                yield bytes(row[-ENTRY.size :])


def _must_own(connection: Connection[Rows]) -> None:
    ((owns, owner),) = connection.execute(SQL["owner_find"]).fetchall()
    if not owns:
        raise RightsError(f"only the ledger's owner may do this: DATABASE_URL must name the login {owner}")


def _must_be_passed(connection: Connection[Rows], last: int) -> None:
    behind = connection.execute(SQL["follower_behind"], {"last": last}).fetchone()
    if behind:
        said = f"the follower {behind[0]} is at position {behind[1]} and has yet to come to {last}; if it is no more,"
        raise ArchiveError("archive-behind", f"{said} delete its row of ledger.tracking")


def _take_table(connection: Connection[Rows], say: Say) -> None:
    """Have the log to ourselves for the rest of the transaction. While we wait, so do all others: we do it in short turns."""
    assert connection.info.transaction_status is TransactionStatus.INTRANS, "the lock would end with the savepoint"
    for _ in range(_TRIES):
        try:
            with connection.transaction():
                connection.execute(SQL["table_wait"])
                connection.execute(SQL["table_lock"])
                return
        except errors.LockNotAvailable:
            say("somebody has been reading or writing the log for long; waiting for them")
            time.sleep(1)
    raise ArchiveError("archive-busy", "somebody has the log in a transaction that does not end; run this again later")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One run at a time in a directory."""
    lock = Lock(directory / ".changqing-archive.lock")
    try:
        if not lock.take():
            raise ArchiveError("archive-busy", f"another run is at work in {directory}")
        yield
    except OSError as error:
        raise ArchiveError("archive-unwritable", f"{error.filename or directory}: {error.strerror}") from error
    finally:
        lock.free()


@contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    """A new file, on disk at the end; nothing of it after an error."""
    try:
        with path.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
