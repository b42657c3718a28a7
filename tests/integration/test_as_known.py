"""What was known when: the API and the pages as they would have answered at any time before."""

from datetime import date, datetime, timedelta
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from domain.facts import (
    Aspect,
    ContactCardIssued,
    DeathReported,
    Department,
    ReceptionAccepted,
    Relocated,
    SpecialGroup,
)
from domain.history import Receipt
from domain.law import Law
from domain.rights import masks
from infra import log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.submissions import Submission
from services.accounts import Role
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import SZ, SZ_OTHER, ZZ

TODAY = date(2024, 4, 10)
ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "agency": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
    "zhengzhou": (Role.COMMUNITY, ZZ),
}
HOME = replace(retirement(), residence_division=SZ, hukou_division=SZ)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def told(ours: Ledger, *submissions: Submission) -> str:
    """When it was recorded, as the API is asked."""
    receipts = [ours.accept([one], TODAY)[0] for one in submissions]
    catch_up(ours.database)
    receipt = receipts[-1]
    assert isinstance(receipt, Receipt)
    return quote(receipt.recorded_at.isoformat())


def statuses(asked: Asking, known: str = "") -> list[str]:
    return [row["status"] for row in asked.json("community", f"/v1/roster?division={SZ}{known and '&known=' + known}")]


def test_the_roster_and_the_inbox_are_shown_as_they_were_known(ours: Ledger, asked: Asking) -> None:
    before = told(ours, submission(HOME, "r1"), submission(HOME, "r2", number=number_of(2)))
    died = told(ours, submission(DIED, "d1", department=Department.CIVIL_AFFAIRS))
    assert sorted(statuses(asked)) == sorted(statuses(asked, died)) == ["payable", "stopped"]
    assert statuses(asked, before) == ["payable", "payable"]
    assert asked.json("agency", f"/v1/inbox?known={before}") == []
    assert asked.json("agency", f"/v1/inbox?known={died}") == asked.json("agency", "/v1/inbox") != []


def test_before_anything_was_recorded_nobody_was_known(ours: Ledger, asked: Asking) -> None:
    told(ours, submission(HOME, "r1"))
    assert statuses(asked, "1999-12-31") == []
    assert len(statuses(asked, "2199-12-31")) == 1


def test_a_look_at_what_was_known_is_recorded_as_any_other(ours: Ledger, asked: Asking) -> None:
    before = told(ours, submission(HOME, "r1"))
    statuses(asked, before)
    catch_up(ours.database)
    assert [row["deed"] for row in asked.json("auditor", "/v1/audit")] == ["read", "published"]
    assert [row["deed"] for row in asked.json("auditor", f"/v1/audit?known={before}")] == ["published"]


def test_one_retiree_is_shown_as_known_then_with_the_alerts_of_then(ours: Ledger, asked: Asking) -> None:
    before = told(ours, submission(HOME, "r1"))
    told(ours, submission(DIED, "d1", department=Department.CIVIL_AFFAIRS))
    (who,) = {row["retiree"] for row in asked.json("agency", "/v1/inbox")}
    now, then = asked.json("agency", f"/v1/retirees/{who}"), asked.json("agency", f"/v1/retirees/{who}?known={before}")
    assert (now["line"]["status"], then["line"]["status"]) == ("stopped", "payable")
    assert (len(now["alerts"]) > 0, then["alerts"]) == (True, [])


def test_whoever_was_received_elsewhere_since_was_served_here_then(ours: Ledger, asked: Asking) -> None:
    before = told(ours, submission(HOME, "r1"))
    moved = Relocated(effective=date(2024, 3, 1), aspect=Aspect.HUKOU, division=SZ_OTHER)
    received = ReceptionAccepted(effective=date(2024, 3, 2), division=SZ_OTHER)
    told(
        ours,
        submission(moved, "m1", department=Department.POLICE),
        submission(received, "m2", department=Department.COMMUNITY),
    )
    assert (statuses(asked), statuses(asked, before)) == ([], ["payable"])


def test_the_roster_of_any_day_as_known_on_any_day(ours: Ledger, asked: Asking) -> None:
    """ "The roster of this community on 1 March, as we knew it on 15 April"."""
    before = told(ours, submission(HOME, "r1"))
    received = ReceptionAccepted(effective=date(2024, 3, 2), division=SZ_OTHER)
    died = told(
        ours,
        submission(
            Relocated(effective=date(2024, 3, 1), aspect=Aspect.HUKOU, division=SZ_OTHER),
            "m1",
            department=Department.POLICE,
        ),
        submission(received, "m2", department=Department.COMMUNITY),
        submission(DIED, "d1", department=Department.CIVIL_AFFAIRS),
    )

    def then(on: str, known: str) -> list[tuple[str, str]]:
        rows = asked.json("community", f"/v1/roster?division={SZ}&on={on}&known={known}")
        return [(row["status"], row["community"]) for row in rows]

    assert then("2024-01-31", died) == [("payable", SZ)]
    assert then("2024-03-01", died) == [("stopped", SZ)]
    assert then("2024-03-01", before) == [("payable", SZ)]
    assert then("2024-03-02", died) == []
    assert then("2024-03-02", before) == [("payable", SZ)]
    assert then("2020-01-30", died) == [], "not retired yet"


