"""The read models for tests: what a table holds, and the same by the pure folds alone."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg import sql
from psycopg.rows import dict_row

from domain.history import Entry
from infra import codec, log
from infra.database import Database
from projections import READ_MODELS, ReadModel
from projections.read_model import columns

Held = dict[str, dict[Any, dict[str, Any]]]
"""Rows by the read model's table and by their key."""


def entries(database: Database, after: int = 0) -> list[Entry]:
    """The log, decoded."""
    with database.transaction() as connection:
        return [codec.decode(*row) for row in log.read(connection, after, 100_000)]


def stored(
    database: Database, known: int | None = None, schema: str = "views", models: Iterable[ReadModel] = READ_MODELS
) -> Held:
    """Every row of every view, by its key; as it was known at a position."""
    found: Held = {}
    schema = schema if known is None else "known"
    with database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select set_config('changqing.known_at', %s, true)", [str(known)])
        for model in models:
            query = sql.SQL("select {} from {}").format(
                sql.SQL(columns(model.row)),
                sql.Identifier(schema, model.table),
            )
            rows = cursor.execute(query).fetchall()
            found[model.table] = {row[model.row.__struct_fields__[0]]: row for row in rows}
    return found


def folded(history: Sequence[Entry]) -> Held:
    """The same, by the pure folds alone."""
    found: Held = {}
    for model in READ_MODELS:
        rows: dict[Any, Any] = {}
        for entry in history:
            for key in model.keys(entry):
                rows[key] = model.fold(key, rows.get(key), entry)
        found[model.table] = {key: msgspec.structs.asdict(row) for key, row in rows.items() if row is not None}
    return found
