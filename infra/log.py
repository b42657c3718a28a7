"""The one log: appending takes positions last, reading follows them in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid5

import psycopg
from msgspec import Struct
from psycopg import Connection

from infra import archive_read
from infra.copying import copy_in, int4, int8, timestamptz
from infra.database import Database, Rows
from infra.partitions import make_room
from infra.row import Row
from infra.session import Session
from infra.sql import statements

_T = TypeVar("_T")
SQL = statements("ledger")
_NAMESPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
LAST = 2**62
"""A position or version beyond all others."""


class Appended(NamedTuple):
    """Where a batch went: its first position, and the time that all of it carries."""

    first: int
    recorded_at: datetime


_row: Callable[[Rows], Row] = partial(tuple.__new__, Row)  # half of what Row._make takes, as it counts no fields


class Unplaced(Struct, frozen=True):
    """An event without its position yet."""

    stream: UUID
    version: int
    name: str
    state: bytes


def stream_of(name: str) -> UUID:
    """The stream of somebody who is no retiree: a relay, a reader."""
    return uuid5(_NAMESPACE, f"changqing:{name}")


class Stream(NamedTuple):
    """Where a stream stands: its last version (-1 when it has none) and the state that decisions keep with it."""

    version: int
    state: bytes | None


def lock_streams(connection: Connection[Rows], streams: Iterable[UUID]) -> dict[UUID, Stream]:
    """Lock streams until the end of the transaction, making those that are not there; always in the same order."""
    wanted = {"streams": sorted(set(streams))}
    connection.execute(SQL["stream_claim"], wanted)
    rows = connection.execute(SQL["stream_lock"], wanted, binary=True).fetchall()
    return {stream: Stream(version, state) for stream, version, state in rows}


def append(connection: Connection[Rows], events: Sequence[Unplaced]) -> Appended:
    """Append events to streams that are locked, each event the next of its stream.

    The positions are taken last: everything that can refuse or wait must have happened before, as from there to the
    commit no other batch moves. A crash before the commit gives them back, so there is never a hole.
    """
    versions = {event.stream: event.version for event in events}
    saved = {"streams": list(versions), "versions": list(versions.values()), "states": [None] * len(versions)}
    connection.execute(SQL["stream_save"], saved)
    placed = take_positions(connection, len(events))
    copy_events(connection, placed, events)
    return placed


def append_all(connection: Connection[Rows], events: Sequence[tuple[UUID, str, bytes]]) -> Appended:
    """Append events that need no decision, each as stream, stored name and bytes, within the caller's transaction; where they went."""
    found = lock_streams(connection, {stream for stream, _, _ in events})
    versions = {stream: max(one.version, 0) for stream, one in found.items()}
    placed = []
    for stream, name, state in events:
        versions[stream] += 1
        placed.append(Unplaced(stream, versions[stream], name, state))
    return append(connection, placed)


def with_room(database: Database, events: int, write: Callable[[Session], _T]) -> _T:
    """What `write` gives, which writes up to so many events in a transaction of its own; where a partition misses, once there is one."""
    while True:
        try:
            with database.transaction() as session:
                return write(session)
        except psycopg.errors.CheckViolation as error:
            if error.diag.constraint_name:  # none is named where a partition is missing
                raise
            with database.transaction() as connection:
                make_room(connection, last_position(connection) + events)


def recorded(connection: Connection[Rows], row: Rows | None, count: int) -> Appended:
    """Where a statement that took positions put them; room is made when they come near its end."""
    assert row is not None
    before, recorded_at, room, *_ = row
    if before + count > room:
        make_room(connection, before + count)
    return Appended(before + 1, recorded_at)


def copy_events(connection: Connection[Rows], placed: Appended, events: Sequence[Unplaced]) -> None:
    """Write events at the positions taken for them, and wake the followers when the transaction commits."""
    recorded_at = timestamptz(placed.recorded_at)
    rows = [
        (int8(position), event.stream.bytes, int4(event.version), event.name.encode(), recorded_at, event.state)
        for position, event in enumerate(events, placed.first)
    ]
    copy_in(connection, SQL["event_copy"], rows)
    connection.execute(SQL["event_notify"], {"position": placed.first + len(events) - 1})


def take_positions(connection: Connection[Rows], count: int) -> Appended:
    """Take the next positions; from here to the commit no other batch moves."""
    return recorded(connection, connection.execute(SQL["head_take"], {"count": count}).fetchone(), count)


def read(
    connection: Connection[Rows], after: int, limit: int, *, until: int = LAST, names: Sequence[str] = ()
) -> list[Row]:
    """Up to `limit` events after a position, in order; only those of the given names when there are any."""
    statement = SQL["event_read_named"] if names else SQL["event_read"]
    given = {"after": after, "until": until, "limit": limit, "names": list(names)}
    return _rows(archive_read.read(connection, statement, given, frozenset(names).__contains__ if names else None))


def scan(database: Database, after: int = 0, page: int = 5_000) -> Iterator[list[Row]]:
    """The log after a position to its present end, in pages."""
    return map(_rows, scan_plain(database, after, page))


def scan_plain(database: Database, after: int = 0, page: int = 5_000) -> Iterator[list[Rows]]:
    """The same as plain tuples, the fields of `Row` in their order, for whoever makes something else of them at once.

    No page is read ahead in a thread: it was tried, and two threads at one interpreter took longer than one.
    """
    given: dict[str, Any] = {"until": LAST, "limit": page}
    while rows := _page(database, {"after": after, **given}):
        after, full = rows[-1][0], len(rows) == page
        yield rows
        del rows  # unless whoever reads keeps it, its memory is free, and near, for the next
        if not full:
            return


def read_alerts(connection: Connection[Rows], after: int, limit: int) -> list[Row]:
    """Up to `limit` alerts after a position, found by their index however long the log is."""
    given = {"after": after, "limit": limit}
    return _rows(
        archive_read.read(connection, SQL["alert_read"], given, lambda name: name.startswith("pension-alert-"))
    )


def read_stream(
    connection: Connection[Rows],
    stream: UUID,
    *,
    after: int = -1,
    until: int = LAST,
    limit: int = LAST,
    desc: bool = False,
) -> list[Row]:
    """Up to `limit` events of one stream, their versions after one and up to another, forward or backward."""
    statement = SQL["event_of_stream_desc" if desc else "event_of_stream"]
    given = {"stream": stream, "gt": after, "lte": until, "limit": limit}
    found = archive_read.of_stream(connection, statement, given, desc=desc)
    return [Row(position, at, stream, version, name, state) for version, name, state, position, at in found]


def _page(database: Database, given: dict[str, Any]) -> list[Rows]:
    with database.transaction() as connection:
        return archive_read.read(connection, SQL["event_read"], given)


def _rows(found: Iterable[Rows]) -> list[Row]:
    return list(map(_row, found))


def position_at(connection: Connection[Rows], at: datetime) -> int:
    """The last position that was recorded at a time or before; 0: none was. Times never go back, so it is found by halves."""
    low, high = 0, last_position(connection)
    while low < high:
        middle = (low + high + 1) // 2
        (row,) = read(connection, middle - 1, 1)
        low, high = (middle, high) if row.recorded_at <= at else (low, middle - 1)
    return low


def last_position(connection: Connection[Rows]) -> int:
    """The last position taken; 0 in an empty log."""
    row = connection.execute(SQL["head_position"]).fetchone()
    assert row is not None
    return int(row[0])
