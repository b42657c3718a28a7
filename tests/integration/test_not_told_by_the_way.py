"""What is not shown is not told by the way either: by a filter, a count, a scope, a trail, a browser's disk or another site's link."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain import unusual
from domain.disclosures import UnusualAccessFlagged
from domain.facts import Department, SpecialGroup
from domain.history import Receipt
from domain.law import Law
from infra.accounts import AccountRegister
from infra.database import Database
from infra.habits import Habits
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from services.identities import passwords
from tests.accounts import form, new_accounts
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ
from tests.signing_in import PASSWORD
from tests.viewing import entries

ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "officer": (Role.OFFICER, "4403"),
    "elsewhere": (Role.COMMUNITY, DL),
    "auditor": (Role.AUDITOR, "4403"),
    "auditor elsewhere": (Role.AUDITOR, "2102"),
    "guardian": (Role.GUARDIAN, ""),
}
ALONE = replace(
    retirement(), residence_division=SZ, hukou_division=SZ, special_groups=(SpecialGroup.ALONE,), party_member=True
)
FILTERS = {
    "status=stopped": "status",
    "group=alone": "special_groups",
    "party_member=true": "party_member",
    "verification=overdue": "verify_by",
    "contact_card=false": "contact_card_on",
    "health_file=false": "health_file_on",
    "unvisited_since=2024-01-01": "visited_on",
    "to_visit=true": "special_groups",
    "moving=out": "moving_to",
}


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    """Of 25 people of Shenzhen."""
    ledger = Ledger(database, keys, law)
    answers = ledger.accept([submission(ALONE, f"r{n}", number=number_of(n)) for n in range(1, 26)], date(2024, 4, 10))
    assert all(isinstance(one, Receipt) for one in answers)
    catch_up(database)
    return ledger


@pytest.fixture
def asked(ours: Ledger, dsn: str, tmp_path: Path) -> Iterator[Asking]:
    with asking(dsn, tmp_path, ACCOUNTS) as opened:
        yield opened


def whom(asked: Asking) -> str:
    return str(asked.json("community", f"/v1/roster?division={SZ}&limit=1")[0]["retiree"])


# Filters and counts


@pytest.mark.parametrize("account", ["community", "officer"])
def test_nobody_is_sorted_by_what_the_purpose_does_not_show(asked: Asking, account: str) -> None:
    purposes = asked.json(account, "/v1/purposes")
    refused = 0
    for purpose in purposes:
        shown = {one["field"] for one in purpose["fields"] if one["shown"]}
        for asks, field in FILTERS.items():
            for path in (f"/v1/roster?division={SZ}&{asks}", f"/pages/roster?division={SZ}&{asks}"):
                answer = asked.for_purpose(account, purpose["purpose"], path)
                expected = 200 if f"line.{field}" in shown else 403
                assert answer.status_code == expected, (purpose["purpose"], asks, answer.text)
                refused += expected == 403
    assert refused > 10


@pytest.mark.parametrize("account", ["community", "officer"])
def test_nobody_is_counted_by_what_the_purpose_does_not_show(asked: Asking, account: str) -> None:
    answers = {
        (one["purpose"], path): asked.for_purpose(account, one["purpose"], path).status_code
        for one in asked.json(account, "/v1/purposes")
        for path in (f"/v1/roster/counts?division={SZ}", f"/pages/roster/counts?division={SZ}")
    }
    default = asked.json(account, "/v1/purposes")[0]["purpose"]
    assert {key: 200 if key[0] == default else 403 for key in answers} == answers


# Scopes


def test_a_token_for_two_purposes_is_for_no_third_also_where_nothing_is_said(asked: Asking, dsn: str) -> None:
    default, *others = [one["purpose"] for one in asked.json("community", "/v1/purposes")]

    def answered(scope: str, path: str, **headers: str) -> tuple[int, str]:
        token = _token(asked, dsn, scope)
        answer = asked.ask("", path, headers=headers | {"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.json().get("code", "") if answer.status_code != 200 else ""

    two = " ".join(others[:2])
    for path in (f"/v1/roster?division={SZ}", f"/v1/retirees/{whom(asked)}", "/v1/registers", "/v1/purposes"):
        assert answered(two, path) == (403, "purpose-not-granted"), path
    assert answered(two, f"/v1/roster?division={SZ}", **{"Changqing-Purpose": others[0]})[0] == 200
    assert answered(two, f"/v1/roster?division={SZ}", **{"Changqing-Purpose": default}) == (403, "purpose-not-granted")
    assert answered(f"{two} {default}", f"/v1/roster?division={SZ}")[0] == 200
    assert answered("nothing-of-ours", f"/v1/roster?division={SZ}")[0] == 403


def _token(asked: Asking, dsn: str, scope: str) -> str:
    secret = new_accounts(dsn, [("community", Role.COMMUNITY, Department.COMMUNITY, SZ)])["community"]
    answer = asked.ask("", "/oauth/token", "POST", data=form("community", secret) | {"scope": scope})
    return str(answer.raise_for_status().json()["access_token"])


# Trails


def test_the_trail_of_somebody_is_shown_by_every_way_to_those_alone_of_whose_division_they_are(
    asked: Asking, database: Database
) -> None:
    retiree = whom(asked)
    asked.unmask("community", retiree)
    catch_up(database)
    paths = (f"/v1/audit?retiree={retiree}", "/v1/audit", "/v1/audit?actor=community",
             f"/v1/registers/audit?retiree={retiree}", "/v1/registers/audit", "/v1/registers/officers",
             "/v1/registers/unusual-access", "/pages/audit", f"/v1/retirees/{retiree}/looks")  # fmt: skip
    for path in paths:
        answer = asked.asked("auditor elsewhere", path)
        assert retiree not in answer.text or answer.status_code == 403, path
        assert answer.status_code < 500
    for path in (paths[0], paths[3], paths[-1]):
        assert retiree in asked.asked("auditor", path).raise_for_status().text, path


# Unmasking in one file


def test_many_unmasked_in_one_file_are_flagged_as_many(asked: Asking, database: Database) -> None:
    assert unusual.UNMASKED <= 25
    path = f"/v1/registers/roster/unmasked?division={SZ}"
    asked.post("community", path, {"reason": "identity-check"}).raise_for_status()
    Habits(database).handle(entries(database))
    flags = [one.event for one in entries(database) if isinstance(one.event, UnusualAccessFlagged)]
    assert [(one.why, one.count) for one in flags if one.why == "unmasking"] == [("unmasking", 25)]


# Browsers


@pytest.fixture
def browsing(asked: Asking, dsn: str, database: Database) -> dict[str, str]:
    """The cookie of somebody who has signed in."""
    AccountRegister(database).set_password("community", passwords.hashed(PASSWORD), "tests", must_change=False)
    page = asked.ask("", "/login").text
    token = page.partition('name="token" value="')[2].partition('"')[0]
    answer = asked.ask("", "/login", "POST", data={"token": token, "name": "community", "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return {"Cookie": f"changqing={answer.cookies['changqing']}"}


def test_no_counter_keeps_on_its_disk_what_somebody_was_shown(asked: Asking, browsing: dict[str, str]) -> None:
    retiree = whom(asked)
    paths = [f"/v1/roster?division={SZ}", f"/v1/retirees/{retiree}", f"/pages/roster?division={SZ}",
        f"/pages/retirees/{retiree}", "/v1/registers/roster", "/v1/registers/roster?as=csv",
        "/pages/registers/roster/csv", "/pages/registers/roster/print"]  # fmt: skip
    for path in paths:
        answer = asked.ask("", path, headers=browsing)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), path
    tag = asked.ask("", paths[0], headers=browsing).headers["etag"]
    again = asked.ask("", paths[0], headers=browsing | {"If-None-Match": tag})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-store")
    assert asked.ask("community", paths[0]).headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_link_of_another_site_makes_a_browser_take_a_file_in_somebodys_name(
    asked: Asking, database: Database, browsing: dict[str, str], site: str
) -> None:
    before = entries(database)[-1].position
    for path in ("/pages/registers/roster/csv", "/pages/registers/roster/xlsx", "/pages/registers/roster/print",
                 "/v1/registers/roster?as=csv", "/v1/registers/roster?as=xlsx"):  # fmt: skip
        answer = asked.ask("", path, headers=browsing | {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"})
        assert answer.status_code == 403, path
        assert asked.ask("", path, headers=browsing | {"Sec-Fetch-Site": "same-origin"}).status_code == 200
        told: list[Any] = [one.event for one in entries(database, before)]
        assert {getattr(one, "actor", "community") for one in told} <= {"community"}
