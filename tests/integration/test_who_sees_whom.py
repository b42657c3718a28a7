"""Who is on whose roster during a move: exactly one community sees somebody at any time, and the agency that pays stays."""

from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.facts import (
    Aspect,
    Department,
    EnterpriseKind,
    FactRetracted,
    HandoverProposed,
    LifeEvent,
    ReceptionAccepted,
    Relocated,
)
from domain.law import Law
from domain.refusals import Refused
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import AROUND_A_MOVE, DL, SZ, SZ_OTHER

TODAY = date(2026, 11, 23)
STREET = f"{SZ_OTHER[:9]}000"
ACCOUNTS = AROUND_A_MOVE
_ids = count(1)


class Town:
    """Two people of two communities of one city, of whom things are told."""

    def __init__(self, ledger: Ledger, database: Database, asked: Asking) -> None:
        self._ledger = ledger
        self._database = database
        self.asked = asked
        for number, home in enumerate((SZ, SZ_OTHER), start=1):
            self.tell(Department.AGENCY, replace(retirement(), residence_division=home, hukou_division=home), number)

    def tell(self, department: Department, fact: LifeEvent, number: int = 1) -> str:
        """Have something told of the n-th; its id."""
        id_ = f"t{next(_ids)}"
        one = submission(fact, id_, number=number_of(number), name=f"第{number}人", department=department)
        (answer,) = self._ledger.accept([one], TODAY)
        assert not isinstance(answer, Refused), answer
        catch_up(self._database)
        return id_

    def sees(self) -> dict[str, list[str]]:
        """Whom each account has on the roster of its division, by number."""
        return {name: sorted(who[1] for who in self.asked.names(name, of)) for name, (_, of) in ACCOUNTS.items()}


@pytest.fixture
def town(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Town]:
    with asking(dsn, tmp_path, ACCOUNTS) as asked:
        yield Town(Ledger(database, keys, law), database, asked)


def test_a_move_changes_nothing_and_a_reception_all_but_the_agency(town: Town) -> None:
    before = {
        "old": ["1"],
        "new": ["2"],
        "whole city": ["1", "2"],
        "elsewhere": [],
        "agency": ["1", "2"],
        "agency elsewhere": [],
    }
    assert town.sees() == before
    town.tell(Department.POLICE, Relocated(effective=date(2026, 3, 1), aspect=Aspect.HUKOU, division=SZ_OTHER))
    assert town.sees() == before, "the old office serves until the new one has received"
    received = town.tell(Department.COMMUNITY, ReceptionAccepted(effective=date(2026, 3, 9), division=SZ_OTHER))
    assert town.sees() == before | {"old": [], "new": ["1", "2"]}
    assert town.asked.counts("whole city") == {SZ_OTHER: 2}
    assert town.asked.counts("agency") == {SZ: 1, SZ_OTHER: 1}
    town.tell(Department.COMMUNITY, FactRetracted(effective=date(2026, 3, 20), retracts=received))
    assert town.sees() == before


def test_after_a_move_to_another_city_its_community_serves_and_the_old_agency_pays(town: Town) -> None:
    for aspect, teller in ((Aspect.HUKOU, Department.POLICE), (Aspect.RESIDENCE, Department.COMMUNITY)):
        town.tell(teller, Relocated(effective=date(2026, 3, 1), aspect=aspect, division=DL))
    town.tell(Department.COMMUNITY, ReceptionAccepted(effective=date(2026, 3, 9), division=DL))
    assert town.sees() == {
        "old": [],
        "new": ["2"],
        "whole city": ["2"],
        "elsewhere": ["1"],
        "agency": ["1", "2"],
        "agency elsewhere": [],
    }
    (card,) = (one for one in links(town.asked.page("elsewhere", f"/pages/roster?division={DL}")))
    assert town.asked.status("old", card) == 403
    assert town.asked.status("agency", card) == 200


def links(page: str) -> set[str]:
    """The pages of retirees that a page links to."""
    return {part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/pages/retirees/")}


def test_who_is_received_by_a_street_is_with_the_community_registered_in_it(town: Town) -> None:
    town.tell(Department.POLICE, Relocated(effective=date(2026, 3, 1), aspect=Aspect.HUKOU, division=SZ_OTHER))
    town.tell(Department.COMMUNITY, ReceptionAccepted(effective=date(2026, 3, 9), division=STREET))
    assert town.asked.counts("whole city") == {STREET: 1, SZ_OTHER: 1}
    fact = replace(retirement(), residence_division=SZ_OTHER, hukou_division=SZ_OTHER)
    town.tell(Department.AGENCY, fact)
    assert town.asked.counts("whole city") == {SZ_OTHER: 2}


def test_the_page_of_a_retiree_says_how_far_the_handover_is_and_who_owes_what(town: Town) -> None:
    (card,) = links(town.asked.page("old", f"/pages/roster?division={SZ}"))
    assert "移交" not in town.asked.page("old", card)
    fact = HandoverProposed(effective=date(2026, 3, 1), enterprise_kind=EnterpriseKind.OTHER, batch="2026-1")
    town.tell(Department.ENTERPRISE, fact)
    page = town.asked.page("old", card)
    assert "已提出，批号 2026-1" in page
    assert "未办：人事档案移交（社区）" in page
    assert "Open: handover agreement (enterprise" in page
