"""Connections to PostgreSQL, and its errors said in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool, PoolTimeout

from domain.refusals import Refused
from infra.session import Session

POLL_SECONDS = 1.0
"""How long whoever waits for a notification trusts that none was missed."""

SERVICES = "changqing_services"
"""The role of migration 0003 that services act under: it may add to the log, and never change it."""

Rows = tuple[Any, ...]
"""A row as psycopg gives it; the statement says what stands where."""


_BY_KEY = (
    "set plan_cache_mode = force_generic_plan",
    "set enable_seqscan = off",
    "set enable_bitmapscan = off",
    "set enable_hashjoin = off",
    "set enable_mergejoin = off",
)
"""For whoever looks everything up by key: planned once, and well for any size that the tables will come to."""


HELD_SECONDS = 30
"""How long a session may do nothing within a transaction before PostgreSQL ends it; one that writes batches, whatever it does."""


class DatabaseError(Exception):
    """PostgreSQL cannot be reached, or lost the connection: nothing is known to be committed, trying again is safe."""


class TooSlowError(DatabaseError):
    """A statement took longer than it may, and was cancelled: nothing of its transaction was done."""


class RightsError(DatabaseError):
    """The login lacks a right; the message says what to run."""


class Database:
    """A pool of connections. Nothing connects before the first use.

    Whatever the login may do, every connection acts under `role`: even a superuser's services cannot alter the log. None
    leaves the login its own rights, for tools that the owner runs. `archive` is the directory where events that left the
    database are; each connection knows it as the setting `changqing.archive`. `plans_kept`: a statement is planned once
    a connection, not for each use: right where every look-up is by key, as planning then takes longer than looking.
    """

    def __init__(
        self,
        dsn: str,
        *,
        max_size: int = 8,
        role: str | None = SERVICES,
        archive: Path | str | None = None,
        plans_kept: bool = False,
    ) -> None:
        self.dsn = dsn
        self._plans_kept = plans_kept
        self._role = role
        self._archive = archive
        self._refused: RightsError | None = None
        self._seconds = 0.0
        self._pool: ConnectionPool[Session] = ConnectionPool(
            dsn,
            connection_class=Session,
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=10,
            reconnect_timeout=2,  # else it waits twice as long after each failure, long after PostgreSQL is back
            kwargs={"application_name": "changqing"},
            configure=self._configure,
        )

    def bound(self, seconds: float) -> None:
        """From the next connection on a statement that takes longer is cancelled: whoever asked waits no more. 0: none is."""
        self._seconds = seconds

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A connection in one transaction: committed (synchronously, to disk) at the end, rolled back on any error."""
        self._pool.open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise self._refused or unavailable(error) from error
        except psycopg.DataError as error:
            if "NUL" not in str(error) and not isinstance(error, psycopg.errors.CharacterNotInRepertoire):
                raise
            raise Refused(
                "invalid-request", "", "NUL"
            ) from error  # no text of ours holds one, and PostgreSQL takes it nowhere
        except psycopg.errors.QueryCanceled as error:
            raise TooSlowError("PostgreSQL was told to give up a statement: it took longer than it may") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # lost, shut down, deadlocked, or no connection of the pool came free
            raise unavailable(error) from error

    @contextmanager
    def listen(self) -> Iterator[Connection[Rows]]:
        """A connection of its own, in autocommit, that listens to the ledger's notifications."""
        with self.own("changqing-listen") as connection:
            connection.execute("listen ledger")
            yield connection

    @contextmanager
    def own(self, name: str) -> Iterator[Connection[Rows]]:
        """A connection beside the pool, in autocommit, under a name that PostgreSQL shows."""
        try:
            with psycopg.connect(self.dsn, autocommit=True, application_name=name) as connection:
                self._configure(connection)
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise unavailable(error) from error

    @contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """Whether nobody else is at such work. The lock is a connection's, so a crash gives it up, as soon as PostgreSQL sees it."""
        with self.own(f"changqing-{work}") as connection:
            row = connection.execute("select pg_try_advisory_lock(hashtext(%s))", [work]).fetchone()
            try:
                yield bool(row and row[0])
            finally:
                connection.execute("select pg_advisory_unlock_all()")  # whoever comes next need not wait for that

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _configure(self, connection: Connection[Rows]) -> None:
        self._refused = None
        if self._archive:
            connection.execute("select set_config('changqing.archive', %s, false)", [str(self._archive)])
        connection.execute(
            "select set_config('search_path', 'public, views', false)"
        )  # queries of views name no schema
        # Who is cut off with the head in hand must not hold up everybody until TCP notices, hours later.
        held = f"{HELD_SECONDS}s"
        connection.execute("select set_config('idle_in_transaction_session_timeout', %s, false)", [held])
        if self._seconds:
            longest = f"{max(1, int(self._seconds * 1_000))}ms"
            connection.execute("select set_config('statement_timeout', %s, false)", [longest])
        if self._plans_kept:
            # cut off between two statements of an exchange, a session does not count as idle
            connection.execute("select set_config('transaction_timeout', %s, false)", [held])
            for setting in _BY_KEY:
                connection.execute(setting)
        if self._role:
            try:
                connection.execute(sql.SQL("set role {}").format(sql.Identifier(self._role)))
            except psycopg.DatabaseError as error:
                self._refused = RightsError(
                    f"{connection.info.user} may not act as {self._role}: run `changqing migrate` as the database's owner, "
                    f"then as a superuser: grant {self._role} to {connection.info.user}"
                )
                connection.close()  # the pool would leave it open
                raise self._refused from error
        connection.commit()


def unavailable(error: BaseException) -> DatabaseError:
    """The error of the driver in one sentence."""
    said = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return DatabaseError(f"PostgreSQL is not available: {said}")
