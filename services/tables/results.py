"""The file given back: every cell as it was, and beside each row what became of it; and apart from it the rows that failed.

Text comes back as text of the same encoding; an .xlsx as it is, with cells added; other workbooks as an .xlsx of their values.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import xlsxwriter
from python_calamine import SheetVisibleEnum
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from services.accepting.intake import Refusal
from services.importing.record import TakenLine
from services.tables.layout import Layout
from services.tables.marking import mark
from services.tables.opening import Book, SheetRows, Table, Text
from services.tables.parts import Unmarked
from services.tables.rows import EMPTY, TITLE, Passed, Reader
from services.tables.texts import Cell

COLUMNS = ("result", "code", "reason", "remedy", "event")
_TAKEN = {"accepted": "受理 accepted", "parked": "待登记 parked"}
_DATES = {datetime: "yyyy-mm-dd hh:mm:ss", date: "yyyy-mm-dd", time: "hh:mm:ss", timedelta: "[h]:mm:ss"}
_FORMULA = tuple("=+-@\t\r＝＋－＠")
"""How a text begins that a spreadsheet runs as a formula when it opens a file of text."""
_EXCEL_BEGINS = date(1900, 3, 1)


class Told(NamedTuple):
    """What is said of a row, column by column of ours; `failed`: it is to be put right and sent again."""

    result: str
    code: str = ""
    reason: str = ""
    remedy: str = ""
    event: str = ""
    failed: bool = False


_HEADER = Told("结果 result", "代码 code", "原因 reason", "处理办法 remedy", "受理编号 event id")


def taken(line: TakenLine) -> Told:
    """What is said of a row that is in the ledger."""
    result = "已有 known" if line.known else _TAKEN[str(line.status)]
    if not line.beside:
        return Told(result, event=line.id)
    others = " ".join(line.beside)
    return Told(
        result,
        "row-changed",
        f"此人此事还有内容不同的一行在案，两条都有效 another row tells of the same otherwise, and both stand: {others}",
        "其中一条有误的，以“撤回信息”（fact-retracted.v1，撤回列填其编号）撤回 retract the one that is wrong, by its id",
        line.id,
    )


def refused(refusal: Refusal, header: Callable[[str], str | None]) -> Told:
    """What is said of a row that was refused; `header`: the column that a path is about."""
    column = header(refusal.path)
    where = f"“{column}”：" if column else f"{refusal.path}: " if refusal.path else ""
    detail = f" ({refusal.detail})" if refusal.detail else ""
    return Told(
        "不予受理 refused",
        refusal.code,
        f"{where}{refusal.reason.zh} {refusal.reason.en}{detail}",
        f"{refusal.remedy.zh} {refusal.remedy.en}",
        failed=True,
    )


def give_back(table: Table, reader: Reader, told: dict[int, Told], whole: Path, failed: Path | None) -> None:
    """Write the file with what is said of its rows, and one with the failed rows alone. Raises `OSError`."""
    columns = _columns(table.layout, reader.width)
    over = {number: Told("未读 not read", reason=f"{why.zh} {why.en}") for number, why in passed_over(table, reader)}
    said = told | over | {table.layout.last: _HEADER}
    if failed:
        some = {number for number, what in told.items() if what.failed}
        rows = (row for number, row in _rows(table, said, columns) if number in some or number <= table.layout.last)
        with _fresh(table, failed) as path:
            _write(table, path, rows, others=False)
    with _fresh(table, whole) as path:
        if not _in_place(table, path, said, columns, reader.width):
            _write(table, path, (row for _, row in _rows(table, said, columns)), others=True)


def passed_over(table: Table, reader: Reader) -> Iterator[tuple[int, Passed]]:
    """The rows that are no events, but for the empty ones and those of the header."""
    for number, cells in enumerate(table.rows, start=1):
        why = reader.passed(number, cells)
        if why and why not in (EMPTY, TITLE):
            yield number, why


def written_as(table: Table, suffix: str) -> Path:
    """Where a file goes that is written beside the table."""
    ending = table.path.suffix if isinstance(table.form, Text) else ".xlsx"
    return table.path.with_name(f"{table.path.stem}.{suffix}{ending}")


def _columns(layout: Layout, width: int) -> dict[str, int]:
    """Where our columns stand: where they were in a file that came back, else after the last."""
    there = layout.results
    missing = [ours for ours in COLUMNS if ours not in there]
    return there | {ours: width + n for n, ours in enumerate(missing)}


def _rows(table: Table, said: dict[int, Told], columns: dict[str, int]) -> Iterator[tuple[int, list[Cell]]]:
    """The rows with what is said of them."""
    wide = 1 + max(columns.values())
    for number, cells in enumerate(table.rows, start=1):
        row = list(cells)
        if number in said:
            row += [""] * (wide - len(row))
            for ours, column in columns.items():
                row[column] = _inert(getattr(said[number], ours), table.form)
        yield number, row


def _inert(text: str, form: Text | Book) -> str:
    """A text of ours that no spreadsheet runs: the id in it is what a publisher wrote. In a workbook a text is none anyway."""
    return f"'{text}" if isinstance(form, Text) and text.startswith(_FORMULA) else text


def _in_place(table: Table, path: Path, said: dict[int, Told], columns: dict[str, int], width: int) -> bool:
    """Write a workbook as it is with our cells added; says whether that could be done."""
    form, first = table.form, min(columns.values())
    if isinstance(form, Text) or not form.xlsx or not {*range(first, width)} <= {*columns.values()}:
        return False
    marks = {
        number: {column: text for ours, column in columns.items() if (text := getattr(what, ours))}
        for number, what in said.items()
    }
    try:
        mark(form.content, form.sheet, first, marks, path)
    except Unmarked:
        return False
    return True


@contextmanager
def _fresh(table: Table, path: Path) -> Iterator[Path]:
    """A file to write, with the rights of the original, that is put in place when it is whole: a crash leaves the earlier one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, table.path.stat().st_mode & 0o777))
    yield fresh
    fresh.replace(path)


