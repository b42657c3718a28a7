"""What was asked under a key of whoever asked: done once, and answered the same as often as it is asked again within a day."""

from hashlib import sha256

from msgspec import Struct

from infra.database import Database
from infra.keys import KeyRing
from infra.sql import statements

SQL = statements("once")


class Before(Struct, frozen=True, kw_only=True):
    """A key was used before. `same`: for the same; `status`: of the answer, None while there is none; `seconds`: since then."""

    same: bool
    status: int | None
    answer: bytes
    seconds: float


class Once:
    """The keys of a ledger. Neither a key nor what was asked is kept, only keyed hashes of them. Raises `DatabaseError`."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    def begin(self, account: str, key: str, asked: bytes) -> Before | None:
        """Use a key; None: for the first time, so that what is asked is to be done now.

        Committed before anything is done: a crash leaves a key without an answer, and whoever asks again is told so.
        """
        given = {"account": account, "key": self._key(key), "asked": self._keys.tag("once", sha256(asked).hexdigest())}
        with self._database.transaction() as connection:
            connection.execute(SQL["once_forget"])
            if connection.execute(SQL["once_begin"], given).fetchone():
                return None
            row = connection.execute(SQL["once_find"], given).fetchone()
        if row is None:  # forgotten between the two, a day after
            return self.begin(account, key, asked)
        before, status, sealed, seconds = row
        answer = self._keys.open_secret(_owner(account), sealed) if sealed is not None else b""
        return Before(same=before == given["asked"], status=status, answer=answer, seconds=seconds)

    def end(self, account: str, key: str, status: int, answer: bytes) -> None:
        """Keep the answer."""
        sealed = self._keys.seal_secret(_owner(account), answer)
        given = {"account": account, "key": self._key(key), "status": status, "answer": sealed}
        with self._database.transaction() as connection:
            connection.execute(SQL["once_answer"], given)

    def _key(self, key: str) -> bytes:
        return self._keys.tag("once key", key)


def _owner(account: str) -> str:
    return f"once:{account}"