def test_a_roster_is_asked_for_those_who_are_to_be_seen_to(ours: Ledger, asked: Asking) -> None:
    alone = replace(HOME, special_groups=(SpecialGroup.ALONE,), party_member=True)
    told(ours, submission(alone, "r1"), submission(HOME, "r2", number=number_of(2)))
    told(ours, submission(ContactCardIssued(effective=date(2024, 2, 1)), "c1", department=Department.COMMUNITY))

    def people(asking: str) -> list[str]:
        rows = asked.json("community", f"/v1/roster?division={SZ}&{asking}")
        return sorted(asked.unmask("community", row["retiree"])["identity_number"] for row in rows)

    one, two = number_of(1), number_of(2)
    assert people("group=alone") == people("party_member=true") == people("contact_card=true") == [one]
    assert people("contact_card=false") == people("party_member=false") == [two]
    assert people("on=2024-01-31&contact_card=false") == sorted([one, two])
    assert people("status=stopped") == people("verification=overdue") == people("moving=out") == []
    assert "未发联系卡" in asked.page("community", f"/pages/roster?division={SZ}&on=2024-02-01&group=alone")
    assert asked.status("community", f"/v1/roster?division={SZ}&group=rich") == 400


def test_a_community_counts_whom_it_has_whom_it_awaits_and_who_left(ours: Ledger, asked: Asking) -> None:
    sick = replace(HOME, special_groups=(SpecialGroup.GRAVELY_ILL,))
    before = told(ours, submission(sick, "r1"), submission(HOME, "r2", number=number_of(2)))
    moved = Relocated(effective=date(2024, 3, 1), aspect=Aspect.HUKOU, division=SZ_OTHER)
    told(ours, submission(moved, "m1", department=Department.POLICE))
    received = ReceptionAccepted(effective=date(2024, 3, 11), division=SZ_OTHER)
    told(ours, submission(received, "m2", department=Department.COMMUNITY))

    def counted(account: str, division: str, on: str, known: str = "") -> list[int]:
        found = asked.json(account, f"/v1/roster/counts?division={division}&on={on}{known and '&known=' + known}")
        return [found[name] for name in ("people", "incoming", "outgoing", "received", "left")]

    assert counted("community", SZ, "2024-02-29") == [2, 0, 0, 0, 0]
    assert counted("community", SZ, "2024-03-05") == [2, 0, 1, 0, 0]
    assert counted("community", SZ, "2024-03-11") == [1, 0, 0, 0, 1]
    assert counted("agency", SZ_OTHER, "2024-03-05") == [0, 1, 0, 0, 0]
    assert counted("agency", SZ_OTHER, "2024-03-11") == [1, 0, 0, 1, 0]
    assert counted("community", SZ, "2024-03-11", before) == [2, 0, 0, 0, 0]
    assert counted("community", SZ, "2024-12-31") == [1, 0, 0, 0, 0]
    found = asked.json("community", f"/v1/roster/counts?division={SZ}&on=2024-02-29")
    assert (found["statuses"], found["groups"], found["without_contact_card"]) == (
        {"payable": 2},
        {"gravely-ill": 1},
        2,
    )
    page = asked.page("community", f"/pages/roster/counts?division={SZ}&on=2024-02-29")
    assert "台账统计" in page
    assert asked.status("community", f"/v1/roster/counts?division={SZ_OTHER}") == 403
    assert asked.status("agency", "/v1/roster/counts?division=4403") == 400
    awaited = asked.json("agency", f"/v1/roster?division={SZ_OTHER}&on=2024-03-05&moving=in")
    assert [row["person"]["identity_number"] for row in awaited] == [masks.identity_number(number_of(1))]
    assert asked.status("community", f"/v1/roster?division={SZ}&moving=in") == 403


def test_the_staff_is_one_for_three_hundred_where_the_city_says_so(ours: Ledger, asked: Asking) -> None:
    told(ours, submission(replace(HOME, residence_division=ZZ), "r1"))
    found = asked.json("zhengzhou", f"/v1/roster/counts?division={ZZ}")
    assert (found["people"], found["staff"], "44号" in found["staff_article"]) == (1, 1, True)
    assert asked.json("community", f"/v1/roster/counts?division={SZ}")["staff"] is None


@pytest.mark.parametrize("page", [f"/pages/roster?division={SZ}", "/pages/roster?", "/pages/inbox?state="])
def test_a_page_says_that_it_shows_what_was_known_then_and_its_links_keep_it(
    ours: Ledger, asked: Asking, page: str
) -> None:
    told(ours, submission(HOME, "r1"), submission(DIED, "d1", department=Department.CIVIL_AFFAIRS))
    account = "agency"
    assert "不是现状" not in asked.page(account, page)
    shown = asked.page(account, f"{page}&known=2199-12-31")
    assert "以下是 2199-12-31 23:59:59" in shown
    assert "known=2199-12-31T23%3A59%3A59" in shown


@pytest.mark.parametrize("known", ["yesterday", "2024-13-01", "2024-04-10T12:00:00"])
def test_a_time_that_is_none_is_refused(asked: Asking, known: str) -> None:
    assert asked.status("agency", f"/v1/inbox?known={known}") == 400


def test_the_position_of_a_time_is_the_last_one_recorded_by_then(ours: Ledger) -> None:
    for n in range(1, 8):
        told(ours, submission(HOME, f"r{n}", number=number_of(n)))
    with ours.database.transaction() as connection:
        rows = log.read(connection, 0, 100)
        for row in rows:
            last = max(other.position for other in rows if other.recorded_at <= row.recorded_at)
            assert log.position_at(connection, row.recorded_at) == last
            assert log.position_at(connection, row.recorded_at - timedelta(microseconds=1)) < row.position
        assert log.position_at(connection, datetime.max.replace(tzinfo=rows[0].recorded_at.tzinfo)) == rows[-1].position
