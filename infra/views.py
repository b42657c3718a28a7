"""Keeps the read models' tables: rows and the position they stand at commit together."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from eventsourcing.persistence import Tracking
from psycopg import Connection, sql
from psycopg.rows import class_row, dict_row

from domain.history import Entry
from infra.database import Database, Rows
from infra.recorder import LedgerRecorder
from projections import READ_MODELS, ReadModel

APPLICATION = "changqing"
"""The name under which followers track the log."""


class Views:
    """All read models, folded together by one follower."""

    def __init__(self, database: Database, follower: str = "views") -> None:
        self._database = database
        self._recorder = LedgerRecorder(database, follower)

    def position(self) -> int:
        """The position up to which the views are complete."""
        return self._recorder.max_tracking_id(APPLICATION) or 0

    def apply(self, entries: Sequence[Entry]) -> None:
        """Fold entries into every read model, in one transaction with the position.

        A crash leaves rows and position as they were. `IntegrityError` when the entries do not
        follow on the views' position: somebody else folded them, or some are left out.
        """
        with self._database.transaction() as connection:
            self._recorder.track(connection, Tracking(APPLICATION, entries[-1].position), after=entries[0].position - 1)
            for model in READ_MODELS:
                _fold(connection, model, entries)

    def select(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a read model's query."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, given).fetchall()


def _fold(connection: Connection[Rows], model: ReadModel, entries: Sequence[Entry]) -> None:
    touched = [(key, entry) for entry in entries for key in model.keys(entry)]
    if not touched:
        return
    table, fields = sql.SQL(model.table), model.row.__struct_fields__
    columns = sql.SQL(", ").join(map(sql.Identifier, fields))
    find = sql.SQL("select {} from {} where {} = any(%s)").format(columns, table, sql.Identifier(fields[0]))
    with connection.cursor(row_factory=class_row(model.row)) as cursor:
        found = cursor.execute(find, [list({key for key, _ in touched})]).fetchall()
    before = {getattr(row, fields[0]): row for row in found}
    rows: dict[Any, Any] = {}
    for key, entry in touched:
        rows[key] = model.fold(key, rows.get(key, before.get(key)), entry)
    save = sql.SQL("insert into {} ({}) values ({}) on conflict ({}) do update set ({}) = row ({})").format(
        table,
        columns,
        sql.SQL(", ").join([sql.Placeholder()] * len(fields)),
        sql.Identifier(fields[0]),
        columns,
        sql.SQL(", ").join(sql.SQL("excluded.{}").format(sql.Identifier(field)) for field in fields),
    )
    changed = [msgspec.structs.astuple(row) for key, row in rows.items() if row is not None and row != before.get(key)]
    connection.cursor().executemany(save, changed)
