"""Files of registers: every cell arrives as it was, and none of them is a formula."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from services.reading import exporting
from services.reading.exporting import csv_of, harmless, xlsx_of
from services.reading.sheets import Column, Row
from services.registers import REGISTERS

COLUMNS = (Column("name", "姓名", "name"), Column("amount", "金额", "yuan"), Column("day", "日期", "day"))
ROW: Row = {"name": "李秀英", "amount": Decimal("-12.30"), "day": date(2024, 3, 1), "unseen": "x"}
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def read_csv(chunks: Iterable[list[Row]]) -> list[list[str]]:
    text = b"".join(csv_of(COLUMNS, chunks)).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def read_book(tmp_path: Path, chunks: Iterable[list[Row]]) -> dict[str, list[list[Any]]]:
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"".join(xlsx_of("名册", COLUMNS, chunks, [("说明", "x")])))
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_a_csv_has_both_names_of_each_column_and_every_row_of_every_chunk() -> None:
    rows = read_csv([[ROW], [], [ROW, {"name": None}]])
    assert rows == [
        ["姓名 name", "金额 yuan", "日期 day"],
        ["李秀英", "-12.30", "2024-03-01"],
        ["李秀英", "-12.30", "2024-03-01"],
        ["", "", ""],
    ]


@given(_TEXTS)
@example("=1+1")
@example("\t=cmd|' /C calc'!A0")
@example("  +86 139")
@example("＝1+1")
@example('a\r\nb,"c"')
def test_no_text_of_a_csv_begins_as_a_formula_does_and_none_is_lost(typed: str) -> None:
    (_, (cell, _, _)) = read_csv([[{"name": typed}]])
    assert cell.lstrip()[:1] not in set("=+-@＝＋－＠|%")
    assert cell in {typed, f"'{typed}"}
    assert (cell == typed) == (harmless(typed) == typed)


def test_an_amount_below_nothing_stays_a_number() -> None:
    assert read_csv([[{"amount": Decimal("-1.00")}]])[1] == ["", "-1.00", ""]


def test_a_workbook_holds_texts_amounts_and_days_as_such_and_says_what_it_is(tmp_path: Path) -> None:
    book = read_book(tmp_path, [[ROW, {"name": "=1+1", "day": datetime(2024, 3, 1, 16, tzinfo=UTC)}]])
    assert book["名册"] == [
        ["姓名 name", "金额 yuan", "日期 day"],
        ["李秀英", -12.3, date(2024, 3, 1)],
        ["=1+1", "", "2024-03-02 00:00:00"],
    ]
    assert book["说明 about"] == [["说明", "x"]]


def test_an_identity_number_and_a_leading_zero_stay_text(tmp_path: Path) -> None:
    book = read_book(tmp_path, [[{"name": "11010519491231002X"}, {"name": "0139"}, {"name": "440304195001010017"}]])
    assert [row[0] for row in book["名册"][1:]] == ["11010519491231002X", "0139", "440304195001010017"]


def test_more_rows_than_a_sheet_holds_go_on_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "ROWS_A_SHEET", 2)
    book = read_book(tmp_path, [[ROW] * 5])
    assert [(name, len(rows)) for name, rows in book.items()] == [
        ("名册", 3),
        ("名册2", 3),
        ("名册3", 2),
        ("说明 about", 1),
    ]


@pytest.mark.parametrize("sheet", REGISTERS.values(), ids=REGISTERS)
def test_a_register_names_its_columns_once_and_in_both_languages(sheet: Any) -> None:
    keys = [column.key for column in sheet.columns]
    assert len(keys) == len(set(keys))
    for said in (sheet, *sheet.columns):
        assert any("一" <= letter <= "鿿" for letter in said.zh)
        assert said.en.isascii()
    assert sheet.intro_zh
    assert sheet.intro_en
    assert len(sheet.zh) <= 28, "Excel has no longer names of sheets"
