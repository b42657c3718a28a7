"""Who has left a community is on its rosters of the days when they were there, masked, and nothing opens them to it any more."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.facts import Aspect, Department, LifeEvent, Person, ReceptionAccepted, Relocated
from domain.law import Law
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.searching import Search
from services.accounts import Role
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import SZ, SZ_OTHER
from tests.viewing import entries

TODAY = date(2026, 11, 23)
ACCOUNTS = {
    "old": (Role.COMMUNITY, SZ),
    "new": (Role.COMMUNITY, SZ_OTHER),
    "agency": (Role.OFFICER, "4403"),
    "guardian": (Role.GUARDIAN, ""),
}
THERE, LEFT = "2026-03-01", date(2026, 3, 9)
NAME, PHONE, LATER, ADDRESS, NEW = "王小明", "15400001234", "15400009876", "景田路8号", "香蜜湖路9号"
PLAIN = (NAME, PHONE, LATER, ADDRESS, NEW, number_of(1))
REGISTERS = ("roster", "archives", "party-relations", "fees", "visits", "verifications")


class Moved:
    """Somebody who was served in SZ and is in SZ_OTHER now; `known`: a time before anybody told so."""

    def __init__(self, ledger: Ledger, database: Database, keys: KeyRing, asked: Asking) -> None:
        self._ledger, self._database, self._keys = ledger, database, keys
        self.asked = asked
        self.tell(Department.AGENCY, replace(retirement(), residence_division=SZ, hukou_division=SZ, party_member=True))
        (line,) = asked.json("old", f"/v1/roster?division={SZ}")
        self.retiree: str = line["retiree"]
        self.known = (entries(database)[-1].recorded_at + timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
        self.tell(Department.POLICE, Relocated(effective=date(2026, 3, 2), aspect=Aspect.HUKOU, division=SZ_OTHER))
        self.tell(Department.COMMUNITY, ReceptionAccepted(effective=LEFT, division=SZ_OTHER), LATER, NEW)

    def tell(self, department: Department, fact: LifeEvent, phone: str = PHONE, address: str = ADDRESS) -> None:
        who = Person(identity_number=number_of(1), name=NAME, phone=phone, address=address)
        one = submission(fact, type(fact).__name__, person=who, department=department)
        (answer,) = self._ledger.accept([one], TODAY)
        assert not isinstance(answer, Refused), answer
        catch_up(self._database)
        search = Search(self._database, self._keys)
        for rows in log.scan(self._database, search.position()):
            search.apply(codec.entries(rows))


@pytest.fixture
def moved(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Moved]:
    with asking(dsn, tmp_path, ACCOUNTS) as asked:
        yield Moved(Ledger(database, keys, law), database, keys, asked)


def test_a_former_community_sees_whom_it_had_masked_and_the_one_of_today_opens_them(moved: Moved) -> None:
    asked = moved.asked
    assert asked.json("old", f"/v1/roster?division={SZ}") == []
    (then,) = asked.json("old", f"/v1/roster?division={SZ}&on={THERE}")
    assert then["retiree"] == moved.retiree
    assert not [said for said in PLAIN if said in str(then)]
    assert then["person"]["name"] == "王*明"
    assert asked.unmask("new", moved.retiree, "name")["name"] == NAME


@pytest.mark.parametrize("then", ["", f"?on={THERE}", "?known={known}", f"?on={THERE}&known={{known}}"])
def test_a_former_community_is_opened_nobody_by_their_card(moved: Moved, then: str) -> None:
    then = then.format(known=moved.known)
    body = {"fields": ["name", "phone"], "reason": "identity-check"}
    answer = moved.asked.post("old", f"/v1/retirees/{moved.retiree}/unmask{then}", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    shown = moved.asked.asked("old", f"/v1/retirees/{moved.retiree}{then}")
    assert not [said for said in PLAIN if said in shown.text]


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize("then", [f"on={THERE}", "known={known}", f"on={THERE}&known={{known}}"])
def test_a_former_community_takes_no_file_of_whom_it_had_in_which_they_are_plain(
    moved: Moved, register: str, then: str
) -> None:
    path = f"/v1/registers/{register}/unmasked?division={SZ}&{then.format(known=moved.known)}"
    answer = moved.asked.post("old", path, {"reason": "identity-check"})
    assert answer.status_code in {200, 400, 403}, answer.text
    assert not [said for said in PLAIN if said in answer.text]
    page = moved.asked.page("old", f"/pages/registers/{register}?division={SZ}&{then.format(known=moved.known)}")
    assert not [said for said in PLAIN if said in page]


@pytest.mark.parametrize("then", [f"?on={THERE}", "?known={known}"])
def test_a_former_community_finds_them_masked_alone_and_not_by_what_was_told_since(moved: Moved, then: str) -> None:
    asked, then = moved.asked, then.format(known=moved.known)
    for sought in ({"number": number_of(1)}, {"name": NAME}, {"phone": LATER}, {"phone": PHONE}):
        answer = asked.post("old", f"/v1/roster/search{then}", sought)
        assert answer.status_code in {200, 400}, answer.text
        assert not [said for said in PLAIN if said in answer.text]
    told = asked.post("old", f"/v1/roster/search{then}", {"phone": LATER})
    assert told.status_code == 400 or told.json() == [], "where they live now is no business of theirs"
