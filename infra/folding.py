"""Folding entries into a read model's table: its rows are found at once, folded in memory, and written by COPY.

For live batches and for rebuilds alike. A row that changes goes and comes again as it is now; as it was it stays, in the
table beside it.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from struct import Struct
from typing import Any
from uuid import UUID
from zlib import crc32

from msgspec.structs import astuple
from psycopg import Connection, sql

from domain.history import Entry
from infra.copying import HEADER, TRAILER, array, date4, timestamptz
from infra.database import Rows
from projections import ReadModel

LIVE = "views"
"""The schema of the read models that answer."""
Owns = Callable[[Any], bool]

Field = Callable[[Any], bytes]
"""Makes the field of a row in a binary COPY: the length, then the value."""
_NULL = b"\xff\xff\xff\xff"
_REPEATED = 4_096
"""So many texts and dates are remembered as fields: the same few stand in nearly all rows."""


def _field(of: Field) -> Field:
    def field(value: Any) -> bytes:
        data = of(value)
        return len(data).to_bytes(4, "big") + data

    return field


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def _text(value: str) -> bytes:
    """As PostgreSQL takes it. What stands in the log with a NUL stands there for good, and no fold may end at it."""
    return value.replace("\0", "\ufffd").encode()


def _json(value: Any) -> bytes:
    written = json.dumps(value)
    return b"\x01" + (_NUL.sub(r"\1\\ufffd", written) if "\\u0000" in written else written).encode()


_SCALARS: dict[int, Callable[[Any], bytes]] = {
    16: lambda value: b"\x01" if value else b"\x00",
    17: bytes,
    20: Struct("!q").pack,
    23: Struct("!i").pack,
    25: _text,
    701: Struct("!d").pack,
    1043: _text,
    1082: date4,
    1184: timestamptz,
    2950: attrgetter("bytes"),
    3802: _json,
}
"""The binary form of a value, by PostgreSQL's number of its type."""
_ARRAYS = {1001: 17, 1007: 23, 1009: 25, 1016: 20, 1182: 1082, 2951: 2950}
_FAST: dict[int, Field] = {
    20: partial(Struct("!iq").pack, 8),
    23: partial(Struct("!ii").pack, 4),
    **{type_: lru_cache(_REPEATED)(_field(_SCALARS[type_])) for type_ in (16, 25, 1043, 1082, 1184)},
}
"""Those that most fields are of."""


