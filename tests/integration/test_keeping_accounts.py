"""Accounts kept over HTTP and at the page: by administrators, of their own division, never their own, and the weighty ones by two."""

import re
from typing import Any

import psycopg
import pytest
from httpx import Response

from domain.accounts import AccountTold
from infra.database import Database
from services.accounts import Role
from tests.accounts import bearer, form
from tests.asking import Asking
from tests.building import number_of
from tests.wholeness import whole_log

ACCOUNTS = {
    "admin": (Role.ADMINISTRATOR, ""),
    "second": (Role.ADMINISTRATOR, ""),
    "dalian": (Role.ADMINISTRATOR, "2102"),
    "guardian": (Role.GUARDIAN, ""),
    "auditor": (Role.AUDITOR, "4403"),
    "officer": (Role.OFFICER, "4403"),
    "community": (Role.COMMUNITY, "440304901001"),
    "publisher": (Role.PUBLISHER, ""),
}
WORKER = {"account": "li-wei", "role": "community", "department": "community", "division": "440304"}
HIGH = {"account": "li-wei", "role": "guardian", "department": "social-insurance", "division": ""}


def code(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "") if answer.text.startswith("{") else ""


def post(asked: Asking, by: str, path: str, **body: object) -> Response:
    return asked.post(by, f"/v1/accounts{path}", body)


def granted(asked: Asking, name: str, secret: str) -> Response:
    return asked.run(asked.client.post("/oauth/token", data=form(name, secret)))


def told(database: Database, name: str) -> list[tuple[str, str]]:
    events = [entry.event for entry in whole_log(database) if isinstance(entry.event, AccountTold)]
    return [(type(one).__name__, one.by) for one in events if one.account == name]


def approve(asked: Asking, refused: Response, by: str = "admin", second: str = "guardian") -> str:
    """Propose what a refusal asks for, and approve it."""
    assert code(refused) == (409, "needs-approval")
    act, _, subject = refused.json()["detail"].removeprefix("propose ").partition(" of ")
    wish = {"act": act, "subject": subject, "reason": "the new one begins in May", "basis": "岗位任命"}
    path: str = asked.post(by, "/v1/proposals", wish).raise_for_status().headers["location"]
    assert code(asked.post(by, f"{path}/approve", {}))[0] == 403
    asked.post(second, f"{path}/approve", {}).raise_for_status()
    return path


@pytest.mark.parametrize("name", ["li-wei", "李卫"])
def test_an_account_is_made_and_its_secret_is_said_once_and_kept_nowhere(
    asked: Asking, database: Database, dsn: str, name: str
) -> None:
    made = post(asked, "admin", "", **WORKER | {"account": name})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret = made.json()["secret"]
    assert granted(asked, name, secret).status_code == 200
    shown = asked.json("admin", made.headers["location"])
    assert (shown["role"], shown["division"], shown["disabled"]) == ("community", "440304", None)
    whole = asked.asked("admin", "/v1/accounts").text + asked.page("admin", "/pages/accounts")
    assert name in whole
    assert not any(word in whole for word in (secret, "argon2", "digest"))
    assert told(database, name) == [("AccountRegistered", "admin"), ("CredentialChanged", "admin")]
    with psycopg.connect(dsn) as owner:
        asking_log = "select count(*) from ledger.event where position(%s::bytea in state) > 0"
        assert owner.execute(asking_log, [name.encode()]).fetchone() == (2,)
        assert owner.execute(asking_log, [secret.encode()]).fetchone() == (0,)
    assert code(post(asked, "admin", "", **WORKER | {"account": name})) == (409, "account-exists")


