"""The application met by strangers: with tokens that they made, with cookies, from any address, through any proxy."""

import base64
import json
import re
from asyncio import Runner
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import OKPKey

from domain.facts import Department
from infra.keys import KeyRing
from services.accounts import Role
from services.api.app import create_app
from services.api.denials import Attempt
from services.settings import Settings
from tests.accounts import form, new_accounts

KEY = bytes(range(32))
PASSWORD = "correct horse battery"  # noqa: S105 - of nobody
ACCOUNTS = (
    ("officer", Role.OFFICER, Department.AGENCY, ""),
    ("community", Role.COMMUNITY, Department.COMMUNITY, "4403"),
)

Json = dict[str, Any]


class Stranger:
    """Whoever sends requests: a browser that keeps its cookies, or a program. `attempts`: what was told of those in vain."""

    def __init__(self, runner: Runner, app: FastAPI, secrets: Mapping[str, str], base: str) -> None:
        self.app = app
        self.secrets = secrets
        self.attempts: list[Attempt] = []
        self._runner = runner
        self._base = base
        app.state.denied = self.attempts.append
        self.browser = self.client()

    def client(self, address: str = "127.0.0.1") -> AsyncClient:
        """Another browser, at an address."""
        return AsyncClient(transport=ASGITransport(self.app, client=(address, 4711)), base_url=self._base)

    def get(self, path: str, client: AsyncClient | None = None, **headers: str) -> Response:
        return self._runner.run((client or self.browser).get(path, headers=_names(headers)))

    def send(self, path: str, lines: list[tuple[str, str]], client: AsyncClient) -> Response:
        """Ask with header lines as they are, of one name several."""
        return self._runner.run(client.get(path, headers=lines))

    def post(self, path: str, data: Mapping[str, str], client: AsyncClient | None = None, **headers: str) -> Response:
        return self._runner.run((client or self.browser).post(path, data=data, headers=_names(headers)))

    def granted(self, account: str = "officer", client: AsyncClient | None = None, **headers: str) -> str:
        """A token as the account's program gets it."""
        answer = self.post("/oauth/token", form(account, self.secrets[account]), client, **headers)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def bearing(self, token: str, client: AsyncClient | None = None, **headers: str) -> Response:
        """What somebody with a token is answered."""
        return self.get("/v1/inbox", client, authorization=f"Bearer {token}", **headers)

    def signs_in(
        self, name: str = "officer", password: str = PASSWORD, client: AsyncClient | None = None, onward: str = "/"
    ) -> Response:
        """Fill in the form of the login page and send it."""
        shown = self.get("/login", client)
        fields = {"token": token_in(shown), "name": name, "password": password, "next": onward}
        return self.post("/login", fields, client)

    @property
    def why(self) -> list[str]:
        """The reasons that were told, in order."""
        return [one.why for one in self.attempts]


@contextmanager
def strangers(dsn: str, base: str = "http://here", **settings: str) -> Iterator[Stranger]:
    """The application of a database, with two accounts. `base`: the address by which it is known."""
    secrets = new_accounts(dsn, ACCOUNTS)
    given = {"DATABASE_URL": dsn, "CHANGQING_KEY": KEY.hex(), "CHANGQING_PUBLIC_URL": base} | settings
    app = create_app(Settings.of(given))
    lifespan = app.router.lifespan_context(app)
    with Runner() as runner:
        runner.run(lifespan.__aenter__())
        stranger = Stranger(runner, app, secrets, base)
        yield stranger
        runner.run(stranger.browser.aclose())
        runner.run(lifespan.__aexit__(None, None, None))


def token_in(page: Response) -> str:
    """The token of a page's forms."""
    (token,) = set(re.findall(r'name="token" value="([0-9a-f]+)"', page.text))
    return str(token)


def key_ring() -> KeyRing:
    return KeyRing(KEY)


def parts_of(token: str) -> tuple[Json, Json]:
    """Header and claims of a token, unchecked."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def unsigned(header: Json, claims: Json, signature: str = "") -> str:
    """A token that says what it says, with a signature of one's own."""
    return ".".join([*(_text(json.dumps(part).encode()) for part in (header, claims)), signature])


def signed(header: Json, claims: Json, key: Any) -> str:
    """A token by a key of one's own."""
    token: str = jwt.encode(header, claims, key, algorithms=[header["alg"]])
    return token


def okp() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
