"""A header that comes again within its table: one that says otherwise is another table's, whose rows must not be read under this one."""

from collections.abc import Sequence

from services.importing.errors import ImportingError
from services.tables.columns import plain
from services.tables.layout import Layout
from services.tables.texts import Cell


class Again:
    """Compares later rows with a header. `rows`: its own; `kind`: that of all rows, None where each says its own."""

    def __init__(self, layout: Layout, rows: Sequence[Sequence[Cell]], kind: str | None) -> None:
        self._layout, self._kind = layout, kind
        self._members = self._known(layout)
        self._names = [
            {plain(name), *(plain(_said(row, column)) for row in rows)} for column, name in enumerate(layout.names)
        ]
        number = next((c for c, member in self._members.items() if member == "identity_number"), None)
        self._number, self._header = number, plain(layout.names[number]) if number is not None else ""

    def check(self, number: int, cells: Sequence[Cell]) -> None:
        """Raises `ImportingError` when a row is the header of other columns than those of the table."""
        if self._number is None or sum(map(str.isdecimal, said := _said(cells, self._number))) >= 10:
            return
        found = self._known(
            Layout(0, 0, tuple(_said(cells, column) for column in range(len(cells))), self._layout.given)
        )
        if plain(said) != self._header and not ("identity_number" in found.values() and len({*found.values()}) > 1):
            return
        if any(
            found.get(column) != self._members.get(column)
            and not (column < len(self._names) and plain(_said(cells, column)) in self._names[column])
            for column in found.keys() | self._members.keys()
        ):
            raise ImportingError(
                f"第 {number} 行是另一个表头，列与第 {self._layout.last} 行的不同：请把两个表分开，一张工作表或一个文件只放一个"
                f" row {number} is a header of other columns than row {self._layout.last}: part the tables, one a sheet or file",
                2,
            )

    def _known(self, layout: Layout) -> dict[int, str]:
        members = ((column, layout.member(column, self._kind)) for column in range(len(layout.names)))
        return {column: member for column, member in members if member}


def _said(cells: Sequence[Cell], column: int) -> str:
    """The text of a cell; nothing of a number or a day."""
    cell = cells[column] if column < len(cells) else ""
    return "".join(cell.split()) if isinstance(cell, str) else ""
