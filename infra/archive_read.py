"""Reading the log as one, wherever its beginning is: what a statement finds in the table, completed from the archives."""

from collections.abc import Callable
from itertools import islice, takewhile
from typing import Any, LiteralString

from psycopg import Connection

from infra.archive import Archive, ArchiveError
from infra.database import Rows
from infra.sql import statements

SQL = statements("archive")
LAST = 2**62
LAST_VERSION = 2**31 - 2
_CHUNK = 100
"""Rows that psycopg hands over at a time: PostgreSQL sends the next while Python makes these."""


def read(
    connection: Connection[Rows],
    statement: LiteralString,
    given: dict[str, Any],
    wanted: Callable[[str], bool] | None = None,
) -> list[Rows]:
    """What `statement` finds of the log after `given["after"]`, with what is archived of it before.

    `wanted` says which names the statement looks for, when not all. The table is read first: until our transaction ends
    nobody can archive what we saw in it, so the list of archives is not older than what we read, and nothing falls between.
    Raises `ArchiveError`, never passes over a position.
    """
    rows = list(connection.cursor().stream(statement, given, binary=True, size=_CHUNK))
    after, until, limit = given["after"], given.get("until", LAST), given["limit"]
    if rows and (rows[0][0] if wanted else rows[-1][0] - len(rows) + 1) == after + 1:
        return rows  # nothing lies before them, nor, where all are asked for, between them
    found: list[Rows] = []
    between = {"after": after, "until": until}
    for first, last, file, directory in connection.execute(SQL["archive_between"], between).fetchall():
        with Archive(directory, first, last, file) as archive:
            archived = takewhile(lambda row: row.position <= until, archive.rows(after))
            found += islice((row for row in archived if wanted is None or wanted(row.name)), limit - len(found))
        after = last
        if len(found) == limit:
            return found
    if wanted is None and rows and rows[-1][0] - len(rows) != after:
        missing = next(n for n, row in enumerate(rows, after + 1) if row[0] != n)
        raise ArchiveError("archive-gap", f"position {missing} is neither in the table nor archived")
    return found + rows[: limit - len(found)]


def of_stream(
    connection: Connection[Rows], statement: LiteralString, given: dict[str, Any], *, desc: bool
) -> list[Rows]:
    """What `statement` finds of one stream (version, name, state, position, recorded_at), with what is archived of it.

    Raises `ArchiveError`. Nothing falls between, for the reason that `read` gives.
    """
    rows = connection.execute(statement, given, binary=True).fetchall()
    gt, lte, limit = min(given["gt"], LAST_VERSION), min(given["lte"], LAST_VERSION), given["limit"]
    if (len(rows) == limit and desc) or (rows and rows[-1 if desc else 0][0] == gt + 1):
        return rows
    archives = connection.execute(SQL["archive_between"], {"after": 0, "until": LAST}).fetchall()
    found: list[Rows] = []
    missing = limit - len(rows) if desc else limit
    for first, last, file, directory in reversed(archives) if desc else archives:
        with Archive(directory, first, last, file) as archive:
            events = islice(archive.of_stream(given["stream"], gt, lte, desc=desc), missing - len(found))
            found += [(event.version, event.name, event.state, event.position, event.recorded_at) for event in events]
    return rows + found if desc else (found + rows)[:limit]
