"""Tokens of programs: got by client credentials, and every token that is not quite right opens nothing and is told."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from msgspec.structs import replace

from domain.accounts import Standing
from domain.facts import Department
from infra import codec, log
from infra.accounts import AccountRegister
from infra.database import Database
from infra.token_keys import TokenKeys
from services.accounts import Role
from services.identities import accounts as identities
from services.identities.accounts import Accounts
from tests.accounts import form
from tests.certificates import self_signed
from tests.signing_in import Stranger, key_ring, okp, parts_of, signed, strangers, unsigned

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def stranger(dsn: str) -> Iterator[Stranger]:
    with strangers(dsn) as one:
        yield one


@pytest.fixture
def register(database: Database) -> Accounts:
    return Accounts(AccountRegister(database))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered of accounts and tokens, so that a test need not wait for seconds."""
    monkeypatch.setattr(identities, "KEPT_SECONDS", 0.0)


def test_a_token_is_what_rfc_9068_says_and_opens_what_the_account_may_see(stranger: Stranger) -> None:
    token = stranger.granted()
    header, claims = parts_of(token)
    assert (header["alg"], header["typ"]) == ("Ed25519", "at+jwt")
    assert (claims["iss"], claims["aud"], claims["sub"], claims["client_id"]) == (
        "http://here",
        "http://here",
        "officer",
        "officer",
    )
    assert claims["exp"] - claims["iat"] == 600
    assert stranger.bearing(token).status_code == 200
    assert stranger.bearing(stranger.granted("community")).status_code == 403
    assert not stranger.attempts


def test_what_the_endpoint_says_of_itself_is_so(stranger: Stranger) -> None:
    told = stranger.get("/.well-known/oauth-authorization-server").json()
    assert told["issuer"] == "http://here"
    assert told["jwks_uri"] == "http://here/.well-known/jwks.json"
    keys = stranger.get(told["jwks_uri"]).json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "kid", "x", "use", "alg"}]  # and no private part
    assert keys[0]["kid"] == parts_of(stranger.granted())[0]["kid"]
    answer = stranger.post("/oauth/token", form("officer", stranger.secrets["officer"]))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    document = stranger.get("/openapi.json").json()
    granted = document["paths"]["/oauth/token"]["post"]
    assert granted["security"] == []
    assert set(granted["responses"]) == {"200", "400", "401", "408", "413", "429", "500", "503"}
    assert set(granted["requestBody"]["content"]) == {FORM}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
        ({**form("officer", "guessed")}, "invalid_client"),
        ({**form("nobody", "guessed")}, "invalid_client"),
        ({**form("x" * 5_000, "guessed")}, "invalid_client"),
        ({**form("officer", "guessed"), "scope": "Every Thing!"}, "invalid_scope"),
    ],
)
def test_the_endpoint_says_what_is_wrong_in_the_words_of_rfc_6749(
    stranger: Stranger, given: dict[str, str], error: str
) -> None:
    answer = stranger.post("/oauth/token", given, content_type=FORM)
    assert answer.json()["error"] == error
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


def test_who_asks_says_who_it_is_by_one_way_and_says_nothing_twice(stranger: Stranger) -> None:
    secret = stranger.secrets["officer"]
    basic = "Basic " + base64.b64encode(f"officer:{secret}".encode()).decode()
    once = {"grant_type": "client_credentials"}
    assert stranger.post("/oauth/token", once, authorization=basic).status_code == 200
    assert (
        stranger.post("/oauth/token", form("officer", secret), authorization=basic).json()["error"] == "invalid_request"
    )
    for wrong in ("Basic !", "Basic b2ZmaWNlcg==", f"Bearer {secret}"):
        assert stranger.post("/oauth/token", once, authorization=wrong).json()["error"] == "invalid_client"


def forged(token: str) -> dict[str, Any]:
    """Tokens that somebody made who has one of ours, and its public key, but not the private one."""
    header, claims = parts_of(token)
    start, body, signature = token.split(".")
    mine = okp()
    later = {**claims, "exp": claims["exp"] + 3_600}
    return {
        "signed by nobody": unsigned({**header, "alg": "none"}, claims),
        "signed by nobody, in capitals": unsigned({**header, "alg": "NONE"}, claims),
        "signed by another key": signed(header, claims, mine),
        "with a key of its own": signed({**header, "kid": "mine", "jwk": mine.as_dict(private=False)}, claims, mine),
        "with another key's name": signed({**header, "kid": "../../etc/passwd"}, claims, mine),
        "without a key's name": signed({k: v for k, v in header.items() if k != "kid"}, claims, mine),
        "longer than it was given": f"{start}.{unsigned(header, later).split('.')[1]}.{signature}",
        "of another account": f"{start}.{unsigned(header, {**claims, 'sub': 'auditor'}).split('.')[1]}.{signature}",
        "without a signature": f"{start}.{body}.",
        "of two parts": f"{start}.{body}",
        "of five parts": f"{token}.x.y",
        "no token": "guessed",
        "the old kind": "officer.guessed",
        "too long": token + "A" * 10_000,
    }


