"""Somebody else says who it is: people by OpenID Connect, programs by tokens of another issuer, against a real one."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey

from domain.accounts import Standing
from domain.facts import Department
from infra.accounts import AccountRegister
from infra.database import Database
from services.accounts import Role
from services.api.app import create_app
from services.identities import accounts as identities
from services.identities import key_sets
from services.identities.accounts import Accounts
from services.settings import Settings, SettingsError
from tests.issuer import CLIENT, SECRET, Issuer
from tests.signing_in import KEY, Stranger, strangers

ZHANG = Standing(role=Role.OFFICER, department=Department.AGENCY, subject="zhang.san")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as one:
        yield one


@pytest.fixture
def stranger(dsn: str, issuer: Issuer, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    monkeypatch.setattr(identities, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.0)
    settings = {
        "CHANGQING_OIDC_ISSUER": issuer.url,
        "CHANGQING_OIDC_CLIENT_ID": CLIENT,
        "CHANGQING_OIDC_CLIENT_SECRET": SECRET,
        "CHANGQING_TOKEN_ISSUER": issuer.url,
        "CHANGQING_TOKEN_KEYS": f"{issuer.url}/keys",
        "CHANGQING_TOKEN_AUDIENCE": "the-ledger",
        "CHANGQING_TOKEN_CLAIM": "client_id",
    }
    with strangers(dsn, **settings) as one:
        Accounts(AccountRegister(database)).add("zhang-san", ZHANG, "tests")
        yield one


def there_and_back(stranger: Stranger, issuer: Issuer, onward: str = "/pages/inbox") -> Any:
    """Somebody follows the link of the login page, signs in at the issuer, and is sent back."""
    there = stranger.get(f"/login/oidc?next={onward}")
    assert there.status_code == 303
    return stranger.get(issuer.sends_back(there.headers["location"]))


def test_somebody_signs_in_where_their_organisation_does(stranger: Stranger, issuer: Issuer) -> None:
    assert "/login/oidc" in stranger.get("/login").text
    signed = there_and_back(stranger, issuer)
    assert (signed.status_code, signed.headers["location"]) == (303, "/pages/inbox")
    page = stranger.get("/pages/account")
    assert "zhang-san" in page.text
    assert not stranger.attempts


def test_who_has_no_account_gets_none_by_signing_in_elsewhere(stranger: Stranger, issuer: Issuer) -> None:
    issuer.somebody = "somebody.else"
    assert there_and_back(stranger, issuer).status_code == 401
    assert stranger.why == ["unknown-subject"]


def test_a_disabled_account_is_out_wherever_one_signs_in(
    stranger: Stranger, issuer: Issuer, database: Database
) -> None:
    AccountRegister(database).disable("zhang-san", "管理员", "离职 left")
    assert there_and_back(stranger, issuer).status_code == 401
    assert [(one.claimed, one.why) for one in stranger.attempts] == [("zhang-san", "disabled")]


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "another-client"}, "oidc-forged"),
        ({"iss": "https://evil.example"}, "oidc-forged"),
        ({"exp": 1}, "oidc-forged"),
        ({"nonce": "of another time"}, "oidc-replayed"),
        ({"azp": "another-client", "aud": ["changqing", "another-client"]}, "oidc-replayed"),
        ({"sub": ""}, "oidc-no-subject"),
        ({"sub": ["zhang.san"]}, "oidc-no-subject"),
    ],
)
def test_an_identity_that_is_not_for_us_or_not_for_now_opens_nothing(
    stranger: Stranger, issuer: Issuer, claims: dict[str, Any], why: str
) -> None:
    issuer.claims = claims
    assert there_and_back(stranger, issuer).status_code == 401
    assert stranger.why == [why]
    assert stranger.get("/v1/inbox").status_code == 401


@pytest.mark.parametrize("how", ["another key", "the public key as a secret"])
def test_an_identity_that_the_issuer_did_not_sign_opens_nothing(stranger: Stranger, issuer: Issuer, how: str) -> None:
    if how == "another key":
        issuer.signing = RSAKey.generate_key(2048)
    else:
        issuer.signing = OctKey.import_key({"kty": "oct", "k": str(issuer.key.as_dict(private=False)["n"])})
        issuer.header = {"alg": "HS256", "kid": "one"}
    assert there_and_back(stranger, issuer).status_code == 401
    assert stranger.why[0] in {"oidc-forged", "oidc-wrong-algorithm"}


def test_who_comes_back_must_have_been_sent_and_by_this_browser(stranger: Stranger, issuer: Issuer) -> None:
    there = stranger.get("/login/oidc").headers["location"]
    back = issuer.sends_back(there)
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert stranger.get(back, stranger.client()).status_code == 401  # the link of a thief, in another's browser
    assert stranger.get(back.replace(state, "guessed")).status_code == 401
    there = stranger.get("/login/oidc").headers["location"]
    assert stranger.get(issuer.sends_back(there).replace("iss=http", "iss=https")).status_code == 401  # mixed up
    assert stranger.why == ["oidc-state", "oidc-state", "oidc-wrong-issuer"]


def test_a_code_is_good_once(stranger: Stranger, issuer: Issuer) -> None:
    there = stranger.get("/login/oidc")
    back = issuer.sends_back(there.headers["location"])
    cookie = stranger.browser.cookies["changqing-oidc"]
    assert stranger.get(back).status_code == 303
    again = stranger.client()
    again.cookies.set("changqing-oidc", cookie)
    assert stranger.get(back, again).status_code == 401
    assert stranger.why == ["oidc-refused"]


def test_a_token_of_the_other_issuer_opens_what_the_account_it_names_may_see(
    stranger: Stranger, issuer: Issuer
) -> None:
    assert stranger.bearing(issuer.access_token("officer")).status_code == 200
    assert stranger.bearing(issuer.access_token("community")).status_code == 403
    assert stranger.bearing(stranger.granted()).status_code == 200  # ours are good as well
    assert not stranger.attempts


@pytest.mark.parametrize(
    ("account", "claims", "why"),
    [
        ("officer", {"aud": "another-service"}, "token-wrong-audience"),
        ("officer", {"iss": "https://evil.example"}, "token-wrong-algorithm"),
        ("officer", {"iss": "http://here"}, "token-wrong-algorithm"),
        ("officer", {"exp": 1}, "token-expired"),
        ("officer", {"typ": "x", "client_id": None}, "token-malformed"),
        ("nobody", {}, "account-unusable"),
    ],
)
def test_a_token_of_theirs_that_is_for_something_else_opens_nothing(
    stranger: Stranger, issuer: Issuer, account: str, claims: dict[str, Any], why: str
) -> None:
    assert stranger.bearing(issuer.access_token(account, **claims)).status_code == 401
    assert stranger.why == [why]


def test_neither_issuer_can_speak_for_the_other_nor_an_identity_for_access(stranger: Stranger, issuer: Issuer) -> None:
    issuer.header |= {"typ": "JWT"}
    assert stranger.bearing(issuer.access_token("officer")).status_code == 401  # as an identity token would be
    issuer.header |= {"typ": "at+jwt", "kid": "unknown"}
    assert stranger.bearing(issuer.access_token("officer")).status_code == 401
    issuer.header |= {"kid": "one"}
    issuer.signing = RSAKey.generate_key(2048)
    assert stranger.bearing(issuer.access_token("officer")).status_code == 401
    assert stranger.why == ["token-wrong-type", "token-unknown-key", "token-forged"]


def test_a_key_that_the_issuer_has_since_is_found(stranger: Stranger, issuer: Issuer) -> None:
    assert stranger.bearing(issuer.access_token("officer")).status_code == 200
    asked = issuer.asked_for_keys
    issuer.key = issuer.signing = RSAKey.generate_key(2048, {"kid": "two"})
    issuer.header = {"alg": "RS256", "kid": "two"}
    assert stranger.bearing(issuer.access_token("officer")).status_code == 200
    assert issuer.asked_for_keys == asked + 1


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"CHANGQING_TOKEN_ISSUER": "https://x"}, "CHANGQING_TOKEN_KEYS"),
        ({"CHANGQING_OIDC_ISSUER": "https://x"}, "CHANGQING_OIDC_CLIENT_ID"),
        (
            {
                "CHANGQING_OIDC_ISSUER": "http://x.example",
                "CHANGQING_OIDC_CLIENT_ID": "x",
                "CHANGQING_OIDC_CLIENT_SECRET": "x",
            },
            "CHANGQING_OIDC_ISSUER",
        ),
        ({"CHANGQING_TRUSTED_PROXIES": "everybody"}, "CHANGQING_TRUSTED_PROXIES"),
        ({"CHANGQING_PUBLIC_URL": "ledger.example"}, "CHANGQING_PUBLIC_URL"),
        ({"CHANGQING_PUBLIC_URL": "https://ledger.example/path"}, "CHANGQING_PUBLIC_URL"),
        (
            {
                "CHANGQING_TOKEN_ISSUER": "https://x",
                "CHANGQING_TOKEN_KEYS": "keys.json",
                "CHANGQING_TOKEN_AUDIENCE": "x",
                "CHANGQING_TOKEN_ALGORITHMS": "HS256",
            },
            "CHANGQING_TOKEN_ALGORITHMS",
        ),
    ],
)
def test_a_setting_that_will_not_do_is_named_at_the_start(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        create_app(Settings.of({"DATABASE_URL": "postgresql:///x", "CHANGQING_KEY": KEY.hex()} | given))
