"""Why an alert was raised: the page and the answer of the API, for the office it is of."""

from datetime import date
from threading import Event as Flag
from typing import Any

import pytest
from msgspec.structs import replace

from domain.facts import (
    AlertAcknowledged,
    AlertApplied,
    AlertContested,
    DeathReported,
    DeathRetracted,
    Department,
    SurvivalVerified,
)
from domain.law import Law
from infra import log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.submissions import Submission
from services.accounts import Role
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ

TODAY = date(2024, 4, 10)
ACCOUNTS = {
    "agency": (Role.OFFICER, "4403"),
    "dalian": (Role.OFFICER, "2102"),
    "auditor": (Role.AUDITOR, ""),
    "community": (Role.COMMUNITY, SZ),
}
HOME = replace(retirement(), residence_division=SZ, hukou_division=SZ)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def told(ours: Ledger, *submissions: Submission, today: date = TODAY) -> None:
    for one in submissions:
        (receipt,) = ours.accept([one], today)
        assert not isinstance(receipt, Exception), receipt
    catch_up(ours.database)


def card(asked: Asking, action: str, known: str = "") -> Any:
    (row,) = [
        row
        for row in asked.json("agency", "/v1/inbox?state=")
        if row["action"] == action and row["state"] != "replaced"
    ]
    return asked.json("agency", f"/v1/alerts/{row['alert']}{known}")


def test_a_death_says_which_fact_which_rule_and_which_months(ours: Ledger, asked: Asking) -> None:
    told(ours, submission(HOME, "r1"), submission(DIED, "d1"))
    found = card(asked, "recover")
    why = found["why"]
    (fact,) = why["facts"]
    assert (fact["source"], fact["id"], fact["department"], fact["document"]) == (
        "/civil-affairs/shenzhen",
        "d1",
        "civil-affairs",
        "民政〔2024〕1号",
    )
    assert (fact["effective"], fact["learnt"], fact["cause"], fact["stands"]) == (
        "2024-01-31",
        "2024-04-10",
        True,
        True,
    )
    assert why["rule"]["article"] == found["alert"]["article"]
    assert why["rule"]["valid_from"] is not None
    months = {pair["month"]: pair for pair in why["months"]}
    assert [
        (m, p["before"]["status"], p["after"]["status"], p["after"]["settlement"])
        for m, p in months.items()
        if p["differs"]
    ][:3] == [
        ("2024-02", "payable", "stopped", "overpaid"),
        ("2024-03", "payable", "stopped", "overpaid"),
        ("2024-04", "payable", "stopped", "overpaid"),
    ]
    assert not months["2024-01"]["differs"]
    assert (found["alert"]["months"], found["alert"]["amount"]) == (3, "10370.34")
    assert sorted(row["action"] for row in found["of_retiree"]) == ["grant", "stop"]
    assert "number" not in str(found)


def test_the_exposure_is_what_was_paid_until_it_was_applied(ours: Ledger, asked: Asking) -> None:
    told(ours, submission(HOME, "r1"), submission(DIED, "d1"))
    stop = card(asked, "stop")
    alert = stop["alert"]["alert"]
    assert int(stop["why"]["exposure"]["months"]) >= 3, "it grows with the days until somebody acts"
    taken = AlertAcknowledged(effective=date(2024, 4, 11), alert=alert)
    done = AlertApplied(effective=date(2024, 4, 20), alert=alert, month="2024-05")
    told(
        ours,
        submission(taken, "a1", department=Department.AGENCY),
        submission(done, "a2", department=Department.AGENCY),
        today=date(2024, 4, 20),
    )
    after = asked.json("agency", f"/v1/alerts/{alert}")
    assert after["why"]["exposure"] == {"months": 3, "amount": "10370.34"}
    assert [line["what"] for line in after["why"]["history"]] == ["raised", "alert-acknowledged.v1", "alert-applied.v1"]
    assert (after["alert"]["priority"], stop["alert"]["priority"]) == (None, "overdue")