@pytest.mark.parametrize(
    "how", list(forged(unsigned({"alg": "Ed25519", "typ": "at+jwt", "kid": "x"}, {"exp": 0}, "AA")))
)
def test_a_forged_token_opens_nothing_and_the_attempt_is_told(stranger: Stranger, how: str) -> None:
    answer = stranger.bearing(forged(stranger.granted())[how])
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    ((claimed, act, why, address),) = stranger.attempts
    assert (claimed, act, address) == ("", "GET /v1/inbox", "127.0.0.1")
    assert why.startswith("token-")


def test_the_public_key_is_no_shared_secret(stranger: Stranger) -> None:
    """The classic: HMAC with the public key, which a library takes that looks at the header for the algorithm."""
    token = stranger.granted()
    header, claims = parts_of(token)
    (key,) = stranger.get("/.well-known/jwks.json").json()["keys"]
    raw = base64.urlsafe_b64decode(key["x"] + "=")
    for secret in (raw, key["x"].encode(), json.dumps(key).encode()):
        wanted = unsigned({**header, "alg": "HS256"}, claims)[:-1]
        mac = hmac.new(secret, wanted.encode(), hashlib.sha256).digest()
        text = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        assert stranger.bearing(f"{wanted}.{text}").status_code == 401
    assert stranger.why == ["token-wrong-algorithm"] * 3


