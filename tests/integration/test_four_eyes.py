"""Four eyes over HTTP, on the page and at the terminal: who may do which half, and that it takes two."""

import os
import pwd
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from domain.history import Receipt
from domain.law import Law
from infra import consumers
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from services.application import today
from services.cli import main
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission

BASIS = "个人信息保护法 第四十七条"
ACCOUNTS = {
    "wang": (Role.GUARDIAN, ""),
    "li": (Role.GUARDIAN, ""),
    "officer": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
    "community": (Role.COMMUNITY, "440304901001"),
    "admin": (Role.ADMINISTRATOR, ""),
    "dalian": (Role.OFFICER, "2102"),
    "auditor-4403": (Role.AUDITOR, "4403"),
}


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


@pytest.fixture
def retiree(ours: Ledger) -> UUID:
    (receipt,) = ours.accept([submission(retirement(), "1")], today())
    assert isinstance(receipt, Receipt)
    return receipt.retiree


def wish(retiree: UUID) -> dict[str, str]:
    return {"act": "person.erase", "retiree": str(retiree), "reason": "kept long enough", "basis": BASIS}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def wait_over(ours: Ledger, dsn: str, proposal: str) -> None:
    """As if it had been approved a week ago; the days pass in the log as well."""
    with psycopg.connect(dsn) as owner:
        owner.execute(
            "update ledger.proposal set due = %(day)s, terms = jsonb_set(terms, '{due}', to_jsonb(%(text)s::text))"
            " where proposal = %(proposal)s",
            {"day": today(), "text": today().isoformat(), "proposal": proposal},
        )
    ours.pass_days(today(), Event(), lambda *_: None)


def test_a_person_is_erased_over_http_by_two_guardians_after_the_wait(
    asked: Asking, ours: Ledger, dsn: str, retiree: UUID
) -> None:
    made = asked.post("wang", "/v1/proposals", wish(retiree))
    assert (made.status_code, made.json()["state"]) == (201, "proposed")
    path = made.headers["location"]
    assert code(asked.post("wang", f"{path}/approve", {})) == (403, "second-person")
    assert code(asked.post("li", "/v1/proposals", wish(retiree))) == (409, "already-proposed")
    approved = asked.post("li", f"{path}/approve", {}).json()
    assert (approved["second"], approved["due"]) == ("li", (today() + timedelta(days=7)).isoformat())
    ours.pass_days(today(), Event(), lambda *_: None)
    assert code(asked.post("li", f"{path}/carry-out", {})) == (409, "proposal-waits")
    wait_over(ours, dsn, made.json()["proposal"])
    done = asked.post("li", f"{path}/carry-out", {})
    assert (done.status_code, done.json()["state"], done.json()["done_by"]) == (200, "done", "li")
    assert code(asked.post("li", f"{path}/carry-out", {})) == (409, "proposal-closed")
    assert asked.json("auditor", f"/v1/proposals?retiree={retiree}")[0]["state"] == "done"


@pytest.mark.parametrize("account", ["auditor", "community", "admin"])
def test_who_has_no_right_to_erase_neither_proposes_nor_approves_nor_carries_out(
    asked: Asking, retiree: UUID, account: str
) -> None:
    path = asked.post("wang", "/v1/proposals", wish(retiree)).headers["location"]
    assert code(asked.post(account, "/v1/proposals", wish(retiree)))[0] == 403
    for deed in ("approve", "carry-out"):
        assert code(asked.post(account, f"{path}/{deed}", {})) == (403, "forbidden")
    assert code(asked.post(account, f"{path}/refuse", {"reason": "no"})) == (403, "forbidden")
    assert code(asked.post(account, f"{path}/withdraw", {}))[0] == 403
    seen = asked.status(account, path)
    assert seen == (200 if account == "auditor" else 403)
    assert bool(asked.json(account, "/v1/proposals")) is (account == "auditor")
    assert asked.status(account, "/v1/holds") == (200 if account == "auditor" else 403)


