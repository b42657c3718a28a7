"""Every register answers for any day, as known at any time: whatever was answered once is answered again, whatever came since."""

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from msgspec.structs import replace

from domain.completeness import SourceGapClosed, SourceGapFound
from domain.disclosures import Unusual, UnusualAccessFlagged
from domain.facts import (
    ArchiveReceived,
    Aspect,
    DeathReported,
    Department,
    EnterpriseKind,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HandoverProposed,
    HandoverStepDone,
    LifeEvent,
    PartyRelationTransferred,
    Relocated,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.history import Receipt
from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.log import stream_of
from services.accounts import Role
from services.api.app import PAGES, V1
from services.registers import REGISTERS
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ
from tests.viewing import entries

D = Department
TODAY = date(2024, 4, 10)
ACCOUNTS = {"dalian": (Role.COMMUNITY, DL), "agency": (Role.OFFICER, ""), "auditor": (Role.AUDITOR, "")}
DAYS = ("", "2024-02-15", "2199-12-31")
HOME = replace(retirement(), residence_division=DL, hukou_division=DL, party_member=True)
ALONE = replace(HOME, party_member=False, special_groups=(SpecialGroup.ALONE,))
DAY = date(2024, 2, 1)
STORY: tuple[tuple[int, LifeEvent, Department], ...] = (
    (1, HOME, D.AGENCY),
    (2, ALONE, D.AGENCY),
    (1, HandoverProposed(effective=DAY, enterprise_kind=EnterpriseKind.MUNICIPAL), D.ENTERPRISE),
    (1, ArchiveReceived(effective=DAY, files=3), D.ARCHIVES),
    (1, PartyRelationTransferred(effective=DAY, division=DL), D.PARTY),
    (1, HandoverStepDone(effective=DAY, step="out-of-pool-settled"), D.ENTERPRISE),
    (1, HandoverStepDone(effective=DAY, step="headcount-verified"), D.AGENCY),
    (1, FeeAssessed(effective=DAY, amount="1000.00"), D.AGENCY),
    (2, VisitMade(effective=DAY), D.COMMUNITY),
    (2, SurvivalVerified(effective=date(2022, 2, 1)), D.COMMUNITY),
    (1, HandoverStepDone(effective=DAY, step="agreement"), D.ENTERPRISE),
    (1, FeePaid(effective=date(2024, 3, 1), amount="1000.00"), D.AGENCY),
    (2, Relocated(effective=date(2024, 2, 9), aspect=Aspect.HUKOU, division=SZ), D.POLICE),
    (1, FactRetracted(effective=date(2024, 3, 2), retracts="t4"), D.ARCHIVES),
    (1, DeathReported(effective=date(2024, 1, 20), document="1号"), D.CIVIL_AFFAIRS),
)


@pytest.fixture
def ledger(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def answers(asked: Asking, known: str = "") -> dict[tuple[str, str, str], Any]:
    """The rows of every register, for whoever may ask for it, of some days."""
    found: dict[tuple[str, str, str], Any] = {}
    for account in ACCOUNTS:
        for register in (one["register"] for one in asked.json(account, "/v1/registers")):
            for day in DAYS:
                given = "&".join([f"on={day}"] * bool(day) + [f"known={known}"] * bool(known))
                answer = asked.asked(account, f"/v1/registers/{register}?{given}")
                found[account, register, day] = answer.raise_for_status().json()["rows"]
    return found


def test_whatever_a_register_answered_it_answers_again_as_known_then(ledger: Ledger, asked: Asking) -> None:
    """Asked once after each thing that is told, and once again when all is told: of each day, the same rows."""
    first: dict[str, dict[tuple[str, str, str], Any]] = {}
    for number, (who, fact, department) in enumerate(STORY, start=1):
        one = submission(fact, f"t{number}", number=number_of(who), department=department)
        (receipt,) = ledger.accept([one], TODAY)
        assert isinstance(receipt, Receipt), receipt
        if number == 3:
            _gap(ledger, SourceGapFound, since=datetime(2024, 4, 1, tzinfo=UTC))
            flag = UnusualAccessFlagged(
                why=Unusual.VOLUME, day=TODAY, department="community", actor="a", count=300, usual=100, position=1
            )
            ledger.append(stream_of("unusual-access"), flag)
        if number == 6:
            _gap(ledger, SourceGapClosed)
        if number % 3 == 0:
            catch_up(ledger.database)
            at = quote(entries(ledger.database)[-1].recorded_at.isoformat())
            first[at] = answers(asked)
    catch_up(ledger.database)
    for at, before in first.items():
        again = answers(asked, at)
        assert {which: again[which] for which in before} == before
    last = [*first.values()][-1]
    for register in REGISTERS:
        said = {str(one[which]) for one in first.values() for which in one if which[1] == register}
        assert len(said) > 1, f"{register} says nothing of what was told"
    assert {day: last["auditor", "audit", day] == [] for day in DAYS} == {
        "": False,
        "2024-02-15": True,
        "2199-12-31": False,
    }


def _gap(ledger: Ledger, event: type[SourceGapFound | SourceGapClosed], **more: Any) -> None:
    source = "/police/dalian"
    ledger.append(
        stream_of(f"about-source:{source}"), event(source=source, department=D.POLICE, first=2, last=3, **more)
    )


def test_every_register_and_every_path_that_asks_what_was_known_asks_of_a_day_too() -> None:
    assert [one.key for one in REGISTERS.values() if not {"on", "known"} <= set(one.asks)] == []
    routes = [route for router in (*V1, *PAGES) for route in router.routes if isinstance(route, APIRoute)]
    known = {route.path for route in routes if "GET" in (route.methods or ()) and "known" in _asks(route.dependant)}
    days = {route.path for route in routes if "GET" in (route.methods or ()) and "on" in _asks(route.dependant)}
    assert known - days == set()
    assert {"/inbox", "/audit", "/sources", "/sources/missing", "/roster", "/registers/{register}"} <= known & days


def _asks(dependant: Dependant) -> set[str]:
    return {one.name for one in dependant.query_params}.union(*map(_asks, dependant.dependencies))
