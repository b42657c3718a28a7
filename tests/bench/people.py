"""Retirees with a few facts each, on either side: what single submissions are about. Every sample starts from them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import NamedTuple
from uuid import UUID

from eventsourcing.application import Application

from services.application import Changqing
from tests.bench import ours, stock
from tests.bench.runner import Bench
from tests.bench.server import EMPTY
from tests.bench.stream import LIVES, Sent, Story

FACTS = 4
"""Facts of each retiree, on average: what the stock library has to load."""
_OURS, _STOCK = "people_ours", "people_stock"


class Told(NamedTuple):
    """What is told next: to us as raw events, to the stock library as content ready made for its retirees."""

    sent: list[Sent]
    work: list[tuple[UUID, stock.Content]]


@cache
def told(bench: Bench) -> Told:
    """Make the people, and what is told of them next; nobody new is among it."""
    sizes = bench.sizes
    bench.say(f"making {sizes.people:,} people with {FACTS} facts each")
    story = Story()
    before = story.told(sizes.people, {"registration": 1}) + story.told(sizes.people * (FACTS - 1), LIVES)
    contents = _make_ours(bench, before)
    ids = _make_stock(bench, contents)
    work = [(ids[n % len(ids)], {**contents[n], "id": f"next-{n}"}) for n in range(sizes.stock_singles)]
    return Told(story.told(sizes.concurrent, LIVES), work)


def ledger(bench: Bench) -> AbstractContextManager[str]:
    """The DSN of a ledger of ours, with the people as they were made."""
    return bench.server.copy_of(_OURS)


def stock_database(bench: Bench) -> AbstractContextManager[str]:
    """The DSN of a database of the stock library's, likewise."""
    return bench.server.copy_of(_STOCK)


@contextmanager
def changqing(bench: Bench) -> Iterator[Changqing]:
    """Our application on its ledger."""
    with ledger(bench) as dsn, ours.changqing(dsn) as application:
        yield application


@contextmanager
def stock_application(bench: Bench) -> Iterator[Application[UUID]]:
    """The stock application on its database."""
    with stock_database(bench) as dsn, stock.application(dsn) as app:
        yield app


def _make_ours(bench: Bench, before: list[Sent]) -> list[stock.Content]:
    with ours.changqing(bench.server.keep(_OURS)) as application:
        ours.load(application, before, bench.sizes.batch)
        return stock.contents(ours.stored(application.database))


def _make_stock(bench: Bench, contents: list[stock.Content]) -> list[UUID]:
    with stock.application(bench.server.keep(_STOCK, EMPTY)) as app:
        aggregates = stock.retirees(contents, FACTS)
        stock.save_all(app, aggregates, stock.BATCH // FACTS)
        return [aggregate.id for aggregate in aggregates]
