"""Connections to PostgreSQL, and its errors said in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

POLL_SECONDS = 1.0
"""How long whoever waits for a notification trusts that none was missed."""

Rows = tuple[Any, ...]
"""A row as psycopg gives it; the statement says what stands where."""


class DatabaseError(Exception):
    """PostgreSQL cannot be reached, or lost the connection: nothing is known to be committed, trying again is safe."""


class Database:
    """A pool of connections. Nothing connects before the first use."""

    def __init__(self, dsn: str, *, max_size: int = 8) -> None:
        self.dsn = dsn
        self._pool: ConnectionPool[Connection[Rows]] = ConnectionPool(
            dsn, min_size=1, max_size=max_size, open=False, timeout=10, kwargs={"application_name": "changqing"}
        )

    @contextmanager
    def transaction(self) -> Iterator[Connection[Rows]]:
        """A connection in one transaction: committed (synchronously, to disk) at the end, rolled back on any error."""
        self._pool.open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # lost, shut down, deadlocked, or no connection of the pool came free
            raise unavailable(error) from error

    @contextmanager
    def listen(self) -> Iterator[Connection[Rows]]:
        """A connection of its own, in autocommit, that listens to the ledger's notifications."""
        try:
            with psycopg.connect(self.dsn, autocommit=True, application_name="changqing-listen") as connection:
                connection.execute("listen ledger")
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise unavailable(error) from error

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def unavailable(error: BaseException) -> DatabaseError:
    """The error of the driver in one sentence."""
    said = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return DatabaseError(f"PostgreSQL is not available: {said}")
