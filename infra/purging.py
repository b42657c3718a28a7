"""What PostgreSQL's files keep of deleted rows, and how it goes: tables are written anew, and the old WAL is let go.

Nothing of it says who anybody was: it is wrapped keys and keyed hashes, worth something to whoever has the key-encryption key
as well. A crash leaves the tables either way whole, and the setting that is changed meanwhile to be changed back by hand.
"""

from collections.abc import Callable
from typing import Final

import psycopg

from infra.database import Database, RightsError, Rows

_TABLES: Final = (
    "ledger.retiree_key",
    "ledger.identity",
    "ledger.stream",
    "ledger.mark",
    "ledger.due",
    "ledger.dead_letter",
    "ledger.snapshot",
    "ledger.kept_secret",
    "ledger.master_key",
    "ledger.proposal",
    "views.search",
)
"""Whatever an erasure or a rotation deletes from, or writes over."""


def purge(database: Database, say: Callable[[str], None]) -> None:
    """Write the tables anew, each under a lock for as long as that takes, then let go of WAL. Raises `RightsError`, `DatabaseError`."""
    with database.own("changqing-purge") as connection:
        row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        if row != (True,):
            raise RightsError(
                "only a superuser of PostgreSQL may do this: as one, run `vacuum full` on "
                f"{', '.join(_TABLES)}, set wal_recycle = off, then `select pg_switch_wal()` and `checkpoint` until no older segment is left"
            )
        for table in _TABLES:
            connection.execute(f"vacuum full {table}".encode())
            say(f"{table}: written anew")
        _let_wal_go(connection, say)


def _let_wal_go(connection: psycopg.Connection[Rows], say: Callable[[str], None]) -> None:
    """A segment that is no longer needed is renamed and written over later: it is to be deleted instead.

    Those renamed before are ahead of the one being written; they are gone through, as each is filled with zeros to its end.
    """
    connection.execute("alter system set wal_recycle = off")
    try:
        connection.execute("select pg_reload_conf()")
        ahead = _count(connection, "name > pg_walfile_name(pg_current_wal_insert_lsn())")
        for _ in range(ahead + 2):
            connection.execute("select pg_logical_emit_message(false, 'changqing', 'purge'), pg_switch_wal()")
        connection.execute("checkpoint")
        connection.execute("checkpoint")  # the first may still need the segments since the one before it
    finally:
        connection.execute("alter system reset wal_recycle")
        connection.execute("select pg_reload_conf()")
    older = _count(connection, "name < pg_walfile_name(pg_current_wal_insert_lsn())")
    say(
        f"WAL: {older} older segments are left"
        + (": a slot, an archiver or wal_keep_size holds them" if older > 1 else "")
    )


def _count(connection: psycopg.Connection[Rows], which: str) -> int:
    statement = f"select count(*) from pg_ls_waldir() where name ~ '^[0-9A-F]{{24}}$' and {which}"  # noqa: S608 - ours
    row = connection.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0
