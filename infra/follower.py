"""Following the log: batches in order, woken by notification and by a slow poll always; one at a time by a lock."""

from collections.abc import Callable, Iterator, Sequence
from threading import Event as Flag

import msgspec
import structlog
from eventsourcing.persistence import IntegrityError
from psycopg import Connection

from domain.history import Entry
from infra import codec, log
from infra.database import POLL_SECONDS, Database, DatabaseError, Rows
from infra.row import Row

RETRY_SECONDS = 1.0
BATCH = 1_000

_logger = structlog.get_logger()


def follow(
    database: Database,
    name: str,
    position: Callable[[], int],
    handle: Callable[[Sequence[Entry]], None],
    stop: Flag,
    rest: Callable[[], None] | None = None,
) -> None:
    """Hand every entry after `position()` to `handle`, in order, in batches, until `stop` is set.

    `handle` must remember the position together with what it did. Of several followers of one name, one works and the
    others wait to take over. `rest` is called whenever the end of the log is reached, at least once a second. A lost database is waited for; any other error ends the follower at the entry it met.
    """
    while not stop.is_set():
        try:
            with database.listen() as connection:
                if _lead(connection, name, stop):
                    _follow(database, connection, position(), handle, stop, rest)
        except (DatabaseError, IntegrityError) as error:  # the latter: another took over while we were cut off
            _logger.warning("begins again from its position", follower=name, error=str(error))
            stop.wait(RETRY_SECONDS)


def _lead(connection: Connection[Rows], name: str, stop: Flag) -> bool:
    """Wait for the lock of this name; it is the connection's, so a crash gives it up."""
    while not stop.is_set():
        row = connection.execute("select pg_try_advisory_lock(hashtext(%s))", [f"follower {name}"]).fetchone()
        if row and row[0]:
            return True
        stop.wait(POLL_SECONDS)
    return False


def _follow(
    database: Database,
    connection: Connection[Rows],
    after: int,
    handle: Callable[[Sequence[Entry]], None],
    stop: Flag,
    rest: Callable[[], None] | None,
) -> None:
    while not stop.is_set():
        for rows in log.scan(database, after, BATCH):
            for entries in _decoded(rows):
                handle(entries)
                after = entries[-1].position
            if stop.is_set():
                return
        if rest:
            rest()
        list(connection.notifies(timeout=POLL_SECONDS, stop_after=1))


def _decoded(rows: Sequence[Row]) -> Iterator[list[Entry]]:
    """The entries of rows, up to the first that cannot be decoded; then its error, so that nothing is passed over."""
    try:
        together = codec.entries(rows)
    except (KeyError, msgspec.DecodeError):
        pass  # found again below, one by one
    else:
        yield together
        return
    entries: list[Entry] = []
    for row in rows:
        try:
            entries.append(codec.decode(*row))
        except (KeyError, msgspec.DecodeError) as error:
            if entries:
                yield entries
            error.add_note(f"at position {row.position}, {row.name}")
            raise
    if entries:
        yield entries
