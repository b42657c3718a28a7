"""Keeps the read models' tables: rows and the position they stand at commit together, and a row that changes is kept as it was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from eventsourcing.persistence import Tracking
from msgspec.structs import astuple
from psycopg import Connection, sql
from psycopg.rows import dict_row

from domain.history import Entry
from infra.database import Database, Rows
from infra.log import LAST, position_at
from infra.recorder import LedgerRecorder
from projections import READ_MODELS, ReadModel

APPLICATION = "changqing"
"""The name under which followers track the log."""
_SCHEMA = "views"


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

    @property
    def known_at(self) -> int:
        """The position of the log as of which everything is shown: whatever it holds."""
        return LAST

    def select(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a read model's query."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, given).fetchall()

    def as_known(self, at: datetime) -> "KnownViews":
        """The same views as they were known at a time."""
        with self._database.transaction() as connection:
            return KnownViews(self._database, position_at(connection, at))


class KnownViews:
    """All read models as they were known at a position of the log."""

    def __init__(self, database: Database, position: int) -> None:
        self._database = database
        self.position = position

    @property
    def known_at(self) -> int:
        """The position of the log as of which everything is shown."""
        return self.position

    def select(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a read model's query."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(_KNOWN, [str(self.position)])
            return cursor.execute(query, given).fetchall()


_KNOWN = "select set_config('search_path', 'known', true), set_config('changqing.known_at', %s, true)"


def _fold(connection: Connection[Rows], model: ReadModel, entries: Sequence[Entry]) -> None:
    touched = [(key, entry) for entry in entries for key in model.keys(entry)]
    if not touched:
        return
    fields = model.row.__struct_fields__
    columns = [*fields, "since"]
    find = sql.SQL("select {} from {} where {} = any(%s)").format(
        _names(columns), sql.Identifier(_SCHEMA, model.table), sql.Identifier(fields[0])
    )
    found = connection.execute(find, [list({key for key, _ in touched})]).fetchall()
    rows = {key: (model.row(**dict(zip(fields, (key, *rest), strict=True))), since) for key, *rest, since in found}
    past: list[Rows] = []
    changed: dict[Any, None] = {}  # in the order of the first change
    for key, entry in touched:
        before, since = rows.get(key, (None, entry.position))
        after = model.fold(key, before, entry)
        if after is None or after == before:
            continue
        if before is not None and since < entry.position:
            past.append((*astuple(before), since, entry.position))
        rows[key] = after, entry.position
        changed[key] = None
    now = [(*astuple(row), since) for row, since in map(rows.__getitem__, changed)]
    key = sql.Identifier(fields[0])
    upsert = sql.SQL(" on conflict ({}) do update set ({}) = row ({})").format(
        key, _names(columns), sql.SQL(", ").join(sql.SQL("excluded.{}").format(sql.Identifier(one)) for one in columns)
    )
    cursor = connection.cursor()
    cursor.executemany(_insert(model.table, columns) + upsert, now)
    cursor.executemany(_insert(f"{model.table}_past", [*columns, "until"]), past)


def _insert(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("insert into {} ({}) values ({})").format(
        sql.Identifier(_SCHEMA, table), _names(columns), sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    )


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
