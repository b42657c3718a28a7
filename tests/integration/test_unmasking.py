"""What is masked is shown for a reason, which is in the log before anything is shown; and for no other."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from domain.disclosures import DataDisclosed, Look
from domain.facts import Person
from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ
from tests.viewing import entries

ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "elsewhere": (Role.COMMUNITY, DL),
    "agency": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
    "guardian": (Role.GUARDIAN, ""),
    "administrator": (Role.ADMINISTRATOR, ""),
}
HOME = replace(retirement(), residence_division=SZ, hukou_division=SZ)
NUMBER, NAME, PHONE, ADDRESS = number_of(1), "王小明", "15400001234", "深圳市福田区莲花街道景田路8号"
WHO = Person(identity_number=NUMBER, name=NAME, phone=PHONE, address=ADDRESS)
PLAIN = {"identity_number": NUMBER, "name": NAME, "phone": PHONE, "address": ADDRESS}


@pytest.fixture
def asked(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Asking]:
    """Of one person of Shenzhen."""
    Ledger(database, keys, law).accept([submission(HOME, "r1", person=WHO)], date(2024, 4, 10))
    catch_up(database)
    with asking(dsn, tmp_path, ACCOUNTS) as opened:
        yield opened


@pytest.fixture
def who(asked: Asking) -> str:
    (line,) = asked.json("agency", f"/v1/roster?division={SZ}")
    return str(line["retiree"])


def looks(database: Database) -> list[DataDisclosed]:
    return [one.event for one in entries(database) if isinstance(one.event, DataDisclosed)]


def unmask(asked: Asking, account: str, who: str, reason: str, *fields: str, purpose: str = "") -> Any:
    body = {"fields": fields, "reason": reason}
    return asked.for_purpose(account, purpose, f"/v1/retirees/{who}/unmask", body)


@pytest.mark.parametrize("account", ["community", "agency"])
def test_somebody_is_masked_on_every_line_and_plain_for_a_reason_that_is_recorded_first(
    asked: Asking, database: Database, who: str, account: str
) -> None:
    (line,) = asked.json(account, f"/v1/roster?division={SZ}")
    assert line["person"] == {
        "identity_number": f"{number_of(1)[:6]}********{number_of(1)[-4:]}",
        "name": "王*明",
        "phone": "154****1234",
        "address": "深圳市福田区莲花街道****",
    }
    before = len(looks(database))
    answer = unmask(asked, account, who, "identity-check", *PLAIN)
    assert answer.json() == {"retiree": who, "fields": PLAIN}
    (look,) = looks(database)[before:]
    assert look.fields == tuple(PLAIN)
    assert [str(one) for one in look.retirees] == [who]
    assert (look.look, look.reason) == (Look.UNMASKED, "核对本人身份 checking who they are")


def test_only_the_fields_that_were_asked_for_are_plain_and_recorded(
    asked: Asking, database: Database, who: str
) -> None:
    assert unmask(asked, "community", who, "他打电话来问 he rang", "phone").json()["fields"] == {"phone": PHONE}
    look = looks(database)[-1]
    assert look.fields == ("phone",)
    assert look.reason == "他打电话来问 he rang"


def test_a_community_is_told_what_somebody_draws_for_a_reason_and_never_by_which_article_it_stopped(
    asked: Asking, who: str
) -> None:
    line = asked.json("community", f"/v1/retirees/{who}")["line"]
    assert line["monthly_pension"] == line["pension"] == "****"
    assert not {"document", "article"} & set(line)
    told = unmask(asked, "community", who, "benefit-enquiry", "monthly_pension").json()["fields"]
    assert told == {"monthly_pension": HOME.monthly_pension}
    refused = unmask(asked, "community", who, "benefit-enquiry", "article")
    assert (refused.status_code, refused.json()["code"], refused.json()["path"]) == (403, "not-of-purpose", "article")
    assert asked.json("agency", f"/v1/retirees/{who}")["line"]["monthly_pension"] == HOME.monthly_pension


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("", "invalid-request"),
        ("无", "reason-missing"),
        (" \n ", "reason-missing"),
        ("核" * 201, "invalid-request"),
        (f"核对 {number_of(1)}", "identity-number-in-id"),
    ],
)
def test_without_a_reason_that_can_stand_in_the_log_nothing_is_shown(
    asked: Asking, database: Database, who: str, reason: str, code: str
) -> None:
    before = looks(database)
    answer = unmask(asked, "agency", who, reason, "name")
    assert answer.json()["code"] == code
    assert NAME not in answer.text
    assert looks(database) == before


@pytest.mark.parametrize(("account", "status"), [("elsewhere", 403), ("auditor", 403), ("administrator", 403)])
def test_whoever_does_not_serve_them_is_shown_nothing_for_any_reason(
    asked: Asking, database: Database, who: str, account: str, status: int
) -> None:
    before = looks(database)
    answer = unmask(asked, account, who, "identity-check", "name")
    assert answer.status_code == status
    whole = asked.post(account, "/v1/registers/roster/unmasked", {"reason": "identity-check"})
    assert NAME not in answer.text + whole.text
    assert looks(database) == before


def test_the_guardian_is_shown_somebody_to_answer_their_request_and_no_roster(
    asked: Asking, database: Database, who: str
) -> None:
    assert unmask(asked, "guardian", who, "own-request", "name").json()["fields"] == {"name": NAME}
    look = looks(database)[-1]
    assert (look.actor, look.look, look.fields) == ("guardian", Look.UNMASKED, ("name",))
    assert look.reason == "答复本人查阅、更正请求 answering their own request"
    whole = asked.post("guardian", "/v1/registers/roster/unmasked", {"reason": "own-request"})
    assert (whole.status_code, looks(database)[-1]) == (403, look)


def test_if_the_reason_cannot_be_recorded_nothing_is_shown(asked: Asking, dsn: str, who: str) -> None:
    with psycopg.connect(dsn) as owner:
        owner.execute("alter table ledger.event add constraint full_disk check (position < 0) not valid")
    answer = unmask(asked, "agency", who, "identity-check", "name")
    assert answer.status_code in {500, 503}
    assert NAME not in answer.text


def test_for_a_visit_the_door_and_the_bell_are_plain_and_nothing_else_is_there(
    asked: Asking, database: Database, who: str
) -> None:
    (line,) = asked.for_purpose("community", "visit", f"/v1/roster?division={SZ}").json()
    assert line["person"] == {"name": NAME, "phone": PHONE, "address": ADDRESS}
    assert not {"monthly_pension", "pension", "status", "document"} & set(line)
    card = asked.for_purpose("community", "visit", f"/v1/retirees/{who}").json()
    assert (card["alerts"], card["handover"]) == (None, None)
    assert "没有预警" not in asked.for_purpose("community", "visit", f"/pages/retirees/{who}").text
    look = looks(database)[-1]
    assert look.purpose == "走访慰问 a visit"
    assert "大政办发〔2017〕49号 第二十一条" in look.legal_basis
    assert {"name", "phone", "address"} <= set(look.fields)
    assert not {"identity_number", "monthly_pension", "status"} & set(look.fields)
    refused = unmask(asked, "community", who, "visit", "identity_number", purpose="visit")
    assert refused.json()["code"] == "not-of-purpose"
    columns = asked.for_purpose("community", "visit", "/v1/registers/visits").json()["columns"]
    assert {"name", "phone", "address"} < set(columns)
    assert "identity_number" not in columns
    assert asked.for_purpose("community", "visit", "/v1/registers/fees").json()["code"] == "not-of-purpose"


def test_a_purpose_of_somebody_else_is_refused(asked: Asking, who: str) -> None:
    for account, purpose in (("agency", "visit"), ("community", "audit"), ("auditor", "benefit-check")):
        answer = asked.for_purpose(account, purpose, "/v1/registers")
        assert (answer.status_code, answer.json()["code"]) == (403, "purpose-not-allowed")


def test_an_account_is_told_what_it_may_look_for_and_what_it_is_shown_then(asked: Asking) -> None:
    found = asked.json("community", "/v1/purposes")
    assert [one["purpose"] for one in found] == ["community-service", "visit", "verification", "handover"]
    fields = {one["field"]: one["shown"] for one in found[0]["fields"]}
    assert (fields["person.phone"], fields["line.status"]) == ("masked", "plain")
    assert "line.article" not in fields
    assert found[0]["reasons"]["phone-call"] == ["电话联系本人", "ringing them up"]
    assert all(one["bases"] for one in found)
    assert [one["fields"] for one in asked.json("administrator", "/v1/purposes")] == [[]]


def test_by_the_pages_alone_a_worker_finds_somebody_and_their_telephone(
    asked: Asking, database: Database, who: str
) -> None:
    found = asked.form("community", "/pages/roster/search", {"name": "", "number": number_of(1), "phone": ""}).text
    assert "王*明" in found
    (card,) = set(re.findall(r'href="(/pages/retirees/[0-9a-f-]{36})"', found))
    page = asked.page("community", card)
    assert PHONE not in page
    assert 'value="phone-call"' in page
    (action,) = re.findall(r'action="([^"]+/unmask)"', page)
    shown = asked.form("community", action, {"show.phone": "on", "reason": "phone-call", "said": ""}).text
    assert PHONE in shown
    assert NAME not in shown
    assert any(one.fields == ("phone",) and "电话联系本人" in one.reason for one in looks(database))
    typed = asked.form("community", action, {"show.name": "on", "reason": "phone-call", "said": "他本人来窗口"}).text
    assert NAME in typed
    assert any(one.fields == ("name",) and one.reason == "他本人来窗口" for one in looks(database))
    assert "reason-missing" in asked.form("community", action, {"show.name": "on", "reason": "", "said": ""}).text
    assert "invalid-request" in asked.form("community", action, {"reason": "phone-call", "said": ""}).text
    assert "form-expired" in asked.post("community", action, {"show.name": "on"}).text


def test_a_file_is_masked_and_whole_for_a_reason_that_every_look_and_the_file_itself_say(
    asked: Asking, database: Database
) -> None:
    masked = asked.bytes("community", "/v1/registers/roster?as=csv").decode()
    assert "王*明" in masked
    assert not [said for said in PLAIN.values() if said in masked]
    whole = asked.post("community", "/v1/registers/roster/unmasked", {"reason": "visit", "as": "csv"}).text
    assert all(said in whole for said in PLAIN.values())
    look = looks(database)[-1]
    assert look.purpose == "社区服务 community service，导出 CSV export"
    assert (look.look, look.reason) == (Look.UNMASKED, "上门走访 calling on them")
    assert {"name", "monthly_pension"} <= set(look.fields)
    assert "依据文件" not in whole
    page = asked.page("community", "/pages/registers/roster")
    (action,) = re.findall(r'action="([^"]+/unmasked[^"]*)"', page)
    printed = asked.form("community", action, {"reason": "visit", "said": "", "as": "print"}).text
    assert ADDRESS in printed
    assert "全文显示，理由：上门走访" in printed
    assert "unmasked" not in asked.page("community", "/pages/registers/bulletin"), "there is nothing masked in it"
