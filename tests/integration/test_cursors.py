"""A cursor goes on where an answer ended, for the account and the question that it was given to, and for nobody else."""

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from domain.law import Law
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.searching import Search
from services.accounts import Role
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission

ACCOUNTS = {
    "officer": (Role.OFFICER, "4403"),
    "colleague": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
}
PEOPLE = 5


@pytest.fixture
def asked(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Asking]:
    ledger = Ledger(database, keys, law)
    told = [submission(retirement(), f"r{n}", number=number_of(n), name=f"第{n}人") for n in range(1, PEOPLE + 1)]
    assert not any(isinstance(answer, Refused) for answer in ledger.accept(told, date(2026, 11, 23)))
    catch_up(database)
    for rows in log.scan(database):
        Search(database, keys).apply(codec.entries(rows))
    with asking(dsn, tmp_path, ACCOUNTS) as one:
        yield one


def following(asked: Asking, account: str, path: str) -> list[list[dict[str, Any]]]:
    """Every page of an answer."""
    pages = []
    while path:
        answer = asked.ask(account, path).raise_for_status()
        pages.append(answer.json())
        path = answer.links.get("next", {}).get("url", "")
    return pages


def test_page_by_page_is_the_same_as_all_at_once(asked: Asking) -> None:
    whole = asked.json("officer", "/v1/roster?limit=100")
    pages = following(asked, "officer", "/v1/roster?limit=2")
    assert [row["retiree"] for page in pages for row in page] == [row["retiree"] for row in whole]
    assert [len(page) for page in pages] == [2, 2, 1, 0]


@pytest.mark.parametrize("path", ["/v1/roster?limit=2&division=4403", "/pages/roster?division=4403"])
def test_a_cursor_of_somebody_else_or_of_another_question_is_refused(asked: Asking, path: str) -> None:
    cursor = _cursor(asked, "/v1/roster?limit=2&division=4403")
    api = path.startswith("/v1")
    assert asked.status("officer", f"{path}&after={cursor}") == (200 if api else 403)
    assert asked.status("colleague", f"{path}&after={cursor}") == 403
    assert asked.status("officer", f"{path}&on=2026-01-01&after={cursor}") == 403
    assert asked.ask("officer", f"{path}&after={cursor}&on=2026-01-01").status_code == 403
    refused = asked.ask("colleague", f"{path}&after={cursor}").json()
    assert (refused["code"], refused["path"]) == ("cursor-refused", "after")


@pytest.mark.parametrize(
    "change",
    [lambda c: c[:-1], lambda c: c + "A", lambda c: ("A" if c[0] == "B" else "B") + c[1:], lambda _: "AAAA"],
    ids=["shorter", "longer", "signed otherwise", "nothing"],
)
def test_a_cursor_that_was_altered_is_refused(asked: Asking, change: Any) -> None:
    cursor = _cursor(asked, "/v1/roster?limit=2")
    assert asked.ask("officer", f"/v1/roster?limit=2&after={change(cursor)}").status_code == 403
    assert asked.ask("officer", "/v1/roster?limit=2&after=%27").status_code == 400


def test_a_cursor_does_not_depend_on_how_much_is_asked_for(asked: Asking) -> None:
    cursor = _cursor(asked, "/v1/roster?limit=2")
    assert len(asked.json("officer", f"/v1/roster?limit=100&after={cursor}")) == PEOPLE - 2


def test_the_trail_the_registers_and_the_alerts_go_on_by_cursors_too(asked: Asking, database: Database) -> None:
    asked.json("officer", "/v1/roster?limit=100")
    catch_up(database)
    whole = asked.json("auditor", "/v1/audit?limit=1000")
    trail = [row for page in following(asked, "auditor", "/v1/audit?limit=3") for row in page]
    assert [row["deed_id"] for row in trail] == [row["deed_id"] for row in whole]
    register = asked.json("officer", "/v1/registers/roster?limit=3")
    rest = asked.json("officer", f"/v1/registers/roster?limit=3&after={register['after']}")
    assert len(register["rows"]) + len(rest["rows"]) == PEOPLE
    alerts = asked.json("officer", "/v1/alerts?limit=1")
    assert asked.json("officer", f"/v1/alerts?after={alerts['after']}")["alerts"] == []
    for path in (f"/v1/registers/roster?limit=3&after={register['after']}", f"/v1/alerts?after={alerts['after']}"):
        assert asked.status("colleague", path) == 403


def test_a_search_goes_on_for_the_same_search_alone(asked: Asking) -> None:
    found = asked.ask("officer", "/v1/roster/search?limit=1", "POST", json={"name": "第1人"})
    path = found.links["next"]["url"]
    assert asked.ask("officer", path, "POST", json={"name": "第1人"}).json() == []
    assert asked.ask("officer", path, "POST", json={"name": "第2人"}).json()["code"] == "cursor-refused"


def test_a_page_leads_to_the_next_one(asked: Asking, database: Database) -> None:
    for _ in range(11):
        asked.json("officer", "/v1/roster?limit=100")
    catch_up(database)
    first = asked.page("auditor", "/pages/audit")
    (earlier,) = re.findall(r'href="(\?before=[^"]+)"', first)
    second = asked.page("auditor", f"/pages/audit{unescape(earlier)}")
    assert second.count("<tr>") > 1
    assert not re.findall(r'href="(\?before=[^"]+)"', second)


def _cursor(asked: Asking, path: str) -> str:
    url = asked.ask("officer", path).links["next"]["url"]
    return str(url.rpartition("after=")[2])
