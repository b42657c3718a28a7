"""Retirees with a few facts each, on either side: what single submissions are about. Every sample starts from them.

Twice on our side: once what is told is what comes in the years, and once deaths, rumours, what takes them back, and corrected
registrations, which make twice the events.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from uuid import UUID

from eventsourcing.application import Application

from services.application import Changqing
from tests.bench import ours, stock
from tests.bench.runner import Bench
from tests.bench.server import EMPTY
from tests.bench.stream import DEATHS, Sent
from tests.bench.years import MIX, Years

FACTS = 4
"""Facts of each retiree, on average: what the stock library has to load."""
YEARS = "people_of_years"
DYING = "people_who_die"
_MIXES = {YEARS: {kind: share for kind, share in MIX.items() if kind != "registration"}, DYING: DEATHS}
"""What is told of those who are registered, in shares, by the database that it is told in."""
_STOCK = "people_stock"
Work = tuple[UUID, stock.Content]
"""Of whom something is told to the stock library, and what."""


@cache
def told(bench: Bench, mix: str) -> list[Sent]:
    """Make the people, and what is told of them next; nobody new is among it."""
    sizes = bench.sizes
    bench.say(f"making {sizes.people:,} people with {FACTS} facts each: {mix}")
    story = Years()
    before = story.told(sizes.people, {"registration": 1}) + story.told(sizes.people * (FACTS - 1), _MIXES[mix])
    with ours.changqing(bench.server.keep(mix)) as application:
        ours.load(application, before, sizes.batch)
    return story.told(sizes.concurrent, _MIXES[mix])


@cache
def work(bench: Bench) -> list[Work]:
    """Make the stock library's retirees, and what is told of them next: content ready made."""
    told(bench, YEARS)
    with changqing(bench) as application:
        contents = stock.contents(ours.stored(application.database))
    count = bench.sizes.people
    registrations, others = contents[:count], contents[count:]
    dealt = [one for n, registration in enumerate(registrations) for one in (registration, *others[n::count])]
    with stock.application(bench.server.keep(_STOCK, EMPTY)) as app:
        aggregates = stock.retirees(dealt, FACTS)
        stock.save_all(app, aggregates, stock.BATCH // FACTS)
        ids = [aggregate.id for aggregate in aggregates]
    return [(ids[n % len(ids)], {**others[n], "id": f"next-{n}"}) for n in range(bench.sizes.stock_singles)]


def ledger(bench: Bench, mix: str = YEARS) -> AbstractContextManager[str]:
    """The DSN of a ledger of ours, with the people as they were made."""
    return bench.server.copy_of(mix)


def stock_database(bench: Bench) -> AbstractContextManager[str]:
    """The DSN of a database of the stock library's, likewise."""
    return bench.server.copy_of(_STOCK)


@contextmanager
def changqing(bench: Bench, mix: str = YEARS) -> Iterator[Changqing]:
    """Our application on its ledger."""
    with ledger(bench, mix) as dsn, ours.changqing(dsn) as application:
        yield application


@contextmanager
def stock_application(bench: Bench) -> Iterator[Application[UUID]]:
    """The stock application on its database."""
    with stock_database(bench) as dsn, stock.application(dsn) as app:
        yield app
