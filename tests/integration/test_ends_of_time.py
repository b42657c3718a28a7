"""Questions of the first and the last day, month and moment that can be written: answered or refused, and no error of ours."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.facts import Department, EnterpriseKind, HandoverProposed
from domain.history import Receipt
from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import Asking, asking, catch_up
from tests.building import retirement, submission
from tests.handing import SZ

ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "officer": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
    "guardian": (Role.GUARDIAN, ""),
}
DAYS = ("0001-01-01", "0001-12-31", "1582-10-15", "9999-12-31", "2024-02-29")
MONTHS = ("0001-01", "9999-12", "1900-01")
MOMENTS = ("0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00", "9999-12-31", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00", "1970-01-01T00:00:00Z")  # fmt: skip


@pytest.fixture
def asked(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Asking]:
    home = replace(retirement(), residence_division=SZ, hukou_division=SZ)
    proposed = HandoverProposed(effective=date(2024, 2, 1), enterprise_kind=EnterpriseKind.OTHER)
    told = [submission(home, "r1"), submission(proposed, "h1", department=Department.ENTERPRISE)]
    receipts = Ledger(database, keys, law).accept(told, date(2024, 4, 10))
    assert all(isinstance(receipt, Receipt) for receipt in receipts)
    catch_up(database)
    with asking(dsn, tmp_path, ACCOUNTS) as opened:
        yield opened


def test_at_the_ends_of_time_everything_is_answered_or_refused(asked: Asking) -> None:
    (line,) = asked.json("community", f"/v1/roster?division={SZ}")
    registers = [one["register"] for account in ACCOUNTS for one in asked.json(account, "/v1/registers")]
    on = [f"/v1/roster?division={SZ}", f"/v1/roster?division={SZ}&status=payable", f"/v1/roster/counts?division={SZ}",
        f"/pages/roster?division={SZ}", f"/v1/law?division={SZ}", f"/pages/roster/counts?division={SZ}"]  # fmt: skip
    on += [f"/v1/registers/{one}?division={SZ}" for one in dict.fromkeys(registers)]
    card = f"/v1/retirees/{line['retiree']}"
    on += [f"{card}?", f"/pages/retirees/{line['retiree']}?"]
    paths = [f"{path}&on={day}" for path in on for day in DAYS]
    paths += [f"/v1/roster?division={SZ}&unvisited_since={day}" for day in DAYS]
    paths += [
        f"{path}{'&' if '?' in path else '?'}known={moment}"
        for path in (*on, f"{card}/looks", "/v1/inbox")
        for moment in MOMENTS
    ]
    paths += [f"/v1/registers/{one}?first={first}&last={last}" for one in dict.fromkeys(registers) for first in MONTHS for last in MONTHS]  # fmt: skip
    wrong = [
        (account, path, answer.status_code)
        for path in paths
        for account in ("community", "officer", "auditor", "guardian")
        if (answer := asked.asked(account, path)).status_code >= 500
    ]
    assert wrong == []
