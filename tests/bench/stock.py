"""The other side: the library with its own PostgreSQL recorder, mapper and aggregates, as its documentation says."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from psycopg.conninfo import conninfo_to_dict

from domain.facts import LIFE_EVENTS
from infra.row import Row

BATCH = 100
PAGE = 5_000
"""Events read at a time, as many as ours."""
Content = dict[str, Any]
"""What an event carries: the same members as ours, so that sizes compare."""


class Retiree(Aggregate):
    """A retiree as the library's examples would write it; the decision is to know a repeat, and no more."""

    class Registered(Aggregate.Created):
        """The first thing told."""

        content: Content

    class Told(Aggregate.Event):
        """Anything after."""

        content: Content

    @event(Registered)
    def __init__(self, content: Content) -> None:
        self.told = [content]

    def tell(self, content: Content) -> None:
        """Take in what is told, unless it was told before."""
        if all(content["id"] != known["id"] for known in self.told):
            self._tell(content)

    @event(Told)
    def _tell(self, content: Content) -> None:
        self.told.append(content)


@contextmanager
def application(dsn: str, pool: int = 8) -> Iterator[Application[UUID]]:
    """The library's Application on its own recorder, with its tables made and its pool open."""
    given = conninfo_to_dict(dsn)
    opened: Application[UUID] = Application(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(given["dbname"]),
            "POSTGRES_HOST": str(given["host"]),
            "POSTGRES_USER": str(given["user"]),
            "POSTGRES_PASSWORD": "none, the socket is private",
            "POSTGRES_POOL_SIZE": str(pool),
        }
    )
    try:
        cast(PostgresApplicationRecorder, opened.recorder).datastore.pool.wait()
        yield opened
    finally:
        opened.close()


def stored_events(rows: Sequence[Row]) -> list[StoredEvent]:
    """Our very rows as the library's stored events."""
    return [StoredEvent(row.stream, row.version, row.name, row.state) for row in rows]


def contents(rows: Sequence[Row]) -> list[Content]:
    """What the facts among our rows carry."""
    return [msgspec.json.decode(row.state) for row in rows if row.name in LIFE_EVENTS]


def retirees(given: Sequence[Content], each: int) -> list[Retiree]:
    """Aggregates with `each` events of these contents, still to be saved."""
    made = []
    for begin in range(0, len(given), each):
        first, *others = given[begin : begin + each]
        made.append(Retiree(first))
        for content in others:
            made[-1].tell(content)
    return made


def save_all(app: Application[UUID], aggregates: Sequence[Retiree], batch: int) -> None:
    """Save aggregates, so many in each transaction."""
    for begin in range(0, len(aggregates), batch):
        app.save(*aggregates[begin : begin + batch])


def insert_all(app: Application[UUID], events: Sequence[StoredEvent]) -> None:
    """Insert stored events in batches of 100, with nothing before it: the least a batched save can cost."""
    for begin in range(0, len(events), BATCH):
        app.recorder.insert_events(events[begin : begin + BATCH])


def load_decide_save(app: Application[UUID], work: Sequence[tuple[UUID, Content]]) -> None:
    """One by one: load a retiree, tell something, save."""
    for retiree_id, content in work:
        retiree: Retiree = app.repository.get(retiree_id)
        retiree.tell(content)
        app.save(retiree)


def replay(app: Application[UUID], lot: int) -> int:
    """Read the whole log to domain events, in pages and lots as large as ours; how many."""
    start, count = 1, 0
    while notifications := app.recorder.select_notifications(start, PAGE):
        for begin in range(0, len(notifications), lot):
            count += len([app.mapper.to_domain_event(given) for given in notifications[begin : begin + lot]])
        start = notifications[-1].id + 1
        del notifications
    return count