def ours(stranger: Stranger, database: Database, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token that our own key signed, whatever it says: as if the endpoint made a mistake."""
    one = TokenKeys(database, key_ring()).known()[0]
    text = {
        name: base64.urlsafe_b64encode(raw).rstrip(b"=").decode() for name, raw in (("d", one.seed), ("x", one.public))
    }
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", **text})
    right_header, right = parts_of(stranger.granted())
    made = {name: value for name, value in (right | claims).items() if value is not None}
    return signed(right_header | header, made, key)


@pytest.mark.parametrize(
    ("header", "claims", "why"),
    [
        ({}, {"exp": 1}, "token-expired"),
        ({}, {"exp": None}, "token-malformed"),
        ({}, {"exp": "never"}, "token-malformed"),
        ({}, {"exp": True}, "token-malformed"),
        ({}, {"aud": "http://elsewhere"}, "token-wrong-audience"),
        ({}, {"aud": None}, "token-wrong-audience"),
        ({}, {"aud": []}, "token-wrong-audience"),
        ({}, {"iss": "http://elsewhere"}, "token-wrong-issuer"),
        ({}, {"iss": None}, "token-wrong-issuer"),
        ({}, {"iat": 99_999_999_999}, "token-not-yet-good"),
        ({}, {"nbf": 99_999_999_999}, "token-not-yet-good"),
        ({}, {"sub": None}, "token-malformed"),
        ({}, {"sub": ["officer"]}, "token-malformed"),
        ({}, {"rev": None}, "token-malformed"),
        ({}, {"scope": ["a"]}, "token-malformed"),
        ({}, {"cnf": {}}, "token-malformed"),
        ({}, {"cnf": {"jkt": "x"}}, "token-malformed"),
        ({}, {"sub": "nobody"}, "account-unusable"),
        ({"typ": "JWT"}, {}, "token-wrong-type"),
        ({"typ": "dpop+jwt"}, {}, "token-wrong-type"),
    ],
)
def test_a_token_of_ours_that_is_for_something_else_opens_nothing(
    stranger: Stranger, database: Database, header: dict[str, Any], claims: dict[str, Any], why: str
) -> None:
    assert stranger.bearing(ours(stranger, database, header, claims)).status_code == 401
    assert stranger.why == [why]


@pytest.mark.usefixtures("at_once")
def test_a_disabled_account_is_out_with_its_tokens_and_gets_none(stranger: Stranger, register: Accounts) -> None:
    token = stranger.granted()
    register.register.disable("officer", "管理员", "离职 left")
    assert stranger.bearing(token).status_code == 401
    assert stranger.post("/oauth/token", form("officer", stranger.secrets["officer"])).status_code == 401
    assert [(one.claimed, one.why) for one in stranger.attempts] == [
        ("officer", "account-unusable"),
        ("officer", "disabled"),
    ]
    register.register.enable("officer", "管理员")
    assert stranger.bearing(token).status_code == 401  # of before
    assert stranger.bearing(stranger.granted()).status_code == 200


@pytest.mark.usefixtures("at_once")
def test_what_an_account_may_see_is_another_thing_as_soon_as_it_changes(stranger: Stranger, register: Accounts) -> None:
    token = stranger.granted()
    found = register.find("officer")
    assert found
    register.register.change("officer", replace(found.standing, role=Role.PUBLISHER), "管理员")
    assert stranger.bearing(token).status_code == 401
    assert stranger.bearing(stranger.granted()).status_code == 403


def test_an_account_ends_on_its_day(stranger: Stranger, register: Accounts) -> None:
    standing = Standing(role=Role.OFFICER, department=Department.AGENCY, until=datetime.now(UTC) - timedelta(seconds=1))
    secret = register.new("summer", standing, "管理员")
    assert stranger.post("/oauth/token", form("summer", secret)).status_code == 401
    assert stranger.why == ["disabled"]


@pytest.mark.usefixtures("at_once")
def test_two_secrets_are_good_for_a_while_and_then_the_new_one_alone(stranger: Stranger, register: Accounts) -> None:
    token, older = stranger.granted(), stranger.secrets["officer"]
    newer = register.new_secret("officer", "管理员", datetime.now(UTC) + timedelta(hours=1))
    for secret in (older, newer):
        assert stranger.post("/oauth/token", form("officer", secret)).status_code == 200
    assert stranger.bearing(token).status_code == 200
    newest = register.new_secret("officer", "管理员")
    assert stranger.bearing(token).status_code == 401
    given = [stranger.post("/oauth/token", form("officer", secret)).status_code for secret in (older, newer, newest)]
    assert given == [401, 401, 200]


@pytest.mark.usefixtures("at_once")
def test_tokens_of_an_older_key_are_good_until_its_end_and_others_never(stranger: Stranger, database: Database) -> None:
    keys = TokenKeys(database, key_ring())
    before = stranger.granted()
    keys.rotate("管理员", datetime.now(UTC) + timedelta(minutes=20))
    stranger.app.state.tokens.forget()
    after = stranger.granted()
    assert parts_of(before)[0]["kid"] != parts_of(after)[0]["kid"]
    assert [stranger.bearing(token).status_code for token in (before, after)] == [200, 200]
    # the newer token under the older key's name
    header, _ = parts_of(before)
    swapped = ".".join([unsigned(header, {}).split(".")[0], *after.split(".")[1:]])
    assert stranger.bearing(swapped).status_code == 401
    keys.rotate("管理员", datetime.now(UTC))
    stranger.app.state.tokens.forget()
    assert [stranger.bearing(token).status_code for token in (before, after)] == [401, 401]
    assert stranger.bearing(stranger.granted()).status_code == 200


def test_a_token_is_for_the_purposes_of_its_scope(stranger: Stranger) -> None:
    asked = form("officer", stranger.secrets["officer"]) | {"scope": "benefit-check verification"}
    answer = stranger.post("/oauth/token", asked)
    assert answer.json()["scope"] == "benefit-check verification"
    token = answer.json()["access_token"]
    assert stranger.bearing(token, changqing_purpose="benefit-check").status_code == 200
    assert (
        stranger.bearing(token, changqing_purpose="verification").json()["code"] == "not-of-purpose"
    )  # which has no alerts
    refused = stranger.bearing(token, changqing_purpose="curiosity")
    assert (refused.status_code, refused.json()["code"]) == (403, "purpose-not-granted")
    assert [(one.claimed, one.why) for one in stranger.attempts] == [("officer", "purpose-not-granted")]


def test_failures_make_waits_that_grow_for_the_one_account_at_the_one_address(stranger: Stranger) -> None:
    here, elsewhere = stranger.client("203.0.113.7"), stranger.client("203.0.113.8")
    answers = [stranger.post("/oauth/token", form("officer", "guessed"), here) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) == 1
    right = form("officer", stranger.secrets["officer"])
    assert (
        stranger.post("/oauth/token", right, here).status_code == 429
    )  # the right one too: nothing is told by waiting
    assert stranger.post("/oauth/token", right, elsewhere).status_code == 200
    assert stranger.post("/oauth/token", form("community", stranger.secrets["community"]), here).status_code == 200
    assert stranger.why == ["wrong-secret"] * 5 + ["locked-out"] * 2


def test_who_guesses_names_waits_as_well(stranger: Stranger) -> None:
    here = stranger.client("203.0.113.9")
    answers = [stranger.post("/oauth/token", form(f"guess-{n}", "guessed"), here) for n in range(31)]
    assert [answer.status_code for answer in answers] == [401] * 30 + [429]


@pytest.fixture
def behind_a_proxy(dsn: str) -> Iterator[Stranger]:
    proxies = {"CHANGQING_TRUSTED_PROXIES": "10.0.0.0/28", "CHANGQING_CERTIFICATE_HEADER": "Client-Cert"}
    with strangers(dsn, **proxies) as one:
        yield one


def certificate() -> str:
    """A fresh certificate as RFC 9440 has a proxy hand it on."""
    return f":{base64.b64encode(self_signed()).decode()}:"


def test_a_token_bound_to_a_certificate_is_worth_nothing_without_it(behind_a_proxy: Stranger) -> None:
    stranger, mine, another = behind_a_proxy, certificate(), certificate()
    proxy, anybody = stranger.client("10.0.0.2"), stranger.client("203.0.113.7")
    token = stranger.granted(client=proxy, client_cert=mine)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(base64.b64decode(mine[1:-1])).digest()).rstrip(b"=").decode()
    assert parts_of(token)[1]["cnf"] == {"x5t#S256": thumbprint}
    assert stranger.bearing(token, proxy, client_cert=mine).status_code == 200
    assert stranger.bearing(token, proxy).status_code == 401
    assert stranger.bearing(token, proxy, client_cert=another).status_code == 401
    assert stranger.bearing(token, anybody, client_cert=mine).status_code == 401  # who is no proxy says what he likes
    assert stranger.why == ["token-of-another-certificate"] * 3
    assert stranger.bearing(token, proxy, client_cert="nonsense").status_code == 400


def test_an_account_that_must_have_a_certificate_gets_no_token_without(
    behind_a_proxy: Stranger, register: Accounts
) -> None:
    standing = Standing(role=Role.OFFICER, department=Department.AGENCY, bound=True)
    secret = register.new("gateway", standing, "管理员")
    proxy = behind_a_proxy.client("10.0.0.2")
    assert behind_a_proxy.post("/oauth/token", form("gateway", secret), proxy).status_code == 401
    assert (
        behind_a_proxy.post("/oauth/token", form("gateway", secret), proxy, client_cert=certificate()).status_code
        == 200
    )
    assert behind_a_proxy.why == ["no-certificate"]


def test_an_address_is_what_our_own_proxy_says_and_nobody_else(behind_a_proxy: Stranger) -> None:
    for peer, said in (
        ("10.0.0.2", "1.2.3.4, 203.0.113.7"),
        ("203.0.113.7", "1.2.3.4"),
        ("10.0.0.2", "203.0.113.7, 10.0.0.3"),
    ):
        behind_a_proxy.bearing("guessed", behind_a_proxy.client(peer), x_forwarded_for=said)
    assert {one.address for one in behind_a_proxy.attempts} == {"203.0.113.7"}


def test_a_line_that_the_client_puts_before_the_proxys_is_not_believed(behind_a_proxy: Stranger) -> None:
    lines = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "203.0.113.7"),
        ("authorization", "Bearer guessed"),
    ]
    behind_a_proxy.send("/v1/inbox", lines, behind_a_proxy.client("10.0.0.2"))
    assert [one.address for one in behind_a_proxy.attempts] == ["203.0.113.7"]


def test_every_change_of_an_account_is_in_the_log_and_no_secret_is(
    stranger: Stranger, register: Accounts, database: Database
) -> None:
    secret = register.new_secret("officer", "管理员")
    register.register.set_password("officer", "$argon2id$of-nobody", "管理员", must_change=True)
    register.register.disable("officer", "管理员", "离职 left")
    stranger.granted("community")
    with database.transaction() as connection:
        rows = log.read(connection, 0, 1_000)
    names = [entry.name for entry in codec.entries(rows)]
    assert names.count("account-registered.v1") == 2
    assert names.count("credential-changed.v1") == 2 + 2 + 1  # a secret each, two more, and the key of tokens
    assert names[-2:] == ["account-disabled.v1", "credential-changed.v1"]
    states = b"".join(bytes(row.state) for row in rows)
    for one in (*stranger.secrets.values(), secret, "argon2"):
        assert one.encode() not in states
        assert hashlib.sha256(one.encode()).hexdigest().encode() not in states
