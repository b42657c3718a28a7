"""Where a table's header is, and what its columns are: titles above it, headers of several rows, columns nobody knows."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from domain.identity import examine
from services.importing.errors import ImportingError
from services.tables.cells import was_cut
from services.tables.columns import member_of, passed_over, plain, required_of, result_of, shown
from services.tables.texts import Cell

LOOKED_AT = 40
"""Rows among which the header is looked for."""
_DEEPEST = 3


class Layout(NamedTuple):
    """A table's header: its first and last row, from 1, and the name of each column. `given`: members named by `--map`."""

    first: int
    last: int
    names: tuple[str, ...]
    given: Mapping[str, str]

    def member(self, column: int, kind: str | None) -> str | None:
        """The member a column is in this kind of event, or in any."""
        name = self.names[column]
        return self.given[plain(name)] or None if plain(name) in self.given else member_of(name, kind)

    def columns(self, kind: str) -> dict[str, int]:
        """The columns of the members in this kind of event. Raises `ImportingError` when two are the same, or one is missing."""
        found: dict[str, int] = {}
        for column in range(len(self.names)):
            if member := self.member(column, kind):
                if member in found:
                    raise ImportingError(
                        f"“{self.names[found[member]]}”和“{self.names[column]}”都是 {shown(member)}：用 --map 列名= 略去一列"
                        f" two columns are the same member of {kind}: leave one out with --map NAME=",
                        2,
                    )
                found[member] = column
        if missing := [shown(member) for member in required_of(kind) if member not in found]:
            raise ImportingError(
                f"{kind} 缺少列 columns are missing: {', '.join(missing)}；可用 --map 列名=member 指定 name them with --map NAME=MEMBER",
                2,
            )
        return found

    def unread(self, kinds: Sequence[str]) -> list[str]:
        """Columns that no row has anything of."""
        return [
            name
            for column, name in enumerate(self.names)
            if name and not passed_over(name) and not any(self.member(column, kind) for kind in kinds)
        ]

    @property
    def results(self) -> dict[str, int]:
        """Our own columns, in a file that came back."""
        return {ours: column for column, name in enumerate(self.names) if (ours := result_of(name))}


def find(rows: Sequence[Sequence[Cell]], kind: str | None, given: Mapping[str, str]) -> tuple[int, Layout | None]:
    """The header among the first rows, with how many of its columns are known; None without one of identity numbers.

    It is the first of them; one further down that says more, only where nobody's row stands between: else it is another table's.
    """
    best, found = 0, None
    people = [number for number, row in enumerate(rows, start=1) if any(map(_numbers_somebody, row))]
    begin = len(rows)
    for depth in range(1, _DEEPEST + 1):  # only where a deeper header says more is it one
        for last in range(depth, len(rows) + 1):
            names = _names(rows[last - depth : last], kind, given)
            layout = Layout(last - depth + 1, last, names, given)
            members = [layout.member(column, kind) for column in range(len(names))]
            known = sum(member is not None for member in members) + len(layout.results)
            begins = min(begin, layout.first)
            if "identity_number" not in members or any(begins <= number <= last for number in people):
                continue
            begin = begins
            if known > best:
                best, found = known, layout
    return best, found


def check_above(path: Path, rows: Sequence[Sequence[Cell]], layout: Layout, kind: str | None) -> None:
    """Raises `ImportingError` when somebody's row stands above the header: it would be taken for a title, and lost unsaid."""
    for number, row in enumerate(rows[: layout.first - 1], start=1):
        labelled = any(isinstance(cell, str) and member_of(cell, kind) == "identity_number" for cell in row)
        if not labelled and any(isinstance(cell, str) and examine(cell)[1] for cell in row):
            raise ImportingError(
                f"{path} 的第 {number} 行有身份证号，却在第 {layout.first} 行的表头之上：请把两个表分开，一张工作表或一个文件只放一个"
                f" row {number} has an identity number above the header in row {layout.first}: part the tables, one a sheet or file",
                2,
            )


def _numbers_somebody(cell: Cell) -> bool:
    """Whether a cell is an identity number, whole or cut off."""
    return was_cut(cell) or (isinstance(cell, str) and examine(cell)[1] is not None)


def _names(rows: Sequence[Sequence[Cell]], kind: str | None, given: Mapping[str, str]) -> tuple[str, ...]:
    """The names of columns in a header of these rows: of cells that lie over others, the lowest, or both together."""
    width = max(map(len, rows))
    grid = [[_said(row[column]) if column < len(row) else "" for column in range(width)] for row in rows]
    names = grid[0]
    for above, below in pairwise(grid):
        spread, over = [], ""
        for column in range(width):  # a cell over several columns has its text in the first of them
            over = above[column] or over
            spread.append(over)
        names = [_joined(*cells, kind, given) for cells in zip(names, spread, below, strict=True)]
    return tuple(names)


def _joined(own: str, over: str, below: str, kind: str | None, given: Mapping[str, str]) -> str:
    if not below:
        return own
    together = f"{over}{below}"
    return together if plain(together) in given or member_of(together, kind) else below


def _said(cell: Cell) -> str:
    return "".join(cell.split()) if isinstance(cell, str) and cell.isascii() is False else str(cell).strip()
