"""The register of consumers, how far each has come, and its dead letters: every change of it with its event in the log."""

import secrets as random
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from psycopg import Connection

from domain.consumers import (
    ConsumerChanged,
    ConsumerEnded,
    ConsumerRegistered,
    ConsumerReplayed,
    DeliveryGivenUp,
    Secret,
    Terms,
    Told,
)
from domain.history import AlertsDelivered, Entry
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database, Rows
from infra.keys import KeyRing
from infra.ledger import append_plain
from infra.sql import statements

SQL = statements("consumers")
SECRET_BYTES = 32
"""Bytes of a signing secret; the standard-webhooks specification wants 24 to 64."""


class MovedError(Exception):
    """Somebody else moved the place of a consumer meanwhile; what was done since is done again from there."""


class Consumer(NamedTuple):
    """A consumer. `ended`: why nothing is handed over any more, else None. `revision` grows with every change."""

    name: str
    terms: Terms
    secrets: tuple[Secret, ...]
    ended: str | None
    revision: int
    registered_at: datetime


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
    """What was done with the entries up to `position`: ids that were delivered, the record of the alerts among them, and dead letters.

    `types`: of each dead letter, by its event.
    """

    position: int
    delivered: Sequence[str] = ()
    record: AlertsDelivered | None = None
    given_up: Sequence[DeliveryGivenUp] = ()
    types: dict[str, str] = {}


class Consumers:
    """All consumers of a ledger."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self.database = database
        self._keys = keys

    # --- the register

    def register(self, name: str, terms: Terms, by: str, after: int | None = None) -> str:
        """A new consumer, which gets what comes after a position, by default from now on; its secret, or nothing for a feed.

        Raises `Refused("consumer-exists")`: a name is never used again. `Refused("position-ahead")`.
        """
        secret = random.token_bytes(SECRET_BYTES) if terms.kind == "webhook" else b""
        sealed = (Secret(sealed=self._keys.seal_secret(name, secret)),) if secret else ()
        with self.database.transaction() as connection:
            begins = _within_the_log(connection, after)
            if connection.execute(SQL["consumer_save"], _row(name, terms, sealed)).rowcount != 1:
                raise Refused("consumer-exists", "consumer", name)
            connection.execute(SQL["outlet_save"], {"consumer": name, "position": begins})
            told = ConsumerRegistered(consumer=name, by=by, terms=terms, after=begins, secrets=sealed)
            _tell(connection, told)
        return _shown(secret) if secret else ""

    def change(self, name: str, terms: Terms, by: str) -> None:
        """Other terms from now on; one that had ended goes on from its place. Raises `Refused`: `unknown-consumer`, `consumer-invalid`."""
        with self._changing(name) as (connection, found):
            if terms.kind != found.terms.kind:
                raise Refused("consumer-invalid", "kind", "a webhook stays a webhook and a feed a feed")
            self._change(connection, found, terms, found.secrets, by)

    def rotate(self, name: str, by: str, now: datetime, until: datetime) -> str:
        """A new secret; those there are go on signing beside it until a time. Raises `Refused`: `unknown-consumer`, `consumer-invalid`."""
        secret = random.token_bytes(SECRET_BYTES)
        with self._changing(name) as (connection, found):
            if found.terms.kind != "webhook":
                raise Refused("consumer-invalid", "kind", "a feed has no secret")
            older = (
                Secret(sealed=one.sealed, until=min(one.until or until, until)) for one in _valid(found.secrets, now)
            )
            fresh = Secret(sealed=self._keys.seal_secret(name, secret))
            self._change(connection, found, found.terms, (fresh, *older), by)
        return _shown(secret)

    def end(self, name: str, by: str, reason: str) -> None:
        """Hand nothing over any more; nothing happens to one that had ended. Raises `Refused("unknown-consumer")`."""
        with self._changing(name) as (connection, _):
            if connection.execute(SQL["consumer_end"], {"consumer": name, "ended": reason}).rowcount:
                _tell(connection, ConsumerEnded(consumer=name, by=by, reason=reason))

    def all(self) -> list[Consumer]:
        """Every consumer, by name; those that ended, too."""
        with self.database.transaction() as connection:
            return [_consumer(row) for row in connection.execute(SQL["consumer_all"]).fetchall()]

    def find(self, name: str) -> Consumer:
        """One consumer. Raises `Refused("unknown-consumer")`."""
        with self.database.transaction() as connection:
            return _found(connection, "consumer_find", name)

    def signing(self, consumer: Consumer, now: datetime) -> list[bytes]:
        """The secrets that sign at a time, the newest first. Raises `WrongKeyError`."""
        return [self._keys.open_secret(consumer.name, one.sealed) for one in _valid(consumer.secrets, now)]

    # --- how far each has come

    def outlet(self, name: str) -> Outlet:
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

    def settle(self, name: str, after: int, settled: Settled) -> None:
        """Remember what was done since `after`: the place, the record of it and the dead letters, in one transaction.

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
            _within_the_log(connection, position)
            connection.execute(SQL["outlet_acknowledge"], {"consumer": name, "position": position})
        return self.outlet(name).position

    # --- what is done again

    def replay(self, name: str, by: str, after: int) -> None:
        """Hand over everything after a position (again). Raises `Refused`: `unknown-consumer`, `position-ahead`."""
        with self._changing(name) as (connection, _):
            _within_the_log(connection, after)
            connection.execute(SQL["outlet_move"], {"consumer": name, "position": after})
            connection.execute(SQL["consumer_touch"], {"consumer": name})
            _tell(connection, ConsumerReplayed(consumer=name, by=by, after=after))

    def replay_letters(self, name: str, by: str, events: Sequence[str] = ()) -> list[str]:
        """Try dead letters once more: those named, or all; which they are. Raises `Refused("unknown-consumer")`."""
        with self._changing(name) as (connection, _):
            given = {"consumer": name, "events": list(events) or None}
            again = [event for (event,) in connection.execute(SQL["letters_again"], given).fetchall()]
            if again:
                connection.execute(SQL["outlet_hurry"], {"consumer": name})
                connection.execute(SQL["consumer_touch"], {"consumer": name})
                _tell(connection, ConsumerReplayed(consumer=name, by=by, events=tuple(again)))
        return again

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

    @contextmanager
    def _changing(self, name: str) -> Iterator[tuple[Connection[Rows], Consumer]]:
        with self.database.transaction() as connection:
            yield connection, _found(connection, "consumer_lock", name)

    def _change(
        self, connection: Connection[Rows], found: Consumer, terms: Terms, secrets: tuple[Secret, ...], by: str
    ) -> None:
        connection.execute(SQL["consumer_change"], _row(found.name, terms, secrets))
        connection.execute(SQL["outlet_hurry"], {"consumer": found.name})
        _tell(connection, ConsumerChanged(consumer=found.name, by=by, terms=terms, secrets=secrets))


