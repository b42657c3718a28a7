"""The register of accounts: every change of it with its event in the log, and hashes of secrets in the table alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import NamedTuple

import msgspec
from psycopg.errors import UniqueViolation

from domain.accounts import (
    AccountChanged,
    AccountDisabled,
    AccountEnabled,
    AccountRegistered,
    AccountTold,
    AccountUnlocked,
    CredentialChanged,
    Standing,
)
from domain.proposals import Act
from domain.refusals import Refused
from infra import log
from infra.database import Database, Rows
from infra.ledger import append_plain
from infra.proposals import spend
from infra.session import Session
from infra.sql import statements

SQL = statements("accounts")


class Registered(NamedTuple):
    """An account as it stands. `disabled`: why it may not be used, else None. `revision` grows when tokens of before are over."""

    name: str
    standing: Standing
    must_change: bool
    disabled: str | None
    revision: int
    registered_at: datetime


class Approval(NamedTuple):
    """What a second person must have approved, which the change uses up: the act, of what, and the day."""

    act: Act
    subject: str
    today: date


class AccountRegister:
    """All accounts of a ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def register(self, name: str, standing: Standing, by: str, approval: Approval | None = None) -> None:
        """A new account, which nobody can use before it has a credential. Raises `Refused`: `account-exists`, `account-invalid`, `needs-approval`."""
        with self.database.transaction() as connection, _one_subject():
            if connection.execute(SQL["save"], _row(name, standing)).rowcount != 1:
                raise Refused("account-exists", "account", name)
            _spend(connection, approval, by)
            tell(connection, AccountRegistered(account=name, by=by, standing=standing))

    def change(self, name: str, standing: Standing, by: str, approval: Approval | None = None) -> None:
        """Another standing; its tokens and sessions are over. Raises `Refused`: `unknown-account`, `account-invalid`, `needs-approval`."""
        with self.changing(name) as connection, _one_subject():
            _spend(connection, approval, by)
            connection.execute(SQL["change"], _row(name, standing))
            connection.execute(SQL["sessions_end"], {"account": name})
            tell(connection, AccountChanged(account=name, by=by, standing=standing))

    def disable(self, name: str, by: str, reason: str) -> None:
        """Nobody may use it any more. Raises `Refused("unknown-account")`."""
        with self.changing(name) as connection:
            connection.execute(SQL["disable"], {"account": name, "reason": reason})
            connection.execute(SQL["sessions_end"], {"account": name})
            tell(connection, AccountDisabled(account=name, by=by, reason=reason))

    def enable(self, name: str, by: str) -> None:
        """It may be used again. Raises `Refused("unknown-account")`."""
        with self.changing(name) as connection:
            connection.execute(SQL["enable"], {"account": name})
            tell(connection, AccountEnabled(account=name, by=by))

    def set_password(
        self, name: str, hashed: str, by: str, *, must_change: bool, approval: Approval | None = None
    ) -> None:
        """Another password, as its hash; sessions and tokens of before are over. Raises `Refused`: `unknown-account`, `needs-approval`."""
        with self.changing(name) as connection:
            _spend(connection, approval, by)
            given = {"account": name, "password": hashed, "must_change": must_change}
            connection.execute(SQL["set_password"], given)
            connection.execute(SQL["sessions_end"], {"account": name})
            tell(connection, CredentialChanged(account=name, by=by, credential="password"))

    def add_secret(
        self, name: str, digest: bytes, by: str, until: datetime | None, approval: Approval | None = None
    ) -> None:
        """One more secret for programs, by its hash. Those there are stay good until a time; None: they, and tokens got by them, are over.

        Raises `Refused`: `unknown-account`, `needs-approval`.
        """
        with self.changing(name) as connection:
            _spend(connection, approval, by)
            ends = connection.execute("select coalesce(%s, clock_timestamp())", [until]).fetchone()
            connection.execute(SQL["secrets_end"], {"account": name, "until": ends and ends[0]})
            connection.execute(SQL["secrets_forget"], {"account": name})
            connection.execute(SQL["secret_save"], {"account": name, "digest": digest})
            if until is None:
                connection.execute(SQL["touch"], {"account": name})
            tell(connection, CredentialChanged(account=name, by=by, credential="client-secret", until=until))

    def unlocked(self, name: str, by: str, subject: bytes) -> None:
        """Forget failed attempts: of this subject, and of those that begin with it. Raises `Refused("unknown-account")`."""
        with self.changing(name) as connection:
            connection.execute(SQL["attempts_unlock"], {"subject": subject})
            tell(connection, AccountUnlocked(account=name, by=by))

    def find(self, name: str) -> Registered | None:
        """One account; None when there is none."""
        return self._one("find", {"account": name})

    def of_subject(self, subject: str) -> Registered | None:
        """The account of somebody at the issuer that people sign in at."""
        return self._one("of_subject", {"subject": subject})

    def all(self) -> list[Registered]:
        """Every account, by name."""
        with self.database.transaction() as connection:
            return [_registered(row) for row in connection.execute(SQL["all"]).fetchall()]

    def page(self, division: str, after: str, limit: int) -> list[Registered]:
        """Accounts of a division and of those within it, by name, after one."""
        given = {"division": division, "after": after, "limit": limit}
        with self.database.transaction() as connection:
            return [_registered(row) for row in connection.execute(SQL["page"], given).fetchall()]

    def secrets(self, name: str) -> list[bytes]:
        """The hashes of a program's secrets that are good now."""
        with self.database.transaction() as connection:
            return [digest for (digest,) in connection.execute(SQL["secrets"], {"account": name}).fetchall()]

    def password(self, name: str) -> str | None:
        """The hash of an account's password; None when it has none, or there is no account."""
        with self.database.transaction() as connection:
            row = connection.execute(SQL["password"], {"account": name}).fetchone()
        return row[0] if row else None

    def renew_hash(self, name: str, hashed: str, fresh: str) -> None:
        """The same password, hashed as is done today."""
        with self.database.transaction() as connection:
            connection.execute(SQL["renew_hash"], {"account": name, "password": hashed, "fresh": fresh})

    @contextmanager
    def changing(self, name: str) -> Iterator[Session]:
        """A transaction that holds an account. Raises `Refused("unknown-account")`."""
        with self.database.transaction() as connection:
            if connection.execute(SQL["lock"], {"account": name}).fetchone() is None:
                raise Refused("unknown-account", "account", name)
            yield connection

    def _one(self, statement: str, given: dict[str, str]) -> Registered | None:
        with self.database.transaction() as connection:
            row = connection.execute(SQL[statement], given).fetchone()
        return _registered(row) if row else None


def tell(connection: Session, told: AccountTold) -> None:
    """Append what happened to an account, within the caller's transaction."""
    append_plain(connection, log.stream_of(f"account:{told.account}"), told)


def _spend(connection: Session, approval: Approval | None, by: str) -> None:
    if approval:
        spend(connection, approval.act, approval.subject, by, approval.today)


@contextmanager
def _one_subject() -> Iterator[None]:
    try:
        yield
    except UniqueViolation:
        raise Refused("account-invalid", "subject", "another account is this person's") from None


def _row(name: str, standing: Standing) -> dict[str, str]:
    return {"account": name, "standing": msgspec.json.encode(standing).decode()}


def _registered(row: Rows) -> Registered:
    name, standing, *others = row
    return Registered(name, msgspec.convert(standing, Standing), *others)
