"""What pages make of rows: every code in both languages, and those they have no words for as they are."""

from datetime import UTC, date, datetime
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import asdict

from domain.alerts import Action
from domain.facts import LIFE_EVENTS, Department, Person
from domain.kinds import Kind
from domain.told import Stage
from projections.alert_inbox import AlertRow
from projections.audit_trail import TrailRow
from services.accounts import Account, Role
from services.reading.cards import RosterLine
from services.web.pages import render

RETIREE = UUID("5e3c2f6e-0000-4000-8000-000000000001")
NOW = datetime(2024, 5, 1, tzinfo=UTC)


def alert(**given: Any) -> dict[str, Any]:
    row = AlertRow(
        alert="a-1",
        retiree=RETIREE,
        kind="death",
        action="stop",
        first_month="2024-02",
        last_month=None,
        months=0,
        amount="0.00",
        strength="confirmed",
        document="劳社厅发〔2001〕8号",
        article="死亡次月停发",
        rule_zh="停发",
        rule_en="stopped",
        evidence=["/civil-affairs/shenzhen 1"],
        office="social-insurance/440300000000",
        act_by=date(2024, 4, 25),
        position=7,
        recorded_at=NOW,
    )
    return asdict(row) | given


def inbox(*rows: dict[str, Any]) -> str:
    return render("inbox.html", account=None, rows=rows, state="open", earlier="")


def person(**given: Any) -> RosterLine:
    known: dict[str, Any] = {
        "retiree": RETIREE,
        "person": Person(identity_number="11010519491231002X", name="李秀英"),
        "community": "440304901001",
        "retired_on": "2010-01-15",
        "monthly_pension": "3200.00",
        "party_member": False,
        "special_groups": [],
        "status": "payable",
        "stopped_from": None,
        "verify_alert": None,
    }
    return RosterLine(**(known | given))


def test_the_inbox_shows_every_action_and_kind_in_both_languages() -> None:
    page = inbox(*(alert(action=str(action), kind=str(kind)) for action, kind in product(Action, Kind)))
    for said in ("暂停发放", "pay back", "资格认证逾期", "verification overdue", "settle"):
        assert said in page


@pytest.mark.parametrize(("role", "leads"), [(Role.OFFICER, True), (Role.AUDITOR, False)])
def test_the_inbox_leads_to_the_retiree_whoever_may_go_there(role: Role, *, leads: bool) -> None:
    account = Account(name="one", role=role, department=Department.AGENCY)
    page = render("inbox.html", account=account, rows=[alert()], state="open", earlier="")
    assert str(RETIREE) in page
    assert (f"/pages/retirees/{RETIREE}" in page) is leads


@pytest.mark.parametrize("stage", Stage)
def test_the_inbox_shows_how_far_an_alert_has_come(stage: Stage) -> None:
    page = inbox(alert(stage=str(stage), state="open"))
    assert f'<small lang="en">{stage}</small>' in page


def test_a_closed_alert_says_from_which_month_and_an_escalated_one_that_it_is() -> None:
    page = inbox(
        alert(stage="applied", state="closed", applied_month="2024-05"), alert(escalated=True, reason="姓名有误")
    )
    for said in ("已办结", "已执行", "2024-05", "已逾期上报", "escalated", "姓名有误"):
        assert said in page


@pytest.mark.parametrize(("status", "said"), [("suspended", "已暂停"), ("stopped", "已停发"), ("payable", "发放中")])
def test_the_roster_shows_the_status_in_words(status: str, said: str) -> None:
    page = render("people.html", rows=[person(status=status, stopped_from="2024-02", verify_alert="a-2")])
    for text in (said, status, "自 2024-02", "待核实", "to be verified"):
        assert text in page


def test_the_trail_shows_every_fact_by_name() -> None:
    rows = [
        TrailRow(
            deed_id=f"{n}-{RETIREE}",
            position=n,
            recorded_at=NOW,
            deed="published",
            department="police",
            actor="gateway",
            retiree=RETIREE,
            what=name,
        )
        for n, name in enumerate([*LIFE_EVENTS, "from-the-future.v9"], start=1)
    ]
    page = render("audit.html", rows=rows, department=None, retiree=None, actor="", earlier="")
    for said in ("下落不明", "走访慰问", "from-the-future.v9"):
        assert said in page


def test_codes_without_words_break_nothing() -> None:
    page = inbox(alert(action="wave", kind="wedding", stage="engaged", state="new", strength="rumoured"))
    assert "wedding" in page
    assert "status-of-the-future" in render("people.html", rows=[person(status="status-of-the-future")])
