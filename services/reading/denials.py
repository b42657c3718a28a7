"""Who was refused, told to the log: bounded, as whoever tries passwords tries thousands.

The first of many alike is told at once, those of the minute after it as one with their count. A process that dies within the minute
takes that count with it, and never the first.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock, Timer
from typing import NamedTuple

import structlog

from domain.disclosures import AccessDenied
from infra import log
from infra.database import DatabaseError
from infra.keys import KeyRing
from infra.ledger import Ledger

SECONDS = 60.0
"""So long are those alike counted and not told."""
KINDS = 1_000
"""So many kinds are told apart at a time; what comes beyond them is told by its code alone."""

_logger = structlog.get_logger()


class Denied(NamedTuple):
    """What was refused. `actor`: the account's name, empty where none has that name: what was typed may be a password. `address`: as the socket has it."""

    department: str
    actor: str
    act: str
    code: str
    what: str = ""
    address: str = ""


class _Counted:
    def __init__(self, since: float, first: datetime) -> None:
        self.since = since
        self.first = first
        self.more = 0


class Denials:
    """The refusals of one process."""

    def __init__(self, ledger: Ledger, keys: KeyRing, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._counted: dict[Denied, _Counted] = {}
        self._guard = Lock()
        self._soon: Timer | None = None

    def denied(self, denied: Denied) -> None:
        """Tell of it, or count it. Where it cannot be told the process's log says so: what was refused stays refused."""
        with self._guard:
            over = list(self._over(self._clock() - SECONDS))
            if denied not in self._counted and len(self._counted) >= KINDS:
                denied = Denied("", "", "", denied.code)
            found = self._counted.get(denied)
            if found:
                found.more += 1
                self._tell_soon()
            else:
                self._counted[denied] = _Counted(self._clock(), datetime.now(UTC))
        for one, counted in over:
            self._tell(one, counted.more, counted.first)
        if not found:
            self._tell(denied, 1, None)

    def _tell_soon(self) -> None:
        """What is only counted is told when its minute is over, whether or not anybody else is refused."""
        if self._soon is None:
            self._soon = Timer(SECONDS, self._tell_over)
            self._soon.daemon = True
            self._soon.start()

    def _tell_over(self) -> None:
        with self._guard:
            self._soon = None
            over = list(self._over(self._clock() - SECONDS))
            if any(counted.more for counted in self._counted.values()):
                self._tell_soon()
        for one, counted in over:
            self._tell(one, counted.more, counted.first)

    def close(self) -> None:
        """Tell of what was only counted."""
        with self._guard:
            if self._soon:
                self._soon.cancel()
            over = list(self._over(self._clock()))
        for one, counted in over:
            self._tell(one, counted.more, counted.first)

    def _over(self, until: float) -> Iterator[tuple[Denied, _Counted]]:
        for one in [one for one, counted in self._counted.items() if counted.since <= until]:
            counted = self._counted.pop(one)
            if counted.more:
                yield one, counted

    def _tell(self, denied: Denied, count: int, first: datetime | None) -> None:
        address = self._keys.tag("address", denied.address).hex()[:16] if denied.address else ""
        event = AccessDenied(**(denied._asdict() | {"address": address}), count=count, first=first)
        try:
            self._ledger.append(log.stream_of("denials"), event)
        except DatabaseError as error:
            with suppress(Exception):
                _logger.warning("a refusal could not be recorded", code=denied.code, count=count, error=str(error))
