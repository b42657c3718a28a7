"""A file of a table, opened: text in whatever encoding and with whatever separators, or a workbook. Its own form decides, not its name."""

import codecs
import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
    load_workbook,
)

from services.importing.errors import ImportingError
from services.tables.layout import LOOKED_AT, Layout, check_above, find
from services.tables.lines import TextRows, encoding_of
from services.tables.parts import LeftOut, column_of, left_out, reach
from services.tables.texts import Cell

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LARGEST = 1024 * 1024 * 1024
"""Bytes of a workbook, unpacked."""
_CELLS = 20_000_000
"""Cells of a sheet, counted to the last that holds anything: each takes memory, empty or not."""
_DELIMITERS = {",": "逗号 comma", "\t": "制表符 tab", ";": "分号 semicolon", "|": "竖线 bar"}
_DIMENSION = re.compile(rb'<dimension ref="[A-Z]+\d+:([A-Z]+)(\d+)"')


class Rows(Protocol):
    """A table's rows, from the first, as often as they are asked for; row 1 is the first of the file."""

    def __iter__(self) -> Iterator[list[Cell]]: ...


class Table(NamedTuple):
    """A table and its header. `form`: text or a workbook; `said`: what was found, for people; `serials`: days count from 1900.

    `hidden`: rows from 1 that the sheet hides, by hand or by a filter, as far as the file is one that tells.
    """

    path: Path
    form: "Text | Book"
    rows: Rows
    layout: Layout
    said: list[str]
    serials: bool = True
    hidden: frozenset[int] = frozenset()


class Text(NamedTuple):
    """A file of text: its encoding, with a mark at its beginning or not, what stands between cells and at the end of a line."""

    encoding: str
    delimiter: str
    newline: str


class Book(NamedTuple):
    """A workbook, its bytes, and the one of its sheets that is read. `xlsx`: without macros, as others may not be named so."""

    book: CalamineWorkbook
    sheet: str
    content: bytes
    xlsx: bool


def open_table(path: Path, sheet: str | None, kind: str | None, given: Mapping[str, str]) -> Table:
    """Open a file and find its header. Raises `ImportingError` with what to do about it."""
    try:
        with path.open("rb") as file:
            begin = file.read(4096)
    except OSError as error:
        raise ImportingError(f"{path} cannot be read: {error.strerror}", 2) from None
    if begin.startswith((_ZIP, _OLE)):
        return _checked(_workbook(path, sheet, kind, given), kind)
    if sheet:
        raise ImportingError(f"{path} 是文本，没有工作表 is text and has no sheets: leave --sheet out", 2)
    if re.match(rb"\s*(<!doctype|<html|<table|<\?xml)", begin.removeprefix(codecs.BOM_UTF8), re.IGNORECASE):
        said = f"{path} 是网页而不是表格，请用 Excel 或 WPS 打开后另存为 .xlsx is a web page: open and save it as .xlsx"
        raise ImportingError(said, 2)
    return _checked(_text(path, begin, kind, given), kind)


def _checked(table: Table, kind: str | None) -> Table:
    check_above(table.path, list(islice(table.rows, table.layout.last)), table.layout, kind)
    return table


def _text(path: Path, begin: bytes, kind: str | None, given: Mapping[str, str]) -> Table:
    encoding = encoding_of(path, begin)
    best, chosen, layout = 0, ",", None
    for delimiter in _DELIMITERS:
        first = list(islice(TextRows(path, encoding, delimiter, strict=False), LOOKED_AT))
        known, found = find(first, kind, given)
        if known > best:
            best, chosen, layout = known, delimiter, found
    if layout is None:
        raise _no_header(path, list(islice(TextRows(path, encoding, ",", strict=False), 5)))
    newline = "\r\n" if b"\r" in begin else "\n"
    said = [f"编码 encoding: {encoding}；分隔符 delimiter: {_DELIMITERS[chosen]}"]
    return Table(path, Text(encoding, chosen, newline), TextRows(path, encoding, chosen), layout, said)


def _workbook(path: Path, sheet: str | None, kind: str | None, given: Mapping[str, str]) -> Table:
    try:
        content = path.read_bytes()
        xlsx, serials = _look_at(path, content)
        book = load_workbook(io.BytesIO(content))
    except PasswordError:
        raise ImportingError(f"{path} 有密码，请去掉密码另存 has a password: save it without one", 2) from None
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise ImportingError(f"{path} 打不开 cannot be opened as a workbook: {error}", 2) from None
    visible = [one.name for one in book.sheets_metadata if one.visible is SheetVisibleEnum.Visible]
    hidden = [one.name for one in book.sheets_metadata if one.visible is not SheetVisibleEnum.Visible]
    if sheet and sheet not in book.sheet_names:
        raise ImportingError(f"没有工作表“{sheet}” no such sheet; there are: {', '.join(book.sheet_names)}", 2)
    found = _found(
        path, content if content.startswith(_ZIP) else None, book, [sheet] if sheet else visible, kind, given
    )
    (name, (rows, layout, without)), *others = found.items()
    if others:
        said = f"有几张工作表，用 --sheet 指定一张 several sheets, name one by --sheet: {', '.join(found)}"
        raise ImportingError(said, 2)
    notes = [f"工作表 sheet: {name}"]
    if left := [one for one in visible if one != name]:
        notes.append(f"未读的工作表 sheets not read: {', '.join(left)}")
    if left := [one for one in hidden if one != name]:
        notes.append(f"隐藏的工作表未读 hidden sheets not read: {', '.join(left)}")
    return Table(path, Book(book, name, content, xlsx), rows, layout, notes, serials, without)


