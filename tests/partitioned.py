"""A log in small partitions, and events to fill it with."""

from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg import sql

from infra import log, partitions
from infra.database import Database
from infra.log import Unplaced

SPACE = UUID(int=1)


def in_partitions_of(size: int, dsn: str) -> None:
    """Begin the empty log of a migrated database again, in partitions of so many events."""
    with psycopg.connect(dsn) as owner:
        for name, *_ in parts(owner):
            owner.execute(sql.SQL("drop table ledger.{}").format(sql.Identifier(name)))
        owner.execute("update ledger.partitioning set size = %s", [size])
        owner.execute("update ledger.head set room = 0")
        owner.execute("select ledger.make_partitions()")


def parts(connection: psycopg.Connection[Any]) -> list[tuple[str, int, int]]:
    """The partitions: name, first and last position."""
    query = "select name, first, last from ledger.partition order by first"
    return connection.execute(query).fetchall()


def fill(database: Database, count: int, streams: int = 3) -> None:
    """Append so many events, one transaction, dealt to some streams in turn."""
    with database.transaction() as connection:
        write(connection, count, streams)


def write(connection: psycopg.Connection[Any], count: int, streams: int = 3) -> log.Appended:
    """As `fill`, in the caller's transaction."""
    versions = {s: max(found.version, 0) for s, found in log.lock_streams(connection, _names(streams)).items()}
    events = []
    for n in range(count):
        stream = _names(streams)[n % streams]
        versions[stream] += 1
        events.append(
            Unplaced(stream, versions[stream], ("one", "other")[n % 2], f"{stream} {versions[stream]}".encode())
        )
    return log.append(connection, events)


def _names(streams: int) -> list[UUID]:
    return [uuid5(SPACE, str(n)) for n in range(streams)]


def make_room(database: Database, until: int) -> int:
    """`partitions.make_room` in a transaction of its own."""
    with database.transaction() as connection:
        return partitions.make_room(connection, until)
