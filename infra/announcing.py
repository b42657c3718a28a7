"""What leaves by an outlet is recorded before it leaves, and once: up to which position it was is remembered with the record.

A crash between the record and the sending leaves it recorded, and what is sent again after that is not recorded again.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from psycopg import Connection

from domain.disclosures import DataDelivered
from infra import codec
from infra.database import Database, Rows
from infra.log import append_all
from infra.sql import statements

SQL = statements("announcing")


class Announced:
    """One outlet: a topic's relay, a webhook. `stream`: of its records."""

    def __init__(self, database: Database, outlet: str, stream: UUID) -> None:
        self._database = database
        self._outlet = outlet
        self._stream = stream

    def announce(self, last: int, records: Callable[[int], Sequence[DataDelivered]]) -> range:
        """Record what entries up to `last` become. `records` is given the position up to which that was done; the positions of the records.

        Raises `DatabaseError`: nothing may be sent then.
        """
        with self._database.transaction() as connection:
            connection.execute(SQL["announced_claim"], {"outlet": self._outlet})
            row = connection.execute(SQL["announced_lock"], {"outlet": self._outlet}).fetchone()
            assert row is not None
            fresh = records(row[0]) if last > row[0] else ()
            if not fresh:
                return range(0)
            states = [(self._stream, codec.stored_name(one), codec.encode(one)) for one in fresh]
            connection.execute(SQL["announced_save"], {"outlet": self._outlet, "position": last})
            first = append_all(connection, states).first
        return range(first, first + len(states))


def unannounce(connection: Connection[Rows], outlet: str, after: int) -> None:
    """What comes after a position leaves by an outlet again, or as something else, and is recorded anew."""
    connection.execute(SQL["announced_back"], {"outlet": outlet, "position": after})
