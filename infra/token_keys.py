"""The keys that access tokens are signed with: sealed in the database, so that every process signs and checks with the same."""

import secrets
from datetime import datetime
from typing import NamedTuple

from domain.accounts import CredentialChanged
from infra.accounts import SQL, tell
from infra.database import Database
from infra.dsse import SigningKey
from infra.keys import KeyRing


class TokenKey(NamedTuple):
    """A key by its name. `seed` (32 bytes) is the private one of Ed25519, `public` the public one; `until`: it signs no more."""

    kid: str
    seed: bytes
    public: bytes
    until: datetime | None

    def __repr__(self) -> str:
        return f"TokenKey({self.kid})"  # a line of the log must not hold the seed


class TokenKeys:
    """The keys of a ledger's tokens."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    def known(self) -> list[TokenKey]:
        """The keys that are known now, the one that signs first; the very first is made here. Raises `WrongKeyError`."""
        found = self._read()
        return found if found and found[0].until is None else self._made()

    def rotate(self, by: str, until: datetime) -> str:
        """A new key that signs from now on; tokens of those there are stay good until a time. Its name."""
        with self._database.transaction() as connection:
            connection.execute(SQL["key_lock"])
            connection.execute(SQL["keys_end"], {"until": until})
            key = self._fresh()
            connection.execute(SQL["key_save"], key)
            tell(connection, CredentialChanged(account="", by=by, credential="token-key", until=until))
        return str(key["kid"])

    def _made(self) -> list[TokenKey]:
        with self._database.transaction() as connection:
            connection.execute(SQL["key_lock"])
            if not any(until is None for *_, until in connection.execute(SQL["keys"]).fetchall()):
                connection.execute(SQL["key_save"], self._fresh())
                tell(connection, CredentialChanged(account="", by="changqing", credential="token-key"))
        return self._read()

    def _read(self) -> list[TokenKey]:
        with self._database.transaction() as connection:
            rows = connection.execute(SQL["keys"]).fetchall()
        return [
            TokenKey(kid, self._keys.open_secret(_owner(kid), sealed), public, until)
            for kid, sealed, public, until in rows
        ]

    def _fresh(self) -> dict[str, str | bytes]:
        seed = secrets.token_bytes(32)
        signing = SigningKey.from_seed(seed)
        sealed = self._keys.seal_secret(_owner(signing.keyid), seed)
        return {"kid": signing.keyid, "sealed": sealed, "public": signing.public}


def _owner(kid: str) -> str:
    """What a seed is bound to when it is sealed; no consumer's name holds a colon."""
    return f"token-key:{kid}"
