"""Several followers on one connection: it listens to the log, and holds the lock of each name that this process leads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from psycopg import Connection

from infra.database import Database, Rows


class Leads:
    """The locks that one connection holds; a crash, or its end, gives them all up."""

    def __init__(self, connection: Connection[Rows]) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def of(cls, database: Database) -> Iterator[Self]:
        """On a connection of its own. Raises `DatabaseError` when that is lost: nothing is led any more."""
        with database.listen() as connection:
            yield cls(connection)

    def take(self, name: str) -> bool:
        """Lead a name; False when somebody else does."""
        row = self._connection.execute("select pg_try_advisory_lock(hashtext(%s))", [f"follower {name}"]).fetchone()
        return bool(row and row[0])

    def give_up(self, name: str) -> None:
        """Lead it no longer."""
        self._connection.execute("select pg_advisory_unlock(hashtext(%s))", [f"follower {name}"])

    def grown(self, seconds: float) -> bool:
        """Whether the log grew; waits for it up to some seconds."""
        return bool(list(self._connection.notifies(timeout=seconds, stop_after=1)))
