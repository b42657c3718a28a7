"""The register of consumers: every change of it with its event in the log."""

import secrets as random
from base64 import b64encode
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
from psycopg import Connection

from domain.consumers import ConsumerChanged, ConsumerEnded, ConsumerRegistered, ConsumerReplayed, Secret, Terms
from domain.facts import Department
from domain.proposals import Act
from domain.refusals import Refused
from infra.announcing import unannounce
from infra.database import Database, Rows
from infra.keys import KeyRing
from infra.log import last_position
from infra.outlets import SQL, Outlets, tell, webhook, within_the_log
from infra.proposals import spend
from infra.reading import Reading, Who
from infra.session import Session
from infra.statutes import the_rights

REPLAYED_ALONE = the_rights().alone(Act.REPLAY.right)
"""Entries of the log that one person may have handed over again."""
SECRET_BYTES = 32
"""Bytes of a signing secret; the standard-webhooks specification wants 24 to 64."""


class Consumer(NamedTuple):
    """A consumer. `ended`: why nothing is handed over any more, else None. `revision` grows with every change."""

    name: str
    terms: Terms
    secrets: tuple[Secret, ...]
    ended: str | None
    revision: int
    registered_at: datetime


class Consumers:
    """All consumers of a ledger. `learners`: the departments beside the agency that may learn of life events."""

    def __init__(self, database: Database, keys: KeyRing, learners: Collection[Department] = ()) -> None:
        self.database = database
        self.outlets = Outlets(database)
        self.keys = keys
        self.learners = frozenset(learners)

    def register(self, name: str, terms: Terms, by: str, after: int | None = None) -> str:
        """A new consumer, which gets what comes after a position, by default from now on; its secret, or nothing for a feed.

        Raises `Refused("consumer-exists")`: a name is never used again. `Refused("position-ahead")`.
        """
        secret = random.token_bytes(SECRET_BYTES) if terms.kind == "webhook" else b""
        sealed = (Secret(sealed=self.keys.seal_secret(name, secret)),) if secret else ()
        with self.database.transaction() as connection:
            begins = within_the_log(connection, after)
            if connection.execute(SQL["consumer_save"], _row(name, terms, sealed)).rowcount != 1:
                raise Refused("consumer-exists", "consumer", name)
            connection.execute(SQL["outlet_save"], {"consumer": name, "position": begins})
            told = ConsumerRegistered(consumer=name, by=by, terms=terms, after=begins, secrets=sealed)
            tell(connection, told)
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
            fresh = Secret(sealed=self.keys.seal_secret(name, secret))
            self._change(connection, found, found.terms, (fresh, *older), by)
        return _shown(secret)

    def end(self, name: str, by: str, reason: str, revision: int | None = None) -> None:
        """Hand nothing over any more; nothing happens to one that had ended, or is no more at `revision`, if that is given.

        Raises `Refused("unknown-consumer")`.
        """
        with self._changing(name) as (connection, found):
            if revision is not None and revision != found.revision:
                return
            if connection.execute(SQL["consumer_end"], {"consumer": name, "ended": reason}).rowcount:
                tell(connection, ConsumerEnded(consumer=name, by=by, reason=reason))

    def all(self) -> list[Consumer]:
        """Every consumer, by name; those that ended, too."""
        with self.database.transaction() as connection:
            return [_consumer(row) for row in connection.execute(SQL["consumer_all"]).fetchall()]

    def seen_by(self, who: Who) -> frozenset[str]:
        """The names of those that an account may know of."""
        with Reading(self.database, who).transaction() as connection:
            return frozenset(name for name, *_ in connection.execute(SQL["consumer_all"]).fetchall())

    def find(self, name: str) -> Consumer:
        """One consumer. Raises `Refused("unknown-consumer")`."""
        with self.database.transaction() as connection:
            return _found(connection, "consumer_find", name)

    def signing(self, consumer: Consumer, now: datetime) -> list[bytes]:
        """The secrets that sign at a time, the newest first. Raises `WrongKeyError`."""
        return [self.keys.open_secret(consumer.name, one.sealed) for one in _valid(consumer.secrets, now)]

    def replay(self, name: str, by: str, after: int, today: date) -> None:
        """Hand over everything after a position again: never beyond its place, as what lies between would be passed over unsaid.

        Of more than `REPLAYED_ALONE` entries it uses up a proposal that a second person approved. Raises `Refused`:
        `unknown-consumer`, `position-ahead`, `needs-approval`.
        """
        with self._changing(name) as (connection, _):
            within_the_log(connection, after)
            if last_position(connection) - after > REPLAYED_ALONE:
                spend(connection, Act.REPLAY, f"{name}>{after}", by, today)
            if connection.execute(SQL["outlet_move"], {"consumer": name, "position": after}).rowcount != 1:
                raise Refused("position-ahead", "position", "the consumer has not come as far")
            connection.execute(SQL["consumer_touch"], {"consumer": name})
            unannounce(connection, webhook(name), after)
            tell(connection, ConsumerReplayed(consumer=name, by=by, after=after))

    def replay_letters(self, name: str, by: str, events: Sequence[str] = ()) -> list[str]:
        """Try dead letters once more: those named, or all; which they are. Raises `Refused("unknown-consumer")`."""
        with self._changing(name) as (connection, _):
            given = {"consumer": name, "events": list(events) or None}
            again = [event for (event,) in connection.execute(SQL["letters_again"], given).fetchall()]
            if again:
                connection.execute(SQL["outlet_hurry"], {"consumer": name})
                connection.execute(SQL["consumer_touch"], {"consumer": name})
                tell(connection, ConsumerReplayed(consumer=name, by=by, events=tuple(again)))
        return again

    @contextmanager
    def _changing(self, name: str) -> Iterator[tuple[Session, Consumer]]:
        with self.database.transaction() as connection:
            yield connection, _found(connection, "consumer_lock", name)

    def _change(
        self, connection: Connection[Rows], found: Consumer, terms: Terms, secrets: tuple[Secret, ...], by: str
    ) -> None:
        connection.execute(SQL["consumer_change"], _row(found.name, terms, secrets))
        connection.execute(SQL["outlet_hurry"], {"consumer": found.name})
        if terms != found.terms:  # what waits is handed over by these
            row = connection.execute(SQL["outlet_find"], {"consumer": found.name}).fetchone()
            assert row is not None
            unannounce(connection, webhook(found.name), row[0])
        tell(connection, ConsumerChanged(consumer=found.name, by=by, terms=terms, secrets=secrets))


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
