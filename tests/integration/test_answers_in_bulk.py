"""Answers that move money: one account gives a few alone, many only in a content that a second person approved, and once."""

import hashlib
import json
from asyncio import gather
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from httpx import Response

from domain.facts import DeathReported, Department
from domain.history import Receipt
from domain.law import Law
from domain.proposals import Act, Wish
from domain.told import AlertRaised
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.proposals import Proposals
from infra.statutes import the_rights
from services.accounts import Role
from services.application import today
from tests.accounts import bearer, form, new_accounts
from tests.asking import Asking
from tests.building import number_of, retirement, submission
from tests.importing_runs import Home, Running, await_head, wait_until
from tests.wholeness import whole_log

ACCOUNTS = {"wang": (Role.OFFICER, "4403"), "li": (Role.OFFICER, "4403"), "auditor": (Role.AUDITOR, "")}
ALONE = the_rights().alone(Act.BULK.right)
DAILY = the_rights().alone_daily(Act.BULK.right)
BATCH = {"content-type": "application/cloudevents-batch+json"}
Json = dict[str, Any]


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def stops(ours: Ledger, database: Database, people: int) -> list[Json]:
    """An answer to the stop of each of so many who died."""
    numbers = [number_of(n) for n in range(1, people + 1)]
    told = [submission(retirement(), f"r{n}", number=number) for n, number in enumerate(numbers)]
    told += [submission(DeathReported(effective=date(2024, 3, 1)), f"d{n}", number=o) for n, o in enumerate(numbers)]
    receipts = ours.accept(told, today())
    assert all(isinstance(one, Receipt) for one in receipts)
    whose = {one.retiree: number for one, number in zip(receipts, numbers, strict=False) if isinstance(one, Receipt)}
    raised = [(one.stream, one.event) for one in whole_log(database) if isinstance(one.event, AlertRaised)]
    alerts = {whose[stream]: event.alert for stream, event in raised if event.action == "stop"}
    return [answer(number, alerts[number], n) for n, number in enumerate(numbers)]


def answer(number: str, alert: str, n: int, kind: str = "alert-confirmed.v1") -> Json:
    return {
        "specversion": "1.0",
        "id": f"{kind}-{n}",
        "source": "/social-insurance/shenzhen",
        "type": kind,
        "datacontenttype": "application/json",
        "data": {"effective": "2024-06-03", "alert": alert, "person": {"identity_number": number}},
    }


def body_of(events: Sequence[Json]) -> bytes:
    return json.dumps(events).encode()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def send(asked: Asking, account: str, events: Sequence[Json]) -> Response:
    return asked.ask(account, "/v1/events", "POST", content=body_of(events), headers=BATCH)


def ends(response: Response) -> set[tuple[str, str]]:
    return {(one["status"], one.get("code", "")) for one in response.raise_for_status().json()}


TAKEN = {("accepted", "")}
REFUSED = {("refused", "needs-approval")}


def approved(asked: Asking, content: bytes, count: int) -> str:
    """The path of a proposal of a content by wang, which li approved."""
    wish = {"act": Act.BULK, "subject": digest(content), "count": count, "reason": "verified list", "basis": "经办条例"}
    made = asked.post("wang", "/v1/proposals", wish)
    assert made.status_code == 201, made.text
    path: str = made.headers["location"]
    assert asked.post("wang", f"{path}/approve", {}).json()["code"] == "second-person"
    assert asked.post("li", f"{path}/approve", {}).status_code == 200
    return path


def test_a_batch_of_a_few_answers_goes_in_and_one_of_more_takes_a_second_person(
    asked: Asking, ours: Ledger, database: Database
) -> None:
    told = stops(ours, database, ALONE + 1)
    harmless = answer(number_of(1), told[0]["data"]["alert"], 0, "alert-acknowledged.v1")
    refused = send(asked, "wang", [*told, harmless]).json()
    assert {(one["status"], one.get("code")) for one in refused[:-1]} == {("refused", "needs-approval")}
    assert refused[-1]["status"] == "accepted"
    assert f"{Act.BULK} of {digest(body_of([*told, harmless]))}, count {ALONE + 1}" in refused[0]["detail"]
    assert ends(send(asked, "wang", told[:ALONE])) == TAKEN


