"""An .xlsx as it is in its file: given back with cells added to one sheet, while all else stays to the byte."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from services.tables.parts import Unmarked, column_of, part_of

Marks = Mapping[int, Mapping[int, str]]
"""What is added: by row from 1 and column from 0."""

_ROW = re.compile(rb"<row\b([^>]*?)(?:/>|>(.*?)</row>)", re.DOTALL)
_NUMBER = re.compile(rb'\br="(\d+)"')
_CELL = re.compile(rb'<c r="([A-Z]+)\d+"')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class _Row(NamedTuple):
    number: int
    attributes: bytes
    cells: bytes


def mark(content: bytes, sheet: str, first: int, marks: Marks, path: Path) -> None:
    """Write a workbook with marks in the columns from `first`, beyond which nothing else is said. Raises `Unmarked`, and `OSError`."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        name = part_of(parts, sheet)
        marked = _marked(parts.read(name), first, marks)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for part in parts.infolist():
                out.writestr(part.filename, marked if part.filename == name else parts.read(part))


def _marked(part: bytes, first: int, marks: Marks) -> bytes:
    begin, end = part.find(b"<sheetData>"), part.rfind(b"</sheetData>")
    if begin < 0 or end < begin:
        raise Unmarked
    pieces, done = [], set()
    for row in _rows(part[begin:end]):
        added = marks.get(row.number)
        if added is not None:
            done.add(row.number)
            cells = _before(row.cells, first) + b"".join(
                _cell(row.number, at, text) for at, text in sorted(added.items())
            )
            attributes = re.sub(rb'\s+spans="[^"]*"', b"", row.attributes)
            pieces.append(b"<row%s>%s</row>" % (attributes, cells))
        else:
            pieces.append(b"<row%s>%s</row>" % (row.attributes, row.cells))
    if marks.keys() - done:
        raise Unmarked
    head = re.sub(rb"<dimension [^>]*/>", b"", part[:begin])
    return b"%s<sheetData>%s%s" % (head, b"".join(pieces), part[end:])


def _rows(data: bytes) -> Iterator[_Row]:
    number = 0
    for found in _ROW.finditer(data):
        told = _NUMBER.search(found[1])
        number = int(told[1]) if told else number + 1
        yield _Row(number, found[1], found[2] or b"")


def _before(cells: bytes, column: int) -> bytes:
    """The cells left of a column. What is cut off are our own of an earlier time, and empty ones with a style."""
    while (at := cells.rfind(b"<c ")) >= 0:
        found = _CELL.match(cells, at)
        if found is None:
            raise Unmarked
        if column_of(found[1]) < column:
            return cells
        cells = cells[:at]
    return cells


def _cell(row: int, column: int, text: str) -> bytes:
    said = escape(_CONTROL.sub(" ", text))
    return f'<c r="{letters_of(column)}{row}" t="inlineStr"><is><t xml:space="preserve">{said}</t></is></c>'.encode()


def letters_of(column: int) -> str:
    """The letters of a column by its number from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