def test_each_deed_is_done_and_told_to_the_log(asked: Asking, database: Database) -> None:
    first = post(asked, "admin", "", **WORKER).json()["secret"]
    headers = bearer(granted(asked, "li-wei", first))
    assert post(asked, "admin", "/li-wei/change", division="440305").json()["division"] == "440305"
    assert asked.run(asked.client.get("/v1/purposes", headers=headers)).status_code == 401, "its tokens are over"
    second = post(asked, "admin", "/li-wei/secret", hours=0).json()["secret"]
    assert (granted(asked, "li-wei", first).status_code, granted(asked, "li-wei", second).status_code) == (401, 200)
    assert post(asked, "admin", "/li-wei/disable", reason="left").json()["disabled"] == "left"
    assert granted(asked, "li-wei", second).status_code in {400, 401}
    assert post(asked, "admin", "/li-wei/enable").json()["disabled"] is None
    assert granted(asked, "li-wei", second).status_code == 200
    assert post(asked, "admin", "/li-wei/unlock").status_code == 200
    deeds = ["Registered", "Changed", "Disabled", "Enabled", "Unlocked"]
    kinds = [kind for kind, by in told(database, "li-wei") if by == "admin"]
    assert [kind for kind in kinds if kind != "CredentialChanged"] == [f"Account{deed}" for deed in deeds]
    assert kinds.count("CredentialChanged") == 2


_DEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", WORKER | {"account": "new-one"}),
    ("/publisher/change", {"division": "44"}),
    ("/publisher/secret", {}),
    ("/publisher/disable", {"reason": "r"}),
    ("/publisher/enable", {}),
    ("/publisher/unlock", {}),
)


@pytest.mark.parametrize("by", ["guardian", "auditor", "officer", "community", "publisher"])
def test_only_an_administrator_keeps_accounts(asked: Asking, database: Database, by: str) -> None:
    before = told(database, "publisher")
    for path, body in _DEEDS:
        assert code(post(asked, by, path, **body)) == (403, "forbidden")
    assert told(database, "publisher") == before
    reads = by in {"guardian", "auditor"}
    assert asked.status(by, "/v1/accounts") == asked.status(by, "/pages/accounts") == (200 if reads else 403)
    if reads:
        assert "新建账号" not in asked.page(by, "/pages/accounts")


def test_nobody_changes_their_own_account(asked: Asking) -> None:
    for path, body in _DEEDS[1:]:
        own = path.replace("publisher", "admin")
        assert code(post(asked, "admin", own, **body)) == (403, "own-account")


def test_an_administrator_of_a_division_keeps_no_account_beyond_it(asked: Asking) -> None:
    names = [one["account"] for one in asked.json("dalian", "/v1/accounts")["accounts"]]
    assert names == ["dalian"]
    assert asked.status("dalian", "/v1/accounts/officer") == 404
    for path, body in _DEEDS[1:]:
        assert code(post(asked, "dalian", path.replace("publisher", "officer"), **body)) == (404, "unknown-account")
    assert code(post(asked, "dalian", "", **WORKER)) == (403, "forbidden")
    assert code(post(asked, "dalian", "", **WORKER | {"division": ""})) == (403, "forbidden")
    assert post(asked, "dalian", "", **WORKER | {"division": "210202"}).status_code == 201
    assert code(post(asked, "dalian", "/li-wei/change", division="4403")) == (403, "forbidden")
    assert [one["account"] for one in asked.json("auditor", "/v1/accounts")["accounts"]] == [
        "auditor",
        "community",
        "officer",
    ]


def test_who_approves_for_others_is_made_by_two_and_once(asked: Asking) -> None:
    refused = post(asked, "admin", "", **HIGH)
    path = approve(asked, refused)
    assert code(post(asked, "admin", "", **HIGH | {"account": "somebody-else"})) == (409, "needs-approval")
    assert code(post(asked, "admin", "", **HIGH | {"role": "administrator"})) == (409, "needs-approval")
    made = post(asked, "admin", "", **HIGH)
    assert made.status_code == 201
    assert (asked.json("guardian", path)["state"], asked.json("guardian", path)["done_by"]) == ("done", "admin")
    assert granted(asked, "li-wei", made.json()["secret"]).status_code == 200


