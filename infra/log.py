"""The one log: appending takes positions last, reading follows them in order."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection

from infra.database import Rows
from infra.sql import statements

SQL = statements("ledger")
LAST = 2**62
"""A position or version beyond all others."""


class Appended(NamedTuple):
    """Where a batch went: its first position, and the time that all of it carries."""

    first: int
    recorded_at: datetime


class Row(NamedTuple):
    """An event as stored."""

    position: int
    recorded_at: datetime
    stream: UUID
    version: int
    name: str
    state: bytes


class Unplaced(NamedTuple):
    """An event without its position yet."""

    stream: UUID
    version: int
    name: str
    state: bytes


def take_positions(connection: Connection[Rows], count: int) -> Appended:
    """Take the next positions.

    Everything that can refuse or wait must have happened before: from here to the commit no other batch moves. A crash
    before the commit gives the positions back, so there is never a hole.
    """
    row = connection.execute(SQL["head_take"], {"count": count}).fetchone()
    assert row is not None
    last, recorded_at = row
    return Appended(last + 1, recorded_at)


def copy_events(connection: Connection[Rows], placed: Appended, events: Sequence[Unplaced]) -> None:
    """Write the events at the positions taken for them, and wake the followers when the transaction commits."""
    with connection.cursor().copy(SQL["event_copy"]) as copy:
        copy.set_types(["int8", "uuid", "int4", "text", "timestamptz", "bytea"])
        for position, event in enumerate(events, start=placed.first):
            copy.write_row((position, event.stream, event.version, event.name, placed.recorded_at, event.state))
    connection.execute(SQL["event_notify"], {"position": placed.first + len(events) - 1})


def read(
    connection: Connection[Rows], after: int, limit: int, *, until: int = LAST, names: Sequence[str] = ()
) -> list[Row]:
    """Up to `limit` events after a position, in order; only those of the given names when there are any."""
    statement = SQL["event_read_named"] if names else SQL["event_read"]
    given = {"after": after, "until": until, "limit": limit, "names": list(names)}
    return [Row(*row) for row in connection.execute(statement, given).fetchall()]


def read_alerts(connection: Connection[Rows], after: int, limit: int) -> list[Row]:
    """Up to `limit` alerts after a position, found by their index however long the log is."""
    rows = connection.execute(SQL["alert_read"], {"after": after, "limit": limit}).fetchall()
    return [Row(*row) for row in rows]


def last_position(connection: Connection[Rows]) -> int:
    """The last position taken; 0 in an empty log."""
    row = connection.execute(SQL["head_position"]).fetchone()
    assert row is not None
    return int(row[0])
