"""Accounts for tests, made as operators make them, and their tokens, got as programs get them."""

from collections.abc import Iterable
from contextlib import closing

import httpx

from domain.accounts import Standing
from domain.facts import Department
from infra.accounts import AccountRegister
from infra.database import Database
from services.accounts import Role
from services.identities.accounts import Accounts

Wanted = tuple[str, Role, Department, str]
"""An account that a test wants: its name, what it is for, whose, and of which division."""


def new_accounts(dsn: str, wanted: Iterable[Wanted]) -> dict[str, str]:
    """Make accounts in a database, or give those there are another secret; the secret of each by its name."""
    with closing(Database(dsn)) as database:
        accounts = Accounts(AccountRegister(database))
        return {
            name: accounts.new_secret(name, "tests")
            if accounts.register.find(name)
            else accounts.new(name, Standing(role=role, department=department, division=division), "tests")
            for name, role, department, division in wanted
        }


def form(account: str, secret: str) -> dict[str, str]:
    """What a program sends to `/oauth/token`."""
    return {"grant_type": "client_credentials", "client_id": account, "client_secret": secret}


def bearer(answer: httpx.Response) -> dict[str, str]:
    """The header that the answer of `/oauth/token` is good for."""
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
