"""Attempts to sign in: each counted before the secret is looked at, and waits that grow."""

from typing import NamedTuple

from infra.accounts import SQL
from infra.database import Database
from infra.keys import KeyRing

FADES, FADES_AT_ADDRESS = 600.0, 30.0


class Bound(NamedTuple):
    """How much one may try in vain. After `free` in a row waits double from one second to `longest`; one is forgotten each `fades` seconds."""

    free: int
    fades: float
    longest: float = 900.0


AT_ADDRESS = Bound(30, FADES_AT_ADDRESS)
"""At an address, whoever it is that is tried: so that an office is not shut by the typos of its lifetime."""
AS_ONE = Bound(5, FADES)
"""With one account at one address, or on one device."""
AS_ONE_FROM_EVERYWHERE = Bound(100, FADES, 60.0)
"""With one account from wherever: whoever knows the name could shut its owner out, so from many only, and never for long."""


class Attempts:
    """What was tried in vain, by a keyed hash of the name that was claimed and of the address that it came from."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    def subject(self, kind: str, *whose: str) -> bytes:
        """The keyed hash of a name, an address, or both."""
        return self._keys.tag(f"attempt-{kind}", "\0".join(whose))

    def subject_at(self, kind: str, name: str, where: str) -> bytes:
        """The same of a name at one place, as a part of what is counted of it: forgotten with that by `forget`."""
        return self.subject(kind, name) + self.subject(f"{kind}-at", where)

    def begin(self, subject: bytes, bound: Bound) -> float:
        """Count one more; the seconds to wait before the next, 0: go on."""
        with self._database.transaction() as connection:
            connection.execute("set local synchronous_commit = off")  # a crash forgets a failure, no more
            row = connection.execute(SQL["attempt"], {"subject": subject, "fades": bound.fades}).fetchone()
            assert row is not None
            failures, wait = row
            if wait > 0:
                return float(wait)
            if failures >= bound.free:
                seconds = min(2.0 ** min(failures - bound.free, 30), bound.longest)
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