def test_a_retracted_death_stands_no_more_on_the_page_of_what_followed_from_it(ours: Ledger, asked: Asking) -> None:
    told(ours, submission(HOME, "r1"), submission(DIED, "d1"))
    alert = card(asked, "stop")["alert"]["alert"]
    told(ours, submission(DeathRetracted(effective=date(2024, 5, 2), retracts="d1"), "b1"), today=date(2024, 5, 2))
    found = asked.json("agency", f"/v1/alerts/{alert}")
    assert found["alert"]["state"] == "replaced"
    assert [fact["stands"] for fact in found["why"]["facts"]] == [False]
    assert [line["what"] for line in found["why"]["history"]] == ["raised", "replaced"]
    page = asked.page("agency", f"/pages/alerts/{alert}")
    assert "已撤回或更正" in page
    assert found["why"]["history"][-1]["note"] in page


def test_what_a_day_brought_names_no_cause_and_the_day(ours: Ledger, asked: Asking) -> None:
    seen = SurvivalVerified(effective=date(2023, 3, 15))
    told(ours, submission(HOME, "r1"), submission(seen, "v1", department=Department.AGENCY), today=date(2023, 3, 16))
    for day in (date(2024, 3, 10), date(2024, 3, 20)):
        ours.pass_days(day, Flag(), lambda _day, _people: None)
    catch_up(ours.database)
    found = card(asked, "suspend")
    assert [(fact["id"], fact["cause"]) for fact in found["why"]["facts"]] == [("v1", False)]
    assert found["why"]["day"] == "2024-03-16"
    after = {pair["month"]: pair["after"]["status"] for pair in found["why"]["months"]}
    assert (after["2024-03"], after["2024-04"]) == ("payable", "suspended")


def test_similar_alerts_are_of_the_office_and_of_the_source(ours: Ledger, asked: Asking) -> None:
    told(
        ours,
        submission(HOME, "r1"),
        submission(HOME, "r2", number=number_of(2)),
        submission(DIED, "d1"),
        submission(DIED, "d2", number=number_of(2)),
    )
    first = min(
        (row for row in asked.json("agency", "/v1/inbox") if row["action"] == "stop"), key=lambda row: row["position"]
    )
    found = asked.json("agency", f"/v1/alerts/{first['alert']}")
    mine = first["retiree"]
    assert mine not in {row["retiree"] for row in found["of_sources"]}
    assert {row["action"] for row in found["of_sources"]} == {"stop", "recover", "grant"}
    assert len(found["of_kind"]) == 5
    assert all(row["retiree"] == mine for row in found["of_retiree"])


def test_another_office_and_a_community_may_not_see_it_and_each_look_is_recorded(ours: Ledger, asked: Asking) -> None:
    told(
        ours,
        submission(HOME, "r1"),
        submission(DIED, "d1"),
        submission(replace(HOME, residence_division=DL), "r2", number=number_of(3)),
    )
    alert = card(asked, "stop")["alert"]["alert"]
    assert [asked.status(who, f"/v1/alerts/{alert}") for who in ("dalian", "community", "auditor")] == [403, 403, 200]
    assert asked.status("agency", f"/v1/alerts/{alert[:-1]}99") == 404
    assert asked.status("agency", "/v1/alerts/nobody") == 400
    catch_up(ours.database)
    reads = [row for row in asked.json("auditor", "/v1/audit") if row["what"] == "alerts, facts, months"]
    assert {row["actor"] for row in reads} == {"agency", "auditor"}


def test_as_known_before_an_answer_it_had_none(ours: Ledger, asked: Asking) -> None:
    told(ours, submission(HOME, "r1"), submission(DIED, "d1"))
    alert = card(asked, "stop")["alert"]["alert"]
    with ours.database.transaction() as connection:
        then = log.read(connection, log.last_position(connection) - 1, 1)[0].recorded_at
    doubt = AlertContested(effective=date(2024, 4, 12), alert=alert, reason="姓名有误")
    told(ours, submission(doubt, "a1", department=Department.AGENCY), today=date(2024, 4, 12))
    known = "?known=" + then.isoformat().replace("+", "%2B")
    before, now = asked.json("agency", f"/v1/alerts/{alert}{known}"), asked.json("agency", f"/v1/alerts/{alert}")
    assert [len(one["why"]["history"]) for one in (before, now)] == [1, 2]
    assert (before["alert"]["stage"], now["alert"]["stage"]) == ("raised", "contested")
    assert now["why"]["history"][-1]["note"] == "姓名有误"
