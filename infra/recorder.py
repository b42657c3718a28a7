"""The eventsourcing library on our log: its recorders, mapper and factory, so that its Application is our service.

The stock PostgreSQL recorder holds a table lock through the flush, leaves gaps in its positions after a rollback, and its
subscription never polls. Here positions come from the head, last of all, and a subscription wakes by notification and by
a slow poll always.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    Mapper,
    Notification,
    NotSupportedError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    Transcoder,
)
from eventsourcing.utils import resolve_topic
from psycopg import Connection

from domain.history import Entry
from infra import aggregates, codec, log
from infra.aggregates import LedgerAggregateRecorder, SnapshotRecorder
from infra.database import Database, Rows
from infra.row import Row
from infra.subscription import LedgerSubscription
from infra.tracking import LedgerTrackingRecorder
from infra.transcoder import ExactTranscoder

_PAGE = 1_000

_Recorder = TypeVar("_Recorder", bound=LedgerTrackingRecorder)


@dataclass(frozen=True)
class Recorded(Notification):
    """The library's notification, with the time the ledger gave the event."""

    recorded_at: datetime


class LedgerMapper(Mapper[UUID]):
    """Entries of the log from and to stored events, by stored name instead of class path."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """The stored form of an entry; its position is still to be given."""
        entry = cast(Entry, domain_event)
        return StoredEvent(entry.stream, entry.version, entry.name, codec.encode(entry.event))

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The entry of an event read from the log."""
        given = cast(Recorded, stored_event)
        stream = cast(UUID, given.originator_id)
        entry = codec.decode(given.id, given.recorded_at, stream, given.originator_version, given.topic, given.state)
        return cast("DomainEventProtocol[UUID]", entry)


class LedgerRecorder(LedgerAggregateRecorder, LedgerTrackingRecorder, ProcessRecorder):
    """An application's part of the log, and its tracking of what it follows. Without an application: the ledger's own part."""

    def __init__(self, database: Database, follower: str, application: str | None = None) -> None:
        LedgerTrackingRecorder.__init__(self, database, follower)
        self.application = application

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Append events, each after the last of its aggregate, and a `tracking` with them. Returns their positions.

        Raises `IntegrityError` when an aggregate has moved on meanwhile, or the tracking was recorded before.
        """
        tracking: Tracking | None = kwargs.get("tracking")
        with self.transaction() as connection:
            if tracking is not None:
                self.track(connection, tracking)
            return self._append(connection, stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """This part of the log from a position, in order."""
        after = (start or 0) - (1 if inclusive_of_start and start else 0)
        until = log.LAST if stop is None else stop
        found: list[Recorded] = []
        page = limit
        with self.transaction() as connection:
            while len(found) < limit and after < until:
                rows = log.read(connection, after, page, until=until, names=topics)
                if not rows:
                    break
                found += self._own(connection, rows)
                after, page = rows[-1].position, max(limit, _PAGE)
        return found[:limit]

    def max_notification_id(self) -> int | None:
        """The last position of this application, for the ledger itself that of the log; None when there is none."""
        with self.transaction() as connection:
            if self.application is None:
                return log.last_position(connection) or None
            given = {"application": self.application}
            row = connection.execute(aggregates.SQL["application_last"], given).fetchone()
        return cast(int, row[0]) if row else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Follow this part of the log after a position."""
        return LedgerSubscription(self, gt=gt, topics=topics)

    def _own(self, connection: Connection[Rows], rows: Sequence[Row]) -> Iterator[Recorded]:
        """What of these rows is this application's."""
        given = {"streams": list({row.stream for row in rows})}
        originators = {
            stream: (application, uuid or text)
            for stream, application, uuid, text in connection.execute(
                aggregates.SQL["originator_find"], given
            ).fetchall()
        }
        for row in rows:
            application, originator = originators.get(row.stream, (None, row.stream))
            if application == self.application:
                yield self._stored(originator, row)

    def _stored(self, id_: UUID | str, row: Row) -> Recorded:
        return Recorded(id_, row.version, row.name, row.state, row.position, row.recorded_at)


class LedgerFactory(InfrastructureFactory[LedgerTrackingRecorder]):
    """Makes the parts of an eventsourcing Application that live on our log; configured by `DATABASE_URL`, `CHANGQING_ARCHIVE`.

    Applications of one database share its log, and each sees what it recorded. One whose mapper is ours speaks for the
    ledger itself.
    """

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        url = self.env.get("DATABASE_URL")
        if not url:
            raise InfrastructureFactoryError("DATABASE_URL must hold the URL of the ledger's PostgreSQL")
        self.database = Database(url, archive=self.env.get("CHANGQING_ARCHIVE"))
        mapper = self.env.get(self.MAPPER_TOPIC)
        self._application = None if mapper and issubclass(resolve_topic(mapper), LedgerMapper) else self.env.name

    def transcoder(self) -> Transcoder:
        """The transcoder that `TRANSCODER_TOPIC` names, else one that gives back what it was given."""
        return super().transcoder() if self.env.get(self.TRANSCODER_TOPIC) else ExactTranscoder()

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """A recorder of aggregates' events, or of snapshots of them."""
        match purpose:
            case "events":
                return LedgerAggregateRecorder(self.database, self._application)
            case "snapshots":
                return SnapshotRecorder(self.database, self._application)
            case _:
                raise NotSupportedError(f"the ledger keeps events and snapshots, no {purpose}")

    def application_recorder(self) -> ApplicationRecorder:
        """A recorder of the application's part of the log."""
        return self._recorder(self.APPLICATION_RECORDER_TOPIC)

    def tracking_recorder(
        self, tracking_recorder_class: type[LedgerTrackingRecorder] | None = None
    ) -> LedgerTrackingRecorder:
        """A recorder of a follower's position, or a view that is one."""
        kind = self._kind(self.TRACKING_RECORDER_TOPIC, LedgerTrackingRecorder, tracking_recorder_class)
        return kind(self.database, self.env.name)

    def process_recorder(self) -> ProcessRecorder:
        """A recorder of both."""
        return self._recorder(self.PROCESS_RECORDER_TOPIC)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    def _recorder(self, topic: str) -> LedgerRecorder:
        return self._kind(topic, LedgerRecorder)(self.database, self.env.name, self._application)

    def _kind(self, topic: str, ours: type[_Recorder], given: type[_Recorder] | None = None) -> type[_Recorder]:
        """The class that is given, else the one that a variable names, else ours."""
        named = self.env.get(topic)
        kind = given or (resolve_topic(named) if named else ours)
        if not issubclass(kind, ours):
            raise NotSupportedError(f"{kind} cannot be kept in the ledger's database: derive it from {ours}")
        return kind
