"""Rotating the key-encryption key while everything goes on: each retiree's key is wrapped under the next one, and the old one is no longer needed.

Every process has both keys before it begins. A crash at any line leaves keys under either, which all can open; whoever
runs it again goes on from there. The secrets of the ledger stay what they are, so every keyed hash, receipt and letter
holds: they are handed on, wrapped under the next key.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

from domain.rotation import KeyRotated
from infra.database import HELD_SECONDS, Database
from infra.kept_keys import SQL, kept_in
from infra.keys import secret_id, shared_secrets
from infra.ledger import append_plain
from infra.log import stream_of
from infra.master_key import KeyEncryptionKey, WrongKeyError
from infra.session import Session

_PAGE: Final = 1_000
"""Keys in one transaction: newcomers' and erasures' transactions wait for a few milliseconds at most."""
SETTLE_SECONDS: Final = HELD_SECONDS + 5.0
"""After so long no process wraps under the old key any more: each asks every second, and none holds a transaction longer."""
_NOBODY: Final = UUID(int=0)


class Progress(NamedTuple):
    """Keys looked at, and of them wrapped anew."""

    seen: int
    rewrapped: int


class Rotation:
    """Rotates a ledger from one key-encryption key to another. `database`: of the login that owns it."""

    def __init__(
        self, database: Database, old: KeyEncryptionKey, new: KeyEncryptionKey, settle: float = SETTLE_SECONDS
    ) -> None:
        self._database = database
        self._old, self._new = old, new
        self._settle = settle

    def run(self, by: str, say: Callable[[Progress], None]) -> Progress | None:
        """Rotate; `say` is told after each page. None where it was done before. Raises `WrongKeyError`, `DatabaseError`."""
        if not self._begin():
            return None
        done = self._rewrap(say)
        self._wait()
        with self._database.transaction() as connection:
            connection.execute(SQL["rotation_at"], {"rotated": None})
        late = self._rewrap(lambda _: None)  # those wrapped under the old key while others learned of the next one
        self._end(by, late.seen)
        return Progress(late.seen, done.rewrapped + late.rewrapped)

    def _begin(self) -> bool:
        """Tell everybody that fresh keys are wrapped under the next key; False where it is the ledger's already."""
        with self._database.transaction() as connection:
            row = connection.execute(SQL["rotation_lock"]).fetchone()
            if row is None:
                raise WrongKeyError("nothing was ever written under any key: there is nothing to rotate")
            current, following, *_ = row
            if current == self._new.fingerprint:
                return False
            if current != self._old.fingerprint:
                raise WrongKeyError("the key is not the one this ledger was written under")
            if following not in (None, self._new.fingerprint):
                raise WrongKeyError("the ledger is being rotated to another key: finish that first")
            if following is None:
                self._hand_on(connection)
                connection.execute(SQL["rotation_begin"], {"next": self._new.fingerprint})
        return True

    def _hand_on(self, connection: Session) -> None:
        secrets = shared_secrets(self._old, kept_in(connection))
        wrapped = self._new.wrap([secret_id(purpose) for purpose in secrets], list(secrets.values()))
        for purpose, one in zip(secrets, wrapped, strict=True):
            given = {"fingerprint": self._new.fingerprint, "purpose": purpose, "wrapped": one}
            connection.execute(SQL["secret_keep"], given)

    def _rewrap(self, say: Callable[[Progress], None]) -> Progress:
        """Go through the keys from where it was left off."""
        seen = rewrapped = 0
        while True:
            with self._database.transaction() as connection:
                row = connection.execute(SQL["rotation_lock"]).fetchone()
                after = (row and row[3]) or _NOBODY
                page = connection.execute(SQL["keys_page"], {"after": after, "limit": _PAGE}).fetchall()
                if not page:
                    return Progress(seen, rewrapped)
                rewrapped += self._page(connection, page)
                connection.execute(SQL["rotation_at"], {"rotated": page[-1][0]})
            seen += len(page)
            say(Progress(seen, rewrapped))

    def _page(self, connection: Session, page: list[tuple[UUID, bytes]]) -> int:
        """Wrap anew what of a page is under the old key; how many were."""
        old = [(retiree, wrapped) for retiree, wrapped in page if not self._is_new(retiree, wrapped)]
        if old:
            retirees = [retiree for retiree, _ in old]
            keys = self._old.unwrap(retirees, [wrapped for _, wrapped in old])
            connection.execute(SQL["keys_save"], {"retirees": retirees, "wrapped": self._new.wrap(retirees, keys)})
        return len(old)

    def _is_new(self, retiree: UUID, wrapped: bytes) -> bool:
        try:
            self._new.unwrap([retiree], [wrapped])
        except WrongKeyError:
            return False
        return True

    def _wait(self) -> None:
        """Until nobody wraps under the old key any more."""
        with self._database.transaction() as connection:
            row = connection.execute(SQL["rotation_age"]).fetchone()
        time.sleep(max(0.0, self._settle - row[0] if row and row[0] is not None else 0.0))

    def _end(self, by: str, keys: int) -> None:
        with self._database.transaction() as connection:
            connection.execute(SQL["rotation_lock"])
            connection.execute(SQL["rotation_end"])
            connection.execute(SQL["secrets_forget"], {"fingerprint": self._new.fingerprint})
            told = KeyRotated(by=by, before=self._old.fingerprint, after=self._new.fingerprint, keys=keys)
            append_plain(connection, stream_of("keys"), told)