def test_a_page_is_full_of_what_one_may_see_whatever_lies_between(asked: Asking, retiree: UUID) -> None:
    for n in range(4):
        export = {"act": "export.unmasked", "subject": f"roster {n}", "reason": "a campaign", "basis": BASIS}
        assert asked.post("community", "/v1/proposals", export).status_code == 201
        replay = {"act": "consumers.replay", "subject": f"hook>{n}", "reason": "it lost them", "basis": BASIS}
        assert asked.post("admin", "/v1/proposals", replay).status_code == 201
    asked.post("wang", "/v1/proposals", wish(retiree))
    for account, all_ in (("community", 4), ("admin", 4), ("officer", 5), ("auditor", 9)):
        pages, after = [], str(UUID(int=0))
        while page := asked.json(account, f"/v1/proposals?limit=2&after={after}"):
            pages.append([one["proposal"] for one in page])
            after = pages[-1][-1]
        assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
        assert sum(map(len, pages)) == all_


def test_what_names_no_retiree_is_of_the_division_of_whoever_proposed_it(asked: Asking) -> None:
    law = {"act": "law.change", "subject": "0" * 32, "reason": "the new rule is in force", "basis": BASIS}
    path = asked.post("dalian", "/v1/proposals", law).headers["location"]
    assert asked.json("officer", "/v1/proposals") == asked.json("auditor-4403", "/v1/proposals") == []
    for account in ("officer", "auditor-4403"):
        assert asked.status(account, path) == 403
        for deed, body in (("approve", {}), ("refuse", {"reason": "no"}), ("withdraw", {})):
            assert code(asked.post(account, f"{path}/{deed}", body))[0] == 403
        assert "0" * 32 not in asked.page(account, "/pages/proposals")
    assert asked.json("dalian", path)["division"] == "2102"
    assert asked.post("auditor", f"{path}/approve", {}).json()["state"] == "approved"


def test_a_page_is_full_though_others_proposals_lie_between(asked: Asking, ours: Ledger, database: Database) -> None:
    here = replace(retirement(), residence_division="440304901001", hukou_division="440304901001")
    there = replace(retirement(), residence_division="210202001001", hukou_division="210202001001")
    told = [submission(home, f"r{n}", number=number_of(n)) for n, home in enumerate([here, there] * 6, start=1)]
    receipts = ours.accept(told, today())
    catch_up(database)
    for one in receipts:
        assert isinstance(one, Receipt)
        assert asked.post("wang", "/v1/proposals", wish(one.retiree)).status_code == 201
    pages, after = [], str(UUID(int=0))
    while page := asked.json("officer", f"/v1/proposals?limit=2&after={after}"):
        pages.append(len(page))
        after = page[-1]["proposal"]
    assert pages == [2, 2, 2]


def test_the_page_proposes_what_a_refusal_said(asked: Asking) -> None:
    fields = {"act": "law.change", "subject": "0" * 32, "reason": "the new rule is in force", "basis": BASIS}
    assert form(asked, "officer", "/pages/proposals", fields) == 303
    (made,) = asked.json("officer", "/v1/proposals")
    assert (made["act"], made["subject"], made["retiree"]) == ("law.change", "0" * 32, None)
    assert form(asked, "officer", "/pages/proposals", fields | {"act": "reign"}) in {400, 422}
    assert form(asked, "officer", "/pages/proposals", fields | {"count": "many"}) in {400, 422}
    assert "law.change" not in asked.page("wang", "/pages/proposals").split("<h2>")[1]