def _write(connection: Connection[Rows], name: str, settled: Settled) -> None:
    if settled.delivered:
        connection.execute(SQL["outlet_works"], {"consumer": name})
        connection.execute(SQL["letters_delivered"], {"consumer": name, "events": list(settled.delivered)})
    if settled.record:
        append_plain(connection, _stream(name), settled.record)
    for one in settled.given_up:
        given = msgspec.structs.asdict(one) | {"type": settled.types[one.event]}
        connection.execute(SQL["letter_save"], given)
        _tell(connection, one)


def _tell(connection: Connection[Rows], told: Told) -> None:
    append_plain(connection, _stream(told.consumer), told)


def _stream(name: str) -> Any:
    return log.stream_of(f"consumer:{name}")


def _within_the_log(connection: Connection[Rows], position: int | None) -> int:
    head = log.last_position(connection)
    if position is None:
        return head
    if position > head:
        raise Refused("position-ahead", "position", f"the log ends at {head}")
    return position


def _valid(secrets: Sequence[Secret], now: datetime) -> list[Secret]:
    return [one for one in secrets if one.until is None or one.until > now]


def _shown(secret: bytes) -> str:
    return f"whsec_{b64encode(secret).decode()}"


def _row(name: str, terms: Terms, secrets: Sequence[Secret]) -> dict[str, Any]:
    return {
        "consumer": name,
        "terms": msgspec.json.encode(terms).decode(),
        "secrets": msgspec.json.encode(secrets).decode(),
    }


def _found(connection: Connection[Rows], statement: str, name: str) -> Consumer:
    row = connection.execute(SQL[statement], {"consumer": name}).fetchone()
    if row is None:
        raise Refused("unknown-consumer", "consumer", name)
    return _consumer(row)


def _consumer(row: Rows) -> Consumer:
    name, terms, secrets, *others = row
    return Consumer(name, msgspec.convert(terms, Terms), msgspec.convert(secrets, tuple[Secret, ...]), *others)