@pytest.mark.parametrize("role", ["guardian", "administrator"])
def test_no_administrator_raises_an_account_or_takes_over_a_weighty_one_alone(asked: Asking, role: str) -> None:
    post(asked, "admin", "", **WORKER).raise_for_status()
    assert code(post(asked, "admin", "/li-wei/change", role=role)) == (409, "needs-approval")
    assert code(post(asked, "admin", "/guardian/secret")) == (409, "needs-approval")
    assert code(post(asked, "admin", "/guardian/secret", person=True)) == (409, "needs-approval")
    assert code(post(asked, "admin", "/second/change", division="")) == (409, "needs-approval")
    approve(asked, post(asked, "admin", "/second/secret", person=True), second="second")
    assert post(asked, "admin", "/second/secret", person=True).status_code == 200
    assert code(post(asked, "admin", "/second/secret", person=True)) == (409, "needs-approval"), "it was used up"
    assert post(asked, "admin", "/guardian/disable", reason="lost their telephone").status_code == 200


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"account": "a.b"}, "invalid-request"),
        ({"account": number_of(1)}, "identity-number-in-id"),
        ({"role": "king"}, "invalid-request"),
        ({"division": "深圳"}, "invalid-request"),
        ({"subject": "a\u0000b"}, "invalid-request"),
        ({"password": "x"}, "invalid-request"),
    ],
)
def test_what_is_no_account_is_refused(asked: Asking, change: dict[str, str], answer: str) -> None:
    assert post(asked, "admin", "", **WORKER | change).json()["code"] == answer


def test_a_list_goes_on_from_where_it_ended_and_for_nobody_else(asked: Asking) -> None:
    found, after = [], ""
    while True:
        page = asked.json("admin", f"/v1/accounts?limit=3&after={after}")
        found += [one["account"] for one in page["accounts"]]
        if not (after := page["after"]):
            break
        assert code(asked.asked("guardian", f"/v1/accounts?limit=3&after={after}")) == (403, "cursor-refused")
    assert found == sorted(ACCOUNTS)


def test_the_page_keeps_them_as_the_api_does(asked: Asking, database: Database) -> None:
    def send(path: str, **fields: str) -> Response:
        return asked.form("admin", f"/pages/accounts{path}", fields, "/pages/accounts")

    fields = {"role": "community", "department": "community", "division": "440304"}
    made = send("", account="li-wei", kind="person", until="2099-05-01", **fields)
    assert made.status_code == 200
    assert "只显示这一次" in made.text
    assert made.headers["cache-control"] == "no-store"
    assert "只显示这一次" not in asked.page("admin", "/pages/accounts")
    assert asked.json("admin", "/v1/accounts/li-wei")["must_change"] is True
    assert send("/li-wei/change", **fields | {"division": "440305"}).status_code == 303
    assert asked.json("admin", "/v1/accounts/li-wei")["division"] == "440305"
    assert "密钥" in send("/li-wei/secret", kind="program").text
    for deed, more in (("disable", {"reason": "left"}), ("enable", {}), ("unlock", {})):
        assert send(f"/li-wei/{deed}", **more).status_code == 303
    assert send("/li-wei/erase").status_code == 404
    assert send("/admin/disable", reason="tired").status_code == 403
    assert send("", account="a b", kind="person", **fields).status_code == 422
    assert asked.post("admin", "/pages/accounts/li-wei/disable", {}).status_code in {400, 403}, "no form of ours"
    assert ("AccountDisabled", "admin") in told(database, "li-wei")


@pytest.mark.parametrize("account", sorted(ACCOUNTS))
def test_the_head_of_a_page_leads_only_where_one_may_go(asked: Asking, account: str) -> None:
    head = asked.page(account, "/pages/registers").split("</header>")[0]
    links = re.findall(r'href="(/pages/[^"]+)"', head)
    assert "/pages/registers" in links
    assert {link: asked.status(account, link) for link in links} == dict.fromkeys(links, 200)
    assert ("/pages/accounts" in links) is (account in {"admin", "second", "dalian", "guardian", "auditor"})
