"""Which header a row is read under: never another table's, and never one that its cells have moved against."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from services.importing.errors import ImportingError
from services.tables.texts import Cell
from tests.tables import DEATHS, KNOWN, OTHER, events, read, write_book, write_text

ROW, LATER = ("甲", KNOWN, "2026-03-01", "A-1"), ("乙", OTHER, "2026-03-02", "A-2")


@pytest.mark.parametrize(
    "second",
    [
        (*DEATHS, "依据"),
        ("姓名", "身份证号", "死亡证明编号", "死亡日期"),
        ("身份证号", "姓名", "死亡日期", "死亡证明编号"),
        ("姓名", "公民身份号码", "死亡日期", "住址"),
        ("姓名", "身份证号", "死亡日期", ""),
    ],
)
def test_a_second_table_of_other_columns_below_the_first_is_refused_and_neither_is_lost(
    tmp_path: Path, second: Sequence[Cell]
) -> None:
    for name, between in (("near", 1), ("far", 50)):
        file = write_book(tmp_path / f"{name}.xlsx", [DEATHS, *[ROW] * between, second, LATER])
        with pytest.raises(ImportingError, match=f"row {between + 2} is a header of other columns than row 1"):
            read(file)


def test_a_second_table_whose_first_rows_numbers_were_all_damaged_is_refused_too(tmp_path: Path) -> None:
    file = write_book(
        tmp_path / "f.xlsx", [DEATHS, ("甲", 1.1010519491231e17, "2026-03-01", "A-1"), (*DEATHS, "依据"), LATER]
    )

    with pytest.raises(ImportingError, match="row 3 is a header of other columns"):
        read(file)


def test_rows_above_the_only_header_that_can_be_read_are_not_taken_for_titles(tmp_path: Path) -> None:
    file = write_book(tmp_path / "f.xlsx", [("名", "号", "何时"), ROW[:3], DEATHS, LATER])

    with pytest.raises(ImportingError, match="row 2 has an identity number above the header in row 3"):
        read(file)


def test_a_title_that_says_whose_number_it_is_stays_a_title(tmp_path: Path) -> None:
    file = write_book(tmp_path / "f.xlsx", [("填表人", "某", "身份证号：", OTHER), DEATHS, ROW])

    assert [event["data"]["person"]["name"] for event in events(file)] == ["甲"]


def test_the_same_header_on_every_page_is_passed_over_and_a_cell_that_names_a_column_is_none(tmp_path: Path) -> None:
    rows = [
        ("姓名", "证件类型", "身份证号", "死亡", "", "其他"),
        ("", "", "", "日期", "死亡证明编号", "文号"),
        ("甲", "身份证", KNOWN, "2026-03-01", "A-1"),
        ("姓名", "证件类型", "身份证号", "日期", "死亡证明编号", "文号"),
        ("乙", "身份证", "", "2026-03-02", "A-2"),
    ]

    found = read(write_book(tmp_path / "f.xlsx", rows), "文号=")

    assert [row if isinstance(row, str) else type(row).__name__ for _, row in found[2:]] == [
        "dict", "Passed", "missing-field",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        "甲,{},2026-03-01,深民,12号,\n",
        "甲,{},2026-03-01,深民,12号,南山,区\n",
        "甲,{},2026-03-01,深民,12号,南山\n",
    ],
)
def test_a_row_of_text_that_an_unquoted_comma_moved_is_refused(tmp_path: Path, row: str) -> None:
    file = tmp_path / "f.csv"
    file.write_text(f"{','.join(DEATHS)},住址\n乙,{OTHER},2026-03-02,A-2,南山\n{row.format(KNOWN)}", "utf-8")

    found = read(file)

    assert found[1][1]["data"]["document"] == "A-2"
    assert found[2] == (3, "invalid-field")


def test_a_comma_at_the_end_of_every_row_moves_nothing(tmp_path: Path) -> None:
    file = write_text(tmp_path / "f.csv", [DEATHS, (*ROW, ""), (*LATER, ""), ("合计",)])

    assert [event["data"]["document"] for event in events(file)] == ["A-1", "A-2"]
