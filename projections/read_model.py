"""What a read model is: a table, a row, and a pure fold of the log into rows."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.history import Entry

Key = Any
"""The value of a row's first field, its primary key."""


class ReadModel(NamedTuple):
    """A table whose rows follow from the log.

    `keys` names the rows an entry touches; `fold` gives such a row after the entry (None: still no row). The first
    field of `row` is the table's primary key, and the columns are the fields. Queries name tables without a schema: the
    same one answers for now and for what was known before. `once`: a row is written by one entry and never again.
    """

    table: str
    row: type[Struct]
    keys: Callable[[Entry], Iterable[Key]]
    fold: Callable[[Key, Any, Entry], Any]
    once: bool = False


def columns(row: type[Struct], of: str = "") -> str:
    """The columns of a read model, for its queries; `of`: the name that its table has there."""
    return ", ".join(f"{of}.{field}" if of else field for field in row.__struct_fields__)


def name(source: str, id_: str, under: UUID | None = None) -> str:
    """A published fact in one text, for lists of them in a row; `under`: the joined record that names it."""
    return msgspec.json.encode((source, id_, under) if under else (source, id_)).decode()


def is_of(text: str, source: str, id_: str) -> bool:
    """Whether a text of `name` is of a fact, whoever names it."""
    return bool(msgspec.json.decode(text)[:2] == [source, id_])


def under_of(text: str) -> UUID | None:
    """The joined record in a text of `name`."""
    _, _, *under = msgspec.json.decode(text)
    return UUID(under[0]) if under else None
