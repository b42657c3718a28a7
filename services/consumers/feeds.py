"""Feeds: what a consumer reads by itself, by cursor or as a stream, and its place, which moves when it says so.

Handing over what is about people is recorded before it is given, as everywhere.
"""

import re
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from domain.consumers import Terms
from domain.history import Entry, handing_over
from domain.refusals import Refused
from infra.consumers import Consumer, Consumers
from infra.ledger import Ledger
from infra.log import stream_of
from infra.reading import Feed, Reading, seen_positions
from services.accounts import Account, Act
from services.consumers.catalogue import gets_alerts, names_for
from services.consumers.selecting import Item, Leaves, selected
from services.reading.who import who

CURSOR = r"^[0-9]{1,18}(\.[0-9]{1,3})?$"
_LOOKED_AT = 1_000
_ROUNDS = 10
"""How many times 1,000 entries are looked through for one answer, where few are for the consumer."""


class Cursor(Struct, frozen=True, order=True):
    """Where a reader is: it has everything up to `position`, and of the next entry what stands up to `place`."""

    position: int
    place: int = 0

    @classmethod
    def of(cls, text: str | int) -> Self:
        """From what `Item.cursor` wrote, or a position. Raises `Refused("invalid-request")`."""
        if not re.fullmatch(CURSOR, str(text)):
            raise Refused("invalid-request", "position", "a position, or the id of an event of the stream")
        position, _, place = str(text).partition(".")
        return cls(int(position) - 1, int(place)) if place else cls(int(position))


class Page(Struct, frozen=True):
    """Events after a cursor, each with the cursor behind it, and the position up to which that is all there is."""

    items: list[tuple[str, Item]]
    come: int


class Feeds:
    """Reads for consumers that read by themselves."""

    def __init__(self, consumers: Consumers, ledger: Ledger) -> None:
        self._consumers = consumers
        self._ledger = ledger
        self._leaves = Leaves.of(consumers)

    def begin(self, account: Account, name: str, given: str | None) -> Cursor:
        """Where a reader goes on: where it says, else at the place it acknowledged. Raises `Refused` as `page`."""
        self._mine(account, name)
        return Cursor.of(given) if given else Cursor(self._consumers.outlets.find(name).position)

    def page(self, account: Account, name: str, after: Cursor, limit: int) -> Page:
        """The next events of a feed, some `limit` of them; that they are handed over is recorded first.

        Raises `Refused`: `unknown-consumer`, `consumer-ended`, `forbidden` for any account but its own, and for one that may
        not see alerts, if they are among its events.
        """
        consumer = self._mine(account, name)
        items: list[tuple[str, Item]] = []
        handed: list[tuple[Entry, str]] = []
        come = after.position
        for _ in range(_ROUNDS):
            entries = self._consumers.outlets.entries(come, _LOOKED_AT)
            for entry in entries:
                found = _for(account, consumer.terms, entry, after, self._leaves)
                items += [(item.cursor(entry.position), item) for item in found]
                handed += [(entry, item.event) for item in found]
                come = entry.position
                if len(items) >= limit:
                    break
            if len(items) >= limit or len(entries) < _LOOKED_AT:
                break
        if handed:  # nothing leaves that PostgreSQL would not show this account
            feed = Feed(name, *names_for(consumer.terms, self._leaves.learners))
            reading = Reading(self._consumers.database, replace(who(account), feed=feed))
            shown = seen_positions(reading, [entry for entry, _ in handed])
            handed = [(entry, event) for entry, event in handed if entry.position in shown]
            items = [(cursor, item) for cursor, item in items if int(cursor.partition(".")[0]) in shown]
        terms = consumer.terms
        if record := handing_over(terms.department, f"feed:{name}", handed, terms.fields):
            self._ledger.append(stream_of(f"consumer:{name}"), record)
        return Page(items, come)

    def acknowledge(self, account: Account, name: str, at: Cursor) -> int:
        """Remember that the consumer has everything up to a cursor; its place now, which never goes back. Raises `Refused` as `page`."""
        self._mine(account, name)
        return self._consumers.outlets.acknowledge(name, at.position)

    def _mine(self, account: Account, name: str) -> Consumer:
        consumer = self._consumers.find(name)
        terms = consumer.terms
        if terms.kind != "feed" or (terms.account, terms.department) != (account.name, account.department):
            raise Refused("forbidden", "consumer")
        account.allow(Act.FEEDS)
        if gets_alerts(terms):
            account.allow(Act.ALERTS)
        if consumer.ended is not None:
            raise Refused("consumer-ended", "consumer", consumer.ended)
        return consumer


def _for(account: Account, terms: Terms, entry: Entry, after: Cursor, leaves: Leaves) -> list[Item]:
    """What of an entry is for a reader that has not got it; an account's division bounds the offices that it hears of."""
    office = getattr(entry.event, "office", None)
    if office is not None and not office.rpartition("/")[2].startswith(account.division[:4]):
        return []
    seen = after.place if entry.position == after.position + 1 else 0
    return [item for item in selected(entry, terms, leaves) if item.place > seen]
