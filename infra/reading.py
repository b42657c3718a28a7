"""Reading for people: a transaction in which PostgreSQL shows what one account may see, and nothing else.

The role that it is done under owns nothing, and what it is shown follows from what the transaction says of the account
(`0028_rights.sql`). A statement that forgets to ask whose something is finds only what is the account's anyway.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.history import Entry, Event
from infra.copying import TEXT, array
from infra.database import Database
from infra.log import SQL
from infra.session import Session

READERS = "changqing_readers"
"""The role of migration 0028 that owns nothing and sees what an account may."""


LEFT: ContextVar[Callable[[], float | None]] = ContextVar("LEFT", default=lambda: None)
"""Asks how many seconds whoever asks a question waits for it yet; None: nothing bounds it but what bounds each statement."""


class Feed(Struct, frozen=True):
    """A feed while a page of it is made. `told`: names of events that it shows whoever told them; `own`: of its department's only."""

    consumer: str
    told: frozenset[str]
    own: frozenset[str]


class Who(Struct, frozen=True, kw_only=True):
    """Who asks. `acts`: what it may do; `divisions`: beginnings of the codes it may see, none: nobody; `office`: of offices' names.

    `feed`: the feed that is read; None: the question has nothing to do with one.
    """

    account: str
    role: str
    department: str
    purpose: str = ""
    acts: frozenset[str]
    divisions: tuple[str, ...] = ()
    office: str = ""
    feed: Feed | None = None


class Transactions(Protocol):
    """Where statements are asked: the database whole, or as one account may see it."""

    def transaction(self) -> AbstractContextManager[Session]:
        """A connection in one transaction."""


class Reading:
    """The database as one account may see it."""

    def __init__(self, database: Database, who: Who) -> None:
        self._database = database
        given = {
            "changqing.account": who.account,
            "changqing.role": who.role,
            "changqing.department": who.department,
            "changqing.purpose": who.purpose,
            "changqing.acts": _array(who.acts),
            "changqing.divisions": _array(who.divisions),
            "changqing.office": who.office,
            "changqing.feed": who.feed.consumer if who.feed else "",
            "changqing.feed_told": _array(who.feed.told) if who.feed else "",
            "changqing.feed_own": _array(who.feed.own) if who.feed else "",
            "role": READERS,
        }
        self._names, self._values = (array(TEXT, [text.encode() for text in part]) for part in (given, given.values()))

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A connection in one transaction that sees what the account may; the end of it gives the rights back."""
        with self._database.transaction() as connection:
            left = LEFT.get()()
            longest = None if left is None else b"%dms" % max(1, int(left * 1_000))
            connection.exchange([(SQL["begin"], ()), (_AS, (self._names, self._values, longest))])
            yield connection


def _array(texts: Iterable[str]) -> str:
    """Texts as PostgreSQL reads an array of them; neither acts, codes nor names of events hold anything that would have to be escaped."""
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"


_AS = """
select count(set_config(name, value, true)),
       set_config('statement_timeout', coalesce($3::text, current_setting('statement_timeout')), true)
from unnest($1::text[], $2::text[]) as given(name, value)
"""


def seen_positions(reading: Reading, entries: Sequence[Entry]) -> frozenset[int]:
    """The positions of those of these entries of the log that an account may see. Of what is archived the rule is asked by itself."""
    given = {
        "positions": [one.position for one in entries],
        "streams": [one.stream for one in entries],
        "names": [one.name for one in entries],
        "states": [msgspec.json.encode(_bounds(one.event)) for one in entries],
    }
    with reading.transaction() as connection:
        return frozenset(position for (position,) in connection.execute(_POSITIONS, given))


def _bounds(event: Event) -> dict[str, str]:
    """What the rule asks of an event itself."""
    found = {name: getattr(event, name, None) for name in ("office", "department")}
    return {name: text for name, text in found.items() if text is not None}


def on_rosters(where: Transactions, retirees: Collection[UUID]) -> frozenset[UUID]:
    """Which of these stand on a roster, or on one that an account may see."""
    if not retirees:
        return frozenset()
    with where.transaction() as connection:
        rows = connection.execute("select retiree from views.roster where retiree = any(%s)", [list(retirees)])
        return frozenset(retiree for (retiree,) in rows)


_POSITIONS = """
select position from ledger.event where position = any(%(positions)s::int8[])
union all
select p from rights.shown(%(positions)s::int8[], %(streams)s::uuid[], %(names)s::text[], %(states)s::bytea[]) p
where p <= (select max(last) from ledger.archive)
"""
