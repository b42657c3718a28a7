"""Registers taken as files, over what stands in a ledger: whole, of one moment, and recorded before they are given."""

import csv
import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from python_calamine import CalamineWorkbook

from domain.disclosures import DataDisclosed
from domain.facts import DeathReported, Department
from domain.law import Law
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.statutes import the_lineage
from infra.views import Views
from services.accounts import Account, Role
from services.reading import sheets
from services.reading.reader import Reader
from services.reading.sheets import Asked, whole
from services.registers.roster import ROSTER
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import SZ, SZ_OTHER

TODAY = date(2024, 4, 10)
ACCOUNTS = {"community": (Role.COMMUNITY, SZ), "agency": (Role.OFFICER, "4403"), "auditor": (Role.AUDITOR, "")}
HOME = replace(retirement(), residence_division=SZ, hukou_division=SZ)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Five people, one of them dead; read two at a time."""
    monkeypatch.setattr(sheets, "CHUNK", 2)
    ledger = Ledger(database, keys, law)
    for n in range(1, 6):
        ledger.accept([submission(HOME, f"r{n}", number=number_of(n), name=f"=王{n}")], TODAY)
    ledger.accept([submission(DIED, "d1", name="=王1", department=Department.CIVIL_AFFAIRS)], TODAY)
    catch_up(database)
    return ledger


def rows_of(asked: Asking, account: str, path: str) -> list[dict[str, str]]:
    text = asked.bytes(account, path).decode().removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def disclosed(ours: Ledger) -> list[DataDisclosed]:
    with ours.database.transaction() as connection:
        found = [codec.decode(*row).event for row in log.read(connection, 0, 1_000)]
    return [one for one in found if isinstance(one, DataDisclosed)]


def test_a_roster_is_exported_whole_and_every_look_is_recorded_as_an_export(ours: Ledger, asked: Asking) -> None:
    rows = rows_of(asked, "community", f"/v1/registers/roster?as=csv&division={SZ}")
    assert sorted(row["姓名 name"] for row in rows) == [f"'=*{n}" for n in range(1, 6)]
    assert [row["待遇状态 pension status"] for row in rows].count("已停发 stopped") == 1
    looks = disclosed(ours)
    assert [len(one.retirees) for one in looks] == [2, 2, 1]
    assert {one.purpose for one in looks} == {"社区服务 community service，导出 CSV export"}


def test_the_same_roster_is_a_workbook_a_sheet_to_print_and_a_page(ours: Ledger, asked: Asking, tmp_path: Path) -> None:
    path = tmp_path / "roster.xlsx"
    path.write_bytes(asked.bytes("community", "/v1/registers/roster?as=xlsx"))
    book = CalamineWorkbook.from_path(str(path))
    told: list[list[Any]] = book.get_sheet_by_name("社区台账").to_python()
    assert sorted(row[0] for row in told[1:]) == [f"=*{n}" for n in range(1, 6)]
    about = {str(name): said for name, said in book.get_sheet_by_name("说明 about").to_python()}
    assert about["日志位置 log position"] == "9"
    printed = asked.page("community", "/pages/registers/roster/print")
    assert all(f"=*{n}" in printed for n in range(1, 6))
    assert "日志位置 log position" in printed
    page = asked.json("community", "/v1/registers/roster?limit=2")
    assert len(page["rows"]) == 2
    more = asked.json("community", f"/v1/registers/roster?limit=9&after={page['after']}")
    assert {row["name"] for row in page["rows"] + more["rows"]} == {f"=*{n}" for n in range(1, 6)}


def test_an_export_is_of_one_moment_whatever_comes_while_it_is_written(ours: Ledger, keys: KeyRing, law: Law) -> None:
    reader = Reader(ours, Views(ours.database), keys, the_lineage(), law)
    account = Account(name="here", role=Role.COMMUNITY, department=Department.COMMUNITY, division=SZ)
    chunks = whole(ROSTER, reader.steady(""), account, Asked(division=SZ))
    seen = [row["name"] for row in next(chunks)]
    for n in range(6, 20):
        ours.accept([submission(HOME, f"r{n}", number=number_of(n), name=f"王{n}")], TODAY)
    catch_up(ours.database)
    seen += [row["name"] for rows in chunks for row in rows]
    assert sorted(map(str, seen)) == [f"=*{n}" for n in range(1, 6)]


def test_nobody_is_shown_of_a_time_before_anybody_was_known_and_nothing_recorded(ours: Ledger, asked: Asking) -> None:
    known = rows_of(asked, "community", "/v1/registers/roster?as=csv&known=1999-12-31")
    assert known == []
    assert disclosed(ours) == [], "nobody was shown"


def test_alerts_are_exported_for_whoever_must_act_and_for_nobody_else(ours: Ledger, asked: Asking) -> None:
    rows = rows_of(asked, "agency", "/v1/registers/inbox?as=csv")
    assert {row["办理 action"] for row in rows} >= {"停发 stop", "追回多发 recover"}
    assert asked.status("community", "/v1/registers/inbox?as=csv") == 403
    assert asked.status("auditor", "/v1/registers/roster?as=csv") == 403
    assert asked.status("community", f"/v1/registers/roster?as=csv&division={SZ_OTHER}") == 403
    assert asked.status("community", "/pages/registers/roster/print?division=9") == 403
    assert asked.status("agency", "/v1/registers/nothing") == 404


def test_each_account_is_shown_the_registers_it_may_ask_for(ours: Ledger, asked: Asking) -> None:
    listed = {one["register"] for one in asked.json("community", "/v1/registers")}
    assert "roster" in listed
    assert "inbox" not in listed
    page = asked.page("community", "/pages/registers")
    assert "/pages/registers/roster" in page
    shown = asked.page("community", f"/pages/registers/roster?division={SZ}")
    assert "/pages/registers/roster/xlsx?division=" in shown
