"""What a ledger remembers of its key-encryption keys: read when a process first needs a secret, and while one is rotated."""

from contextlib import closing

import psycopg

from infra.database import Database, Rows, unavailable
from infra.keys import Kept
from infra.sql import statements

SQL = statements("rotation")


def kept_keys(dsn: str) -> Kept:
    """Ask the ledger, over a connection of its own. Raises `DatabaseError`."""
    with closing(Database(dsn)) as database, database.own("changqing-keys") as connection:
        try:
            return kept_in(connection)
        except psycopg.errors.UndefinedTable as error:
            raise unavailable(error) from error  # not migrated yet


def kept_in(connection: psycopg.Connection[Rows]) -> Kept:
    """The same over a connection that is there."""
    row = connection.execute(SQL["keys_of_the_ledger"]).fetchone()
    secrets = connection.execute(SQL["secrets_kept"]).fetchall()
    current, following = row or (None, None)
    return Kept(current, following, {(whose, purpose): wrapped for whose, purpose, wrapped in secrets})