def test_what_is_asked_again_under_its_key_is_proposed_and_held_once(asked: Asking, retiree: UUID) -> None:
    hold = {"retiree": str(retiree), "reason": "a recovery", "basis": BASIS}
    for path, body in (("/v1/proposals", wish(retiree)), ("/v1/holds", hold)):
        key = {"Idempotency-Key": f"once-{path}"}
        first, again = (asked.ask("wang", path, "POST", json=body, headers=key) for _ in range(2))
        assert (first.status_code, first.json()) == (201, again.json())
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert len(asked.json("wang", "/v1/proposals")) == 1
    assert len(asked.json("wang", "/v1/holds")) == 1


def test_an_officer_proposes_to_erase_and_only_a_guardian_approves(asked: Asking, retiree: UUID) -> None:
    path = asked.post("officer", "/v1/proposals", wish(retiree)).headers["location"]
    assert code(asked.post("officer", f"{path}/approve", {})) == (403, "forbidden")
    assert asked.post("li", f"{path}/approve", {}).status_code == 200
    assert asked.post("officer", f"{path}/withdraw", {}).json()["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"reason": ""}, "invalid-request"),
        ({"reason": " "}, "invalid-request"),
        ({"reason": f"of {number_of(1)}"}, "identity-number-in-id"),
        ({"basis": f"of {number_of(1)}"}, "identity-number-in-id"),
        ({"retiree": str(UUID(int=5))}, "not-found"),
        ({"act": "hold.lift"}, "not-found"),
        ({"act": "consumers.replay"}, "invalid-request"),
        ({"more": 1}, "invalid-request"),
    ],
)
def test_a_proposal_that_says_too_little_or_names_somebody_is_refused(
    asked: Asking, retiree: UUID, change: dict[str, str], answer: str
) -> None:
    refused = asked.post("wang", "/v1/proposals", wish(retiree) | change)
    assert refused.status_code in (400, 403, 404, 422)
    assert refused.json()["code"] == (answer if change.get("act") != "consumers.replay" else "forbidden")


def test_a_hold_is_placed_by_one_and_lifted_by_two(asked: Asking, ours: Ledger, dsn: str, retiree: UUID) -> None:
    hold = asked.post("officer", "/v1/holds", {"retiree": str(retiree), "reason": "a recovery", "basis": BASIS})
    assert hold.status_code == 201
    made = asked.post("wang", "/v1/proposals", wish(retiree)).json()
    asked.post("li", f"/v1/proposals/{made['proposal']}/approve", {})
    wait_over(ours, dsn, made["proposal"])
    assert code(asked.post("li", f"/v1/proposals/{made['proposal']}/carry-out", {})) == (409, "legal-hold")
    lift = wish(retiree) | {"act": "hold.lift", "subject": hold.json()["hold"]}
    path = asked.post("wang", "/v1/proposals", lift).headers["location"]
    assert code(asked.post("li", f"{path}/carry-out", {})) == (409, "needs-approval")
    asked.post("li", f"{path}/approve", {})
    assert asked.post("li", f"{path}/carry-out", {}).json()["state"] == "done"
    assert asked.json("auditor", f"/v1/holds?retiree={retiree}") == []
    assert asked.post("li", f"/v1/proposals/{made['proposal']}/carry-out", {}).json()["state"] == "done"


def form(asked: Asking, account: str, path: str, fields: dict[str, str]) -> int:
    return asked.form(account, path, fields, "/pages/proposals").status_code


def test_the_page_shows_each_the_half_that_is_theirs(asked: Asking, retiree: UUID) -> None:
    fields = {"retiree": str(retiree), "reason": "kept long enough", "basis": BASIS}
    assert form(asked, "wang", "/pages/proposals", fields) == 303
    (made,) = asked.json("wang", "/v1/proposals")
    own, second = asked.page("wang", "/pages/proposals"), asked.page("li", "/pages/proposals")
    assert ("/withdraw" in own, "/approve" in own) == (True, False)
    assert ("/withdraw" in second, "/approve" in second) == (False, True)
    assert "删除个人信息" in own
    assert "/approve" not in asked.page("auditor", "/pages/proposals")
    assert form(asked, "li", f"/pages/proposals/{made['proposal']}/approve", {}) == 303
    assert asked.json("li", f"/v1/proposals/{made['proposal']}")["state"] == "approved"
    assert form(asked, "li", "/pages/proposals/holds", fields) == 303
    assert "提议解除" in asked.page("li", "/pages/proposals")
    assert form(asked, "li", f"/pages/proposals/{made['proposal']}/refuse", {"reason": "not yet"}) == 303
    assert "not yet" in asked.page("auditor", "/pages/proposals")