def test_what_was_approved_goes_in_once_and_nothing_else_by_it(asked: Asking, ours: Ledger, database: Database) -> None:
    told = stops(ours, database, ALONE + 5)
    body = body_of(told[:-1])
    path = approved(asked, body, len(told) - 1)
    assert ends(send(asked, "wang", told)) == REFUSED, "another content"
    assert ends(send(asked, "wang", list(reversed(told[:-1])))) == REFUSED, "in another order"
    assert asked.json("auditor", path)["state"] == "approved"
    assert ends(send(asked, "wang", told[:-1])) == TAKEN
    assert (asked.json("auditor", path)["state"], asked.json("auditor", path)["done_by"]) == ("done", "wang")
    again = send(asked, "wang", told[:-1]).json()
    assert {(one["status"], one["known"]) for one in again} == {("accepted", True)}
    assert ends(send(asked, "li", told)) == REFUSED | TAKEN, "those that are in are only told again"
    assert ends(send(asked, "wang", told[-1:])) == TAKEN, "what was approved is not of the few that one gives alone"


@pytest.mark.parametrize("count", [1, ALONE])
def test_an_approval_of_fewer_answers_than_a_content_has_lets_none_in(
    asked: Asking, ours: Ledger, database: Database, count: int
) -> None:
    told = stops(ours, database, ALONE + 1)
    path = approved(asked, body_of(told), count)
    assert ends(send(asked, "wang", told)) == REFUSED
    assert asked.json("auditor", path)["state"] == "approved"


@pytest.mark.parametrize(
    ("subject", "count"), [("the list of May", 51), ("sha256:12", 51), (f"sha256:{'A' * 64}", 51), (digest(b""), 0)]
)
def test_a_proposal_of_no_content_is_refused(asked: Asking, subject: str, count: int) -> None:
    wish = {"act": Act.BULK, "subject": subject, "count": count, "reason": "verified list", "basis": "经办条例"}
    assert asked.post("wang", "/v1/proposals", wish).json()["code"] == "invalid-field"


