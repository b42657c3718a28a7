"""How a table is read: without any server."""

import json
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import LIFE_EVENTS
from domain.refusals import Refused
from services.accepting.cloudevents import WIRE_TYPES
from services.importing.errors import ImportingError
from services.tables import cells, dates
from services.tables.columns import OWN, forms, member_of, members_of, vocabulary
from services.tables.command import of_table
from services.tables.content import ID_LENGTH, subject_of
from services.tables.opening import open_table
from services.tables.results import Told, give_back
from services.tables.rows import Passed, Reader
from services.tables.surveying import options, survey
from services.tables.texts import Cell
from tests.docs import ROOT, blocks
from tests.tables import BRINGING, DEATHS, KNOWN, OTHER, column, events, read, read_back, write_book, write_text


def refused(deed: Any, *given: Any, **more: Any) -> str:
    with pytest.raises(Refused) as why:
        deed(*given, "data.x", **more)
    return why.value.code


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-01", "2026/3/1", "2026.3.1", "20260301", "2026年3月1日", "２０２６年３月１日", "二〇二六年三月一日", " 2026 - 3 - 1 ", "2026-03-01 00:00:00",
        "2026-03-01T08:30:00", "46082", 46082.0, 20260301.0, date(2026, 3, 1), datetime(2026, 3, 1, 12), # noqa: DTZ001 - a cell has no zone
    ],
)  # fmt: skip
def test_a_day_is_read_however_it_is_written(cell: Cell) -> None:
    assert dates.day(cell, "data.effective") == "2026-03-01"


@pytest.mark.parametrize(
    ("cell", "day"),
    [("25/12/2025", "2025-12-25"), ("12/25/2025", "2025-12-25"), ("3/3/2026", "2026-03-03"), ("二〇二五年十二月三十一日", "2025-12-31"), ("二〇二五年十月二十日", "2025-10-20")],
)  # fmt: skip
def test_a_day_that_ends_in_its_year_is_read_where_only_one_reading_is_a_date(cell: str, day: str) -> None:
    assert dates.day(cell, "data.effective") == day


@pytest.mark.parametrize("cell", ["01/03/2026", "1-3-2026", "26-3-1", "3/1/26", "26年3月1日"])
def test_a_day_with_two_readings_is_refused(cell: str) -> None:
    assert refused(dates.day, cell) == "date-ambiguous"


@pytest.mark.parametrize(
    "cell", ["2026-03", "2026年3月", "2026-02-30", "2026-13-01", "明年", "民国115年3月1日", True, 5.5, "12345678"]
)
def test_what_is_no_day_is_refused(cell: Cell) -> None:
    assert refused(dates.day, cell) == "invalid-field"


def test_days_counted_from_1904_are_not_taken_for_those_counted_from_1900() -> None:
    assert refused(dates.day, 46082.0, serials=False) == "date-ambiguous"


@pytest.mark.parametrize("cell", ["20261", "20001", "20399", 20261.0])
def test_five_digits_that_may_be_a_month_without_its_zero_are_no_day_of_1955(cell: Cell) -> None:
    assert refused(dates.day, cell) == "date-ambiguous"
    assert refused(dates.month, cell) == "date-ambiguous"


@given(st.dates(date(1927, 6, 1), date(2099, 12, 31)))
def test_every_form_of_a_day_is_that_day(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    forms: list[Cell] = [
        day,
        day.isoformat(),
        f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}/{day.month}/{day.day}",
        *([] if 20_000 <= serial < 20_400 else [float(serial)]),
    ]
    assert {dates.day(form, "data.effective") for form in forms} == {day.isoformat()}


@pytest.mark.parametrize(
    "cell", ["2026-03", "2026年3月", "202603", 202603.0, "2026.3", date(2026, 3, 1), "2026/3/15", "二〇二六年三月"]
)
def test_a_month_is_read_however_it_is_written(cell: Cell) -> None:
    assert dates.month(cell, "data.month") == "2026-03"


