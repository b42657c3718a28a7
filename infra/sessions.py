"""Sessions of people at the pages. Of what the browser's cookie holds only a hash is kept."""

import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple

from infra.accounts import SQL
from infra.database import Database


class Session(NamedTuple):
    """A session: whose, what for (empty: what the role is there for), and the hash of its cookie in hex."""

    account: str
    purpose: str
    digest: str


class Sessions:
    """All sessions. One is over when nobody used it for `idle`, and in any case after `longest`."""

    def __init__(self, database: Database, idle: timedelta, longest: timedelta) -> None:
        self._database = database
        self._spans = {"idle": idle, "longest": longest}

    def begin(self, account: str) -> str:
        """A new session; what its cookie holds (256 random bits)."""
        token = secrets.token_urlsafe(32)
        with self._database.transaction() as connection:
            connection.execute(SQL["sessions_forget"], self._spans)
            connection.execute(SQL["session_save"], {"digest": _digest(token), "account": account})
        return token

    def find(self, token: str, *, used: bool = True) -> Session | None:
        """The session of a cookie; None when it is over, or there never was one. Read each time: who signs out is out at once.

        `used`: whether this is a use of it, after which it is idle no longer.
        """
        digest = _digest(token)
        with self._database.transaction() as connection:
            row = connection.execute(SQL["session_find"], {"digest": digest, **self._spans}).fetchone()
            if row is None:
                return None
            account, purpose, unseen = row
            if unseen and used:
                connection.execute(SQL["session_seen"], {"digest": digest})
        return Session(account, purpose, digest.hex())

    def choose(self, session: str, purpose: str) -> None:
        """What is looked at in a session from now on is for this purpose. `session`: its hash in hex."""
        with self._database.transaction() as connection:
            connection.execute(SQL["session_purpose"], {"digest": bytes.fromhex(session), "purpose": purpose})

    def end(self, session: str) -> None:
        """Somebody signs out. `session`: its hash in hex."""
        with self._database.transaction() as connection:
            connection.execute(SQL["session_end"], {"digest": bytes.fromhex(session)})

    def end_token(self, token: str) -> None:
        """The session of a cookie is over, if it is one."""
        self.end(_digest(token).hex())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
