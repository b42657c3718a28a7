"""Accounts kept by accounts: what an administrator does to those of its division, and never to its own.

An account that may approve what takes two people, or keep accounts itself (`Rights.weighs`), is made, raised to
that and given a new secret only as a second person approved. Whoever is at the terminal has the database itself, and is not bounded.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from domain.accounts import Standing
from domain.facts import Department
from domain.identity import names_a_person
from domain.proposals import Act, same_person
from domain.refusals import Refused
from infra.accounts import AccountRegister, Approval, Registered
from infra.attempts import Attempts
from infra.statutes import the_rights
from services.accounts import Account, Role
from services.accounts import Act as Right
from services.application import today
from services.identities import passwords
from services.identities.accounts import Accounts, check


class AccountCard(Struct, frozen=True, kw_only=True):
    """An account as it stands, without its secrets. `disabled`: why it may not be used. `must_change`: the first password is still to be changed."""

    account: str
    role: Role
    department: Department
    division: str
    until: datetime | None
    subject: str
    bound: bool
    must_change: bool
    disabled: str | None
    registered_at: datetime


class NewSecret(Struct, frozen=True, kw_only=True):
    """A program's secret or a person's first password, said this once. None: who signs in elsewhere has none here."""

    account: str
    secret: str | None


class Keeping:
    """The accounts, as they are kept by other accounts."""

    def __init__(self, accounts: Accounts, attempts: Attempts) -> None:
        self._accounts = accounts
        self._attempts = attempts

    @property
    def _register(self) -> AccountRegister:
        return self._accounts.register

    def page(self, by: Account, after: str, limit: int) -> list[AccountCard]:
        """The accounts of one's division, by name. Raises `Refused("forbidden")`."""
        by.allow(Right.ACCOUNTS)
        return [card(one) for one in self._register.page(by.division, after, limit)]

    def find(self, by: Account, name: str) -> AccountCard:
        """One of them. Raises `Refused`: `forbidden`, `unknown-account`, also of those of other divisions."""
        by.allow(Right.ACCOUNTS)
        return card(self._one(by, name))

    def new(self, by: Account, name: str, standing: Standing, *, person: bool) -> NewSecret:
        """Make one. Raises `Refused`: `forbidden`, `account-exists`, `account-invalid`, `needs-approval`, `identity-number-in-id`."""
        self._may(by, name)
        if names_a_person(name) or names_a_person(standing.subject):
            raise Refused("identity-number-in-id", "account")
        check(name, standing)
        _within(by, standing)
        self._register.register(name, standing, by.name, _approval(f"new {_said(name, standing)}", standing))
        self._accounts.forget(name)
        return NewSecret(account=name, secret=None if standing.subject else self._give(by, name, person=person))

    def change(self, by: Account, name: str, wanted: dict[str, Any]) -> AccountCard:
        """Another standing, in what is given. Its sessions and tokens are over. Raises `Refused` as `new`, and `unknown-account`, `own-account`."""
        self._may(by, name)
        standing = msgspec.structs.replace(self._one(by, name).standing, **wanted)
        check(name, standing)
        _within(by, standing)
        self._register.change(name, standing, by.name, _approval(f"change {_said(name, standing)}", standing))
        return self._changed(by, name)

    def secret(self, by: Account, name: str, hours: float, *, person: bool) -> NewSecret:
        """A new secret; a program's older ones stay good for some hours. Raises `Refused` as `change`."""
        self._may(by, name)
        found = self._one(by, name)
        until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
        approval = _approval(f"secret {name}", found.standing)
        return NewSecret(account=name, secret=self._give(by, name, until, approval, person=person))

    def disable(self, by: Account, name: str, reason: str) -> AccountCard:
        """Nobody gets in by it any more. Raises `Refused`: `forbidden`, `unknown-account`, `own-account`, `identity-number-in-id`."""
        self._may(by, name)
        self._one(by, name)
        if names_a_person(reason):
            raise Refused("identity-number-in-id", "reason")
        if not reason.strip() or not reason.isprintable():
            raise Refused("invalid-field", "reason")
        self._register.disable(name, by.name, reason)
        return self._changed(by, name)

    def enable(self, by: Account, name: str) -> AccountCard:
        """It may be used again. Raises `Refused` as `disable`."""
        self._may(by, name)
        self._one(by, name)
        self._register.enable(name, by.name)
        return self._changed(by, name)

    def unlock(self, by: Account, name: str) -> AccountCard:
        """Nobody has to wait for failed attempts by it. Raises `Refused` as `disable`."""
        self._may(by, name)
        self._one(by, name)
        self._register.unlocked(name, by.name, self._attempts.subject("person", name))
        return self._changed(by, name)

    def _give(
        self, by: Account, name: str, until: datetime | None = None, approval: Approval | None = None, *, person: bool
    ) -> str:
        if not person:
            return self._accounts.new_secret(name, by.name, until, approval)
        secret = passwords.first_password()
        self._register.set_password(name, passwords.hashed(secret), by.name, must_change=True, approval=approval)
        self._accounts.forget(name)
        return secret

    def _changed(self, by: Account, name: str) -> AccountCard:
        self._accounts.forget(name)
        return self.find(by, name)

    def _one(self, by: Account, name: str) -> Registered:
        found = self._register.find(name)
        if found is None or not found.standing.division.startswith(by.division):
            raise Refused("unknown-account", "account")
        return found

    @staticmethod
    def _may(by: Account, name: str) -> None:
        by.allow(Right.ACCOUNTS_MANAGE)
        if same_person(by.name, name):
            raise Refused("own-account", "account")


def card(found: Registered) -> AccountCard:
    """An account as it is shown."""
    standing = found.standing
    return AccountCard(
        account=found.name,
        role=Role(standing.role),
        department=standing.department,
        division=standing.division,
        until=standing.until,
        subject=standing.subject,
        bound=standing.bound,
        must_change=found.must_change,
        disabled=found.disabled,
        registered_at=found.registered_at,
    )


def _within(by: Account, standing: Standing) -> None:
    """Raise `Refused("forbidden")` for a standing that reaches beyond the division of whoever gives it."""
    if not standing.division.startswith(by.division):
        raise Refused("forbidden", "division")


def _said(name: str, standing: Standing) -> str:
    """All that an account is for, in words: whoever approves it approves that and nothing else."""
    more = {
        "until": standing.until and standing.until.isoformat(),
        "subject": standing.subject,
        "bound": standing.bound and "yes",
    }
    given = (f"{key}={value}" for key, value in more.items() if value)
    return " ".join((name, standing.role, standing.department, standing.division or "all", *given))


def _approval(subject: str, standing: Standing) -> Approval | None:
    """What must have been approved for it; None: it takes no second person."""
    takes_two = the_rights().weighs(Role(standing.role), standing.department)
    return Approval(Act.ACCOUNTS, subject, today()) if takes_two else None
