"""Every text that anybody may type freely, with what no text holds: it is refused, and the log and the read models go on."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import pytest
from httpx import Response
from msgspec.structs import replace

from domain.disclosures import DataDisclosed
from domain.facts import Department
from domain.law import Law
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accepting.intake import accept
from services.accounts import Role
from services.application import Changqing
from services.bus.worker import Arrived
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import SZ
from tests.viewing import entries

ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "officer": (Role.OFFICER, "4403"),
    "guardian": (Role.GUARDIAN, ""),
    "second": (Role.GUARDIAN, ""),
    "publisher": (Role.PUBLISHER, ""),
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BASIS = "个人信息保护法 第四十七条"
TEXTS = ("a\0b", "a\x07b", "a\x1b[2Jb", "a\u202eb", "a\x85\x9bb")
"""A NUL, which PostgreSQL takes nowhere; what rings; what moves a terminal's cursor; what turns a line around; controls of C1."""


class Desk(NamedTuple):
    """Whom texts are about."""

    asked: Asking
    database: Database
    retiree: str
    letter: str
    proposal: str


@pytest.fixture
def desk(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Desk]:
    home = replace(retirement(), residence_division=SZ, hukou_division=SZ)
    Ledger(database, keys, law).accept([submission(home, "r1", number=number_of(1))], date(2024, 4, 10))
    application = Changqing(dsn, keys, law)
    arrived = Arrived("intake.civil-affairs", 0, 0, (), b"{")
    accept(application, [arrived.received])
    application.close()
    catch_up(database)
    with asking(dsn, tmp_path, ACCOUNTS) as asked:
        (line,) = asked.json("community", f"/v1/roster?division={SZ}")
        wish = {"act": "person.erase", "retiree": line["retiree"], "reason": "kept long enough", "basis": BASIS}
        made = asked.post("guardian", "/v1/proposals", wish).raise_for_status().json()["proposal"]
        yield Desk(asked, database, line["retiree"], arrived.place, made)


def typed(desk: Desk, text: str) -> list[tuple[str, Response]]:
    """The text in each member of each body and each form, one at a time, by an account that may send it; and the answers."""
    asked, who = desk.asked, desk.retiree
    letter, pages = f"/v1/dead-letters/{desk.letter}", f"/pages/dead-letters/{desk.letter}"
    wish = {"act": "person.erase", "retiree": who, "reason": "r", "basis": BASIS}
    whole = {"act": "export.unmasked", "subject": f"roster {SZ} community", "reason": "r", "basis": BASIS}
    hold = {"retiree": who, "reason": "r", "basis": BASIS}
    register = f"/v1/registers/roster/unmasked?division={SZ}"
    form = f"/pages/registers/roster/unmasked?division={SZ}"
    card = f"/pages/retirees/{who}"
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("community", f"/v1/retirees/{who}/unmask", {"fields": ["name"], "reason": text}),
        ("community", f"/v1/retirees/{who}/unmask", {"fields": [text], "reason": "visit"}),
        ("community", register, {"reason": text}),
        ("community", register, {"reason": "visit", "as": text}),
        *(("guardian", "/v1/proposals", wish | {name: text}) for name in wish),
        *(("community", "/v1/proposals", whole | {name: text}) for name in whole),
        *(("guardian", "/v1/holds", hold | {name: text}) for name in hold),
        ("second", f"/v1/proposals/{desk.proposal}/refuse", {"reason": text}),
        ("publisher", f"{letter}/give-up", {"reason": text}),
        ("publisher", "/v1/dead-letters/replay", {"code": text}),
        ("publisher", "/v1/dead-letters/replay", {"code": "malformed-json", "path": text}),
    ]
    forms: list[tuple[str, str, dict[str, str], str]] = [
        ("community", f"{card}/unmask", {"show.name": "on", "said": text}, card),
        ("community", f"{card}/unmask", {f"show.{text}": "on", "said": "他来了"}, card),
        ("community", form, {"as": "csv", "said": text}, "/pages/registers/roster"),
        ("community", form, {"as": text, "reason": text}, "/pages/registers/roster"),
        *(("guardian", "/pages/proposals", {**wish, name: text}, "/pages/proposals") for name in ("reason", "basis")),
        ("guardian", "/pages/proposals", {**hold, "subject": text}, "/pages/proposals"),
        *(("guardian", "/pages/proposals/holds", {**hold, name: text}, "/pages/proposals") for name in hold),
        ("second", f"/pages/proposals/{desk.proposal}/refuse", {"reason": text}, "/pages/proposals"),
        ("publisher", f"{pages}/give-up", {"reason": text}, pages),
        *(("publisher", "/pages/dead-letters/replay", {"code": "x", name: text}, pages) for name in ("code", "path", "department")),
    ]  # fmt: skip
    found = [(f"{path} {body}", asked.post(account, path, body)) for account, path, body in bodies]
    return found + [(f"{path} {fields}", asked.form(*given)) for given in forms for _, path, fields, _ in [given]]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_no_text_with_what_no_text_holds_is_taken_and_everything_goes_on(desk: Desk, text: str) -> None:
    position = entries(desk.database)[-1].position
    for where, answer in typed(desk, text):
        assert answer.status_code < 500, (where, answer.text)
        if "replay" not in where:  # which finds nothing of that failure
            assert answer.status_code >= 400, (where, answer.text)
    told = [codec.encode(one.event).decode() for one in entries(desk.database, position)]
    assert not [one for one in told if not all(sign.isprintable() for sign in one) or "\\u0" in one.lower()]
    catch_up(desk.database)
    assert desk.asked.json("community", f"/v1/retirees/{desk.retiree}")["line"]["retiree"] == desk.retiree


