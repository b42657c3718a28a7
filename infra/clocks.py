"""Two clocks: this machine's and PostgreSQL's. By a day that one of them does not believe in nothing is decided."""

import time
from datetime import UTC, datetime, timedelta

from infra.database import Database, DatabaseError
from infra.log import SQL

APART = timedelta(hours=1)
"""How far the clocks may be apart."""
ASKED_EVERY = 60.0
"""Seconds."""


class ClocksApartError(DatabaseError):
    """This machine's clock and PostgreSQL's differ: which is right only the operator can tell. Nothing is stored meanwhile."""


class GapError(Exception):
    """More days are to pass at once than a machine is off for: more likely its clock is ahead."""


class Clocks:
    """Asks PostgreSQL for its time now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._agreed_until = 0.0

    def check(self) -> None:
        """Raise `ClocksApartError` unless the clocks agreed within the last minute."""
        if time.monotonic() < self._agreed_until:
            return
        with self._database.transaction() as connection:
            row = connection.execute(SQL["clock"]).fetchone()
        assert row is not None
        here = datetime.now(UTC)
        if abs(here - row[0]) > APART:
            there = row[0].astimezone(UTC)
            raise ClocksApartError(
                f"clocks-apart: here it is {here:%Y-%m-%d %H:%M}, at PostgreSQL {there:%Y-%m-%d %H:%M} (UTC);"
                " nothing is decided until they agree"
            )
        self._agreed_until = time.monotonic() + ASKED_EVERY