def _found(
    path: Path,
    content: bytes | None,
    book: CalamineWorkbook,
    names: list[str],
    kind: str | None,
    given: Mapping[str, str],
) -> dict[str, tuple[Rows, Layout, frozenset[int]]]:
    """The sheets with a header, of these, and their hidden rows. Raises `ImportingError` when there is none."""
    found: dict[str, tuple[Rows, Layout, frozenset[int]]] = {}
    seen: list[list[Cell]] = []
    for name in names:
        without = left_out(content, name) if content else LeftOut({}, frozenset())
        rows = SheetRows(_sheet(path, book, name), without.cells)
        first = list(islice(rows, LOOKED_AT))
        seen = seen or first
        _, layout = find(first, kind, given)
        if layout:
            found[name] = rows, layout, without.hidden
    if not found:
        raise _no_header(path, seen)
    return found


def _sheet(path: Path, book: CalamineWorkbook, name: str) -> CalamineSheet:
    try:
        return book.get_sheet_by_name(name)
    except (CalamineError, OSError, ValueError) as error:
        raise ImportingError(f"{path} 的工作表“{name}”打不开 sheet cannot be read: {error}", 2) from None


class SheetRows:
    """The rows of a sheet, each cell in its own column."""

    def __init__(self, sheet: CalamineSheet, failed: Mapping[int, Mapping[int, str]] | None = None) -> None:
        self._sheet = sheet
        self._failed = failed or {}
        self._left: list[Cell] = [""] * (sheet.start[1] if sheet.start else 0)

    def __iter__(self) -> Iterator[list[Cell]]:
        number = -1
        for number, row in enumerate(self._sheet.iter_rows()):
            cells: list[Cell] = [str(one) if isinstance(one, float) and not math.isfinite(one) else one for one in row]
            yield self._filled(number, self._left + cells)
        for beyond in range(number + 1, max(self._failed, default=-1) + 1):  # rows of nothing but such formulas
            yield self._filled(beyond, [])

    def _filled(self, number: int, cells: list[Cell]) -> list[Cell]:
        for column, shown in self._failed.get(number, {}).items():
            cells += [""] * (column + 1 - len(cells))
            cells[column] = shown
        return cells


def _look_at(path: Path, content: bytes) -> tuple[bool, bool]:
    """Whether a workbook is an .xlsx without macros, and whether its days count from 1900. Raises `ImportingError` for one that memory would not hold."""
    if not content.startswith(_ZIP):
        return False, True
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        if sum(part.file_size for part in parts.infolist()) > _LARGEST:
            raise ImportingError(f"{path} 太大，请拆成几个文件 is too large: split it", 2)
        names = parts.namelist()
        for name in names:
            if re.fullmatch(r"xl/worksheets/[^/]*\.xml", name):
                with parts.open(name) as part:
                    said = part.read()
                area = _DIMENSION.search(said, 0, 4096)
                if reach(said) > _CELLS or (area and (column_of(area[1]) + 1) * int(area[2]) > _CELLS):
                    why = f"{path} 的工作表有多余的单元格，请删去空白的行列后另存 has cells far out: delete the empty rows and columns"
                    raise ImportingError(why, 2)
        workbook = parts.read("xl/workbook.xml") if "xl/workbook.xml" in names else b""
    xlsx = bool(workbook) and "xl/vbaProject.bin" not in names
    return xlsx, not re.search(rb'date1904="(1|true)"', workbook)


def _no_header(path: Path, rows: list[list[Cell]]) -> ImportingError:
    """Without personal data: of the first rows only what has no digits."""
    words = [cell for row in rows for cell in row if isinstance(cell, str) and cell and not re.search(r"\d", cell)]
    seen = f"：{'、'.join(dict.fromkeys(words[:12]))}" if words else ""
    return ImportingError(
        f"{path} 前 {LOOKED_AT} 行中没有找到含身份证号的表头{seen}；可用 --map 列名=identity_number 指定"
        " no header with a column of identity numbers: name it with --map NAME=identity_number",
        2,
    )
