"""The keys that receipts are signed with, one after the other. The public halves stay published for ever, each with its time of use.

A key is published some time before it signs, so that whoever keeps the ledger's keys in a file has it by then. All of a rotation is
one transaction: killed anywhere, the command has done it or has not.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from domain.accounts import CredentialChanged
from domain.refusals import Refused
from infra.accounts import tell
from infra.database import Database
from infra.dsse import SigningKey
from infra.keys import KeyRing
from infra.sql import statements

SQL = statements("receipt_keys")
KEPT_SECONDS: Final = 1.0
"""How old what a process knows of the keys may be when it signs."""
_GRACE: Final = timedelta(seconds=10)
"""So long after the next key began may something be recorded that the older one signs: more than processes take to learn of it."""
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Published(NamedTuple):
    """A public key (32 bytes) and its time of use (UTC). `since` None: from the ledger's beginning; `until` None: without an end yet."""

    kid: str
    public: bytes
    since: datetime | None = None
    until: datetime | None = None


class ReceiptKeys:
    """The keys of a ledger's receipts. Safe for threads: what two read at once is the same."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys
        self._signing: tuple[float, SigningKey] | None = None

    @property
    def known(self) -> bool:
        """Whether which key signs now is known without asking."""
        return self._signing is not None and time.monotonic() - self._signing[0] < KEPT_SECONDS

    def signing(self) -> SigningKey:
        """The key that signs now. Raises `DatabaseError`, `WrongKeyError`."""
        if (kept := self._signing) and self.known:
            return kept[1]
        asked = time.monotonic()
        key = self._of(self._read())
        self._signing = asked, key
        return key

    def published(self) -> list[Published]:
        """The public keys, the oldest first: of before, of now, and the one that is to sign next."""
        found = [
            Published(kid, public, since if since > _EVER else None, until)
            for kid, _, public, since, until, _ in self._read()
        ]
        return found or [Published(self._keys.receipts.keyid, self._keys.receipts.public)]

    def rotate(self, by: str, ahead: timedelta) -> Published:
        """A new key, published now, that signs after so long. Raises `Refused("rotation-pending")` while another waits to sign."""
        with self._database.transaction() as connection:
            connection.execute(SQL["key_lock"])
            found = connection.execute(SQL["known"]).fetchall()
            if found and not found[-1][5]:
                raise Refused("rotation-pending", "since", found[-1][3].isoformat())
            row = connection.execute(SQL["when"], {"ahead": ahead}).fetchone()
            assert row
            since: datetime = row[0]
            if not found:
                first = self._keys.receipts
                told = {"kid": first.keyid, "sealed": None, "public": first.public, "since": _EVER, "until": None}
                connection.execute(SQL["save"], told)
            connection.execute(SQL["end"], {"until": since + _GRACE})
            seed = secrets.token_bytes(32)
            key = SigningKey.from_seed(seed)
            sealed = self._keys.seal_secret(_owner(key.keyid), seed)
            fresh = {"kid": key.keyid, "sealed": sealed, "public": key.public, "since": since, "until": None}
            connection.execute(SQL["save"], fresh)
            tell(connection, CredentialChanged(account="", by=by, credential="receipt-key", until=since))
        self._signing = None
        return Published(key.keyid, key.public, since)

    def _of(self, found: Sequence[tuple[str, bytes | None, bytes, datetime, datetime | None, bool]]) -> SigningKey:
        begun = [(kid, sealed) for kid, sealed, *_, has_begun in found if has_begun]
        kid, sealed = begun[-1] if begun else ("", None)
        return SigningKey.from_seed(self._keys.open_secret(_owner(kid), sealed)) if sealed else self._keys.receipts

    def _read(self) -> list[tuple[str, bytes | None, bytes, datetime, datetime | None, bool]]:
        with self._database.transaction() as connection:
            return connection.execute(SQL["known"]).fetchall()


def _owner(kid: str) -> str:
    """What a seed is bound to when it is sealed; no consumer's name holds a colon."""
    return f"receipt-key:{kid}"
