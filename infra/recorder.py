"""The eventsourcing library on our log: its recorder, mapper and factory, so that its Application is our service.

The stock PostgreSQL recorder holds a table lock through the flush, leaves gaps in its positions after a rollback, and its
subscription never polls. Here positions come from the head, last of all, and a subscription wakes by notification and by
a slow poll always.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Thread
from typing import Any, cast
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    ListenNotifySubscription,
    Mapper,
    Notification,
    NotSupportedError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from psycopg import Connection

from domain.history import Entry
from infra import codec, log
from infra.database import POLL_SECONDS, Database, Rows
from infra.log import SQL, Unplaced


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


class LedgerRecorder(ProcessRecorder):
    """Events of any aggregate in our log, and the tracking of one follower."""

    def __init__(self, database: Database, follower: str) -> None:
        self.database = database
        self.follower = follower

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events, each after the last of its stream, and a `tracking` with them. Returns their positions.

        Raises `IntegrityError` when a stream has moved on meanwhile, or the tracking was recorded before.
        """
        tracking: Tracking | None = kwargs.get("tracking")
        with self.database.transaction() as connection:
            if tracking is not None:
                self.track(connection, tracking)
            if not stored_events:
                return []
            events = [Unplaced(_uuid(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
            _check_versions(connection, events)
            placed = log.append(connection, events)
        return list(range(placed.first, placed.first + len(events)))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """One stream's events, by version."""
        given = {
            "stream": _uuid(originator_id),
            "gt": gt or 0,
            "lte": 2**31 - 1 if lte is None else lte,
            "limit": log.LAST if limit is None else limit,
        }
        statement = SQL["event_of_stream_desc" if desc else "event_of_stream"]
        with self.database.transaction() as connection:
            return [_recorded(log.Row(*row)) for row in connection.execute(statement, given).fetchall()]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The log from a position, in order."""
        after = (start or 0) - (1 if inclusive_of_start and start else 0)
        until = log.LAST if stop is None else stop
        with self.database.transaction() as connection:
            return [_recorded(row) for row in log.read(connection, after, limit, until=until, names=topics)]

    def max_notification_id(self) -> int | None:
        """The last position; None in an empty log."""
        with self.database.transaction() as connection:
            return log.last_position(connection) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Follow the log after a position."""
        return LedgerSubscription(self, gt=gt, topics=topics)

    def insert_tracking(self, tracking: Tracking) -> None:
        """Remember how far this follower has come, on its own."""
        with self.database.transaction() as connection:
            self.track(connection, tracking)

    def track(self, connection: Connection[Rows], tracking: Tracking, after: int | None = None) -> None:
        """Remember how far this follower has come, together with what it wrote in this transaction.

        Raises `IntegrityError` when it had come as far already, or, where `after` is given, when it does not stand
        just there: somebody else did the same work.
        """
        given = {
            "after": after,
            "follower": self.follower,
            "application_name": tracking.application_name,
            "position": tracking.notification_id,
        }
        statement = SQL["tracking_set" if after is None else "tracking_advance"]
        if connection.execute(statement, given).rowcount != 1:
            raise IntegrityError(f"{self.follower} cannot come to {tracking.notification_id} from where it is")

    def max_tracking_id(self, application_name: str) -> int | None:
        """How far this follower has come in an application's log; None when it has not begun."""
        given = {"follower": self.follower, "application_name": application_name}
        with self.database.transaction() as connection:
            row = connection.execute(SQL["tracking_get"], given).fetchone()
        return cast(int, row[0]) if row else None


class LedgerSubscription(ListenNotifySubscription[LedgerRecorder]):
    """Woken by the ledger's notifications, and by the clock when one was missed."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._listener = Thread(target=self._listen)
        self._listener.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        """Stop, and wait for the threads."""
        super().__exit__(*args, **kwargs)
        self._listener.join()

    def _listen(self) -> None:
        try:
            with self._recorder.database.listen() as connection:
                while not self._has_been_stopped and not self._thread_error:
                    list(connection.notifies(timeout=POLL_SECONDS, stop_after=1))
                    self._has_been_notified.set()  # after a silent second too: a wake-up may have been missed
        except BaseException as error:  # noqa: BLE001 - handed to the thread that iterates, as the library does
            self._thread_error = self._thread_error or error
            self.stop()


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Makes the parts of an eventsourcing Application that live on our log; configured by `DATABASE_URL`."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.database = Database(self.env.get("DATABASE_URL") or "")

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """A recorder of streams. `NotSupportedError` for snapshots: they are no part of the log, which has no other place."""
        if purpose != "events":
            raise NotSupportedError("the ledger keeps no snapshots; leave IS_SNAPSHOTTING_ENABLED out")
        return LedgerRecorder(self.database, purpose)

    def application_recorder(self) -> ApplicationRecorder:
        """A recorder of the log."""
        return LedgerRecorder(self.database, self.env.name)

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> TrackingRecorder:
        """A recorder of a follower's position."""
        return (tracking_recorder_class or LedgerRecorder)(self.database, self.env.name)

    def process_recorder(self) -> ProcessRecorder:
        """A recorder of both."""
        return LedgerRecorder(self.database, self.env.name)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()


def _check_versions(connection: Connection[Rows], events: Sequence[Unplaced]) -> None:
    """Lock the streams and see that each event comes after the last of its own."""
    locked = log.lock_streams(connection, (event.stream for event in events))
    versions = {stream: found.version for stream, found in locked.items()}
    for event in events:
        if event.version <= versions[event.stream]:
            raise IntegrityError(f"stream {event.stream} is at version {locked[event.stream].version}")
        versions[event.stream] = event.version


def _recorded(row: log.Row) -> Recorded:
    return Recorded(
        originator_id=row.stream,
        originator_version=row.version,
        topic=row.name,
        state=row.state,
        id=row.position,
        recorded_at=row.recorded_at,
    )


def _uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
