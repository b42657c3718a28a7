"""The accounts as requests meet them: kept for a few seconds each, and made, given secrets and ended by operators."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from time import monotonic

from domain.accounts import Standing
from domain.refusals import Refused
from infra.accounts import AccountRegister, Approval, Registered
from services.accounts import Account, Role

KEPT_SECONDS = 5.0
"""How long an account is believed to be as it was read: within so long of a change every process knows of it."""

_MOST = 10_000
"""Accounts kept at a time."""


class Accounts:
    """The register with a short memory. Safe for threads: at worst two of them read the same account."""

    def __init__(self, register: AccountRegister) -> None:
        self.register = register
        self._kept: dict[str, tuple[float, Registered]] = {}

    def find(self, name: str, revision: int = 0) -> Registered | None:
        """An account, read again when it is not at least of that revision; None when there is none."""
        now = monotonic()
        at, kept = self._kept.get(name, (now, None))
        if kept and now - at < KEPT_SECONDS and kept.revision >= revision:
            return kept
        found = self.register.find(name)
        if found:
            if len(self._kept) >= _MOST:
                self._kept = {}
            self._kept[name] = now, found
        return found

    def forget(self, name: str) -> None:
        """Read an account again at its next use: it was changed here."""
        self._kept.pop(name, None)

    def new(self, name: str, standing: Standing, by: str) -> str:
        """A new account for a program; its secret, which is kept nowhere. Raises `Refused`: `account-exists`, `account-invalid`."""
        self.add(name, standing, by)
        return self.new_secret(name, by)

    def add(self, name: str, standing: Standing, by: str) -> None:
        """A new account that has no credential yet. Raises `Refused`: `account-exists`, `account-invalid`."""
        check(name, standing)
        self.register.register(name, standing, by)
        self.forget(name)

    def new_secret(self, name: str, by: str, until: datetime | None = None, approval: Approval | None = None) -> str:
        """A new secret for a program. The older ones stay good until a time, or are over. Raises `Refused`: `unknown-account`, `needs-approval`."""
        secret = secrets.token_urlsafe(32)
        self.register.add_secret(name, digest_of(secret), by, until, approval)
        self.forget(name)
        return secret

    def holds(self, name: str, secret: str) -> bool:
        """Whether a program's secret is one of this account's. The same work whether the account exists or not."""
        given = digest_of(secret)
        return any(hmac.compare_digest(given, one) for one in self.register.secrets(name))


def digest_of(secret: str) -> bytes:
    """The hash of a program's secret: of 256 random bits there is nothing to guess, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


def usable(found: Registered | None) -> Registered | None:
    """The account unless it is disabled or has ended."""
    if found is None or found.disabled is not None:
        return None
    until = found.standing.until
    return found if until is None or until > datetime.now(UTC) else None


def account_of(found: Registered, *, purpose: str = "", session: str = "") -> Account:
    """What a question sees of an account."""
    standing = found.standing
    return Account(
        name=found.name,
        role=Role(standing.role),
        department=standing.department,
        division=standing.division,
        purpose=purpose,
        session=session,
        revision=found.revision,
    )


def check(name: str, standing: Standing) -> None:
    """Raise `Refused("account-invalid")` for a name or a standing that will not do."""
    if not 0 < len(name) <= 100 or not name.isprintable() or set(name) & set(".:/") or name.strip() != name:
        raise Refused("account-invalid", "account", "1 to 100 characters, none of them a dot, a colon or a slash")
    if standing.role not in list(Role):
        raise Refused("account-invalid", "role", standing.role)
    if standing.division and not (standing.division.isascii() and standing.division.isdigit()):
        raise Refused("account-invalid", "division", "the beginning of a division code, in digits")
