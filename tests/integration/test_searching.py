"""People are found by name, number or telephone, by those whose division they are of, and nothing in clear is stored for it."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError
from msgspec.structs import replace

from domain.facts import Department, FactRetracted, Person
from domain.history import Receipt
from domain.law import Law
from domain.rights import masks
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.searching import Search, normal_phone
from infra.submissions import Submission
from services.accounts import Role
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import SZ, SZ_OTHER

TODAY = date(2024, 4, 10)
ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "elsewhere": (Role.COMMUNITY, SZ_OTHER),
    "agency": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
}
HOME = replace(retirement(), residence_division=SZ)
PHONE = "154 0000 0001"


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def person(n: int, name: str = "王小明", phone: str | None = None) -> Person:
    return Person(identity_number=number_of(n), name=name, phone=phone)


def told(ours: Ledger, keys: KeyRing, *submissions: Submission) -> Receipt:
    receipts = [ours.accept([one], TODAY)[0] for one in submissions]
    catch_up(ours.database)
    search = Search(ours.database, keys)
    for rows in log.scan(ours.database, search.position(), 3):
        search.apply(codec.entries(rows))
    last = receipts[-1]
    assert isinstance(last, Receipt)
    return last


def found(asked: Asking, account: str, known: str = "", **sought: str) -> list[str]:
    answer = asked.post(account, f"/v1/roster/search{known and '?known=' + known}", sought).raise_for_status()
    rows: list[dict[str, Any]] = answer.json()
    return sorted(asked.unmask(account, row["retiree"])["identity_number"] for row in rows)


def test_somebody_is_found_by_name_number_or_telephone(ours: Ledger, keys: KeyRing, asked: Asking) -> None:
    told(
        ours,
        keys,
        submission(HOME, "r1", person=person(1, phone=PHONE)),
        submission(HOME, "r2", person=person(2)),
        submission(HOME, "r3", person=person(3, "李秀英", "0755-88888888")),
    )
    one, two, three = map(number_of, (1, 2, 3))
    assert found(asked, "community", name="王小明") == sorted([one, two])
    assert found(asked, "community", name="王 小 明", phone="+86 15400000001") == [one]
    assert found(asked, "agency", number=f" {three.lower()} ") == [three]
    assert found(asked, "agency", phone="０７５５８８８８８８８８") == [three]
    assert found(asked, "community", name="李秀英", phone=PHONE) == []
    assert found(asked, "community", name="王") == [], "one character alone would be a hash of nearly nothing"


@pytest.mark.parametrize(
    ("part", "fits"),
    [("王小", (1, 2)), ("小明", (1, 3)), ("王 小 明", (1,)), ("欧阳", (3,)), ("阳小明", (3,)), ("明小", ())],
)
def test_two_characters_beside_each_other_find_whoever_has_them_in_the_name(
    ours: Ledger, keys: KeyRing, asked: Asking, part: str, fits: tuple[int, ...]
) -> None:
    names = {1: "王小明", 2: "王小红", 3: "欧阳小明"}
    told(ours, keys, *(submission(HOME, f"r{n}", person=person(n, name)) for n, name in names.items()))
    assert found(asked, "community", name=part) == sorted(map(number_of, fits))


def test_a_search_of_another_day_finds_whom_the_office_had_then(ours: Ledger, keys: KeyRing, asked: Asking) -> None:
    told(ours, keys, submission(HOME, "r1", person=person(1)))
    before = (HOME.effective - timedelta(days=1)).isoformat()
    asking = {"name": "小明"}
    assert [
        len(asked.post("community", f"/v1/roster/search?on={day}", asking).raise_for_status().json())
        for day in (before, HOME.effective.isoformat())
    ] == [0, 1]
    assert asked.post("elsewhere", f"/v1/roster/search?on={HOME.effective}", asking).json() == []


def test_nobody_finds_people_of_another_division(ours: Ledger, keys: KeyRing, asked: Asking) -> None:
    told(ours, keys, submission(HOME, "r1", person=person(1)))
    assert found(asked, "elsewhere", name="王小明") == found(asked, "elsewhere", number=number_of(1)) == []
    assert asked.post("auditor", "/v1/roster/search", {"name": "王小明"}).status_code == 403


def test_each_find_is_recorded_and_a_search_in_vain_shows_nobody(ours: Ledger, keys: KeyRing, asked: Asking) -> None:
    told(ours, keys, submission(HOME, "r1", person=person(1)))
    for name in ("李秀英", "王小明"):
        asked.post("community", "/v1/roster/search", {"name": name}).raise_for_status()
    catch_up(ours.database)
    (look,) = [row for row in asked.json("auditor", "/v1/audit") if row["deed"] == "read"]
    assert look["actor"] == "community"


def test_what_is_sought_stands_in_no_address_and_nowhere_in_clear(ours: Ledger, keys: KeyRing, asked: Asking) -> None:
    told(ours, keys, submission(HOME, "r1", person=person(1, phone=PHONE)))
    assert asked.status("community", f"/v1/roster/search?name={quote('王小明')}") in {404, 405}
    page = asked.form("community", "/pages/roster/search", {"name": "王小明", "number": "", "phone": ""})
    assert page.status_code == 200
    assert masks.identity_number(number_of(1)) in page.text
    assert number_of(1) not in page.text
    assert "form-expired" in asked.post("community", "/pages/roster/search", {}).text
    with ours.database.transaction() as connection:
        rows = connection.execute("select search::text from views.search").fetchall()
    assert len(rows) == 3, "two parts of the name, and the telephone number"
    assert not any("王" in text or "小" in text or "15400000001" in text for (text,) in rows)


@pytest.mark.parametrize(
    ("sought", "status"), [({}, 422), ({"phone": "call me"}, 422), ({"number": "1" * 18}, 422), ({"nick": "明"}, 400)]
)
def test_what_cannot_be_sought_is_refused(asked: Asking, sought: dict[str, str], status: int) -> None:
    assert asked.post("community", "/v1/roster/search", sought).status_code == status


def test_a_registration_that_is_corrected_is_found_under_its_new_name_and_then_under_the_old_one(
    ours: Ledger, keys: KeyRing, asked: Asking
) -> None:
    first = told(ours, keys, submission(HOME, "r1", person=person(1, "王小鸣")))
    told(ours, keys, submission(replace(HOME, corrects="r1"), "r2", person=person(1)))
    before = quote(first.recorded_at.isoformat())
    assert [found(asked, "community", name=name) for name in ("王小鸣", "王小明")] == [[], [number_of(1)]]
    assert [found(asked, "community", before, name=name) for name in ("王小鸣", "王小明")] == [[number_of(1)], []]
    gone = FactRetracted(effective=TODAY, retracts="r2")
    told(ours, keys, submission(gone, "b2", number=number_of(1), department=Department.AGENCY))
    assert found(asked, "community", name="王小明") == []


def test_who_is_erased_cannot_be_found_and_is_found_by_no_later_fold(
    ours: Ledger, keys: KeyRing, asked: Asking
) -> None:
    told(ours, keys, submission(HOME, "r1", person=person(1)))
    with psycopg.connect(ours.database.dsn) as connection:  # as erasing does it, with its owner's rights
        connection.execute("delete from ledger.retiree_key")
        (left,) = connection.execute("select count(*) from views.search").fetchone() or (None,)
        assert left == 0
    assert found(asked, "community", name="王小明") == found(asked, "community", number=number_of(1)) == []
    again = Search(ours.database, keys, "search again")
    for rows in log.scan(ours.database, 0, 100):
        again.apply(codec.entries(rows))
    assert found(asked, "community", name="王小明") == []


def test_what_was_folded_is_not_folded_twice(ours: Ledger, keys: KeyRing) -> None:
    told(ours, keys, submission(HOME, "r1", person=person(1)))
    (rows,) = log.scan(ours.database)
    with pytest.raises(IntegrityError):
        Search(ours.database, keys).apply(codec.entries(rows))


@pytest.mark.parametrize(
    ("given", "digits"),
    [
        ("154 0000 0001", "15400000001"),
        ("+86-154-0000-0001", "15400000001"),
        ("0086 15400000001", "15400000001"),
        ("无", ""),
    ],
)
def test_a_telephone_number_is_its_digits(given: str, digits: str) -> None:
    assert normal_phone(given) == digits
