"""Registers over what stands in a ledger: for any day, as known at any time, and shown to whoever serves or pays."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace
from psycopg import sql

from domain.disclosures import DataDisclosed
from domain.facts import (
    ArchiveReceived,
    Aspect,
    CareFlagged,
    Department,
    EnterpriseKind,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HandoverCompleted,
    HandoverProposed,
    HandoverStepDone,
    LifeEvent,
    PartyRelationTransferred,
    ReceptionAccepted,
    Relocated,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.history import Receipt
from domain.law import Law
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from projections import ARCHIVES, CARE, FEES, PARTY_RELATIONS, VERIFICATIONS, kept
from projections.read_model import columns
from services.accounts import Role
from services.application import today
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, DL_OTHER, SZ

TODAY = date(2024, 4, 10)
D = Department
ACCOUNTS = {"community": (Role.COMMUNITY, DL), "other": (Role.COMMUNITY, DL_OTHER), "agency": (Role.OFFICER, "2102")}
HOME = replace(retirement(), residence_division=DL, hukou_division=DL, party_member=True)
ALONE = replace(HOME, party_member=False, special_groups=(SpecialGroup.ALONE,))


class Town:
    """A ledger that is told of people by their numbers."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._told = 0

    def tell(self, who: int, fact: LifeEvent, department: Department = D.AGENCY, id_: str = "") -> str:
        """When it was recorded, as the API is asked."""
        self._told += 1
        one = submission(fact, id_ or f"t{self._told}", number=number_of(who), name=f"王{who}", department=department)
        (receipt,) = self.ledger.accept([one], max(TODAY, fact.effective))
        assert isinstance(receipt, Receipt), receipt
        catch_up(self.ledger.database)
        return quote(receipt.recorded_at.isoformat())

    def fee(self, who: int) -> None:
        """A handover as far as the fee: 1,000 yuan assessed in January, paid in February."""
        day = date(2024, 1, 1)
        self.tell(who, HandoverProposed(effective=day, enterprise_kind=EnterpriseKind.MUNICIPAL), D.ENTERPRISE)
        self.tell(who, HandoverStepDone(effective=day, step="out-of-pool-settled"), D.ENTERPRISE)
        self.tell(who, HandoverStepDone(effective=day, step="headcount-verified"))
        self.tell(who, FeeAssessed(effective=day, amount="1000.00"))
        self.tell(who, HandoverStepDone(effective=day, step="agreement"), D.ENTERPRISE)
        self.tell(who, FeePaid(effective=date(2024, 2, 1), amount="1000.00"))


@pytest.fixture
def town(database: Database, keys: KeyRing, law: Law) -> Town:
    """A party member and somebody alone in Dalian."""
    made = Town(Ledger(database, keys, law))
    made.tell(1, HOME)
    made.tell(2, ALONE)
    return made


def rows(asked: Asking, register: str, account: str = "community", **given: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in given.items())
    found: list[dict[str, Any]] = asked.json(account, f"/v1/registers/{register}?{query}")["rows"]
    for row in found:
        row["name"] = asked.unmask("agency", row["retiree"])["name"]
    return sorted(found, key=lambda row: row["name"])


def states(asked: Asking, register: str, **given: str) -> list[tuple[str, str]]:
    return [(row["name"], row["state"].split()[0]) for row in rows(asked, register, **given)]


def test_the_archive_register_is_of_any_day_as_known_at_any_time(town: Town, asked: Asking) -> None:
    before = town.tell(2, VisitMade(effective=date(2024, 1, 2)), D.COMMUNITY)
    town.tell(1, ArchiveReceived(effective=date(2024, 3, 1), files=3, register="名-7"), D.ARCHIVES, "a1")
    known = town.tell(2, ArchiveReceived(effective=date(2024, 2, 1)), D.ARCHIVES)
    town.tell(1, FactRetracted(effective=date(2024, 3, 2), retracts="a1"), D.ARCHIVES)
    kept, missing = "在库", "未接收"
    assert states(asked, "archives") == [("王1", missing), ("王2", kept)]
    assert states(asked, "archives", known=known) == [("王1", kept), ("王2", kept)]
    assert states(asked, "archives", known=known, on="2024-02-15") == [("王1", missing), ("王2", kept)]
    assert states(asked, "archives", known=before) == [("王1", missing), ("王2", missing)]
    assert states(asked, "archives", state="missing") == [("王1", missing)]
    assert states(asked, "archives", on="2020-01-30") == [], "nobody was retired"
    (row, *_) = rows(asked, "archives", known=known)
    assert (row["files"], row["register"], row["keeper"]) == (3, "名-7", "档案保管单位 archives")
    assert row["rule"] == "大政办发〔2017〕49号 第十六条、第十七条、第十八条"


