"""What is settled of a table before its rows are read: what the operator says of it, and what going through it once shows."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from services.importing.errors import ImportingError
from services.tables.again import Again
from services.tables.cells import was_cut
from services.tables.columns import OWN, plain, vocabulary
from services.tables.opening import Table, Text


class Options(Struct, frozen=True):
    """What an operator says of a table: the kind of event and the source of rows that do not say their own, and columns by name."""

    kind: str | None = None
    source: str | None = None
    sheet: str | None = None
    given: dict[str, str] = {}


def options(kind: str | None, source: str | None, sheet: str | None, mapping: Sequence[str]) -> Options:
    """Options as they were written. Raises `ImportingError`."""
    named = vocabulary().types.get(plain(kind)) if kind else None
    if kind and named is None:
        raise ImportingError(f"--type {kind}: 没有这种事件 no such kind of event; see docs/facts.md", 2)
    given = {}
    known = (
        set(OWN) | set(vocabulary().columns.values()) | {m for of in vocabulary().of_type.values() for m in of.values()}
    )
    for pair in mapping:
        name, equals, member = pair.rpartition("=")
        if not equals or not plain(name) or (member and member not in known):
            raise ImportingError(
                f"--map {pair}: 写成 列名=member，member 为 write NAME=MEMBER, one of {', '.join(sorted(known))}", 2
            )
        given[plain(name)] = member
    return Options(named, source, sheet, given)


class Survey(NamedTuple):
    """What going through a table once has shown: how many rows and columns, the kinds of events in it, and whether numbers were cut off.

    `cells`: how many a row may have.
    """

    rows: int
    width: int
    cells: int
    kinds: tuple[str, ...]
    damaged: bool


def survey(table: Table, chosen: Options) -> Survey:
    """Go through a table. Raises `ImportingError` when its columns do not fit the kinds of events in it, or another header is in it."""
    layout, number, damaged = table.layout, 0, False
    again = Again(layout, list(islice(table.rows, layout.first - 1, layout.last)), chosen.kind)
    named = len(layout.names)
    lengths: set[int] = set()
    width = len(layout.names)
    of_numbers = [c for c in range(len(layout.names)) if layout.member(c, chosen.kind) == "identity_number"]
    of_types = [c for c in range(len(layout.names)) if layout.member(c, None) == "type"]
    kinds = {chosen.kind: None} if chosen.kind else {}
    if not (chosen.kind or of_types):
        raise ImportingError(
            "没有“类型”列，用 --type 指定事件类型 no column of types: name the kind of event by --type", 2
        )
    for number, cells in enumerate(table.rows, start=1):
        width = max(width, len(cells))
        if number > layout.last:
            again.check(number, cells)
            lengths.add(len(cells))
            damaged = damaged or any(was_cut(cells[c]) for c in of_numbers if c < len(cells))
            for column in of_types:
                if column < len(cells) and isinstance(cell := cells[column], str) and plain(cell) in vocabulary().types:
                    kinds[vocabulary().types[plain(cell)]] = None
    for kind in kinds:
        columns = layout.columns(kind)
        if "source" not in columns and not chosen.source:
            raise ImportingError(
                "没有“来源”列，用 --source /部门/城市 指定 no column of sources: name one by --source", 2
            )
    most = width
    if isinstance(
        table.form, Text
    ):  # there a separator within a cell moves all behind it; one at the end of every row is none
        most = min((length for length in lengths if length >= named), default=named)
    return Survey(number, width, most, tuple(kinds), damaged)
