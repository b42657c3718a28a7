"""Who may do what: accounts out of a file."""

import hashlib
import hmac
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from domain.facts import Department
from domain.refusals import Refused
from services.settings import SettingsError


class Role(StrEnum):
    """What an account is for."""

    PUBLISHER = "publisher"
    OFFICER = "officer"
    COMMUNITY = "community"
    AUDITOR = "auditor"


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account. `division`: the prefix of the division codes it may see; `secret_sha256`: of its secret, in hex."""

    name: str
    role: Role
    department: Department
    division: str = ""
    secret_sha256: str

    def allow(self, *roles: Role) -> None:
        """Raise `Refused("forbidden")` unless the account has one of the roles."""
        if self.role not in roles:
            raise Refused("forbidden")


class Accounts:
    """All accounts, by name."""

    def __init__(self, accounts: list[Account]) -> None:
        self._by_name = {account.name: account for account in accounts}

    @classmethod
    def from_file(cls, path: Path) -> "Accounts":
        """The accounts of a JSON file. Raises `SettingsError` naming the file and the member."""
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=list[Account]))
        except (OSError, msgspec.DecodeError) as error:
            raise SettingsError(f"CHANGQING_CREDENTIALS_FILE must hold a JSON list of accounts: {error}") from error

    def check(self, name: str, secret: str) -> Account | None:
        """The account with this name and secret."""
        account = self._by_name.get(name)
        given = hash_secret(secret)
        expected = account.secret_sha256 if account else hash_secret("")  # the same work whether the name exists or not
        return account if hmac.compare_digest(given, expected) and account else None


def hash_secret(secret: str) -> str:
    """The hash of a secret that stands in the file. Secrets are random, 32 characters: no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
