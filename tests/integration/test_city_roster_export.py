"""The roster of a whole city on any day, as known at any time, in one file: read and given chunk by chunk, however many people it has."""

import csv
import io
from datetime import date
from urllib.parse import quote

import pytest
from msgspec.structs import replace
from python_calamine import CalamineWorkbook

from domain.disclosures import DataDisclosed
from domain.facts import Aspect, DeathReported, Department, LifeEvent, ReceptionAccepted, Relocated
from domain.history import Receipt
from domain.law import Law
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
from tests.handing import DL, SZ, SZ_OTHER
from tests.viewing import entries

D = Department
TODAY = date(2024, 4, 10)
ACCOUNTS = {"agency": (Role.OFFICER, "4403"), "city": (Role.COMMUNITY, "4403")}
PLACES = (SZ, SZ_OTHER, f"{SZ[:9]}009", DL)
PEOPLE, CHUNK = 30, 7
EARLY, LATE = date(2020, 1, 31), date(2024, 1, 20)
"""When those of an even number retired, and the others."""


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Thirty people in four communities of two cities; number 4 moved within the city in March, and was received there."""
    monkeypatch.setattr(sheets, "CHUNK", CHUNK)
    made = Ledger(database, keys, law)
    for who in range(PEOPLE):
        place = PLACES[who % 4]
        home = replace(
            retirement(), residence_division=place, hukou_division=place, effective=LATE if who % 2 else EARLY
        )
        tell(made, who, home, D.AGENCY)
    return made


def tell(ours: Ledger, who: int, fact: LifeEvent, department: Department) -> str:
    """When it was recorded, as the API is asked."""
    one = submission(
        fact, f"{type(fact).__name__}-{who}", number=number_of(who), name=f"王{who}", department=department
    )
    (receipt,) = ours.accept([one], TODAY)
    assert isinstance(receipt, Receipt), receipt
    return quote(receipt.recorded_at.isoformat())


def exported(asked: Asking, account: str, given: str) -> list[tuple[str, str]]:
    """Pension status and community of everybody in the file, the same in CSV and in Excel."""
    text = asked.bytes(account, f"/v1/registers/roster?as=csv&{given}").decode().removeprefix("\ufeff")
    csv_rows = list(csv.reader(io.StringIO(text, newline="")))
    book = CalamineWorkbook.from_filelike(io.BytesIO(asked.bytes(account, f"/v1/registers/roster?as=xlsx&{given}")))
    excel = book.get_sheet_by_index(0).to_python()
    numbers = [row.index("身份证号 identity number") for row in (csv_rows[0], excel[0])]
    assert [row[numbers[0]].lstrip("'") for row in csv_rows[1:]] == [str(row[numbers[1]]) for row in excel[1:]]
    status, place = (csv_rows[0].index(title) for title in ("待遇状态 pension status", "社区代码 community"))
    return sorted((row[status].split()[0], row[place].lstrip("'")) for row in csv_rows[1:])


def home_of(*people: int, status: str = "发放中") -> list[tuple[str, str]]:
    return [(status, PLACES[who % 4]) for who in people if PLACES[who % 4].startswith("4403")]


def test_a_city_is_exported_as_of_any_day_as_known_at_any_time(ours: Ledger, asked: Asking) -> None:
    before = quote(entries(ours.database)[-1].recorded_at.isoformat())
    tell(ours, 2, DeathReported(effective=date(2023, 12, 5), document="1号"), D.CIVIL_AFFAIRS)
    tell(ours, 4, Relocated(effective=date(2024, 3, 1), aspect=Aspect.HUKOU, division=SZ_OTHER), D.POLICE)
    tell(ours, 4, ReceptionAccepted(effective=date(2024, 3, 2), division=SZ_OTHER), D.COMMUNITY)
    catch_up(ours.database)
    words = {status for status, _ in exported(asked, "agency", "division=4403&on=2024-03-31")}
    (payable,) = words - {"已停发"}
    early, all_of_them = range(0, PEOPLE, 2), range(PEOPLE)

    def living(people: range, moved: str) -> list[tuple[str, str]]:
        there = home_of(*(who for who in people if who not in {2, 4}), status=payable)
        return sorted([*there, *home_of(2, status="已停发"), (payable, moved)])

    assert exported(asked, "agency", "division=4403&on=2024-01-15") == living(early, SZ)
    assert exported(asked, "agency", "division=4403&on=2024-03-31") == living(all_of_them, SZ_OTHER)
    assert exported(asked, "agency", "division=4403") == living(all_of_them, SZ_OTHER)
    alive = sorted(home_of(*early, status=payable))
    assert exported(asked, "agency", f"division=4403&on=2024-01-15&known={before}") == alive
    assert exported(asked, "agency", "division=4403&on=2019-12-31") == []
    assert exported(asked, "city", "division=4403&on=2024-02-29") == living(all_of_them, SZ)
    assert exported(asked, "city", "division=4403&on=2024-03-31") == living(all_of_them, SZ_OTHER)


def test_it_is_read_and_recorded_a_chunk_at_a_time_and_no_further_than_it_is_taken(
    ours: Ledger, keys: KeyRing, law: Law
) -> None:
    catch_up(ours.database)
    reader = Reader(ours, Views(ours.database), keys, the_lineage(), law).steady("")
    account = Account(name="a", role=Role.OFFICER, department=D.AGENCY, division="4403")
    chunks = whole(ROSTER, reader, account, Asked("4403", date(2024, 3, 31)))
    sizes = [len(next(chunks)), len(next(chunks))]
    assert len([entry for entry in entries(ours.database) if isinstance(entry.event, DataDisclosed)]) == 2
    sizes += [len(rows) for rows in chunks]
    assert max(sizes) == CHUNK
    assert sum(sizes) == len(home_of(*range(PEOPLE)))
