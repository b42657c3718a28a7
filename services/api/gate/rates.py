"""How often an account and an address may ask: so much in so long, evenly or all at once, and then as time gives it back.

The generic cell rate algorithm (ITU-T I.371): one time a key says everything. The memory storage of `limits`, whose
grammar the settings speak, starts a thread every ten milliseconds to look through all keys, and takes ten times as long.
"""

import time
from ipaddress import IPv6Address
from math import ceil
from threading import Lock
from typing import NamedTuple

from limits import RateLimitItem, parse

NONE = "none"
_KEPT = 65_536
"""Keys that are remembered; beyond them those are forgotten first who have all of theirs left."""


class Left(NamedTuple):
    """What one may ask yet. `policy`: of whom it is; `refused`: whether this was too much; `seconds`: until there is more."""

    policy: str
    quota: int
    window: int
    left: int
    seconds: int
    refused: bool = False

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The fields RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10)."""
        return [
            (b"ratelimit-policy", f'"{self.policy}";q={self.quota};w={self.window}'.encode()),
            (b"ratelimit", f'"{self.policy}";r={self.left};t={self.seconds}'.encode()),
        ]


class Rate:
    """So many in so many seconds for each key. Of this process: several count each for itself."""

    def __init__(self, policy: str, item: RateLimitItem) -> None:
        self._policy = policy
        self._quota = item.amount
        self._window = item.get_expiry()
        self._each = self._window / self._quota
        self._full_at: dict[str, float] = {}  # by key: when all of it may be asked again
        self._lock = Lock()

    @classmethod
    def of(cls, policy: str, said: str) -> "Rate | None":
        """From a setting such as `6000/minute`; None for `none`."""
        return None if said == NONE else cls(policy, parse(said))

    def take(self, key: str, now: float | None = None) -> Left:
        """Ask once. `now`: seconds of a clock that only goes forward."""
        now = time.monotonic() if now is None else now
        with self._lock:
            full_at = max(self._full_at.get(key, 0.0), now)
            spent = full_at + self._each - now
            if spent > self._window + 1e-9:
                return Left(
                    self._policy, self._quota, self._window, 0, max(1, ceil(spent - self._window)), refused=True
                )
            if key not in self._full_at and len(self._full_at) >= _KEPT:
                self._forget(now)
            self._full_at[key] = full_at + self._each
        left = int((self._window - spent) / self._each + 1e-9)
        return Left(self._policy, self._quota, self._window, left, ceil(spent))

    def _forget(self, now: float) -> None:
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        if len(self._full_at) >= _KEPT:  # all of them are at it: whoever has the most left loses nothing much
            kept = sorted(self._full_at.items(), key=lambda one: one[1])[_KEPT // 2 :]
            self._full_at = dict(kept)


class Rates:
    """The rates of a process: of an address, of an account, and of an account that publishes."""

    def __init__(self, address: str, account: str, publishing: str) -> None:
        self._address = Rate.of("address", address)
        self._account = Rate.of("account", account)
        self._publishing = Rate.of("publishing", publishing)

    def of_address(self, address: str) -> Left | None:
        """A network asks, of `network`; None where nothing bounds it."""
        return self._address.take(address) if self._address and address else None

    def of_account(self, account: str, *, publishes: bool) -> Left | None:
        """An account asks; None where nothing bounds it."""
        rate = self._publishing if publishes else self._account
        return rate.take(account) if rate else None


def network(address: str) -> str:
    """Who an address stands for: of IPv6 its first 64 bits, as one machine has all the rest."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address.partition("%")[0])
    except ValueError:  # as a proxy said it
        return address
    return str(found.ipv4_mapped or found.exploded[:19])
