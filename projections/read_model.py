"""What a read model is: a table, a row, and a pure fold of the log into rows."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec import Struct

from domain.history import Entry

Key = Any
"""The value of a row's first field, its primary key."""


class ReadModel(NamedTuple):
    """A table whose rows follow from the log.

    `keys` names the rows an entry touches; `fold` gives such a row after the entry (None: still no row). The first
    field of `row` is the table's primary key, and the columns are the fields in their order.
    """

    table: str
    row: type[Struct]
    keys: Callable[[Entry], Iterable[Key]]
    fold: Callable[[Key, Any, Entry], Any]