class Folding:
    """One read model in a schema.

    `owns`: of several processes that fold together, which keys are this one's. `keep`: so many rows stay in memory from one
    batch to the next; only for whoever is alone with the table. Such a one ends with its first failed transaction, as what
    it keeps is not what is stored then.
    """

    def __init__(self, model: ReadModel, schema: str = LIVE, *, owns: Owns | None = None, keep: int = 0) -> None:
        self._model = model
        self._schema = schema
        self._owns = owns
        self._keep = keep
        self._kept: dict[Any, tuple[Any, int]] = {}  # those touched last at the end
        self._fields = model.row.__struct_fields__
        self._written = (*self._fields, "since")
        self._table = sql.Identifier(schema, model.table)
        self._key = sql.Identifier(self._fields[0])
        self._encoders: list[Field] = []

    def fold(self, connection: Connection[Rows], entries: Iterable[Entry]) -> None:
        """Fold entries that follow on what the table holds; rows of which nothing changes are not written."""
        keys, fold, owns = self._model.keys, self._model.fold, self._owns
        touched = [(key, entry) for entry in entries for key in keys(entry)]
        if owns:
            touched = [one for one in touched if owns(one[0])]
        if not touched:
            return
        rows = self._found(connection, {key for key, _ in touched})
        stored = frozenset(rows)
        past: list[Rows] = []
        changed: dict[Any, None] = {}  # in the order of the first change
        for key, entry in touched:
            before, since = rows.get(key, (None, entry.position))
            after = fold(key, before, entry)
            if after is None or after == before:
                continue
            if before is not None and since < entry.position:
                past.append((*astuple(before), since, entry.position))
            rows[key] = after, entry.position
            changed[key] = None
        if gone := [key for key in changed if key in stored]:
            connection.execute(sql.SQL("delete from {} where {} = any(%s)").format(self._table, self._key), [gone])
        if changed:
            now = [(*astuple(row), since) for row, since in map(rows.__getitem__, changed)]
            self._copy(connection, self._model.table, self._written, now)
        if past:
            self._copy(connection, f"{self._model.table}_past", (*self._written, "until"), past)
        self._remember(rows)

    def _found(self, connection: Connection[Rows], keys: set[Any]) -> dict[Any, tuple[Any, int]]:
        """The rows of these keys, each with the position since which it stands."""
        if self._model.once:
            return {}
        kept = self._kept
        rows = {key: kept.pop(key) for key in keys if key in kept}
        if asked := [key for key in keys if key not in rows]:
            find = sql.SQL("select {} from {} where {} = any(%s)").format(
                sql.SQL(", ").join(map(sql.Identifier, self._written)), self._table, self._key
            )
            row = self._model.row
            for *values, since in connection.execute(find, [asked], binary=True):
                rows[values[0]] = row(**dict(zip(self._fields, values, strict=True))), since
        return rows

    def _remember(self, rows: dict[Any, tuple[Any, int]]) -> None:
        if self._keep and not self._model.once:
            self._kept.update(rows)
            for key in list(self._kept)[: max(0, len(self._kept) - self._keep)]:
                del self._kept[key]

    def _copy(self, connection: Connection[Rows], table: str, columns: Sequence[str], rows: Iterable[Rows]) -> None:
        if not self._encoders:
            self._encoders = [*_encoders(connection, self._schema, self._model.table, self._written), _FAST[20]]
        statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
            sql.Identifier(self._schema, table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with connection.cursor().copy(statement) as copy:
            copy.write(_packed(self._encoders[: len(columns)], rows))


def share(number: int, of: int) -> Owns:
    """Which keys belong to one of several processes; the same in each of them, and after each start."""

    def owns(key: Any) -> bool:
        return crc32(key.bytes if isinstance(key, UUID) else str(key).encode()) % of == number

    return owns


def _encoders(connection: Connection[Rows], schema: str, table: str, columns: Sequence[str]) -> list[Field]:
    statement = "select attname, atttypid, attnotnull from pg_attribute where attrelid = %s::regclass and attnum > 0"
    qualified = sql.Identifier(schema, table).as_string(connection)
    found = {name: (type_, whole) for name, type_, whole in connection.execute(statement, [qualified]).fetchall()}
    return [_encoder(*found[column], f"{table}.{column}") for column in columns]


def _encoder(type_: int, whole: bool, where: str) -> Field:  # noqa: FBT001 - as PostgreSQL tells it
    if type_ in _ARRAYS:
        field = _array(_ARRAYS[type_])
    elif type_ in _SCALARS:
        field = _FAST.get(type_) or _field(_SCALARS[type_])
    else:
        raise TypeError(f"{where} is of a type ({type_}) that rows are not written in yet: add it to infra/folding.py")
    return field if whole else lambda value: _NULL if value is None else field(value)


def _array(element: int) -> Field:
    encode, empty = _SCALARS[element], _field(bytes)(array(element, []))

    def field(values: Sequence[Any]) -> bytes:
        if not values:
            return empty
        data = array(element, [encode(value) for value in values])
        return len(data).to_bytes(4, "big") + data

    return field


def _packed(encoders: Sequence[Field], rows: Iterable[Rows]) -> bytes:
    """Rows as COPY takes them in binary."""
    count = len(encoders).to_bytes(2, "big")
    pieces = [HEADER]
    for row in rows:
        pieces.append(count)
        pieces += [encode(value) for encode, value in zip(encoders, row, strict=True)]
    pieces.append(TRAILER)
    return b"".join(pieces)
