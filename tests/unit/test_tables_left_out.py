"""What an .xlsx says and its reader leaves out."""

import json
import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from services.importing.errors import ImportingError
from services.tables.command import of_table
from services.tables.opening import open_table
from services.tables.parts import left_out
from services.tables.rows import Passed
from tests.tables import BRINGING, DEATHS, KNOWN, OTHER, events, read, write_book

ROWS = [DEATHS, ("甲", KNOWN, "2026-03-01", "A-1"), ("乙", OTHER, "2026-03-02", "A-2")]


def rewritten(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """A workbook with its first sheet's part changed, saved by a spreadsheet that calculated what it could."""
    with zipfile.ZipFile(path) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    for pattern, instead in changes:
        content["xl/worksheets/sheet1.xml"], done = re.subn(pattern, instead, content["xl/worksheets/sheet1.xml"])
        assert done
    content["xl/workbook.xml"] = content["xl/workbook.xml"].replace(b' fullCalcOnLoad="1"', b"")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, part in content.items():
            parts.writestr(name, part)
    return path


def test_a_formula_without_a_result_is_refused_and_not_taken_for_empty(tmp_path: Path) -> None:
    formula = rb'<c r="D2" t="str"><f>"D"&amp;1</f></c>'
    file = rewritten(write_book(tmp_path / "f.xlsx", ROWS), (rb'<c r="D2".*?</c>', formula))

    rows = read(file)

    assert rows[1] == (2, "invalid-field")
    assert rows[2][1]["data"]["document"] == "A-2"


def test_a_0_that_a_program_left_for_excel_to_calculate_is_no_amount(tmp_path: Path) -> None:
    file = tmp_path / "f.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["身份证号", "调整日期", "月养老金"])
        sheet.write_row(1, 0, [KNOWN, "2026-01-01"])
        sheet.write_formula(1, 2, "=3000*1.02")

    assert read(file, kind="pension-adjusted.v1", source="/social-insurance/shenzhen")[1] == (2, "invalid-field")


def test_a_result_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    formula = rb'<c r="D2" t="str"><f>"D"&amp;1</f><v>D1</v></c>'
    file = rewritten(write_book(tmp_path / "f.xlsx", ROWS), (rb'<c r="D2".*?</c>', formula))
    assert events(file)[0]["data"]["document"] == "D1"


def test_rows_of_nothing_but_formulas_without_a_result_are_not_lost(tmp_path: Path) -> None:
    row = b'<row r="4">%s</row></sheetData>' % b"".join(b'<c r="%s4"><f>Z9</f></c>' % at for at in (b"A", b"B", b"C"))
    file = rewritten(write_book(tmp_path / "f.xlsx", ROWS), (b"</sheetData>", row))

    assert read(file)[3] == (4, "invalid-field")


def test_a_template_whose_other_formulas_wait_for_a_number_has_empty_rows(tmp_path: Path) -> None:
    row = b'<row r="4"><c r="C4"><f>TODAY()</f></c></row></sheetData>'
    file = rewritten(write_book(tmp_path / "f.xlsx", ROWS), (b"</sheetData>", row))

    why = read(file)[3][1]

    assert isinstance(why, Passed)
    assert why.en == "an empty row"


def test_an_own_number_whose_formula_failed_is_no_number(tmp_path: Path) -> None:
    rows = [("编号", *DEATHS), ("#REF!", "甲", KNOWN, "2026-03-01", "A-1")]

    assert read(write_book(tmp_path / "f.xlsx", rows))[1] == (2, "invalid-field")


@pytest.mark.parametrize(
    "far",
    [
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b'<x:row r="1048576"><x:c s="0" r="XFD1048576"><x:v>1</x:v></x:c></x:row>',
        b'<row r="1048576"><c><v>1</v></c></row><row><c r="XFD9"><v>1</v></c></row>',
    ],
)
def test_a_cell_far_out_is_found_whatever_the_sheet_says_of_its_size(tmp_path: Path, far: bytes) -> None:
    file = rewritten(write_book(tmp_path / "f.xlsx", ROWS), (b"</sheetData>", far + b"</sheetData>"))

    with pytest.raises(ImportingError, match="far out"):
        open_table(file, None, None, {})


def test_a_cell_far_out_that_holds_nothing_takes_no_room(tmp_path: Path) -> None:
    far = b'<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>'
    file = rewritten(write_book(tmp_path / "f.xlsx", ROWS), (b"</sheetData>", far))

    assert len(events(file)) == 2


def test_rows_that_a_filter_hides_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = rewritten(write_book(tmp_path / "f.xlsx", ROWS), (rb'<row r="3"', rb'<row r="3" hidden="1"'))

    assert left_out(file.read_bytes(), "名册").hidden == {3}
    assert len(events(file)) == 2
    said = ("死亡", "/civil-affairs/shenzhen", None, ())
    for preview in (True, False):
        of_table(file, BRINGING, said, preview=preview, dry_run=not preview, as_json=True)
        assert json.loads(capsys.readouterr().out)["hidden"] == 1
        of_table(file, BRINGING, said, preview=preview, dry_run=not preview, as_json=False)
        assert "隐藏或筛选掉的行也读取 rows that the sheet hides, read as the others: 1" in capsys.readouterr().out
