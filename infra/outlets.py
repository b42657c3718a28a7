"""How far each consumer has come, what stands in its way, and its dead letters; its place and what was done commit together."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import Connection

from domain.consumers import DeliveryGivenUp, Told
from domain.disclosures import DataDelivered
from domain.history import Entry
from domain.refusals import Refused
from infra import codec, log
from infra.announcing import Announced
from infra.database import Database, Rows
from infra.ledger import append_plain
from infra.sql import statements

SQL = statements("consumers")


class MovedError(Exception):
    """Somebody else moved the place of a consumer meanwhile; what was done since is done again from there."""


class Outlet(NamedTuple):
    """How far a consumer has come: everything up to `position` was handed over; and what stands in the way, if anything.

    `tries`, `refusals` among them, and `next_try` are of `event`, the id of what could not be delivered; nothing got through since `failing_since`.
    `code` and `failed_at` are of the last failure, whether or not it is over.
    """

    position: int
    delivered: int
    delivered_at: datetime | None
    event: str | None
    tries: int
    refusals: int
    failing_since: datetime | None
    next_try: datetime | None
    code: str | None
    failed_at: datetime | None


class Letter(NamedTuple):
    """A dead letter: the id of its CloudEvent, which is in the log at `position`. `state`: dead, or again, to be tried once more."""

    event: str
    position: int
    type: str
    tries: int
    code: str
    state: str
    at: datetime


class Failure(Struct, frozen=True, kw_only=True):
    """A try in vain: of which event, the how manieth, how many of them were refusals, and why.

    `since`: nothing got through; `at`: it is tried next. Both UTC.
    """

    event: str
    tries: int
    refusals: int
    since: datetime
    at: datetime
    code: str


class Settled(Struct, frozen=True, kw_only=True):
    """What was done with the entries up to `position`: ids that were delivered, and dead letters.

    `types`: of each dead letter, by its event.
    """

    position: int
    delivered: Sequence[str] = ()
    given_up: Sequence[DeliveryGivenUp] = ()
    types: dict[str, str] = {}


class Outlets:
    """The places and dead letters of all consumers of a ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(self, name: str) -> Outlet:
        """How far a consumer has come. Raises `Refused("unknown-consumer")`."""
        with self.database.transaction() as connection:
            row = connection.execute(SQL["outlet_find"], {"consumer": name}).fetchone()
        if row is None:
            raise Refused("unknown-consumer", "consumer", name)
        return Outlet(*row)

    def head(self) -> int:
        """The last position of the log."""
        with self.database.transaction() as connection:
            return log.last_position(connection)

    def entries(self, after: int, limit: int) -> list[Entry]:
        """Up to `limit` entries of the log after a position."""
        with self.database.transaction() as connection:
            return codec.entries(log.read(connection, after, limit))

    def announce(self, name: str, last: int, record: Callable[[int], DataDelivered | None]) -> None:
        """Record what a webhook is about to be sent of entries up to `last`; `record` is given up to where that was done.

        Raises `DatabaseError`: nothing may be sent then.
        """
        announced = Announced(self.database, webhook(name), _stream(name))
        announced.announce(last, lambda after: [one] if (one := record(after)) else [])

    def announce_letter(self, name: str, record: DataDelivered | None) -> None:
        """Record that a dead letter is about to be sent once more."""
        if record:
            with self.database.transaction() as connection:
                append_plain(connection, _stream(name), record)

    def settle(self, name: str, after: int, settled: Settled) -> None:
        """Remember what was done since `after`: the place and the dead letters, in one transaction.

        A crash before the commit forgets all, and it is done again. Raises `MovedError` when the place is not `after`.
        """
        count = len(settled.delivered)
        given = {"consumer": name, "after": after, "position": settled.position, "count": count}
        with self.database.transaction() as connection:
            if connection.execute(SQL["outlet_advance"], given).rowcount != 1:
                raise MovedError(name)
            _write(connection, name, settled)

    def settle_letter(self, name: str, settled: Settled) -> None:
        """Remember what became of dead letters that were tried once more; the place stays."""
        with self.database.transaction() as connection:
            _write(connection, name, settled)

    def failed(self, name: str, failure: Failure) -> None:
        """Remember a try in vain, so that whoever goes on after a crash knows how long it has been so."""
        with self.database.transaction() as connection:
            connection.execute(SQL["outlet_fails"], {"consumer": name, **msgspec.structs.asdict(failure)})

    def acknowledge(self, name: str, position: int) -> int:
        """A reader has everything up to a position; where it stands now. An older one than it said before changes nothing.

        Raises `Refused("position-ahead")` beyond the end of the log.
        """
        with self.database.transaction() as connection:
            within_the_log(connection, position)
            connection.execute(SQL["outlet_acknowledge"], {"consumer": name, "position": position})
        return self.find(name).position

    def waiting_letters(self, name: str, limit: int) -> list[Letter]:
        """Dead letters that are to be tried once more."""
        return self._letters("letters_waiting", name, limit)

    def dead_letters(self, name: str, limit: int) -> list[Letter]:
        """What was not delivered to a consumer in the end, the oldest first."""
        return self._letters("letters_dead", name, limit)

    def dead_counts(self) -> dict[str, int]:
        """How many dead letters each consumer has that has any."""
        with self.database.transaction() as connection:
            return dict(connection.execute(SQL["letters_count"]).fetchall())

    def _letters(self, statement: str, name: str, limit: int) -> list[Letter]:
        with self.database.transaction() as connection:
            rows = connection.execute(SQL[statement], {"consumer": name, "limit": limit}).fetchall()
        return [Letter(*row) for row in rows]


def tell(connection: Connection[Rows], told: Told) -> None:
    """Append what happened to a consumer, within the caller's transaction."""
    append_plain(connection, _stream(told.consumer), told)


def webhook(name: str) -> str:
    """The outlet of a webhook, as records call it."""
    return f"webhook:{name}"


def _stream(name: str) -> UUID:
    return log.stream_of(f"consumer:{name}")


def within_the_log(connection: Connection[Rows], position: int | None) -> int:
    """The position, by default the last of the log. Raises `Refused("position-ahead")` beyond that."""
    head = log.last_position(connection)
    if position is None:
        return head
    if position > head:
        raise Refused("position-ahead", "position", f"the log ends at {head}")
    return position


def _write(connection: Connection[Rows], name: str, settled: Settled) -> None:
    if settled.delivered:
        connection.execute(SQL["outlet_works"], {"consumer": name})
        connection.execute(SQL["letters_delivered"], {"consumer": name, "events": list(settled.delivered)})
    for one in settled.given_up:
        given = msgspec.structs.asdict(one) | {"type": settled.types[one.event]}
        connection.execute(SQL["letter_save"], given)
        tell(connection, one)
