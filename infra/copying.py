"""Values and rows in the binary form that PostgreSQL receives and sends. Every event passes here, so they are put together at once."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import LiteralString

from psycopg import Connection

from infra.database import Rows

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_ARRAY = Struct("!iiIii").pack  # dimensions, nulls or none, type, elements, number of the first
BYTEA, INT4, TEXT, DATE, UUID = 17, 23, 25, 1082, 2950
"""Types, as PostgreSQL numbers them."""
_SHORT = [length.to_bytes(4, "big") for length in range(4_096)]


def copy_in(connection: Connection[Rows], statement: LiteralString, rows: Iterable[Sequence[bytes]]) -> None:
    """Write rows by a COPY FROM STDIN in binary; each value as the type's receive function wants it."""
    pieces = [HEADER]
    for row in rows:
        pieces.append(len(row).to_bytes(2, "big"))
        for value in row:
            length = len(value)
            pieces += (_SHORT[length] if length < 4_096 else length.to_bytes(4, "big"), value)
    pieces.append(TRAILER)
    with connection.cursor().copy(statement) as copy:
        copy.write(b"".join(pieces))


def array(type_: int, values: Sequence[bytes]) -> bytes:
    """An array of such values, none of them null."""
    pieces = [_ARRAY(1, 0, type_, len(values), 1)]
    for value in values:
        length = len(value)
        pieces += (_SHORT[length] if length < 4_096 else length.to_bytes(4, "big"), value)
    return b"".join(pieces)


def int8(value: int) -> bytes:
    """A bigint."""
    return value.to_bytes(8, "big")


def int4(value: int) -> bytes:
    """An integer, not negative."""
    return value.to_bytes(4, "big")


def date4(value: date | None) -> bytes:
    """A date: days since 2000; infinity for None."""
    return ((value - EPOCH.date()).days if value else 2**31 - 1).to_bytes(4, "big", signed=True)


def timestamptz(value: datetime) -> bytes:
    """A time with its zone: microseconds since 2000."""
    since = value - EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds).to_bytes(8, "big", signed=True)


def read_int(value: bytes) -> int:
    """Any integer."""
    return int.from_bytes(value, "big", signed=True)


def read_time(value: bytes) -> datetime:
    """A time, in UTC."""
    return EPOCH + timedelta(microseconds=read_int(value))