@pytest.mark.parametrize("cell", [2026.1, " 2026.1", "２０２６.１"])
def test_a_month_that_may_have_lost_its_zero_is_refused(cell: Cell) -> None:
    assert refused(dates.month, cell) == "date-ambiguous"


@pytest.mark.parametrize(
    ("cell", "month"),
    [
        (2026.11, "2026-11"),
        (2026.01, "2026-01"),
        ("2026.10", "2026-10"),
        ("2026年1月", "2026-01"),
        ("2026-1", "2026-01"),
    ],
)
def test_a_month_behind_a_point_is_read_where_it_can_be_one_only(cell: Cell, month: str) -> None:
    assert dates.month(cell, "data.month") == month


def test_months_of_a_workbook_that_counts_its_days_from_1904_are_not_taken_for_others(tmp_path: Path) -> None:
    header = ("身份证号", "dues_paid_to", "日期", "区划代码")
    file = tmp_path / "f.xlsx"
    with xlsxwriter.Workbook(file, {"date_1904": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, header)
        sheet.write_row(1, 0, [KNOWN, 44620, "2026-03-01", "440304001000"])

    assert read(file, kind="组织关系转接", source="/party/shenzhen")[1] == (2, "date-ambiguous")


@pytest.mark.parametrize(
    "cell",
    ["3210.50", 3210.5, "3,210.50", "￥3,210.50", "¥3210.50元", "３２１０．５０", "人民币3210.5元", 3210.4999999999995],
)
def test_an_amount_is_read_however_it_is_written(cell: Cell) -> None:
    assert cells.amount(cell, "data.amount") == "3210.50"


@pytest.mark.parametrize(
    "cell",
    ["3210.5550001", 3210.555, "32,10.5", "-5", -5.0, "3.2万", "三千", True, date(2026, 3, 1), "1.2E+3", "3.210,50"],
)
def test_what_is_no_amount_in_fen_is_refused(cell: Cell) -> None:
    assert refused(cells.amount, cell) == "invalid-field"


@pytest.mark.parametrize(
    "cell",
    [
        1.10105194912310e17,
        110105194912310020,
        "1.10105E+17",
        "110105194912310000",
        "110,105,194,912,310,020",
        "110105194912310",
        0.5,
    ],
)
def test_an_identity_number_that_a_spreadsheet_damaged_is_found(cell: Cell) -> None:
    assert refused(cells.identity_number, cell) == "identity-number-damaged"


@pytest.mark.parametrize(
    "cell",
    [
        KNOWN,
        KNOWN.lower(),
        " 110105 19491231 002x",
        "１１０１０５19491231002Ｘ",
        "'11010519491231002X",
        "110105491231002",
        110105491231002.0,
    ],
)
def test_an_identity_number_that_is_whole_is_read(cell: Cell) -> None:
    assert cells.identity_number(cell, "data.person.identity_number") == KNOWN


def test_an_ending_000_that_fits_by_chance_is_not_believed_in_a_column_that_was_damaged() -> None:
    fits = "110105194901010000"
    by_chance = next(f"{fits[:14]}{n}000" for n in range(10) if _fits(f"{fits[:14]}{n}000"))
    assert cells.identity_number(by_chance, "data.x") == by_chance
    assert refused(cells.identity_number, by_chance, damaged=True) == "identity-number-damaged"


@given(st.text(max_size=30) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.datetimes())
def test_any_cell_is_read_or_refused_for_any_member(cell: Cell) -> None:
    for kind in ("retirement-registered.v1", "handover-returned.v1", "overpayment-returned.v1", "archive-received.v1"):
        for member in members_of(kind) - set(OWN) - {"identity_number", "other_identity_number"}:
            try:
                cells.reader(kind, member)(cell, f"data.{member}")
            except Refused as why:
                assert why.code in ("invalid-field", "date-ambiguous")  # noqa: PT017 - most are read


@pytest.mark.parametrize(
    ("kind", "member", "cell", "value"),
    [
        ("retirement-registered.v1", "party_member", "√", True),
        ("retirement-registered.v1", "party_member", "群众", False),
        ("retirement-registered.v1", "special_groups", "孤寡、重病", ["alone", "gravely-ill"]),
        ("retirement-registered.v1", "contribution_months", "28年9个月", 345),
        ("retirement-registered.v1", "contribution_months", 345.0, 345),
        ("retirement-registered.v1", "residence_division", 440304001000.0, "440304001000"),
        ("retirement-registered.v1", "hukou_division", "440304", "440304000000"),
        ("retirement-registered.v1", "category", "离休人员", "veteran-cadre"),
        ("sentenced.v1", "sentence", "有期徒刑", "fixed-term"),
        ("relocated.v1", "aspect", "hukou", "hukou"),
        ("handover-returned.v1", "steps", "information-verified；fee-paid", ["information-verified", "fee-paid"]),
        ("pension-paid.v1", "paid", "未发", False),
        ("death-reported.v1", "phone", 13800138000.0, "13800138000"),
    ],
)
def test_a_cell_says_its_member_in_the_words_of_offices(kind: str, member: str, cell: Cell, value: Any) -> None:
    assert cells.reader(kind, member)(cell, "data.x") == value


@pytest.mark.parametrize(
    ("kind", "member", "cell"),
    [
        ("retirement-registered.v1", "party_member", "也许"),
        ("retirement-registered.v1", "category", "干部"),
        ("death-reported.v1", "document", date(2024, 1, 1)),
        ("death-reported.v1", "document", 2.0240000000000001e17),
    ],
)
def test_a_cell_that_says_nothing_certain_is_refused(kind: str, member: str, cell: Cell) -> None:
    assert refused(cells.reader(kind, member), cell) == "invalid-field"


def test_every_kind_of_event_has_its_columns_and_every_name_means_one_thing_in_it() -> None:
    words = vocabulary()
    assert set(words.types.values()) == set(LIFE_EVENTS)
    for kind, names in words.of_type.items():
        assert kind in LIFE_EVENTS
        assert set(names.values()) <= members_of(kind), kind
        for member in members_of(kind):
            assert member_of(member, kind) == member
    everywhere = set(OWN) | {name for wire in WIRE_TYPES.values() for name in wire.__struct_fields__}
    assert set(words.columns.values()) <= everywhere | members_of("death-reported.v1")
    assert not set(words.columns) & set(words.results)


def test_a_column_is_known_by_its_name_however_it_is_written() -> None:
    for name in ("身份证号", "＊身份证号（必填）", "身份证 号码:", "Identity_Number", "ID Card"):
        assert member_of(name, "death-reported.v1") == "identity_number", name
    assert member_of("月养老金（元）", "death-reported.v1") is None
    assert forms("缴费年限(月)") == ("缴费年限月", "缴费年限")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_file_of_text_is_read_in_every_encoding_and_with_every_separator(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    row = ("王小明", f" {KNOWN}", "2026年3月1日", '深民〔2026〕"12"号, 附件')
    file = write_text(tmp_path / "f.csv", [DEATHS, row, ()], encoding, delimiter)

    (event,) = events(file)

    assert event["type"] == "death-reported.v1"
    assert event["data"] == {
        "person": {"identity_number": KNOWN, "name": "王小明"},
        "effective": "2026-03-01",
        "document": '深民〔2026〕"12"号, 附件',
    }


ROWS = f"甲,{KNOWN},2026-03-01,A-1,{{}}\n乙,{OTHER},2026-03-02,A-2,\n丙,{KNOWN},2026-03-03,A-3,{{}}\n"


@pytest.mark.parametrize(
    ("first", "last"), [('"未归档', ""), ('"未归档', '"已归档"'), ('"未归档', '已归档"'), ('"未归档"，另册', "")]
)
def test_a_stray_quotation_mark_does_not_make_one_cell_of_the_rows_behind_it(
    tmp_path: Path, first: str, last: str
) -> None:
    file = tmp_path / "f.csv"
    file.write_text(f"{','.join(DEATHS)},备注\n{ROWS.format(first, last)}", "utf-8")

    with pytest.raises(ImportingError, match="from line 2 on"):
        read(file)


def test_a_cell_of_several_lines_in_quotation_marks_is_one_cell(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    rows = ROWS.format('"见附件，\n原号"', '他称"老三"')
    file.write_text(f"{','.join(DEATHS)},备注\n{rows}", "utf-8")

    assert [event["data"]["document"] for event in events(file)] == ["A-1", "A-2", "A-3"]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_quotation_marks_that_end_before_the_separator_are_read(tmp_path: Path, delimiter: str) -> None:
    rows = DEATHS, ("甲", KNOWN, "2026-03-01", "A,1;a")
    file = tmp_path / "f.csv"
    between = f'"{delimiter}"'
    file.write_text("".join(f'"{between.join(row)}"\n' for row in rows), "utf-8")

    assert [event["data"]["document"] for event in events(file)] == ["A,1;a"]


def test_a_workbook_is_read_with_its_title_its_deep_header_its_totals_and_its_gaps(tmp_path: Path) -> None:
    file = write_book(
        tmp_path / "f.xlsx",
        [
            ["二〇二六年一季度死亡人员名册"],
            ["填表单位：示例", "", "", "2026年4月1日"],
            ["序号", "人员信息", "", "死亡", ""],
            ["", "姓名", "身份证号", "日期", "死亡证明编号"],
            [1, "王小明", KNOWN, date(2026, 3, 1), "A-1"],
            [],
            ["序号", "姓名", "身份证号", "日期", "死亡证明编号"],
            [2, "李小红", OTHER, "2026.3.2", ""],
            ["合计", "", "2人"],
            ["注：本表一式三份"],
        ],
    )

    rows = read(file)

    assert [event["data"]["effective"] for _, event in rows if isinstance(event, dict)] == ["2026-03-01", "2026-03-02"]
    passed = {number: why.en for number, why in rows if isinstance(why, Passed)}
    assert [number for number, why in passed.items() if why == "totals or a note, no event"] == [9, 10]
    assert (passed[6], passed[7]) == ("an empty row", "the header again")


def test_a_row_without_a_number_that_says_something_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    file = write_book(tmp_path / "f.xlsx", [DEATHS, ["王小明", "", "2026-03-01", ""], ["李小红", OTHER, "", ""]])

    assert read(file)[1:] == [(2, "missing-field"), (3, "missing-field")]


def test_a_sheet_is_chosen_by_what_is_in_it_and_otherwise_asked_for(tmp_path: Path) -> None:
    one, two = [DEATHS, ("甲", KNOWN, "2026-03-01", "")], [list(DEATHS), ["乙", OTHER, "2026-03-02", ""]]
    alone = write_book(tmp_path / "one.xlsx", one, hidden_old=two, 说明=[["填表说明"]])
    several = write_book(tmp_path / "two.xlsx", one, 二月=two)

    (event,) = events(alone)
    assert event["data"]["person"]["name"] == "甲"
    assert "hidden_old" in "".join(open_table(alone, None, None, {}).said)
    with pytest.raises(ImportingError, match="--sheet"):
        read(several)
    assert events(several, sheet="二月")[0]["data"]["person"]["name"] == "乙"
    assert events(alone, sheet="hidden_old")[0]["data"]["person"]["name"] == "乙"
    with pytest.raises(ImportingError, match="no such sheet"):
        read(several, sheet="三月")


def test_columns_are_named_by_hand_where_their_names_say_nothing(tmp_path: Path) -> None:
    header = ("姓名", "号码", "日子", "日期")
    file = write_text(tmp_path / "f.csv", [header, ("甲", KNOWN, "2026-03-01", "2026-04-01")])

    with pytest.raises(ImportingError, match="identity_number"):
        read(file)
    (event,) = events(file, "号码=identity_number", "日子=effective", "日期=")
    assert event["data"]["effective"] == "2026-03-01"
    with pytest.raises(ImportingError, match="two columns"):
        read(file, "号码=identity_number", "日子=effective")
    with pytest.raises(ImportingError, match="--map"):
        read(file, "号码=number")


def test_kinds_and_sources_stand_in_the_rows_or_are_given_for_all(tmp_path: Path) -> None:
    header = ("类型", "来源", "编号", "身份证号", "日期")
    rows = [
        header,
        ("死亡报告", "/civil-affairs/shenzhen", "2026-1", KNOWN, "2026-03-01"),
        ("gone-missing.v1", "", "2026-2", OTHER, "2026-03-02"),
        ("飞升", "", "2026-3", OTHER, "2026-03-02"),
        ("死亡报告", "", "", OTHER, "2026-03-02"),
    ]
    file = write_text(tmp_path / "f.csv", rows)

    found = read(file, kind=None, source="/police/shenzhen")

    assert [(row["type"], row["source"], row["id"]) for _, row in found if isinstance(row, dict)] == [
        ("death-reported.v1", "/civil-affairs/shenzhen", "2026-1"),
        ("gone-missing.v1", "/police/shenzhen", "2026-2"),
    ]
    assert [row for _, row in found if isinstance(row, str)] == ["unknown-type", "missing-field"]
    with pytest.raises(ImportingError, match="--type"):
        read(write_text(tmp_path / "g.csv", [DEATHS]), kind=None)
    with pytest.raises(ImportingError, match="--source"):
        read(write_text(tmp_path / "g.csv", [DEATHS]), source=None)


def test_the_id_of_a_row_is_of_what_it_says_and_not_of_how_it_is_written(tmp_path: Path) -> None:
    header = ("身份证号", "死亡日期", "文号")
    ids = [
        event["id"]
        for event in events(
            write_text(
                tmp_path / "f.csv",
                [
                    header,
                    (KNOWN, "2026-03-01", "1号"),
                    (KNOWN.lower(), "2026年3月1日", " 1号"),
                    (KNOWN, "2026-03-02", "1号"),
                    (OTHER, "2026-03-01", "1号"),
                ],
            )
        )
    ]

    assert ids[0] == ids[1]
    assert len({*ids}) == 3
    assert {len(one) for one in ids} == {ID_LENGTH}
    assert subject_of(ids[0]) == subject_of(ids[2]) != subject_of(ids[3])
    assert subject_of("2026-1") is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("web.xls", "<html><table><tr><td>身份证号</td></tr></table></html>".encode(), "web page"),
        ("nothing.csv", b"", "header"),
        ("none.csv", "甲,乙\n1,2\n".encode(), "header"),
        ("latin.csv", b"\xff\xff\xff\x81\x20,1\n", "encoding|UTF-8"),
        ("broken.xlsx", b"PK\x03\x04 and no more", "cannot be opened"),
        ("missing.xlsx", None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_said_in_a_sentence(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ImportingError, match=said) as why:
        read(tmp_path / name)

    assert why.value.code == 2


def test_text_under_the_name_of_a_workbook_and_a_workbook_under_that_of_text_are_what_they_are(tmp_path: Path) -> None:
    row = ("甲", KNOWN, "2026-03-01", "")
    assert len(events(write_text(tmp_path / "f.xls", [DEATHS, row], "gb18030", "\t"))) == 1
    assert len(events(write_book(tmp_path / "g.xlsx", [DEATHS, row]).rename(tmp_path / "g.csv"))) == 1


def test_a_dry_run_says_what_becomes_of_each_row_and_gives_the_file_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Sequence[Cell]] = [
        ("名册",),
        (*DEATHS, "编号", "备注"),
        ("甲", KNOWN, "2026-03-01", "", "1", "0012"),
        ("乙", 4.40304195001010e17, "2026-03-01", "", "2", ""),
        ("丙", OTHER, "03/04/2026", "", "3", ""),
        ("丁", OTHER, "2999-03-01", "", "4", ""),
        ("戊", OTHER, "1926-03-01", "", "5", ""),
        ("己", OTHER, "2026-03-01", "", "1", ""),
        ("合计", "", "", "", "", ""),
    ]
    file = write_book(tmp_path / "f.xlsx", rows)

    code = of_table(
        file, BRINGING, ("死亡", "/civil-affairs/shenzhen", None, ()), preview=False, dry_run=True, as_json=True
    )

    verdict = json.loads(capsys.readouterr().out)
    assert code == 3
    assert (verdict["rows"], verdict["sound"], verdict["refused"]) == (6, 1, 5)
    back = read_back(tmp_path / "f.dry-run.xlsx")
    assert column(back, "代码 code", 2) == [
        "",
        "identity-number-damaged",
        "date-ambiguous",
        "date-in-future",
        "date-before-birth",
        "id-conflict",
        "",
    ]
    assert column(back, "结果 result", 2)[-1] == "未读 not read"
    assert [row[:6] for row in back[2:8]] == [list(row) for row in rows[2:8]]
    assert "“死亡日期”" in str(column(back, "原因 reason", 2)[2])
    assert verdict["unread"] == ["备注"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.dry-run.xlsx", "f.xlsx"]


def test_a_preview_says_every_column_and_hides_most_of_an_identity_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_text(tmp_path / "f.csv", [(*DEATHS, "亲属"), ("甲", KNOWN, "46082", "", "乙")], "gb18030")

    code = of_table(
        file, BRINGING, ("死亡", "/civil-affairs/shenzhen", None, ()), preview=True, dry_run=False, as_json=False
    )

    said = capsys.readouterr().out
    assert code == 0
    assert "亲属 → 不读 not read" in said
    assert "死亡日期 → 日期 effective" in said
    assert "gb18030" in said
    assert '"effective":"2026-03-01"' in said
    assert "110105********002X" in said
    assert KNOWN not in said
    assert [path.name for path in tmp_path.iterdir()] == ["f.csv"]


def test_text_comes_back_in_its_own_encoding_with_its_own_separators(tmp_path: Path) -> None:
    file = write_text(tmp_path / "f.csv", [DEATHS, ("甲", "1.1E+17", "2026-03-01", "001")], "gb18030", ";")

    of_table(file, BRINGING, ("死亡", "/civil-affairs/shenzhen", None, ()), preview=False, dry_run=True, as_json=True)

    back = read_back(tmp_path / "f.dry-run.csv", "gb18030", ";")
    assert back[1][:5] == ["甲", "1.1E+17", "2026-03-01", "001", "不予受理 refused"]


def test_a_number_that_a_spreadsheet_would_run_as_a_formula_comes_back_as_text(tmp_path: Path) -> None:
    file = write_text(tmp_path / "f.csv", [(*DEATHS, "编号"), ("甲", KNOWN, "2026-03-01", "", "'=HYPERLINK(1)")])
    chosen = options("死亡", "/civil-affairs/shenzhen", None, ())
    table = open_table(file, None, chosen.kind, {})
    reader = Reader(table, chosen, survey(table, chosen), lambda text: sha256(text.encode()).digest()[:16])
    (event,) = events(file)

    give_back(table, reader, {2: Told("受理 accepted", event=event["id"])}, tmp_path / "back.csv", None)

    assert event["id"] == "=HYPERLINK(1)"
    row = read_back(tmp_path / "back.csv")[1]
    assert (row[4], row[-1]) == ("'=HYPERLINK(1)", "'=HYPERLINK(1)")


def test_a_workbook_comes_back_with_its_styles_formulas_and_other_sheets(tmp_path: Path) -> None:
    file = tmp_path / "f.xlsx"
    with xlsxwriter.Workbook(file) as book:
        bold = book.add_format({"bold": True, "bg_color": "#FFFF00"})
        sheet, other = book.add_worksheet("一 & 二"), book.add_worksheet("说明")
        sheet.merge_range(0, 0, 0, 3, "名册", bold)
        sheet.write_row(1, 0, [*DEATHS, "年"], bold)
        sheet.write_row(2, 0, ["甲<乙>&", KNOWN, "2026-03-01", "0012"])
        sheet.write_formula(2, 4, "=LEFT(C3,4)", None, "2026")
        sheet.write_blank(2, 9, None, bold)
        sheet.write_row(3, 0, ["乙", "1.1E+17", "2026-03-01"])
        sheet.set_column(1, 1, 30, bold)
        other.write_formula(0, 0, "=1+1", None, 2)

    of_table(file, BRINGING, ("死亡", "/civil-affairs/shenzhen", None, ()), preview=False, dry_run=True, as_json=True)

    back = tmp_path / "f.dry-run.xlsx"
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(back) as after:
        assert before.namelist() == after.namelist()
        differ = [name for name in before.namelist() if before.read(name) != after.read(name)]
        marked = after.read("xl/worksheets/sheet1.xml")
    assert differ == ["xl/worksheets/sheet1.xml"]
    assert b"<f>LEFT(C3,4)</f>" in marked
    ET.fromstring(marked)  # noqa: S314 - our own
    rows = read_back(back)
    assert [row[:5] for row in rows[2:4]] == [row[:5] for row in read_back(file)[2:4]]
    assert column(rows, "代码 code", 2) == ["", "identity-number-damaged"]

    of_table(back, BRINGING, ("死亡", "/civil-affairs/shenzhen", None, ()), preview=False, dry_run=True, as_json=True)
    assert read_back(tmp_path / "f.dry-run.dry-run.xlsx") == rows


def test_a_cell_whose_formula_failed_is_refused_and_not_taken_for_empty(tmp_path: Path) -> None:
    file = tmp_path / "f.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(1, 1, DEATHS)
        sheet.write_row(2, 1, ["甲", KNOWN, "2026-03-01"])
        sheet.write_formula(2, 4, "=VLOOKUP(1,A:B,2)", None, "#N/A")

    assert read(file)[2] == (3, "invalid-field")


def test_cells_beyond_the_header_stay_where_they_are(tmp_path: Path) -> None:
    file = write_text(tmp_path / "f.csv", [DEATHS, ("甲", KNOWN, "2026-03-01", "", "", "另记")])

    of_table(file, BRINGING, ("死亡", "/civil-affairs/shenzhen", None, ()), preview=False, dry_run=True, as_json=True)

    back = read_back(tmp_path / "f.dry-run.csv")
    assert back[1][5:8] == ["另记", "不予受理 refused", "invalid-field"]
    assert read(write_text(tmp_path / "g.csv", back))[1] == (2, "invalid-field")


def test_cells_beyond_the_header_of_a_workbook_move_none_within_it(tmp_path: Path) -> None:
    file = write_book(tmp_path / "f.xlsx", [DEATHS, ("甲", KNOWN, "2026-03-01", "A-1", "", "另记")])

    assert [event["data"]["document"] for event in events(file)] == ["A-1"]


@pytest.mark.parametrize("page", ["docs/tables.md", "docs/tables.zh-CN.md"])
def test_the_preview_on_the_page_is_the_one_of_its_example(
    page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    of_table(
        Path("docs/examples/deaths.csv"),
        BRINGING,
        ("死亡", "/civil-affairs/shenzhen", None, ()),
        preview=True,
        dry_run=False,
        as_json=False,
    )

    (shown,) = (block.text for block in blocks((ROOT / page).read_text("utf-8")) if not block.language)
    assert capsys.readouterr().out == shown


def _fits(number: str) -> bool:
    try:
        return bool(cells.identity_number(number, "data.x"))
    except Refused:
        return False