def test_the_party_register_has_the_members_and_where_they_are(town: Town, asked: Asking) -> None:
    assert states(asked, "party-relations") == [("王1", "未转接")]
    town.tell(1, PartyRelationTransferred(effective=date(2024, 3, 1), division=DL), D.PARTY)
    assert states(asked, "party-relations") == [("王1", "已转接")]
    assert states(asked, "party-relations", on="2024-02-29") == [("王1", "未转接")]


def test_the_fee_accounts_say_what_is_owed(town: Town, asked: Asking) -> None:
    town.fee(1)
    ((name, state),) = states(asked, "fees")
    assert (name, state) == ("王1", "已缴清")
    (row,) = rows(asked, "fees")
    assert (row["assessed"], row["paid"], row["owed"]) == ("1000.00", "1000.00", "0.00")
    assert states(asked, "fees", on="2024-01-15") == [("王1", "已核定未缴")]


def test_the_plan_of_visits_says_what_is_overdue(town: Town, asked: Asking) -> None:
    assert states(asked, "visits") == [("王1", "逾期"), ("王2", "逾期")]
    town.tell(2, VisitMade(effective=date(2024, 1, 2)), D.COMMUNITY)
    assert states(asked, "visits", on="2024-06-01") == [("王1", "逾期"), ("王2", "待走访")]
    assert states(asked, "visits", on="2025-01-03", state="overdue") == [("王1", "逾期"), ("王2", "逾期")]
    assert [row["groups"] for row in rows(asked, "visits")] == ["党员 party member", "孤寡 alone"]


def test_the_verification_list_has_who_is_due_and_nobody_else_is_opened(town: Town, asked: Asking) -> None:
    town.tell(1, SurvivalVerified(effective=date(2024, 1, 1)))
    town.tell(2, SurvivalVerified(effective=date(2024, 4, 1)))
    assert states(asked, "verifications", on="2024-06-01") == []
    assert states(asked, "verifications", on="2024-12-01") == [("王1", "即将到期")]
    assert states(asked, "verifications", on="2025-01-02") == [("王1", "逾期")]
    assert states(asked, "verifications", on="2024-12-01", state="valid") == [("王2", "有效")]
    (row,) = rows(asked, "verifications", on="2024-12-01")
    assert (row["due"], row["days"]) == ("2025-01-01", 31)
    with town.ledger.database.transaction() as connection:
        events = [codec.decode(*row).event for row in log.read(connection, 0, 1_000)]
    assert {len(one.retirees) for one in events if isinstance(one, DataDisclosed)} == {1}


def test_whoever_has_moved_away_since_was_on_the_register_of_that_day(town: Town, asked: Asking) -> None:
    town.tell(1, Relocated(effective=date(2024, 3, 1), aspect=Aspect.RESIDENCE, division=DL_OTHER), D.COMMUNITY)
    town.tell(1, ReceptionAccepted(effective=date(2024, 3, 5), division=DL_OTHER), D.COMMUNITY)
    assert [name for name, _ in states(asked, "archives")] == ["王2"]
    assert [name for name, _ in states(asked, "archives", on="2024-03-04")] == ["王1", "王2"]
    assert [name for name, _ in states(asked, "archives", account="other")] == ["王1"]
    assert [name for name, _ in states(asked, "archives", account="other", on="2024-03-04")] == []
    assert [name for name, _ in states(asked, "archives", account="agency")] == ["王1", "王2"]


def test_a_register_goes_on_page_by_page_and_whole_in_a_file(town: Town, asked: Asking) -> None:
    for who in range(3, 8):
        town.tell(who, HOME)
    seen, after = [], ""
    while True:
        page = asked.json("community", f"/v1/registers/archives?limit=2&after={after}")
        seen += [row["retiree"] for row in page["rows"]]
        if page["after"] is None:
            break
        after = page["after"]
    assert len(seen) == len(set(seen)) == 7
    text = asked.bytes("community", "/v1/registers/archives?as=csv").decode().removeprefix("\ufeff")
    assert len(list(csv.DictReader(io.StringIO(text, newline="")))) == 7
    shown = asked.page("community", "/pages/registers/visits?on=2024-04-01&state=overdue")
    assert "走访慰问计划" in shown
    assert "print?on=2024-04-01&amp;state=overdue" in shown or "print?" in shown


