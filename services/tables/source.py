"""A table as what the import takes: windows of lines, each the event or the defect of a row."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice

from services.importing.messages import Line
from services.importing.source import Mark, Window
from services.tables.opening import Table
from services.tables.rows import Passed, Reader
from services.tables.surveying import Survey

_WINDOW_ROWS = 20_000


class TableSource:
    """The rows of a table, from the first. A mark's digest is of what was made of the rows, so of the options too."""

    whole = True

    def __init__(self, table: Table, reader: Reader, surveyed: Survey) -> None:
        self.size = table.path.stat().st_size
        self._rows = surveyed.rows
        self._row = 0
        self._hash = hashlib.sha256()
        self._lines = self._read(table, reader)

    @property
    def read(self) -> int:
        """As many of the file's bytes as of its rows were read."""
        return self.size * self._row // (self._rows or 1)

    @property
    def mark(self) -> Mark:
        """The row up to which it was read."""
        return Mark(self._row, self._row, self._hash.hexdigest())

    def skip(self, to: Mark) -> bool:
        """Pass over what was done before, in a new source; says whether it is what it was."""
        while self._row < to.line and next(self._lines, None):
            pass
        return self.mark == to

    def window(self, count: int) -> Window | None:
        """The next rows, `count` at most, without those that are no event; None at the end."""
        rows = list(islice(self._lines, min(count, _WINDOW_ROWS)))
        return Window([row for row in rows if isinstance(row, Line)], self.mark) if rows else None

    def marked(self, found: Callable[[bytes], bool]) -> Iterator[list[bytes]]:
        """Those of all events, in a new source, in which something is found; some rows at a time."""
        while window := self.window(_WINDOW_ROWS):
            yield [row.text for row in window.lines if found(row.text)]

    def _read(self, table: Table, reader: Reader) -> Iterator[Line | Passed]:
        for number, cells in enumerate(table.rows, start=1):
            row = reader.read(number, cells)
            self._row = number
            if isinstance(row, Line):
                self._hash.update(b"%d\0%s\n" % (number, row.text))
            yield row
