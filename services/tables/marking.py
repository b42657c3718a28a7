"""An .xlsx as it is in its file: given back with cells added to one sheet, while all else stays to the byte."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

Marks = Mapping[int, Mapping[int, str]]
"""What is added: by row from 1 and column from 0."""

_ROW = re.compile(rb"<row\b([^>]*?)(?:/>|>(.*?)</row>)", re.DOTALL)
_NUMBER = re.compile(rb'\br="(\d+)"')
_CELL = re.compile(rb'<c r="([A-Z]+)\d+"')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Unmarked(Exception):  # noqa: N818 - the file is written anew instead
    """The workbook is written in another way than Excel, WPS and LibreOffice write theirs."""


_FAILED = re.compile(rb'<c r="([A-Z]+)(\d+)"(?=[^>]*\bt="e")[^>]*>(?:<f\b[^>]*(?:/>|>[^<]*</f>))?<v>([^<]*)</v>')


def failed_cells(content: bytes, sheet: str) -> dict[int, dict[int, str]]:
    """The cells whose formula failed, by row and column from 0, with what they show: others read them as empty."""
    found: dict[int, dict[int, str]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        try:
            part = parts.read(_part(parts, sheet))
        except (Unmarked, KeyError):
            return found
    if b't="e"' in part:
        for letters, row, shown in _FAILED.findall(part):
            found.setdefault(int(row) - 1, {})[column_of(letters)] = shown.decode()
    return found


class _Row(NamedTuple):
    number: int
    attributes: bytes
    cells: bytes


def mark(content: bytes, sheet: str, first: int, marks: Marks, path: Path) -> None:
    """Write a workbook with marks in the columns from `first`, beyond which nothing else is said. Raises `Unmarked`, and `OSError`."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        name = _part(parts, sheet)
        marked = _marked(parts.read(name), first, marks)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for part in parts.infolist():
                out.writestr(part.filename, marked if part.filename == name else parts.read(part))


def _part(parts: zipfile.ZipFile, sheet: str) -> str:
    """The part of a sheet, by its name."""
    workbook = parts.read("xl/workbook.xml").decode()
    links = parts.read("xl/_rels/workbook.xml.rels").decode()
    for found in re.findall(r"<sheet\b[^>]*>", workbook):
        attributes = dict(re.findall(r'([\w:]+)="([^"]*)"', found))
        if unescape(attributes.get("name", "")) == sheet:
            for link in re.findall(r"<Relationship\b[^>]*>", links):
                to = dict(re.findall(r'(\w+)="([^"]*)"', link))
                if to.get("Id") == attributes.get("r:id"):
                    target = to["Target"].lstrip("/")
                    name = target if target.startswith("xl/") else f"xl/{target}"
                    if name in parts.namelist():
                        return name
    raise Unmarked


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


def column_of(letters: bytes) -> int:
    """The number from 0 of a column by its letters: `A` is 0, `AA` is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def letters_of(column: int) -> str:
    """The letters of a column by its number from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
