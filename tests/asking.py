"""The API and the pages as accounts meet them, over what stands in a ledger and its views."""

import re
from asyncio import Runner
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from domain.facts import Department
from infra import codec, log
from infra.database import Database
from infra.views import Views
from services.accounts import Accounts, Role
from services.api.app import create_app
from services.settings import Settings


class Asking:
    """A browser of each account."""

    def __init__(self, runner: Runner, client: AsyncClient, secrets: dict[str, str]) -> None:
        self._runner = runner
        self._client = client
        self._secrets = secrets

    def names(self, account: str, division: str, on: str = "") -> set[str]:
        """Who is shown on the roster of a division, on every page of it."""
        found: list[dict[str, object]] = []
        asked = f"/v1/roster?limit=1&division={division}" + (f"&on={on}" if on else "")
        after = ""
        while rows := self._get(account, asked + after).raise_for_status().json():
            found += rows
            after = f"&after={rows[-1]['retiree']}"
        people = [msgspec.convert(row["person"], dict[str, str]) for row in found]
        return {person["name"] for person in people}

    def counts(self, account: str) -> dict[str, int]:
        """How many people each community has, as its page says: by code."""
        page = self.page(account, "/pages/roster")
        rows = re.findall(r'<small>([0-9]{12})</small></td><td class="number">([0-9]+)</td>', page)
        return {code: int(people) for code, people in rows}

    def status(self, account: str, path: str) -> int:
        return self._get(account, path).status_code

    def json(self, account: str, path: str) -> Any:
        return self._get(account, path).raise_for_status().json()

    def page(self, account: str, path: str) -> str:
        return self._get(account, path).raise_for_status().text

    def bytes(self, account: str, path: str) -> bytes:
        return self._get(account, path).raise_for_status().content

    def post(self, account: str, path: str, body: object) -> Response:
        headers = {"Authorization": f"Bearer {account}.{self._secrets[account]}"}
        return self._runner.run(self._client.post(path, headers=headers, json=body))

    def form(self, account: str, path: str, fields: Mapping[str, str]) -> Response:
        """Send a form with the token of the account's page of rosters."""
        (token,) = set(re.findall(r'name="token" value="([0-9a-f]+)"', self.page(account, "/pages/roster")))
        headers = {"Authorization": f"Bearer {account}.{self._secrets[account]}"}
        return self._runner.run(self._client.post(path, headers=headers, data={**fields, "token": token}))

    def _get(self, account: str, path: str) -> Response:
        headers = {"Authorization": f"Bearer {account}.{self._secrets[account]}"}
        return self._runner.run(self._client.get(path, headers=headers))


_DEPARTMENTS = {
    Role.PUBLISHER: Department.CIVIL_AFFAIRS,
    Role.COMMUNITY: Department.COMMUNITY,
}


def prepared(
    dsn: str, folder: Path, accounts: Mapping[str, tuple[Role, str]]
) -> tuple[dict[str, str], dict[str, str], Callable[[str], dict[str, str]]]:
    """The settings of an application; the secrets of its accounts, and the headers by which a request comes from one of them."""
    folder.mkdir(exist_ok=True)
    file = folder / "accounts"
    secrets = {
        name: Accounts.add(file, name, role, _DEPARTMENTS.get(role, Department.AGENCY), division)
        for name, (role, division) in accounts.items()
    }
    settings = {"DATABASE_URL": dsn, "CHANGQING_KEY": bytes(range(32)).hex(), "CHANGQING_CREDENTIALS_FILE": str(file)}
    return settings, secrets, lambda account: {"Authorization": f"Bearer {account}.{secrets[account]}"}


def made(
    dsn: str, folder: Path, accounts: Mapping[str, tuple[Role, str]]
) -> tuple[FastAPI, dict[str, str], Callable[[str], dict[str, str]]]:
    """The application, not begun; the rest as `prepared`."""
    settings, secrets, headers = prepared(dsn, folder, accounts)
    return create_app(Settings.of(settings)), secrets, headers


@contextmanager
def asking(dsn: str, folder: Path, accounts: Mapping[str, tuple[Role, str]]) -> Iterator[Asking]:
    """The application of a database, with accounts by their names: what for, and of which division."""
    app, secrets, _ = made(dsn, folder, accounts)
    lifespan = app.router.lifespan_context(app)
    client = AsyncClient(transport=ASGITransport(app), base_url="http://here")
    with Runner() as runner:
        runner.run(lifespan.__aenter__())
        yield Asking(runner, client, secrets)
        runner.run(client.aclose())
        runner.run(lifespan.__aexit__(None, None, None))


def catch_up(database: Database) -> None:
    """Fold what the views have not seen yet."""
    views = Views(database)
    for rows in log.scan(database, views.position(), 1_000):
        views.apply(codec.entries(rows))
