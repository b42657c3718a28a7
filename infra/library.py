"""What the eventsourcing library asks of everything that serves it: a place in the database, and errors of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from eventsourcing import persistence
from psycopg import Connection

from infra.database import Database, DatabaseError, Rows

_KINDS = (
    persistence.IntegrityError,
    persistence.DataError,
    persistence.ProgrammingError,
    persistence.NotSupportedError,
    persistence.InternalError,
    persistence.OperationalError,
    persistence.InterfaceError,
)
"""Named as the driver's own are, after PEP 249."""


class UnavailableError(persistence.OperationalError, DatabaseError):
    """Our error and the library's in one, so that whoever knows either catches it: trying again is safe."""


class OnLedger:
    """Something of the library's that stands on our database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @contextmanager
    def transaction(self) -> Iterator[Connection[Rows]]:
        """As `Database.transaction`, but what fails is raised as an error of the library."""
        try:
            with self.database.transaction() as connection:
                yield connection
        except DatabaseError as error:
            raise UnavailableError(str(error)) from error.__cause__
        except psycopg.Error as error:
            kinds = (kind for kind in _KINDS if isinstance(error, getattr(psycopg, kind.__name__)))
            raise next(kinds, persistence.DatabaseError)(str(error)) from error
