"""People at the pages: passwords, sessions, and what somebody gets who has a cookie, a form or a guess that is not right."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Literal

import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg import sql
from typer.testing import CliRunner

from infra.accounts import AccountRegister
from infra.database import Database
from services.cli import main
from services.identities import passwords
from services.identities.accounts import Accounts
from services.identities.people import People, SignInError
from tests.signing_in import KEY, PASSWORD, Stranger, strangers, token_in

ANOTHER = "staple battery horse correct"


@pytest.fixture
def register(database: Database) -> Accounts:
    return Accounts(AccountRegister(database))


@pytest.fixture
def stranger(dsn: str, register: Accounts) -> Iterator[Stranger]:
    with strangers(dsn) as one:
        register.register.set_password("officer", passwords.hashed(PASSWORD), "tests", must_change=False)
        yield one


def inbox(stranger: Stranger) -> int:
    return stranger.get("/pages/inbox", accept="text/html").status_code


def cookie(stranger: Stranger) -> str:
    return stranger.browser.cookies["changqing"]


def test_somebody_who_is_not_signed_in_is_sent_to_the_form_and_from_there_to_the_page(stranger: Stranger) -> None:
    sent = stranger.get("/pages/inbox?state=closed", accept="text/html")
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/pages/inbox%3Fstate%3Dclosed")
    shown = stranger.get(sent.headers["location"])
    assert "登录" in shown.text
    onward = re.findall(r'name="next" value="([^"]+)"', shown.text)[0]
    signed = stranger.signs_in(onward=onward)
    assert (signed.status_code, signed.headers["location"]) == (303, "/pages/inbox?state=closed")
    assert inbox(stranger) == 200
    assert not stranger.attempts


def test_a_cookie_is_out_of_reach_of_scripts_and_of_other_sites(stranger: Stranger) -> None:
    (session,) = [one for one in stranger.signs_in().headers.get_list("set-cookie") if one.startswith("changqing=")]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(session.split("; "))


def test_behind_tls_a_cookie_goes_over_tls_alone(dsn: str, register: Accounts) -> None:
    with strangers(dsn, "https://ledger.example") as one:
        register.register.set_password("officer", passwords.hashed(PASSWORD), "tests", must_change=False)
        given = one.signs_in().headers.get_list("set-cookie")
        (session,) = [cookie for cookie in given if cookie.startswith("__Host-changqing=")]
        assert "Secure" in session.split("; ")
        assert inbox(one) == 200


@pytest.mark.parametrize(
    "onward", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/a\r\nSet-Cookie: x", ""]
)
def test_signing_in_leads_nowhere_else(stranger: Stranger, onward: str) -> None:
    assert stranger.signs_in(onward=onward).headers["location"] == "/"


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(stranger: Stranger) -> None:
    wrong = stranger.signs_in(password="guessed")  # noqa: S106 - a wrong one
    nobody = stranger.signs_in(name="nobody")
    without = stranger.signs_in(name="community")  # has no password
    assert wrong.status_code == nobody.status_code == without.status_code == 401
    assert wrong.text == nobody.text == without.text
    assert [(one.claimed, one.why) for one in stranger.attempts] == [
        ("officer", "wrong-password"),
        ("", "wrong-password"),
        ("community", "wrong-password"),
    ]
    assert inbox(stranger) == 303


def test_for_a_name_that_nobody_has_the_same_work_is_done(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many hashes are computed, of the same cost: the time of an answer does not tell which names there are."""
    work = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
            work.append(re.findall(r"m=\d+,t=\d+,p=\d+", str(hash)))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Counting(time_cost=2, memory_cost=19_456, parallelism=1))
    stranger.signs_in(password="guessed")  # noqa: S106 - a wrong one
    stranger.signs_in(name="nobody")
    assert len(work) == 2
    assert work[0] == work[1] == ["m=19456,t=2,p=1"]


def test_after_failures_even_the_right_password_waits_until_somebody_unlocks_the_account(
    stranger: Stranger, dsn: str
) -> None:
    for n in range(5):
        assert stranger.signs_in(password=f"guess {n}").status_code == 401
    locked = stranger.signs_in()
    assert locked.status_code == 429
    assert int(locked.headers["retry-after"]) >= 1
    assert stranger.why == ["wrong-password"] * 5 + ["locked-out"]
    environment = {"DATABASE_URL": dsn, "CHANGQING_KEY": KEY.hex()}
    assert CliRunner().invoke(main, ["account", "unlock", "officer"], env=environment).exit_code == 0
    assert stranger.signs_in().status_code == 303


