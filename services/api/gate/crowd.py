"""How many are within at once: so many requests, so many streams. Who comes when all places are taken is sent away at once.

A queue would only make all of them late: with every place taken, what comes next is answered in the time of a hundred others.
And no address and no account may take them all.
"""

from threading import Lock

from msgspec import Struct


class Share:
    """So many places at most for each who is told apart by a key; without a key nobody is. Safe for threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[str, int] = {}
        self._lock = Lock()

    def take(self, key: str) -> bool:
        """One more; False when that would be too many."""
        if not key:
            return True
        with self._lock:
            taken = self._taken.get(key, 0)
            if taken >= self._most:
                return False
            self._taken[key] = taken + 1
        return True

    def give(self, key: str) -> None:
        """One less. Whoever has none left is forgotten."""
        if not key:
            return
        with self._lock:
            left = self._taken[key] - 1
            if left:
                self._taken[key] = left
            else:
                del self._taken[key]


class Crowd(Struct):
    """The places of a process. `requests`, `streams`: taken now; `most_requests`, `most_streams`: all there are; of them how many one may have."""

    most_requests: int
    most_streams: int
    addresses: Share
    accounts: Share
    streaming: Share
    requests: int = 0
    streams: int = 0


class Place:
    """The place of one request: of an address, then of an account, then perhaps of a stream."""

    __slots__ = ("_account", "_address", "_crowd", "streams")

    def __init__(self, crowd: Crowd, address: str) -> None:
        self._crowd = crowd
        self._address = address
        self._account = ""
        self.streams = False

    def enter(self) -> str:
        """Take it. Empty, or the code of why not."""
        if not self._crowd.addresses.take(self._address):
            return "too-many-requests"
        if self._crowd.requests >= self._crowd.most_requests:
            self._crowd.addresses.give(self._address)
            return "overloaded"
        self._crowd.requests += 1
        return ""

    def known(self, account: str) -> bool:
        """It is this account's; False when that has too many."""
        if self._account:
            return True
        if not self._crowd.accounts.take(account):
            return False
        self._account = account
        return True

    def stay(self) -> str:
        """Take the place of a stream instead. Empty, or the code of why not."""
        if self._crowd.streams >= self._crowd.most_streams:
            return "overloaded"
        if not self._crowd.streaming.take(self._account):
            return "too-many-requests"
        self._give()
        self._crowd.streams += 1
        self.streams = True
        return ""

    def leave(self) -> None:
        """Give back what was taken."""
        if self.streams:
            self._crowd.streams -= 1
            self._crowd.streaming.give(self._account)
        else:
            self._give()

    def _give(self) -> None:
        self._crowd.requests -= 1
        self._crowd.addresses.give(self._address)
        self._crowd.accounts.give(self._account)