@pytest.mark.parametrize("register", ["party-relations", "fees", "visits", "verifications"])
def test_whoever_is_not_looked_at_has_no_line_on_any_day(
    town: Town, asked: Asking, monkeypatch: pytest.MonkeyPatch, register: str
) -> None:
    for who in range(3, 9):
        town.tell(who, replace(HOME, party_member=False))
    town.fee(3)
    town.tell(4, CareFlagged(effective=date(2024, 2, 1), group=SpecialGroup.DISABLED), D.COMMUNITY)
    town.tell(5, VisitMade(effective=date(2024, 2, 1)), D.COMMUNITY)
    town.tell(6, PartyRelationTransferred(effective=date(2024, 3, 1), division=DL), D.PARTY)
    for who, day in enumerate((date(2022, 12, 31), date(2023, 6, 1), date(2024, 1, 1), date(2024, 4, 5)), 3):
        town.tell(who, SurvivalVerified(effective=day))
    town.tell(3, SurvivalVerified(effective=date(2024, 4, 6)), id_="again")
    known = town.tell(7, SurvivalVerified(effective=date(2024, 4, 6)), id_="late")
    town.tell(3, FactRetracted(effective=date(2024, 4, 7), retracts="again"))
    asks = [
        {"on": f"{year}-{month:02d}-28", **more}
        for year in (2023, 2024, 2025)
        for month in (1, 5, 11, 12)
        for more in ({}, {"known": known}, {"state": "overdue"})
    ]
    town.tell(8, SurvivalVerified(effective=today() - timedelta(days=30)))
    asks += [{}, {"state": "overdue"}, {"state": "valid"}, {"known": known}]
    looked = [states(asked, register, **ask) for ask in asks]
    monkeypatch.setattr(kept, "page", partial(_page_of_anybody, kept.page))
    assert looked == [states(asked, register, **ask) for ask in asks]
    assert any(looked)


def _page_of_anybody(page: Callable[..., str], *given: Any, **how: Any) -> str:
    return page(*given, **how | {"whom": kept.ANYBODY})


@pytest.mark.parametrize("register", ["archives", "party-relations", "fees", "visits", "verifications"])
def test_nobody_sees_a_register_of_another_division(town: Town, asked: Asking, register: str) -> None:
    assert asked.status("community", f"/v1/registers/{register}?division={SZ}") == 403
    assert asked.status("community", f"/pages/registers/{register}/print?division={SZ}") == 403


def test_rows_folded_live_are_those_of_a_fold_from_scratch_and_known_as_they_were(town: Town) -> None:
    town.tell(1, VisitMade(effective=date(2024, 1, 2)), D.COMMUNITY, "v1")
    town.tell(1, ArchiveReceived(effective=date(2024, 3, 1)), D.ARCHIVES)
    town.tell(1, PartyRelationTransferred(effective=date(2024, 3, 1), division=DL), D.PARTY)
    town.fee(2)
    town.tell(2, SurvivalVerified(effective=date(2024, 1, 1)))
    town.tell(1, FactRetracted(effective=date(2024, 3, 2), retracts="v1"), D.COMMUNITY)
    with town.ledger.database.transaction() as connection:
        history = [codec.decode(*row) for row in log.read(connection, 0, 1_000)]
        for model in (ARCHIVES, PARTY_RELATIONS, FEES, CARE, VERIFICATIONS):
            for upto in range(len(history) + 1):
                connection.execute("select set_config('changqing.known_at', %s, true)", [str(upto)])
                query = sql.SQL("select {} from known.{}").format(
                    sql.SQL(columns(model.row)),
                    sql.Identifier(model.table),
                )
                stored = {
                    row[0]: model.row(**dict(zip(model.row.__struct_fields__, row, strict=True)))
                    for row in connection.execute(query).fetchall()
                }
                folded: dict[Any, Any] = {}
                for entry in history[:upto]:
                    for key in model.keys(entry):
                        folded[key] = model.fold(key, folded.get(key), entry)
                assert stored == folded, (model.table, upto)
                assert folded or upto < len(history), model.table


def test_progress_is_counted_by_enterprise_and_city_on_any_day(town: Town, asked: Asking) -> None:
    town.fee(1)
    town.tell(1, ArchiveReceived(effective=date(2024, 2, 2)))
    town.tell(1, PartyRelationTransferred(effective=date(2024, 2, 3), division=DL), D.PARTY)
    town.tell(1, HandoverCompleted(effective=date(2024, 3, 1), division=DL), D.COMMUNITY)
    town.fee(2)
    (now,) = asked.json("agency", "/v1/registers/handovers")["rows"]
    assert (now["enterprise"], now["city"]) == ("/enterprise/shenzhen", "大连市 Dalian")
    assert (now["people"], now["completed"], now["open"], now["archives"], now["rate"]) == (2, 1, 1, 1, "50.00")
    (then,) = asked.json("agency", "/v1/registers/handovers?on=2024-02-29")["rows"]
    assert (then["people"], then["completed"], then["open"], then["rate"]) == (2, 0, 2, "0.00")
    assert asked.json("agency", "/v1/registers/handovers?on=2023-12-31")["rows"] == []
    assert asked.json("other", "/v1/registers/handovers")["rows"] == []
