"""Accounts: who may ask, and what is told of it. No secret, and no hash of one, ever stands in an event.

An account is an officer, an office or a system, by a name of work; nothing here is about a retiree.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from domain.facts import Department

Credential = Literal["password", "client-secret", "token-key", "receipt-key"]
"""What somebody proves who they are by: a person's password, a program's secret; and the keys that our tokens and receipts are signed with."""


class Standing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account is for: its role, whom it belongs to, and the beginning of the division codes it may see.

    `until` (UTC): it ends. `subject`: who it is at the issuer that people sign in at. `bound`: tokens are for holders of a
    client certificate only (RFC 8705).
    """

    role: str
    department: Department
    division: str = ""
    until: datetime | None = None
    subject: str = ""
    bound: bool = False


class AccountRegistered(Struct, frozen=True, kw_only=True, tag_field="name", tag="account-registered.v1"):
    """There is an account. `by`: who made it."""

    account: str
    by: str
    standing: Standing


class AccountChanged(Struct, frozen=True, kw_only=True, tag_field="name", tag="account-changed.v1"):
    """From now on the account is for something else; whoever uses it signs in anew."""

    account: str
    by: str
    standing: Standing


class AccountDisabled(Struct, frozen=True, kw_only=True, tag_field="name", tag="account-disabled.v1"):
    """Nobody gets in by this account any more; its sessions and tokens are over."""

    account: str
    by: str
    reason: str


class AccountEnabled(Struct, frozen=True, kw_only=True, tag_field="name", tag="account-enabled.v1"):
    """It may be used again."""

    account: str
    by: str


class CredentialChanged(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="credential-changed.v1"
):
    """An account has another credential. `until` (UTC): so long the older one is good beside it; None: it is over at once.

    A key of tokens or of receipts is nobody's: `account` is empty then.
    """

    account: str
    by: str
    credential: Credential
    until: datetime | None = None


class AccountUnlocked(Struct, frozen=True, kw_only=True, tag_field="name", tag="account-unlocked.v1"):
    """Its failed attempts are forgotten, so that nobody has to wait."""

    account: str
    by: str


AccountTold = (
    AccountRegistered | AccountChanged | AccountDisabled | AccountEnabled | CredentialChanged | AccountUnlocked
)
