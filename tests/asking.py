"""The API and the pages as accounts meet them, over what stands in a ledger and its views."""

import re
from asyncio import Runner, gather
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from csv import DictReader
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import httpx
import msgspec
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from domain.facts import Department
from infra import codec, log
from infra.database import Database
from infra.views import Views
from services.accounts import Role
from services.api.app import create_app
from services.settings import Settings
from tests.accounts import bearer, form, new_accounts

T = TypeVar("T")

_ANEW_SECONDS = 300
"""A token is good for ten minutes, and some tests take longer."""


class Asking:
    """A browser of each account."""

    def __init__(self, runner: Runner, app: FastAPI, client: AsyncClient, secrets: dict[str, str]) -> None:
        self._app = app
        self._runner = runner
        self._client = client
        self._secrets = secrets
        self._headers: dict[str, tuple[float, dict[str, str]]] = {}

    def names(self, account: str, division: str, on: str = "") -> set[str]:
        """Who is shown on the roster of a division, on every page of it; by names as they are, out of the whole of it unmasked."""
        found: list[dict[str, object]] = []
        asked = f"/v1/roster?limit=1&division={division}" + (f"&on={on}" if on else "")
        while asked:
            answer = self._get(account, asked).raise_for_status()
            found += answer.json()
            asked = answer.links.get("next", {}).get("url", "")
        whole = f"/v1/registers/roster/unmasked?division={division}" + (f"&on={on}" if on else "")
        file = self.post(account, whole, {"reason": "identity-check"}).raise_for_status()
        names = [row["姓名 name"] for row in DictReader(StringIO(file.text.removeprefix("\ufeff"), newline=""))]
        assert len(names) == len(found)
        return set(names)

    def unmask(self, account: str, retiree: str, *fields: str) -> dict[str, str]:
        """Some fields of somebody, plain."""
        body = {"fields": fields or ["name", "identity_number"], "reason": "identity-check"}
        answer = self.post(account, f"/v1/retirees/{retiree}/unmask", body).raise_for_status()
        return msgspec.convert(answer.json()["fields"], dict[str, str])

    def counts(self, account: str) -> dict[str, int]:
        """How many people each community has, as its page says: by code."""
        page = self.page(account, "/pages/roster")
        rows = re.findall(r'<small>([0-9]{12})</small></td><td class="number">([0-9]+)</td>', page)
        return {code: int(people) for code, people in rows}

    def status(self, account: str, path: str) -> int:
        return self._get(account, path).status_code

    def asked(self, account: str, path: str) -> Response:
        """The answer, whatever its status."""
        return self._get(account, path)

    def together(self, asked: Sequence[tuple[str, str, object]]) -> list[Response]:
        """The answers to many at once, each of an account, a path and a body, None: nothing is sent."""

        headers_of = {account: self.headers(account) for account, _, _ in asked}

        async def one(account: str, path: str, body: object) -> Response:
            headers = headers_of[account]
            if body is None:
                return await self._client.get(path, headers=headers)
            return await self._client.post(path, headers=headers, json=body)

        async def all_of_them() -> list[Response]:
            return list(await gather(*(one(*each) for each in asked)))

        return self._runner.run(all_of_them())

    def json(self, account: str, path: str) -> Any:
        return self._get(account, path).raise_for_status().json()

    def page(self, account: str, path: str) -> str:
        return self._get(account, path).raise_for_status().text

    def bytes(self, account: str, path: str) -> bytes:
        return self._get(account, path).raise_for_status().content

    def post(self, account: str, path: str, body: object) -> Response:
        headers = self.headers(account)
        return self._runner.run(self._client.post(path, headers=headers, json=body))

    def ask(self, account: str, path: str, method: str = "GET", **given: Any) -> Response:
        """Ask with headers and a body of the test's own; an empty account: nobody."""
        headers = (self.headers(account) if account else {}) | given.pop("headers", {})
        return self._runner.run(self._client.request(method, path, headers=headers, **given))

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """Do what asks several things at once, by `client`."""
        return self._runner.run(asked)

    @property
    def client(self) -> AsyncClient:
        """What it asks by."""
        return self._client

    @property
    def app(self) -> FastAPI:
        """The application itself."""
        return self._app

    def inside(self) -> int:
        """How many requests are dealt with now."""
        count: int = self._app.state.crowd.requests
        return count

    def metrics(self) -> str:
        """What Prometheus is told."""
        port = self._app.state.metrics_port
        return httpx.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text

    def for_purpose(self, account: str, purpose: str, path: str, body: object = None) -> Response:
        """Ask, or with a body send, for a purpose; empty: for what the account is there for."""
        headers = self.headers(account) | ({"Changqing-Purpose": purpose} if purpose else {})
        method = "GET" if body is None else "POST"
        return self._runner.run(self._client.request(method, path, headers=headers, json=body))

    def form(self, account: str, path: str, fields: Mapping[str, str], page: str = "/pages/roster") -> Response:
        """Send a form with the token of a page of the account's, that of rosters."""
        (token,) = set(re.findall(r'name="token" value="([0-9a-f]+)"', self.page(account, page)))
        headers = self.headers(account)
        return self._runner.run(self._client.post(path, headers=headers, data={**fields, "token": token}))

    def headers(self, account: str) -> dict[str, str]:
        """What an account's program sends along: its token, which is got anew before it ends."""
        got, headers = self._headers.get(account, (0.0, {}))
        if not headers or monotonic() - got > _ANEW_SECONDS:
            asked = self._client.post("/oauth/token", data=form(account, self._secrets[account]))
            headers = bearer(self._runner.run(asked))
            self._headers[account] = (monotonic(), headers)
        return headers

    def _get(self, account: str, path: str) -> Response:
        headers = self.headers(account)
        return self._runner.run(self._client.get(path, headers=headers))


_DEPARTMENTS = {
    Role.PUBLISHER: Department.CIVIL_AFFAIRS,
    Role.COMMUNITY: Department.COMMUNITY,
}


def prepared(dsn: str, accounts: Mapping[str, tuple[Role, str]]) -> tuple[dict[str, str], dict[str, str]]:
    """The settings of an application, and the secrets of its accounts by their names."""
    wanted = (
        (name, role, _DEPARTMENTS.get(role, Department.AGENCY), division) for name, (role, division) in accounts.items()
    )
    return {"DATABASE_URL": dsn, "CHANGQING_KEY": bytes(range(32)).hex()}, new_accounts(dsn, wanted)


@contextmanager
def asking(dsn: str, folder: Path, accounts: Mapping[str, tuple[Role, str]], **more: str) -> Iterator[Asking]:
    """The application of a database, with accounts by their names: what for, and of which division. `more`: settings.

    `folder` is where files of a test may stand; nothing of accounts does.
    """
    settings, secrets = prepared(dsn, accounts)
    app = create_app(Settings.of(settings | more))
    lifespan = app.router.lifespan_context(app)
    client = AsyncClient(transport=ASGITransport(app), base_url="http://here")
    with Runner() as runner:
        runner.run(lifespan.__aenter__())
        yield Asking(runner, app, client, secrets)
        runner.run(client.aclose())
        runner.run(lifespan.__aexit__(None, None, None))


def catch_up(database: Database) -> None:
    """Fold what the views have not seen yet."""
    views = Views(database)
    for rows in log.scan(database, views.position(), 1_000):
        views.apply(codec.entries(rows))