def test_of_many_guesses_at_once_no_more_are_looked_at_than_one_after_the_other(stranger: Stranger, dsn: str) -> None:
    people: People = stranger.app.state.people

    def guess(n: int) -> str:
        with pytest.raises(SignInError) as caught:
            people.sign_in("officer", f"guess {n}", "203.0.113.7")
        return str(caught.value)

    guess(0)
    with psycopg.connect(dsn) as connection:  # as after many, so that the next wait is long
        connection.execute("update ledger.attempt set failures = 14")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(guess, range(24)))
    assert Counter(told) == {"wrong-password": 1, "locked-out": 23}


def test_waits_double_to_a_quarter_of_an_hour_and_no_further(stranger: Stranger, dsn: str) -> None:
    waits = []
    for _ in range(14):
        answer = stranger.signs_in(name="nobody")
        while answer.status_code == 401:
            answer = stranger.signs_in(name="nobody")
        waits.append(int(answer.headers["retry-after"]))
        with psycopg.connect(dsn) as connection:  # as if the time had passed
            connection.execute("update ledger.attempt set wait_until = '-infinity'")
            connection.execute("update ledger.attempt set failures = 0 where failures >= 25")
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert max(waits) <= 900


def test_who_signs_out_is_out_and_the_cookie_of_before_is_worth_nothing(stranger: Stranger) -> None:
    stranger.signs_in()
    stolen, page = cookie(stranger), stranger.get("/pages/account")
    assert stranger.post("/pages/account/sign-out", {"token": token_in(page)}).status_code == 303
    assert "changqing" not in stranger.browser.cookies
    thief = stranger.client("203.0.113.7")
    thief.cookies.set("changqing", stolen)
    assert stranger.get("/v1/inbox", thief).status_code == 401
    assert [(one.act, one.why, one.address) for one in stranger.attempts] == [
        ("GET /v1/inbox", "session-over", "203.0.113.7")
    ]


def test_a_session_that_somebody_planted_is_not_the_one_that_signing_in_begins(stranger: Stranger) -> None:
    stranger.signs_in()
    planted = cookie(stranger)
    stranger.signs_in()
    assert cookie(stranger) != planted
    thief = stranger.client()
    thief.cookies.set("changqing", planted)
    assert stranger.get("/v1/inbox", thief).status_code == 401
    victim = stranger.client()
    victim.cookies.set("changqing", "planted", domain="here.local", path="/")  # where signing in sets its own
    stranger.signs_in(client=victim)
    assert victim.cookies["changqing"] != "planted"


@pytest.mark.parametrize("deed", ["disabled", "password"])
def test_sessions_end_with_the_account_and_with_its_password(stranger: Stranger, register: Accounts, deed: str) -> None:
    stranger.signs_in()
    assert inbox(stranger) == 200
    if deed == "disabled":
        register.register.disable("officer", "管理员", "离职 left")
    else:
        register.register.set_password("officer", passwords.hashed(ANOTHER), "管理员", must_change=True)
    assert inbox(stranger) == 303
    assert stranger.signs_in().status_code == 401


@pytest.mark.parametrize(("column", "hours"), [("seen_at", 0.51), ("began_at", 10.1)])
def test_a_session_is_over_when_nobody_uses_it_and_at_the_end_of_the_day(
    stranger: Stranger, dsn: str, column: str, hours: float
) -> None:
    stranger.signs_in()
    with psycopg.connect(dsn) as connection:
        earlier = sql.SQL("update ledger.session set {0} = {0} - %s").format(sql.Identifier(column))
        connection.execute(earlier, [timedelta(hours=hours)])
    assert inbox(stranger) == 303
    assert stranger.why == ["session-over"]


def test_of_a_session_and_of_a_password_hashes_alone_are_stored(stranger: Stranger, dsn: str) -> None:
    stranger.signs_in()
    with psycopg.connect(dsn) as connection:
        (account,) = connection.execute("select a::text from ledger.account a where account = 'officer'").fetchall()
        (session,) = connection.execute("select s::text from ledger.session s").fetchall()
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in account[0]
    assert PASSWORD not in account[0]
    assert cookie(stranger) not in session[0]


def chosen(stranger: Stranger, password: str, before: str = PASSWORD, again: str | None = None) -> int:
    fields = {"before": before, "password": password, "again": password if again is None else again}
    fields["token"] = token_in(stranger.get("/pages/account"))
    return stranger.post("/pages/account/password", fields).status_code


def test_the_first_password_must_be_changed_before_anything_else(stranger: Stranger, register: Accounts) -> None:
    register.register.set_password("officer", passwords.hashed(PASSWORD), "管理员", must_change=True)
    assert stranger.signs_in(onward="/pages/inbox").headers["location"] == "/pages/account"
    assert stranger.get("/v1/inbox").json()["code"] == "password-must-change"
    sent = stranger.get("/pages/inbox", accept="text/html")
    assert (sent.status_code, sent.headers["location"]) == (303, "/pages/account")
    before = cookie(stranger)
    assert chosen(stranger, ANOTHER) == 303
    assert inbox(stranger) == 200
    assert cookie(stranger) != before
    assert stranger.signs_in(client=stranger.client()).status_code == 401
    assert stranger.signs_in(password=ANOTHER, client=stranger.client()).status_code == 303


