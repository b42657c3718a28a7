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
from infra.followers import goes_on, stopped
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
    others wait to take over. `rest` is called whenever the end of the log is reached, at least once a second. A lost database
    is waited for. Any other error ends the follower before the entry it met: what comes before that is done, the position
    and the name are logged and remembered, and `StoppedError` is raised.
    """
    while not stop.is_set():
        try:
            with database.listen() as connection:
                if _lead(connection, name, stop):
                    _follow(database, connection, name, position(), handle, stop, rest)
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
    name: str,
    after: int,
    handle: Callable[[Sequence[Entry]], None],
    stop: Flag,
    rest: Callable[[], None] | None,
) -> None:
    passed = False
    while not stop.is_set():
        for rows in log.scan(database, after, BATCH):
            for entries in _readable(database, name, rows):
                _handle(database, name, handle, entries)
                after = entries[-1].position
                if not passed:
                    goes_on(database, name)
                    passed = True
            if stop.is_set():
                return
        if rest:
            rest()
        list(connection.notifies(timeout=POLL_SECONDS, stop_after=1))


def _handle(database: Database, name: str, handle: Callable[[Sequence[Entry]], None], entries: Sequence[Entry]) -> None:
    """Handle a batch; where it fails, entry by entry up to the one that it fails at."""
    try:
        handle(entries)
    except (DatabaseError, IntegrityError):
        raise
    except Exception as error:
        if len(entries) == 1:
            raise stopped(database, name, entries[0].position, entries[0].name, error) from error
        for entry in entries:
            _handle(database, name, handle, [entry])


def _readable(database: Database, name: str, rows: Sequence[Row]) -> Iterator[list[Entry]]:
    """The entries of rows, up to the first that this program cannot read."""
    read = 0
    try:
        for entries in _decoded(rows):
            read += len(entries)
            yield entries
    except (KeyError, msgspec.DecodeError) as error:
        raise stopped(database, name, rows[read].position, rows[read].name, error) from error


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
