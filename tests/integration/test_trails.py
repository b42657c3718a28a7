"""Audit trails by account, and gaps in the duties of data sharing, over what stands in a ledger."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.completeness import SourceHeard, SourceSilent
from domain.facts import Aspect, DeathReported, Department, LifeEvent, Relocated
from domain.history import Receipt
from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import SZ, ZZ

D = Department
ACCOUNTS = {
    "agency": (Role.OFFICER, "4403"),
    "community": (Role.COMMUNITY, SZ),
    "henan": (Role.OFFICER, "4101"),
    "auditor": (Role.AUDITOR, ""),
}
TODAY = date(2024, 4, 10)
SILENT = SourceSilent(
    source="/police/shenzhen", department=D.POLICE, heard=None, expected=datetime(2026, 1, 5, tzinfo=UTC)
)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def tell(ours: Ledger, number: int, place: str, *facts: tuple[LifeEvent, Department]) -> None:
    home = replace(retirement(), residence_division=place, hukou_division=place)
    told = [submission(home, f"r{number}", number=number_of(number))]
    told += [
        submission(fact, f"{number}-{n}", number=number_of(number), department=department)
        for n, (fact, department) in enumerate(facts)
    ]
    for one in told:
        (receipt,) = ours.accept([one], TODAY)
        assert isinstance(receipt, Receipt), receipt
    catch_up(ours.database)


def rows(asked: Asking, register: str, query: str = "", account: str = "auditor") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked.json(account, f"/v1/registers/{register}?{query}")["rows"]
    return found


def test_an_auditor_sees_what_one_officer_read_and_how_often(ours: Ledger, asked: Asking) -> None:
    tell(ours, 1, SZ)
    for _ in range(3):
        asked.json("agency", f"/v1/roster?division={SZ}")
    asked.json("community", f"/v1/roster?division={SZ}")
    catch_up(ours.database)
    assert {row["actor"] for row in asked.json("auditor", "/v1/audit?actor=agency")} == {"agency"}
    assert len(asked.json("auditor", "/v1/audit?actor=agency")) == len(rows(asked, "audit", "actor=agency")) == 3
    assert "?actor=agency" in asked.page("auditor", "/pages/audit")
    (row,) = rows(asked, "officers", "actor=agency")
    assert (row["deeds"], row["people"], row["deed"]) == (3, 1, "查看 read")
    assert row["purpose"] == "核对待遇 checking a benefit"
    assert rows(asked, "officers", "first=2020-01&last=2020-12") == []
    assert asked.status("agency", "/v1/registers/officers") == 403


def test_the_trail_goes_on_page_by_page(ours: Ledger, asked: Asking) -> None:
    for number in range(1, 6):
        tell(ours, number, SZ)
    seen, after = [], ""
    while True:
        page = asked.json("auditor", f"/v1/registers/audit?limit=2&after={after}")
        seen += [row["position"] for row in page["rows"]]
        if page["after"] is None:
            break
        after = page["after"]
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("day", "department", "late"),
    [
        (date(2024, 3, 1), D.POLICE, True),
        (date(2024, 3, 11), D.POLICE, False),
        (date(2024, 3, 1), D.HEALTH, False),
    ],
    ids=["40 days", "30 days", "no duty"],
)
def test_a_fact_that_was_true_for_40_days_before_it_was_told_is_a_gap_of_whoever_must_tell(
    ours: Ledger, asked: Asking, day: date, department: Department, late: bool
) -> None:
    tell(ours, 1, SZ, (DeathReported(effective=day, document="1号"), department))
    found = rows(asked, "sharing-gaps")
    assert len(found) == late
    for row in found:
        assert (row["kind"], row["days"]) == ("迟报 told late", 40)
        assert row["rule"] == "社会保险法 第五十七条（30 天 days）"


def test_each_agency_sees_the_late_facts_of_its_own_people(ours: Ledger, asked: Asking) -> None:
    moved = Relocated(effective=date(2024, 1, 1), aspect=Aspect.HUKOU, division=ZZ)
    tell(ours, 1, ZZ, (moved, D.POLICE))
    (row,) = rows(asked, "sharing-gaps", account="henan")
    assert row["rule"].startswith("郑州市转发通知")
    assert rows(asked, "sharing-gaps", account="agency") == []
    assert rows(asked, "sharing-gaps", "department=health") == []


def test_a_source_that_was_silent_is_a_gap_until_it_is_heard(ours: Ledger, asked: Asking) -> None:
    ours.append(UUID(int=7), SILENT)
    catch_up(ours.database)
    period = "first=2026-01&last=2026-02"
    (row,) = rows(asked, "sharing-gaps", period)
    assert (row["kind"], row["source"], row["until"]) == ("来源中断 source silent", "/police/shenzhen", None)
    heard = SourceHeard(source=SILENT.source, department=D.POLICE, heard=datetime(2026, 1, 9, tzinfo=UTC))
    ours.append(UUID(int=7), heard)
    catch_up(ours.database)
    (row,) = rows(asked, "sharing-gaps", period)
    assert row["days"] == 4
    assert rows(asked, "sharing-gaps", "first=2026-02&last=2026-02") == []
    assert rows(asked, "sharing-gaps", "first=2025-11&last=2025-12") == []


def test_a_period_that_ends_before_it_begins_is_refused(asked: Asking) -> None:
    assert asked.status("auditor", "/v1/registers/officers?first=2024-05&last=2024-04") == 422
    assert asked.status("auditor", "/v1/registers/officers?first=1990-01&last=2024-04") == 422