def _write(table: Table, path: Path, rows: Iterable[list[Cell]], *, others: bool) -> None:
    if isinstance(table.form, Text):
        _write_text(table.form, path, rows)
    else:
        _write_book(table.form, path, rows, others=others)


def _write_text(form: Text, path: Path, rows: Iterable[list[Cell]]) -> None:
    encoding = form.encoding
    with path.open("w", encoding=encoding, newline="") as file:
        if encoding in ("utf-16-le", "utf-16-be"):
            file.write("\ufeff")
        csv.writer(file, delimiter=form.delimiter, lineterminator=form.newline).writerows(rows)


def _write_book(form: Book, path: Path, rows: Iterable[list[Cell]], *, others: bool) -> None:
    with xlsxwriter.Workbook(path, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        formats = {kind: book.add_format({"num_format": shape}) for kind, shape in _DATES.items()}
        formats[int] = book.add_format({"num_format": "0"})
        for metadata in form.book.sheets_metadata:
            here = metadata.name == form.sheet
            if not (here or others):
                continue
            sheet = book.add_worksheet(metadata.name)
            if metadata.visible is not SheetVisibleEnum.Visible and not here:
                sheet.hide()
            elif here:
                sheet.activate()
            for number, cells in enumerate(rows if here else SheetRows(form.book.get_sheet_by_name(metadata.name))):
                for column, cell in enumerate(cells):
                    if cell != "":
                        _write_cell(sheet, number, column, cell, formats)


def _write_cell(sheet: Worksheet, row: int, column: int, cell: Cell, formats: dict[Any, Format]) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cell)
    elif isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell, formats[int] if abs(cell) >= 10**11 and cell == int(cell) else None)
    elif isinstance(cell, date) and (cell.date() if isinstance(cell, datetime) else cell) < _EXCEL_BEGINS:
        sheet.write_string(row, column, cell.isoformat())
    else:
        sheet.write_datetime(row, column, cell, formats[type(cell)])
