"""Attempts to sign in: each counted before the secret is looked at, and waits that grow."""

from infra.accounts import SQL
from infra.database import Database
from infra.keys import KeyRing

LONGEST_SECONDS = 900.0
FADES, FADES_AT_ADDRESS = 600.0, 30.0
"""The longest wait. Who shuts an account by guessing on purpose shuts it for so long at a time; who is signed in stays so."""


class Attempts:
    """What was tried in vain, by a keyed hash of the name that was claimed and of the address that it came from."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    def subject(self, kind: str, *whose: str) -> bytes:
        """The keyed hash of a name, an address, or both."""
        return self._keys.tag(f"attempt-{kind}", "\0".join(whose))

    def begin(self, subject: bytes, free: int, fades: float) -> float:
        """Count one more; the seconds to wait before the next, 0: go on. After `free` in a row, waits double from one second.

        `fades`: seconds after which one of them is forgotten, so that an office is not shut by the typos of its lifetime.
        """
        with self._database.transaction() as connection:
            connection.execute("set local synchronous_commit = off")  # a crash forgets a failure, no more
            row = connection.execute(SQL["attempt"], {"subject": subject, "fades": fades}).fetchone()
            assert row is not None
            failures, wait = row
            if wait > 0:
                return float(wait)
            if failures >= free:
                seconds = min(2.0 ** min(failures - free, 30), LONGEST_SECONDS)
                connection.execute(SQL["attempt_wait"], {"subject": subject, "seconds": seconds})
            if failures == 1:
                connection.execute(SQL["attempts_prune"])
        return 0.0

    def good(self, mine: bytes, *shared: bytes) -> None:
        """The secret was right: what is counted of this account is forgotten, and of what others share with it this one attempt."""
        with self._database.transaction() as connection:
            connection.execute("set local synchronous_commit = off")
            connection.execute(SQL["attempts_forget"], {"subjects": [mine]})
            for one in shared:
                connection.execute(SQL["attempt_good"], {"subject": one})
