"""One retiree as of any day, as known at any time: the line that the roster of that day has, for whoever has it there, and for nobody else."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count, product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from domain.disclosures import DataDisclosed
from domain.facts import (
    Aspect,
    ContactCardIssued,
    DeathReported,
    Department,
    EnterpriseKind,
    HandoverProposed,
    HandoverStepDone,
    LifeEvent,
    ReceptionAccepted,
    Relocated,
    SurvivalVerified,
)
from domain.law import Law
from domain.refusals import Refused
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import AROUND_A_MOVE, DL, SZ, SZ_OTHER
from tests.viewing import entries

D = Department
TODAY = date(2026, 11, 23)
ACCOUNTS = AROUND_A_MOVE
HOME = replace(retirement(), residence_division=SZ, hukou_division=SZ)
MOVED = Relocated(effective=date(2026, 3, 2), aspect=Aspect.HUKOU, division=SZ_OTHER)
RECEIVED = ReceptionAccepted(effective=date(2026, 3, 9), division=SZ_OTHER)
PROPOSED = HandoverProposed(effective=date(2026, 2, 5), enterprise_kind=EnterpriseKind.OTHER, batch="2026-1")
STORY: tuple[tuple[int, LifeEvent, Department], ...] = (
    (1, HOME, D.AGENCY),
    (2, replace(HOME, effective=date(2026, 1, 1)), D.AGENCY),
    (3, replace(HOME, residence_division=SZ_OTHER, hukou_division=SZ_OTHER), D.AGENCY),
    (1, ContactCardIssued(effective=date(2026, 1, 5)), D.COMMUNITY),
    (2, PROPOSED, D.ENTERPRISE),
    (2, HandoverStepDone(effective=date(2026, 2, 20), step="agreement"), D.ENTERPRISE),
    (3, SurvivalVerified(effective=date(2026, 2, 9)), D.COMMUNITY),
    (1, MOVED, D.POLICE),
    (1, RECEIVED, D.COMMUNITY),
    (1, PROPOSED, D.ENTERPRISE),
    (2, DeathReported(effective=date(2026, 2, 20), document="1号"), D.CIVIL_AFFAIRS),
    (3, replace(MOVED, division=DL), D.POLICE),
    (3, replace(MOVED, division=DL, aspect=Aspect.RESIDENCE), D.COMMUNITY),
    (3, replace(RECEIVED, effective=date(2026, 4, 2), division=DL), D.COMMUNITY),
    (1, DeathReported(effective=date(2026, 3, 20), document="2号"), D.CIVIL_AFFAIRS),
)
THERE, LEFT = "2026-03-01", "2026-03-09"
DAYS = ("2019-12-31", "2026-01-31", THERE, "2026-03-08", LEFT, "2026-04-02", str(TODAY), "2030-06-01")
_ids = count(1)


class Town:
    """Three people of whom things are told, one after the other; `known`: the times after some of them."""

    def __init__(self, ledger: Ledger, database: Database, asked: Asking) -> None:
        self._ledger, self.database = ledger, database
        self.asked, self.known = asked, [""]
        self.people: dict[int, str] = {}

    def tell(self, number: int, fact: LifeEvent, department: Department) -> None:
        one = submission(fact, f"t{next(_ids)}", number=number_of(number), name="王小明", department=department)
        (receipt,) = self._ledger.accept([one], TODAY)
        assert not isinstance(receipt, Refused), receipt
        self.people[number] = str(receipt.retiree)
        catch_up(self.database)

    def live(self) -> None:
        """All of the story."""
        for told, one in enumerate(STORY, start=1):
            self.tell(*one)
            if told in {3, 10}:
                at = entries(self.database)[-1].recorded_at + timedelta(microseconds=1)
                self.known.append(quote(at.isoformat()))

    def card(self, account: str, number: int, on: str = "", known: str = "", path: str = "/v1/retirees") -> Any:
        """The card as it is answered."""
        return self.asked.asked(account, f"{path}/{self.people[number]}?{given(on, known)}")


def given(on: str, known: str) -> str:
    return "&".join([f"on={on}"] * bool(on) + [f"known={known}"] * bool(known))


@pytest.fixture
def town(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Town]:
    with asking(dsn, tmp_path, ACCOUNTS) as asked:
        yield Town(Ledger(database, keys, law), database, asked)


def test_the_card_of_a_day_is_the_line_of_the_roster_of_that_day_and_of_whom_it_has_not_there_is_none(
    town: Town,
) -> None:
    """Of each account, on each day, as known at each time."""
    town.live()
    shown: set[tuple[str, str]] = set()
    for (account, (_, division)), on, known in product(ACCOUNTS.items(), ("", *DAYS), town.known):
        asking = f"/v1/roster?division={division}&{given(on, known)}"
        lines = {line["retiree"]: line for line in town.asked.json(account, asking)}
        for number, retiree in town.people.items():
            answer = town.card(account, number, on, known)
            where = (account, number, on, known)
            if retiree in lines:
                assert answer.status_code == 200, where
                assert answer.json()["line"] == lines[retiree], where
                shown.add((account, on))
            else:
                assert answer.status_code in {403, 404}, where
    assert {account for account, _ in shown} == {*ACCOUNTS} - {"agency elsewhere"}
    assert {on for _, on in shown} == {"", *DAYS} - {"2019-12-31"}


def test_of_a_day_before_the_retirement_there_is_nothing_to_show(town: Town) -> None:
    town.live()
    told = {}
    for account in ("agency", "new", "old", "elsewhere"):
        answer = town.card(account, 1, "2020-01-30")
        told[account] = (answer.status_code, answer.json()["code"])
    assert told == {
        "agency": (404, "not-found"),
        "new": (404, "not-found"),
        "old": (403, "forbidden"),
        "elsewhere": (403, "forbidden"),
    }
    assert "当日尚未退休" in town.card("agency", 1, "2020-01-30").text
    assert town.card("agency", 1, "2020-01-31").status_code == 200


def test_who_has_left_since_is_shown_by_the_line_alone_and_masked_and_the_look_says_so(town: Town) -> None:
    town.live()
    then = town.card("old", 1, THERE).json()
    assert (then["alerts"], then["handover"]) == (None, None)
    assert then["line"]["person"]["name"] == "王*明"
    assert "2026-1" not in town.card("old", 1, THERE, path="/pages/retirees").text
    looks = [entry.event for entry in entries(town.database) if isinstance(entry.event, DataDisclosed)]
    assert not {"alerts", "handover"} & {field for look in looks for field in look.fields}
    assert town.card("new", 1).json()["handover"]["batch"] == "2026-1"
    assert town.card("old", 1).status_code == town.card("new", 1, THERE).status_code == 403
    assert town.card("agency elsewhere", 1, THERE).status_code == 403
    body = {"fields": ["name"], "reason": "identity-check"}
    for on in ("", f"?on={THERE}"):
        answer = town.asked.post("old", f"/v1/retirees/{town.people[1]}/unmask{on}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_both_times_at_once_and_the_alerts_are_of_what_was_known(town: Town) -> None:
    town.live()
    _, before, received = town.known

    def card(on: str, known: str = "") -> tuple[str, str, int]:
        found = town.card("agency", 2, on, known).json()
        return found["line"]["status"], found["line"]["retired_on"], len(found["alerts"])

    now = len(town.card("agency", 2).json()["alerts"])
    assert now > 0
    assert card("2026-02-28") == ("payable", "2026-01-01", now)
    assert card("2026-03-01") == ("stopped", "2026-01-01", now)
    assert card("2026-03-01", before) == card("2026-03-01", received) == ("payable", "2026-01-01", 0)
    served = [town.card("old", 1, LEFT, known).status_code for known in ("", before, received)]
    assert served == [403, 200, 403]


def test_the_handover_of_a_day_has_the_steps_of_by_then(town: Town) -> None:
    town.live()

    def handover(on: str) -> Any:
        return town.card("agency", 2, on).json()["handover"]

    assert handover("2026-02-04") is None
    assert [*handover("2026-02-19")["done"]] == ["handover-proposed"]
    assert [*handover("2026-02-20")["done"]] == [*handover("")["done"]] == ["handover-proposed", "agreement"]
    assert {step["step"] for step in handover("2026-02-19")["missing"]} > {
        step["step"] for step in handover("")["missing"]
    }


def test_the_page_asks_for_a_day_its_links_keep_it_and_so_does_what_is_shown_plain(town: Town) -> None:
    town.live()
    path = f"/pages/retirees/{town.people[2]}"
    page = town.asked.page("agency", f"{path}?on=2026-02-28&known=2199-12-31")
    assert "以下是 2026-02-28 当日的情况" in page
    assert 'name="known" value="2199-12-31T23:59:59' in page
    assert f'action="{path}/unmask?on=2026-02-28&known=2199-12-31T' in page.replace("&amp;", "&")
    assert "已停发" not in town.asked.page("agency", f"{path}?on=2026-02-28").partition("<h2>")[0]
    assert "已停发" in town.asked.page("agency", path).partition("<h2>")[0]
    assert f'href="{path}?on=2026-02-28"' in town.asked.page("agency", f"/pages/roster?division={SZ}&on=2026-02-28")
    fields = {"show.name": "on", "reason": "identity-check"}
    plain = town.asked.form("agency", f"{path}/unmask?on=2026-02-28", fields, path)
    assert ("王小明" in plain.text, "以下是 2026-02-28 当日的情况" in plain.text) == (True, True)


def test_what_is_masked_is_shown_plain_of_the_day(town: Town) -> None:
    town.live()
    body = {"fields": ["pension"], "reason": "identity-check"}
    due = {}
    for on in ("2026-02-28", "2026-03-01"):
        answer = town.asked.post("whole city", f"/v1/retirees/{town.people[2]}/unmask?on={on}", body)
        due[on] = answer.raise_for_status().json()["fields"]["pension"]
    assert due == {"2026-02-28": HOME.monthly_pension, "2026-03-01": "0.00"}