def test_what_stands_in_the_log_with_a_nul_stops_no_read_model(desk: Desk, keys: KeyRing, law: Law) -> None:
    """As one that was taken in before texts were looked at: it cannot be mended there."""
    look = DataDisclosed(
        department=Department.COMMUNITY,
        actor="community",
        retirees=(UUID(desk.retiree),),
        fields=("phone",),
        purpose="visit",
        legal_basis=BASIS,
        reason="a\0b",
    )
    Ledger(desk.database, keys, law).append(log.stream_of("looks"), look)
    catch_up(desk.database)
    page = desk.asked.json("guardian", f"/v1/retirees/{desk.retiree}/looks")
    assert "a\ufffdb" in [one["reason"] for one in page["looks"]]


@pytest.mark.parametrize("member", ["name", "phone", "address", "document", "subject"])
@pytest.mark.parametrize("text", TEXTS[:3], ids=ascii)
def test_a_life_event_with_what_no_text_holds_stops_no_read_model(desk: Desk, member: str, text: str) -> None:
    person: dict[str, object] = {"identity_number": number_of(1), "name": "王小明"}
    data: dict[str, object] = {"person": person, "effective": "2024-03-12"}
    event: dict[str, object] = {
        "specversion": "1.0",
        "type": "death-reported.v1",
        "source": "/civil-affairs/sz",
        "id": "d1",
        "data": data,
    }
    {"document": data, "subject": event}.get(member, person)[member] = text
    answer = desk.asked.post("publisher", "/v1/events", event)
    assert answer.status_code in {201, 202, 400, 422}, answer.text
    catch_up(desk.database)
    assert desk.asked.json("community", f"/v1/retirees/{desk.retiree}")["line"]["retiree"] == desk.retiree


def test_what_is_no_text_at_all_is_refused_before_anything_is_asked(desk: Desk) -> None:
    asked = desk.asked
    halves = b'{"fields": ["name"], "reason": "a\\ud800b"}'
    headers = {"Content-Type": "application/json"}
    for content in (halves, halves.replace(b"\\ud800", b"\xff")):
        answer = asked.ask("community", f"/v1/retirees/{desk.retiree}/unmask", "POST", content=content, headers=headers)
        assert answer.status_code == 400, answer.text
    answer = asked.ask("community", "/v1/roster/search", "POST", content=b'{"name": "\\ud800\\ud800"}', headers=headers)
    assert answer.status_code == 400, answer.text
    for text in ("%00", "%ED%A0%80", "%FF", "%07", "%1b"):
        for path in (f"/v1/audit?actor={text}", f"/v1/roster?division={text}", f"/v1/receipts?source={text}&id={text}",
                     f"/v1/dead-letters?code={text}&path={text}", f"/pages/dead-letters?code={text}&tried={text}",
                     f"/pages/roster?division={text}", f"/v1/law/{text}", f"/login?next={text}", f"/pages/errors/{text}"):  # fmt: skip
            for account in ACCOUNTS:
                assert asked.status(account, path) < 500, (account, path)


@pytest.mark.parametrize("text", [*TEXTS, "\ud800"], ids=ascii)
def test_a_name_or_a_secret_with_what_no_text_holds_is_one_that_nobody_has(desk: Desk, text: str) -> None:
    asked, said = desk.asked, text.encode("utf-8", "surrogatepass")
    for _ in range(2):  # the second is counted like the first
        for name, secret in ((said, b"x"), (b"community", said), (said, said)):
            fields = {"grant_type": b"client_credentials", "client_id": name, "client_secret": secret}
            answer = asked.ask("", "/oauth/token", "POST", content=urlencode(fields), headers=FORM)
            assert answer.status_code in {400, 401}, answer.text
            assert answer.json()["error"] in {"invalid_client", "invalid_request"}
    page = asked.ask("", "/login")
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    sent = urlencode({"token": token.encode(), "name": said, "password": said})
    answer = asked.ask("", "/login", "POST", content=sent, headers=FORM)
    assert answer.status_code in {400, 401}, answer.text
