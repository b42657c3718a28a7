"""Versions of the read models beside the one that answers: their tables, and the exchange of the two.

A version is a schema with the same tables. What stands in `ledger.tracking` under its name is the position it is complete
up to; while several processes fold it, each has a line of its own.
"""

from collections.abc import Iterable, Sequence

from psycopg import Connection, sql

from infra.database import Rows
from infra.folding import LIVE
from projections import READ_MODELS, ReadModel

NEXT, BEFORE = "views_next", "views_before"
_AWAY = "views_away"
"""Where the tables that answered wait within the exchange."""
_SHARE = "views_next share"


def models_in(connection: Connection[Rows], schema: str) -> tuple[ReadModel, ...]:
    """The read models that a version has."""
    found = connection.execute("select tablename from pg_tables where schemaname = %s", [schema]).fetchall()
    tables = {table for (table,) in found}
    return tuple(model for model in READ_MODELS if model.table in tables)


def tables_of(models: Iterable[ReadModel]) -> list[str]:
    """What a version keeps of read models: the rows, and the rows as they were."""
    return [table for model in models for table in (model.table, f"{model.table}_past")]


def begin(connection: Connection[Rows], models: Iterable[ReadModel], shares: int) -> None:
    """Make the tables of the next version, empty and without any index but the key: they are indexed when they are full."""
    clear(connection, NEXT)
    for model in models:
        key = sql.Identifier(model.row.__struct_fields__[0])
        for table in tables_of([model]):
            made, live = sql.Identifier(NEXT, table), sql.Identifier(LIVE, table)
            connection.execute(
                sql.SQL("create table {} (like {} including defaults including generated)").format(made, live)
            )
            connection.execute(sql.SQL("grant all on {} to changqing_services").format(made))
            connection.execute("select rights.guard(%s, %s)", [NEXT, table])
        connection.execute(
            sql.SQL("alter table {} add primary key ({})").format(sql.Identifier(NEXT, model.table), key)
        )
    for number in range(shares):
        place(connection, share_name(number, shares), 0)


def clear(connection: Connection[Rows], schema: str) -> None:
    """Drop a version, with what is remembered of its position."""
    found = connection.execute("select tablename from pg_tables where schemaname = %s", [schema]).fetchall()
    for (table,) in found:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(schema, table)))
    forget(connection, schema)


def share_name(number: int, of: int) -> str:
    """The follower of one of several processes that fold the next version."""
    return f"{_SHARE} {number + 1}/{of}"


def shares(connection: Connection[Rows]) -> dict[str, int]:
    """How far each of the processes that fold the next version has come; empty when none is under way."""
    found = connection.execute(
        "select follower, position from ledger.tracking where starts_with(follower, %s) order by follower", [_SHARE]
    )
    return dict(found.fetchall())


def position(connection: Connection[Rows], follower: str, *, lock: bool = False) -> int | None:
    """How far a follower has come; `lock`: it stays there until the end of the transaction."""
    statement = sql.SQL("select position from ledger.tracking where follower = %s and application_name = 'changqing'")
    row = connection.execute(statement + sql.SQL(" for update" if lock else ""), [follower]).fetchone()
    return int(row[0]) if row else None


def place(connection: Connection[Rows], follower: str, at: int) -> None:
    """Put a follower at a position, wherever it was."""
    connection.execute(
        "insert into ledger.tracking (follower, application_name, position) values (%s, 'changqing', %s) "
        "on conflict (follower, application_name) do update set position = excluded.position",
        [follower, at],
    )


def forget(connection: Connection[Rows], follower: str) -> None:
    """Remember a version's position no more; of the next one, that of its shares neither."""
    connection.execute(
        "delete from ledger.tracking where follower = %s or (%s and starts_with(follower, %s))",
        [follower, follower == NEXT, _SHARE],
    )


def missing_indexes(connection: Connection[Rows], models: Sequence[ReadModel]) -> list[bytes]:
    """The statements that make, on the next version, the indexes that the live one has and it has not."""
    found = connection.execute(
        "select indexname, indexdef, tablename from pg_indexes i where schemaname = %(live)s and tablename = any(%(tables)s) "
        "and not exists (select from pg_indexes n where n.schemaname = %(next)s and n.indexname = i.indexname) "
        "order by indexname",
        {"live": LIVE, "next": NEXT, "tables": tables_of(models)},
    ).fetchall()
    return [
        definition.replace(f" ON {LIVE}.{table} ", f" ON {NEXT}.{table} ", 1).encode() for _, definition, table in found
    ]


def exchange(connection: Connection[Rows], models: Sequence[ReadModel], schema: str) -> None:
    """Let the tables of another version answer; those that answered become the version before, the one before that goes.

    The caller holds the live position, so that no follower is amid a batch. Whoever reads waits for the commit.
    """
    tables = tables_of(models)
    connection.execute("set local search_path = ''")  # so that definitions name every schema
    locked = [sql.Identifier(LIVE, table) for table in tables]
    connection.execute(sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(locked)))
    views = [("known", model.table) for model in models] + [("rights", view) for view in ("seen", "alerted")]
    shown = {view: _definition(connection, view) for view in views}
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(_AWAY)))
    for table in tables:
        _move(connection, table, LIVE, _AWAY)
        _move(connection, table, schema, LIVE)
    connection.execute("delete from views.bulletin")  # it was reckoned from what answered before
    clear(connection, BEFORE)
    for table in tables:
        _move(connection, table, _AWAY, BEFORE)
    connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(_AWAY)))
    for (
        named,
        definition,
    ) in shown.items():  # what was known then, and who may see whom, is asked of the tables that answer now
        view = sql.Identifier(*named).as_bytes(connection)
        connection.execute(
            b"create or replace view %b with (security_invoker = true) as %b" % (view, definition.encode())
        )


def _definition(connection: Connection[Rows], view: tuple[str, str]) -> str:
    name = sql.Identifier(*view).as_string(connection)
    row = connection.execute("select pg_get_viewdef(%s::regclass)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def _move(connection: Connection[Rows], table: str, schema: str, to: str) -> None:
    moved = sql.SQL("alter table {} set schema {}").format(sql.Identifier(schema, table), sql.Identifier(to))
    connection.execute(moved)
