"""Who may do what: accounts out of a file."""

import hashlib
import hmac
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from domain.facts import Department
from domain.refusals import Refused
from domain.rights.acts import Act, Role
from domain.rights.rights import Place
from infra.statutes import the_rights
from services.settings import SettingsError

__all__ = ["Account", "Accounts", "Act", "Role", "hash_secret"]


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account. `division`: the prefix of the division codes it may see; `secret_sha256`: of its secret, in hex.

    `purpose`: what this request is for, by its key; empty: what the role is there for.
    """

    name: str
    role: Role
    department: Department
    division: str = ""
    secret_sha256: str
    purpose: str = ""

    @property
    def acts(self) -> frozenset[Act]:
        """What it may do, for what this request is for."""
        return the_rights().acts_of(self.role, self.department, self.purpose)

    @property
    def place(self) -> Place:
        """By what people are of its division: registered there, or served there; or it sees nobody."""
        return the_rights().place(self.role)

    def may(self, act: Act) -> bool:
        """Whether it may do this."""
        return act in self.acts

    def allow(self, *acts: Act) -> None:
        """Raise `Refused("forbidden")` unless the account may do one of these."""
        if self.acts.isdisjoint(acts):
            raise Refused("forbidden")


class Accounts:
    """All accounts, by name."""

    def __init__(self, accounts: list[Account]) -> None:
        self.by_name = {account.name: account for account in accounts}

    @classmethod
    def from_file(cls, path: Path) -> "Accounts":
        """The accounts of a JSON file. Raises `SettingsError` naming the file and the member."""
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=list[Account]))
        except (OSError, msgspec.DecodeError) as error:
            raise SettingsError(f"CHANGQING_CREDENTIALS_FILE must hold a JSON list of accounts: {error}") from error

    @classmethod
    def add(cls, path: Path, name: str, role: Role, department: Department, division: str = "") -> str:
        """Add an account to a file, or give it a new secret. Returns the secret, which is kept nowhere."""
        if not name or set(name) & set(".:"):
            raise SettingsError("an account's name must not be empty or hold a dot or a colon")
        accounts = cls.from_file(path).by_name if path.exists() else {}
        secret = secrets.token_urlsafe(24)
        accounts[name] = Account(
            name=name, role=role, department=department, division=division, secret_sha256=hash_secret(secret)
        )
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(list(accounts.values())), indent=2))
        fresh.chmod(0o600)
        fresh.replace(path)
        return secret

    def check(self, name: str, secret: str) -> Account | None:
        """The account with this name and secret."""
        account = self.by_name.get(name)
        given = hash_secret(secret)
        expected = account.secret_sha256 if account else hash_secret("")  # the same work whether the name exists or not
        return account if hmac.compare_digest(given, expected) and account else None


def hash_secret(secret: str) -> str:
    """The hash of a secret that stands in the file. Secrets are random, 32 characters: no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