def test_cut_into_two_batches_or_sent_one_by_one_they_are_as_many(
    asked: Asking, ours: Ledger, database: Database
) -> None:
    told = stops(ours, database, ALONE + 2)
    assert ends(send(asked, "wang", told[: ALONE // 2 + 1])) == TAKEN
    assert ends(send(asked, "wang", told[ALONE // 2 + 1 :])) == REFUSED
    single = {"content-type": "application/cloudevents+json"}
    codes = [
        asked.ask("wang", "/v1/events", "POST", content=json.dumps(one).encode(), headers=single).json().get("code")
        for one in told[ALONE // 2 + 1 :]
    ]
    assert codes == [None] * (ALONE // 2 - 1) + ["needs-approval"] * 2
    assert ends(send(asked, "li", told[-2:])) == TAKEN, "another account has its own few"


def test_batches_at_once_are_counted_one_after_the_other(asked: Asking, ours: Ledger, database: Database) -> None:
    told = stops(ours, database, ALONE + 10)
    half = len(told) // 2
    headers = asked.headers("wang") | BATCH

    async def both() -> list[set[tuple[str, str]]]:
        sent = (
            asked.client.post("/v1/events", content=body_of(part), headers=headers)
            for part in (told[:half], told[half:])
        )
        return [ends(one) for one in await gather(*sent)]

    assert sorted(asked.run(both()), key=str) == [TAKEN, REFUSED]


def test_within_a_day_an_account_gives_no_more_alone_than_the_rights_say(
    asked: Asking, ours: Ledger, database: Database, dsn: str
) -> None:
    told = stops(ours, database, DAILY + 1)
    for first in range(0, DAILY, ALONE):
        assert ends(send(asked, "wang", told[first : first + ALONE])) == TAKEN
        assert ends(send(asked, "wang", told[-1:])) == REFUSED
        later(dsn, "2 hours")
    assert ends(send(asked, "wang", told[-1:])) == REFUSED
    later(dsn, "23 hours")
    assert ends(send(asked, "wang", told[-1:])) == TAKEN


def later(dsn: str, time: str) -> None:
    """As if so much time had gone by."""
    with psycopg.connect(dsn) as owner:
        owner.execute("update ledger.answered set at = at - %s::interval", [time])


def test_what_is_sent_again_is_not_counted_again(asked: Asking, ours: Ledger, database: Database) -> None:
    told = stops(ours, database, ALONE)
    for _ in range(3):
        assert ends(send(asked, "wang", told[:-1])) == TAKEN
    assert ends(send(asked, "wang", told[-1:])) == TAKEN


def test_what_the_ledger_refused_of_an_approved_content_is_not_replaced_by_something_else(
    asked: Asking, ours: Ledger, database: Database
) -> None:
    told = stops(ours, database, ALONE + 1)
    of_nothing = [one | {"data": one["data"] | {"alert": "no-such-alert"}} for one in told]
    approved(asked, body_of(of_nothing), len(told))
    assert ends(send(asked, "wang", of_nothing)) == {("refused", "unknown-alert")}
    assert ends(send(asked, "wang", told)) == REFUSED
    assert ends(send(asked, "li", of_nothing)) == {("refused", "unknown-alert")}


def test_the_agencys_own_systems_tell_what_they_did(asked: Asking, ours: Ledger, database: Database, dsn: str) -> None:
    told = stops(ours, database, ALONE + 1)
    secrets = new_accounts(dsn, [("core", Role.PUBLISHER, Department.AGENCY, "")])
    token = bearer(asked.run(asked.client.post("/oauth/token", data=form("core", secrets["core"]))))
    sent = asked.run(asked.client.post("/v1/events", content=body_of(told), headers=token | BATCH))
    assert ends(sent) == TAKEN


# Files


def written(home: Home, told: Sequence[Json]) -> Path:
    return home.write("answers.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in told))


def approve_file(database: Database, file: Path, count: int) -> Proposals:
    """As two operators at the terminal."""
    proposals = Proposals(database)
    subject = digest(file.read_bytes())
    wish = Wish(act=Act.BULK, reason="verified list", basis="经办条例", subject=subject, count=count)
    made = proposals.make(wish, "operator:wang", today())
    proposals.approve(made.id, "operator:li", today())
    return proposals


def test_a_file_of_many_answers_is_refused_and_goes_in_when_a_second_person_approved_it(
    tmp_path: Path, dsn: str, ours: Ledger, database: Database
) -> None:
    home = Home(tmp_path, dsn)
    told = stops(ours, database, ALONE + 1)
    escaped = json.dumps(told[0]).replace("alert-confirmed", "alert\\u002dconfirmed").encode()
    file = written(home, told[1:])
    file.write_bytes(escaped + b"\n" + file.read_bytes())
    with Running(home, file) as running:
        assert running.end(3)["refused"] == len(told)
    assert f"{Act.BULK} of {digest(file.read_bytes())}, count {len(told)}" in running.said.read_text("utf-8")
    assert running.refused.read_text("utf-8").count("needs-approval") == len(told)
    proposals = approve_file(database, file, len(told))
    with Running(home, file, "--restart") as running:
        assert running.end()["accepted"] == len(told)
    assert [one.state for one in proposals.page()] == ["done"]
    with Running(home, file, "--restart") as running:
        assert running.end()["known"] == len(told)


def test_killed_in_the_middle_an_approved_file_goes_on_without_a_second_approval(
    tmp_path: Path, dsn: str, ours: Ledger, database: Database
) -> None:
    home = Home(tmp_path, dsn)
    told = stops(ours, database, 400)
    before = len(list(whole_log(database)))
    file = written(home, told)
    proposals = approve_file(database, file, len(told))
    for done in (1, 60):
        with Running(home, file, "--batch", "5") as running:
            await_head(dsn, before + done, running)
            for pid in [*running.workers, running.process.pid]:
                running.kill(pid)
            wait_until(lambda running=running: running.process.poll() is not None, "its end")  # type: ignore[misc]
    with Running(home, file, "--batch", "5") as running:
        assert running.end()["refused"] == 0
    confirmed = [one for one in whole_log(database) if one.name == "alert-confirmed.v1"]
    assert len(confirmed) == len(told)
    assert [one.state for one in proposals.page()] == ["done"]
