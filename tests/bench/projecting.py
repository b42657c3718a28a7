"""The other side of `views`: the library's own ProjectionRunner on its own recorder, counting events of each retiree."""

from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier


class Counts(PostgresTrackingRecorder):
    """One narrow row a retiree, with its position in one transaction: the least that a view can cost."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._counts = Identifier(self.datastore.schema, "counts")
        made = "create table if not exists {} (retiree text primary key, events int not null)"
        self.sql_create_statements.append(SQL(made).format(self._counts))
        counted = "insert into {0} as c values (%s, 1) on conflict (retiree) do update set events = c.events + 1"
        self._count = SQL(counted).format(self._counts)

    def count(self, retiree: object, tracking: Tracking) -> None:
        """Count an event."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._count, [str(retiree)], prepare=True)


class Counting(Projection[Counts]):
    """Counts every event."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """One event."""
        self.view.count(domain_event.originator_id, tracking)


def project(dsn: str, until: int) -> None:
    """Run it from the first event of the application's log up to a notification."""
    given = conninfo_to_dict(dsn)
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_USER": str(given["user"]),
        "POSTGRES_PASSWORD": "none, the socket is private",
    }
    with ProjectionRunner(
        application_class=Application[UUID], projection_class=Counting, view_class=Counts, env=env
    ) as runner:
        runner.wait(until, timeout=3_600)
