"""Registers as files for offices: CSV as it is read, and Excel workbooks, both written while the rows are still being read.

Nothing that somebody typed into a name or an address can become a formula on an official's machine.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from services.application import BEIJING
from services.reading.sheets import Cell, Column, Row

ROWS_A_SHEET = 1_000_000
"""Rows on one sheet of a workbook, below the 1,048,576 that Excel has; what is more goes on a sheet after it."""
_BLOCK = 64 * 1024
_FORMULA = frozenset("=+-@＝＋－＠|%")
"""A text that begins with one of these is taken for a formula, or a call of another program, by some table program."""


def text(cell: Cell) -> str:
    """A cell as people read it; times in Beijing."""
    if isinstance(cell, datetime):
        return cell.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    return "" if cell is None else str(cell)


def harmless(said: str) -> str:
    """A text with an apostrophe before it where a table program would take it for a formula, also after blanks and tabs."""
    begin = said.lstrip()[:1]
    return f"'{said}" if begin in _FORMULA or said[:1] in {"\t", "\r", "\n"} else said


def csv_of(columns: Sequence[Column], chunks: Iterable[list[Row]]) -> Iterator[bytes]:
    """A CSV (RFC 4180, UTF-8 with the mark that Excel knows it by), a piece for each chunk of rows."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    out.write("\ufeff")
    writer.writerow([column.title for column in columns])
    keys = [column.key for column in columns]
    for rows in chunks:
        writer.writerows([_written(row.get(key)) for key in keys] for row in rows)
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()


def _written(cell: Cell) -> Cell:
    return harmless(cell) if isinstance(cell, str) else cell if isinstance(cell, int | Decimal) else text(cell)


def xlsx_of(
    title: str, columns: Sequence[Column], chunks: Iterable[list[Row]], about: Sequence[tuple[str, str]]
) -> Iterator[bytes]:
    """An Excel workbook, in blocks. Memory does not grow with the rows. `about`: what the second sheet says of the file.

    The rows pass through files in a directory that only this process may read, and that is gone before this ends.
    """
    with TemporaryDirectory(prefix="changqing-") as folder:
        path = Path(folder) / "book.xlsx"
        _write_book(path, title, columns, chunks, about)
        with path.open("rb") as book:
            while block := book.read(_BLOCK):
                yield block


def _write_book(
    path: Path, title: str, columns: Sequence[Column], chunks: Iterable[list[Row]], about: Sequence[tuple[str, str]]
) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)})
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    formats = book.add_format({"num_format": "0.00"}), book.add_format({"num_format": "yyyy-mm-dd"})
    keys = [*enumerate(column.key for column in columns)]
    sheet, at, number = _new_sheet(book, title[:28], columns, bold), 1, 1
    for row in (row for rows in chunks for row in rows):
        if at > ROWS_A_SHEET:
            number += 1
            sheet, at = _new_sheet(book, f"{title[:28]}{number}", columns, bold), 1
        for place, key in keys:
            if (cell := row.get(key)) is not None:
                _write_cell(sheet, at, place, cell, *formats)
        at += 1
    told = book.add_worksheet("说明 about")
    told.set_column(0, 0, 28)
    told.set_column(1, 1, 90)
    for line, both in enumerate(about):
        for place, said in enumerate(both):
            told.write_string(line, place, said)
    book.close()


def _write_cell(
    sheet: Worksheet, row: int, column: int, cell: str | int | Decimal | date, money: Format, day: Format
) -> None:
    match cell:
        case "":
            pass
        case str():
            sheet.write_string(row, column, cell)  # never a formula, a link or a number
        case datetime():
            sheet.write_string(row, column, text(cell))
        case Decimal():
            sheet.write_number(row, column, cell, money)
        case int():
            sheet.write_number(row, column, cell)
        case date():
            sheet.write_datetime(row, column, cell, day)


def _new_sheet(book: xlsxwriter.Workbook, name: str, columns: Sequence[Column], bold: Format) -> Worksheet:
    sheet = book.add_worksheet(name)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&L&A&C&P / &N&R&D")
    sheet.freeze_panes(1, 0)
    for number, column in enumerate(columns):
        sheet.set_column(number, number, column.width)
        sheet.write_string(0, number, column.title, bold)
    return sheet
