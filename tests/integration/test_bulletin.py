"""The quarterly bulletin over what stands in a ledger: every figure counted by hand, for a quarter, as known at any time."""

from datetime import date
from typing import Any, get_args
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from domain.facts import (
    ArchiveReceived,
    ContactCardIssued,
    DeathReported,
    Department,
    EnterpriseKind,
    FeePaid,
    HandoverCompleted,
    HandoverProposed,
    HandoverStepDone,
    HealthFileKept,
    LifeEvent,
    PartyRelationTransferred,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.history import Receipt
from domain.law import Law
from domain.law.provisions import Measure
from domain.months import month_of, plus
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from projections.bulletin import MEASURES
from services.accounts import Role
from services.application import today
from services.registers.bulletin import last_quarter
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ, SZ_OTHER

D = Department
TODAY = date(2024, 4, 10)
ACCOUNTS = {
    "shenzhen": (Role.OFFICER, "4403"),
    "district": (Role.OFFICER, SZ[:6]),
    "community": (Role.COMMUNITY, DL),
    "auditor": (Role.AUDITOR, ""),
}
QUARTER = "first=2024-01&last=2024-03"


class Towns:
    """A ledger that is told of people by their numbers."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._told = 0

    def tell(self, who: int, *facts: tuple[LifeEvent, Department]) -> str:
        """When the last of it was recorded, as the API is asked."""
        at = ""
        for fact, department in facts:
            self._told += 1
            one = submission(fact, f"t{self._told}", number=number_of(who), department=department)
            (receipt,) = self._ledger.accept([one], TODAY)
            assert isinstance(receipt, Receipt), receipt
            at = quote(receipt.recorded_at.isoformat())
        catch_up(self._ledger.database)
        return at

    def retire(self, who: int, place: str, **more: Any) -> str:
        home = replace(retirement(), residence_division=place, hukou_division=place, **more)
        return self.tell(who, (home, D.AGENCY))


@pytest.fixture
def towns(database: Database, keys: KeyRing, law: Law) -> Towns:
    """Three people in one district of Shenzhen, one in another, one in Dalian."""
    made = Towns(Ledger(database, keys, law))
    made.retire(1, SZ)
    made.retire(2, SZ, party_member=True)
    made.retire(3, SZ)
    made.retire(4, SZ_OTHER)
    made.retire(5, DL, special_groups=(SpecialGroup.ALONE,))
    return made


def figures(asked: Asking, account: str, query: str = QUARTER) -> dict[tuple[str, str], tuple[int, int, str | None]]:
    rows = asked.json(account, f"/v1/registers/bulletin?{query}")["rows"]
    return {(row["district"][:6], row["measure"]): (row["done"], row["of"], row["rate"]) for row in rows}


CITY, FUTIAN, OTHER = "全市 who", SZ[:6], SZ_OTHER[:6]


def test_every_indicator_is_counted_for_each_district_and_the_city(towns: Towns, asked: Asking) -> None:
    day = date(2024, 2, 1)
    towns.tell(
        1,
        (HandoverProposed(effective=day, enterprise_kind=EnterpriseKind.OTHER), D.ENTERPRISE),
        (HandoverStepDone(effective=day, step="agreement"), D.ENTERPRISE),
        (FeePaid(effective=day, amount="5000.00"), D.COMMUNITY),
        (ArchiveReceived(effective=day), D.COMMUNITY),
        (HandoverCompleted(effective=date(2024, 3, 1), division=SZ), D.COMMUNITY),
    )
    towns.tell(2, (PartyRelationTransferred(effective=day, division=SZ), D.PARTY))
    towns.tell(2, (SurvivalVerified(effective=date(2022, 1, 1)), D.AGENCY), (VisitMade(effective=day), D.COMMUNITY))
    towns.tell(4, (SurvivalVerified(effective=date(2024, 1, 2)), D.AGENCY))
    found = figures(asked, "shenzhen")
    assert found[CITY, "handed-over"] == (1, 4, "25.00")
    assert found[FUTIAN, "handed-over"] == (1, 3, "33.33")
    assert found[OTHER, "handed-over"] == (0, 1, "0.00")
    assert found[FUTIAN, "archives-received"] == (1, 3, "33.33")
    assert found[FUTIAN, "party-transferred"] == (1, 1, "100.00")
    assert found[OTHER, "party-transferred"] == (0, 0, None)
    assert found[FUTIAN, "fees-paid"] == (1, 1, "100.00")
    assert found[CITY, "verified-in-time"] == (1, 2, "50.00")
    assert found[FUTIAN, "visited"] == (1, 3, "33.33")
    assert not any(district == DL[:6] for district, _ in found)
    assert figures(asked, "shenzhen", "first=2024-01&last=2024-01")[CITY, "handed-over"] == (0, 4, "0.00")
    assert figures(asked, "shenzhen", f"{QUARTER}&on=2024-02-15")[CITY, "handed-over"] == (0, 4, "0.00")
    assert figures(asked, "shenzhen", "first=2024-04&last=2024-06")[CITY, "visited"] == (0, 4, "0.00")
    (own,) = {district for district, _ in figures(asked, "district")} - {CITY}
    assert own == FUTIAN


def test_each_city_has_the_indicators_of_its_own_document_with_their_articles(towns: Towns, asked: Asking) -> None:
    towns.tell(
        5,
        (HealthFileKept(effective=date(2024, 2, 1)), D.HEALTH),
        (VisitMade(effective=date(2024, 2, 1)), D.COMMUNITY),
        (ContactCardIssued(effective=date(2024, 2, 1)), D.COMMUNITY),
    )
    rows = asked.json("auditor", f"/v1/registers/bulletin?{QUARTER}&division=21")["rows"]
    whole = {row["measure"]: row for row in rows if row["district"].startswith("全市")}
    assert whole["visited-in-time"]["rule"] == "大政办发〔2017〕49号 第二十一条"
    assert [whole[key]["rate"] for key in ("visited-in-time", "health-file")] == ["100.00", "100.00"]
    assert "contact-card" not in whole
    assert figures(asked, "community")[DL[:6], "visited-in-time"] == (1, 1, "100.00")


def test_a_death_leaves_whom_services_are_for(towns: Towns, asked: Asking) -> None:
    before = towns.tell(3, (VisitMade(effective=date(2024, 1, 20)), D.COMMUNITY))
    towns.tell(3, (DeathReported(effective=date(2024, 1, 31), document="1号"), D.CIVIL_AFFAIRS))
    assert figures(asked, "shenzhen")[FUTIAN, "visited"] == (0, 2, "0.00")
    assert figures(asked, "shenzhen", f"{QUARTER}&known={before}")[FUTIAN, "visited"] == (1, 3, "33.33")


def test_facts_told_in_time_count_by_the_duty_of_their_teller_and_by_when_we_were_told(
    towns: Towns, asked: Asking, law: Law
) -> None:
    towns.tell(1, (DeathReported(effective=date(2024, 3, 1), document="1号"), D.POLICE))
    towns.tell(2, (DeathReported(effective=date(2024, 4, 1), document="2号"), D.POLICE))
    towns.tell(4, (DeathReported(effective=date(2024, 4, 1), document="3号"), D.CIVIL_AFFAIRS))
    now = month_of(today())  # the ledger's own clock records it, so the month may end in between
    this = f"first={plus(now, -1)}&last={plus(now, 1)}"
    found = figures(asked, "shenzhen", this)
    assert found[FUTIAN, "shared-in-time"] == (1, 2, "50.00")
    assert found[CITY, "shared-in-time"] == (1, 2, "50.00"), "no duty of Shenzhen's asks civil affairs"
    assert figures(asked, "shenzhen")[CITY, "shared-in-time"] == (0, 0, None)


def test_alerts_count_in_the_period_in_which_they_are_due(towns: Towns, asked: Asking) -> None:
    towns.tell(1, (DeathReported(effective=date(2024, 1, 31), document="1号"), D.CIVIL_AFFAIRS))
    (done, of, _) = figures(asked, "shenzhen", "first=2024-04&last=2024-06")[FUTIAN, "alerts-in-time"]
    assert (done, of) == (0, 3)
    assert figures(asked, "shenzhen")[FUTIAN, "alerts-in-time"] == (0, 0, None)


def test_the_bulletin_names_nobody_and_nothing_is_recorded_for_it(towns: Towns, asked: Asking) -> None:
    text = asked.bytes("auditor", f"/v1/registers/bulletin?as=csv&{QUARTER}").decode()
    assert "王小明" not in text
    assert "移交率" in text
    printed = asked.page("auditor", f"/pages/registers/bulletin/print?{QUARTER}")
    assert "2024-01 — 2024-03-31" in printed
    assert {row["deed"] for row in asked.json("auditor", "/v1/audit")} == {"published"}


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        (date(2024, 4, 10), ("2024-01", "2024-03")),
        (date(2024, 3, 31), ("2023-10", "2023-12")),
        (date(2024, 1, 1), ("2023-10", "2023-12")),
    ],
)
def test_by_default_the_bulletin_is_of_the_quarter_that_is_over(day: date, quarter: tuple[str, str]) -> None:
    assert last_quarter(day) == quarter


def test_every_measure_that_the_law_may_name_is_counted(law: Law) -> None:
    assert {*MEASURES, "alerts-in-time", "shared-in-time"} == set(get_args(Measure))
    for city in law.cities:
        assert {one.measure for one in city.indicator} >= {"handed-over", "alerts-in-time", "shared-in-time"}
        assert all(one.key == one.measure for one in city.indicator)