@pytest.mark.parametrize("weak", ["short", PASSWORD, "the officer's own", "aaaaaaaaaaaaaaaa", "x" * 129])
def test_a_weak_password_is_not_taken(stranger: Stranger, weak: str) -> None:
    stranger.signs_in()
    assert chosen(stranger, weak) == 422
    assert inbox(stranger) == 200


def test_another_password_wants_the_one_before_and_twice_the_same(stranger: Stranger) -> None:
    stranger.signs_in()
    assert chosen(stranger, ANOTHER, again="another") == 422
    assert chosen(stranger, ANOTHER, before="guessed by a thief") == 403
    assert stranger.why == ["wrong-password"]


def test_a_person_says_what_for_among_what_the_account_may(stranger: Stranger) -> None:
    stranger.signs_in()
    token = token_in(stranger.get("/pages/account"))
    assert stranger.post("/pages/account/purpose", {"token": token, "purpose": "curiosity"}).status_code == 403
    assert stranger.post("/pages/account/purpose", {"token": token, "purpose": "benefit-check"}).status_code == 303
    assert '<option value="benefit-check" selected>' in stranger.get("/pages/account").text
    assert stranger.why == ["purpose-not-granted"]


def test_a_form_of_another_site_does_nothing(stranger: Stranger) -> None:
    stranger.signs_in()
    token = token_in(stranger.get("/pages/account"))
    for fields, headers in (
        ({}, {}),
        ({"token": "0" * 32}, {}),
        ({"token": token}, {"origin": "https://evil.example"}),
        ({"token": token}, {"sec_fetch_site": "cross-site"}),
        ({"token": token}, {"sec_fetch_site": "same-site"}),
    ):
        assert stranger.post("/pages/account/sign-out", fields, None, **headers).status_code == 403
    assert inbox(stranger) == 200
    assert stranger.post("/pages/account/sign-out", {"token": token}, origin="http://here").status_code == 303


def test_a_form_of_one_session_is_none_of_another(stranger: Stranger) -> None:
    stranger.signs_in()
    token = token_in(stranger.get("/pages/account"))
    stranger.signs_in()
    assert stranger.post("/pages/account/sign-out", {"token": token}).status_code == 403


def test_the_api_takes_nothing_from_a_browser_that_another_site_sent(stranger: Stranger) -> None:
    """A script of ours may; a browser does not let one of theirs say where it comes from."""
    stranger.signs_in()
    for headers, status in (({}, 403), ({"origin": "https://evil.example"}, 403), ({"origin": "http://here"}, 400)):
        assert stranger.post("/v1/events", {"a": "b"}, None, **headers).status_code == status


def test_nobody_is_signed_in_by_another_site(stranger: Stranger) -> None:
    fields = {"name": "officer", "password": PASSWORD, "next": "/"}
    assert stranger.post("/login", fields).status_code == 403
    shown = stranger.get("/login", stranger.client())
    assert stranger.post("/login", fields | {"token": token_in(shown)}).status_code == 403
    assert inbox(stranger) == 303


def test_the_terminal_makes_accounts_and_says_their_secret_once(dsn: str, database: Database) -> None:
    environment = {"DATABASE_URL": dsn, "CHANGQING_KEY": KEY.hex()}

    def said(*words: str, code: int = 0) -> str:
        ran = CliRunner().invoke(main, ["account", *words], env=environment)
        assert ran.exit_code == code, ran.output
        return ran.stdout.strip()

    with strangers(dsn) as stranger:
        first = said(
            "new", "li.si".replace(".", "-"), "--role", "officer", "--department", "social-insurance", "--person"
        )
        assert stranger.signs_in("li-si", first).headers["location"] == "/pages/account"
        assert "li-si" in said("list")
        assert first not in said("list", "--json")
        second = said("rotate", "li-si", "--person")
        assert stranger.signs_in("li-si", first).status_code == 401
        assert stranger.signs_in("li-si", second).status_code == 303
        said("disable", "li-si", "--reason", "离职 left")
        assert stranger.signs_in("li-si", second).status_code == 401
        said("enable", "li-si")
        said("change", "li-si", "--division", "4403")
        assert stranger.signs_in("li-si", second).status_code == 303
        said("new", "li-si", "--role", "officer", "--department", "social-insurance", code=3)
        said("new", "a:b", "--role", "officer", "--department", "social-insurance", code=3)
        said("disable", "nobody", code=3)
