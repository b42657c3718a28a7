"""Files as offices have them, made for a test: workbooks, and text in any encoding."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import xlsxwriter
from python_calamine import load_workbook

from services.importing.command import Bringing
from services.tables.opening import open_table
from services.tables.rows import Passed, Reader
from services.tables.surveying import options, survey
from services.tables.texts import Cell
from tests.importing import Story

DEATHS = ("姓名", "身份证号", "死亡日期", "死亡证明编号")
"""The header of a table of deaths."""
KNOWN = "11010519491231002X"
OTHER = "440304195001010013"
BRINGING = Bringing(None, 1, 100, restart=False)


def write_book(
    path: Path, rows: Iterable[Sequence[Cell | None]], *, sheet: str = "名册", **others: Iterable[Sequence[Cell]]
) -> Path:
    """A workbook with these rows on its first sheet; the others by name, hidden where the name begins with hidden."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        days = book.add_format({"num_format": "yyyy/m/d"})
        for name, content in ({sheet: rows} | others).items():
            made = book.add_worksheet(name)
            if name.startswith("hidden"):
                made.hide()
            for row, cells in enumerate(content):
                for column, cell in enumerate(cells):
                    if isinstance(cell, date):
                        made.write_datetime(row, column, cell, days)
                    elif isinstance(cell, str):
                        made.write_string(row, column, cell)
                    elif cell is not None:
                        made.write(row, column, cell)
    return path


def write_text(path: Path, rows: Iterable[Sequence[Cell]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """A file of text with these rows."""
    said = io.StringIO()
    csv.writer(said, delimiter=delimiter).writerows(rows)
    path.write_bytes(said.getvalue().encode(encoding))
    return path


def read_back(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[list[Cell]]:
    """All rows of a file, the first sheet of a workbook."""
    if path.suffix == ".xlsx":
        return load_workbook(path).get_sheet_by_index(0).to_python(skip_empty_area=False)
    with path.open(encoding=encoding, newline="") as file:
        return [[*row] for row in csv.reader(file, delimiter=delimiter)]


def column(rows: list[list[Cell]], name: str, header: int = 1) -> list[Cell]:
    """The cells under a heading; `header`: its row from 1."""
    at = rows[header - 1].index(name)
    return [row[at] if at < len(row) else "" for row in rows[header:]]


def registrations(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """The data of so many registrations of invented people."""
    story = Story(seed)
    return [json.loads(story.registration(number))["data"] for number in range(1, count + 1)]


def register(count: int, *, damaged: int = 0) -> list[list[Cell]]:
    """A register of invented people as an office keeps it: title, header, rows, totals. Every so many numbers became 1.1E+17."""
    header = [
        "序号",
        "姓名",
        "身份证号码",
        "退休日期",
        "月养老金（元）",
        "居住地区划代码",
        "缴费年限",
        "联系电话",
        "是否党员",
        "备注",
    ]
    rows: list[list[Cell]] = [["退休人员登记表"], [*header]]
    for number, data in enumerate(registrations(count), start=1):
        person, months = data["person"], data["contribution_months"]
        known = person["identity_number"]
        rows.append([
            number,
            person["name"],
            float(f"{known[:15]}000") if damaged and number % damaged == 0 else known,
            date.fromisoformat(data["effective"]),
            float(data["monthly_pension"]),
            float(data["residence_division"]),
            f"{months // 12}年{months % 12}个月",
            person["phone"],
            "是" if data["party_member"] else "否",
            "",
        ])  # fmt: skip
    return [*rows, ["合计", "", "", "", 123456.0], ["制表人：某某"]]


def read(path: Path, *mapping: str, kind: str | None = "死亡", source: str | None = "/civil-affairs/shenzhen",
         sheet: str | None = None) -> list[tuple[int, Any]]:  # fmt: skip
    """Each row: its event, the code it is refused for, or why it is none."""
    chosen = options(kind, source, sheet, mapping)
    table = open_table(path, chosen.sheet, chosen.kind, chosen.given)
    reader = Reader(table, chosen, survey(table, chosen), lambda text: sha256(text.encode()).digest()[:16])
    rows = [reader.read(number, row) for number, row in enumerate(table.rows, start=1)]
    return [
        (number, row if isinstance(row, Passed) else row.fault.code if row.fault else json.loads(row.text))
        for number, row in enumerate(rows, start=1)
    ]


def events(path: Path, *mapping: str, **more: str | None) -> list[dict[str, Any]]:
    """The events of a file, row by row."""
    return [row for _, row in read(path, *mapping, **more) if isinstance(row, dict)]
