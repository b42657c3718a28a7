"""What a process logs of a fault holds no secret and nobody's name, whichever process it is; and no token is too strange to be refused."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple
from urllib.parse import urlencode

import httpx
import psycopg
import pytest

from infra.database import Database
from infra.keys import KeyRing
from infra.token_keys import TokenKeys
from services.accounts import Role
from tests.accounts import form
from tests.asking import asking, prepared
from tests.serving import CHANGQING, PATIENCE, UNBOUNDED, free_port

ACCOUNTS = {"officer": (Role.OFFICER, "4403")}
SECRET = "hunter2-canary-secret"  # noqa: S105 - of nobody
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Running(NamedTuple):
    """The API as it is run, in two processes that a third one began, and all that they write."""

    url: str
    said: Path
    key: str


@pytest.fixture
def running(dsn: str, tmp_path: Path) -> Iterator[Running]:
    settings, _ = prepared(dsn, ACCOUNTS)
    port = free_port()
    environment = os.environ | settings | UNBOUNDED | {"CHANGQING_PORT": str(port)}
    said, url = tmp_path / "said", f"http://127.0.0.1:{port}"
    with said.open("wb") as file:
        process = subprocess.Popen([CHANGQING, "api", "--workers=2"], env=environment, stdout=file, stderr=file)
    try:
        deadline = monotonic() + PATIENCE
        while not _lives(url):
            assert process.poll() is None
            assert monotonic() < deadline, "nothing answers"
            sleep(0.1)
        yield Running(url, said, settings["CHANGQING_KEY"])
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _lives(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def test_a_fault_is_told_by_every_process_as_a_line_of_json_without_a_value(running: Running, dsn: str) -> None:
    with psycopg.connect(dsn) as owner:  # which nobody foresees
        owner.execute("update ledger.account set standing = '{}'")
    statuses = set()
    for _ in range(8):  # each on a connection of its own, so that both processes have some
        statuses.add(httpx.post(f"{running.url}/oauth/token", data=form("officer", SECRET)).status_code)
        with httpx.Client(base_url=running.url) as browser:
            token = re.findall(r'name="token" value="([0-9a-f]+)"', browser.get("/login").text)[0]
            fields = {"token": token, "name": "officer", "password": SECRET}
            statuses.add(browser.post("/login", data=fields).status_code)
    assert statuses == {500}
    text = running.said.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]  # whatever is no JSON breaks here
    faults = [one for one in lines if one.get("level") == "critical"]
    assert len(faults) == 16
    assert all(one["fault"] and one["frames"] for one in faults)
    assert not [said for said in (SECRET, running.key, "Traceback", "locals") if said in text]


def test_a_key_of_tokens_shows_no_seed_wherever_it_is_written(database: Database, keys: KeyRing) -> None:
    (key,) = TokenKeys(database, keys).known()
    for written in (repr(key), str(key), f"{[key]!r}", f"{({'k': key},)!r}"):
        assert key.kid in written
        assert repr(key.seed) not in written
        assert key.seed.hex() not in written


def _part(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


DEEP = [b"[" * 5_000, b'{"a":' * 1_000, b'{"alg":"EdDSA","typ":"at+jwt","kid":' + b"[" * 4_000]
STRANGE = [
    *(f"{_part(one)}.e30.AA" for one in DEEP),
    *(f"{_part(b'{}')}.{_part(one)}.AA" for one in DEEP),
    *(_part(one) for one in DEEP),
    "..",
    "." * 5_000,
    "a" * 10_000,
    _part(b'{"alg":"EdDSA","typ":"at+jwt","kid":"' + b"\\u0000" + b'"}') + ".e30.AA",
    _part(b'{"alg":"EdDSA","typ":"at+jwt","kid":1e999}') + ".e30.AA",
    _part(b"9" * 5_000) + ".e30.AA",
    _part(b"\xff\xfe{}") + ".e30.AA",
    "\xe9\xe8.a.b",
]


def test_no_token_is_too_strange_to_be_refused(dsn: str, tmp_path: Path) -> None:
    with asking(dsn, tmp_path, ACCOUNTS) as asked:
        for token in STRANGE:
            answer = asked.ask("", "/v1/inbox", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), token[:40]
        for value in ("Basic", "Basic =", "Basic AAAA", f"Basic {_part(b'a' * 6_000)}", "Bearer", "Bearer \t", "a b c"):
            answer = asked.ask("", "/oauth/token", "POST", content=urlencode({"grant_type": "client_credentials"}),
                headers=FORM | {"Authorization": value})  # fmt: skip
            assert answer.status_code in {400, 401}, value


def test_no_state_of_a_sign_in_elsewhere_is_too_strange_to_be_refused(dsn: str, tmp_path: Path) -> None:
    there = {"CHANGQING_OIDC_ISSUER": "http://127.0.0.1:9", "CHANGQING_OIDC_CLIENT_ID": "x", "CHANGQING_OIDC_CLIENT_SECRET": "y"}  # fmt: skip
    with asking(dsn, tmp_path, ACCOUNTS, **there) as asked:
        for said in ("%00", "a" * 3_000, "%F0%9F%98%80", "[" * 1_000):
            answer = asked.ask(
                "",
                f"/login/oidc/callback?state={said}&code={said}&iss={said}",
                headers={"Cookie": f"changqing-oidc={said}"},
            )
            assert answer.status_code in {400, 401}, answer.text