class Terminal:
    """The commands, at the terminal of whichever login."""

    def __init__(self, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._environment = environment
        self._monkeypatch = monkeypatch

    def run(self, login: str, *words: str, code: int = 0) -> Result:
        user = pwd.struct_passwd((login, "x", os.getuid(), 0, "", "/", "/bin/sh"))
        self._monkeypatch.setattr(pwd, "getpwuid", lambda _: user)
        result = CliRunner().invoke(main, words, env=self._environment)
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def terminal(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    credentials = tmp_path / "credentials.json"
    credentials.write_text("[]")
    settings = {"DATABASE_URL": dsn, "CHANGQING_KEY": bytes(range(32)).hex(), "KAFKA_BOOTSTRAP": ""}
    return Terminal(settings | {"CHANGQING_CREDENTIALS_FILE": str(credentials)}, monkeypatch)


def test_at_the_terminal_it_takes_two_logins_and_the_run_of_a_day(
    terminal: Terminal, ours: Ledger, dsn: str, retiree: UUID
) -> None:
    why = ("--reason", "kept long enough", "--basis", BASIS)
    made = terminal.run("wang", "erase", "propose", str(retiree), *why).stdout.split()[0]
    assert "second-person" in terminal.run("wang", "proposals", "approve", made, code=3).stderr
    assert "operator:wang operator:li" in terminal.run("li", "proposals", "approve", made).stdout
    ours.pass_days(today(), Event(), lambda *_: None)
    assert terminal.run("cron", "erase", "run").stdout == ""
    hold = terminal.run("zhao", "hold", "place", str(retiree), *why).stdout.strip()
    wait_over(ours, dsn, made)
    assert "legal-hold" in terminal.run("cron", "erase", "run", code=3).stderr
    lift = terminal.run("zhao", "hold", "lift", "--hold", hold, *why).stdout.split()[0]
    terminal.run("wang", "proposals", "approve", lift)
    assert " done " in terminal.run("zhao", "hold", "lift", lift).stdout
    assert str(retiree) in terminal.run("cron", "erase", "run").stdout
    assert terminal.run("wang", "hold", "list").stdout == ""
    assert [line.split()[1] for line in terminal.run("wang", "proposals", "list").stdout.splitlines()] == ["done"] * 2


def test_to_replay_much_to_a_consumer_uses_up_what_a_second_person_approved(
    terminal: Terminal, ours: Ledger, database: Database, retiree: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "REPLAYED_ALONE", 0)
    pull = ("--by", "admin", "--department", "social-insurance", "--account", "agency")
    terminal.run("admin", "consumer", "register", "agency-pull", *pull)
    again = ("consumer", "replay", "agency-pull", "--after", "0", "--by", "admin")
    assert "consumers.replay of agency-pull>0" in terminal.run("admin", *again, code=3).stderr
    why = ("--reason", "it lost them", "--basis", "agreement 3")
    wish = ("proposals", "make", "consumers.replay", "--subject", "agency-pull>0", *why)
    made = terminal.run("admin", *wish).stdout.split()[0]
    assert "needs-approval" in terminal.run("admin", *again, code=3).stderr
    terminal.run("li", "proposals", "approve", made)
    terminal.run("admin", *again)
    assert "needs-approval" in terminal.run("admin", *again, code=3).stderr, "it was used up"
    assert " done " in terminal.run("admin", "proposals", "list").stdout
