"""Aggregates of the library's applications: their events in the log, their snapshots beside it.

An application of the library expects a log to itself, and identifies its aggregates as it likes, by UUID or by text. So each
aggregate has a stream that follows from the application's name and the id, and `ledger.originator` remembers both: several
applications share our one log, and each sees its own part of it. The ledger itself is the application without a name; its
streams are the UUIDs as they are.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.persistence import AggregateRecorder, IntegrityError, NotSupportedError, StoredEvent
from psycopg import Connection

from infra import log
from infra.database import Database, Rows
from infra.library import OnLedger
from infra.log import Unplaced
from infra.row import Row
from infra.sql import statements

SQL = statements("recorder")
_APPLICATIONS = UUID("5c4d1c3a-7f0e-4e53-9a55-8f4b5f0f6a1e")


class _StreamRecorder(OnLedger, AggregateRecorder):
    """Rows of one stream, by version."""

    def __init__(self, database: Database, application: str | None = None) -> None:
        super().__init__(database)
        self.application = application

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """One aggregate's rows, by version."""
        after, until = -1 if gt is None else gt, log.LAST if lte is None else lte
        most = log.LAST if limit is None else limit
        with self.transaction() as connection:
            return self._select(connection, originator_id, after, until, most, desc=desc)

    @abstractmethod
    def _select(
        self, connection: Connection[Rows], id_: UUID | str, after: int, until: int, limit: int, *, desc: bool
    ) -> Sequence[StoredEvent]: ...

    def _stream(self, originator_id: UUID | str) -> UUID:
        if self.application is not None:
            return uuid5(uuid5(_APPLICATIONS, self.application), str(originator_id))
        if not isinstance(originator_id, UUID):
            raise NotSupportedError(f"the ledger's own streams are named by UUIDs, not by {originator_id!r}")
        return originator_id


class LedgerAggregateRecorder(_StreamRecorder):
    """Aggregates' events in the log. Where they stand in it is for the application recorder to tell."""

    def _select(
        self, connection: Connection[Rows], id_: UUID | str, after: int, until: int, limit: int, *, desc: bool
    ) -> Sequence[StoredEvent]:
        rows = log.read_stream(connection, self._stream(id_), after=after, until=until, limit=limit, desc=desc)
        return [self._stored(id_, row) for row in rows]

    def _stored(self, id_: UUID | str, row: Row) -> StoredEvent:
        return StoredEvent(id_, row.version, row.name, row.state)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Append events, each after the last of its aggregate. Raises `IntegrityError` when one has moved on meanwhile."""
        with self.transaction() as connection:
            self._append(connection, stored_events)
        return None

    def _append(self, connection: Connection[Rows], stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        """Append events within a transaction; their positions."""
        if not stored_events:
            return []
        streams = {event.originator_id: self._stream(event.originator_id) for event in stored_events}
        events = [
            Unplaced(streams[event.originator_id], event.originator_version, event.topic, event.state)
            for event in stored_events
        ]
        versions = {s: found.version for s, found in log.lock_streams(connection, streams.values()).items()}
        self._introduce(connection, {stream: id_ for id_, stream in streams.items() if versions[stream] < 0})
        for event in events:
            if event.version <= versions[event.stream]:
                raise IntegrityError(f"{event.name} is version {event.version} of a stream at {versions[event.stream]}")
            versions[event.stream] = event.version
        first = log.append(connection, events).first
        return list(range(first, first + len(events)))

    def _introduce(self, connection: Connection[Rows], newcomers: dict[UUID, UUID | str]) -> None:
        """Remember whose streams these are; they are locked, so nobody else does."""
        if newcomers and self.application is not None:
            given = {
                "application": self.application,
                "streams": list(newcomers),
                "uuids": [id_ if isinstance(id_, UUID) else None for id_ in newcomers.values()],
                "texts": [None if isinstance(id_, UUID) else id_ for id_ in newcomers.values()],
            }
            connection.execute(SQL["originator_save"], given)


class SnapshotRecorder(_StreamRecorder):
    """Aggregates as they were at a version. They are no part of the log: all may be deleted, and taken again."""

    def _select(
        self, connection: Connection[Rows], id_: UUID | str, after: int, until: int, limit: int, *, desc: bool
    ) -> Sequence[StoredEvent]:
        statement = SQL["snapshot_read_desc" if desc else "snapshot_read"]
        given = {"stream": self._stream(id_), "gt": after, "lte": until, "limit": limit}
        return [StoredEvent(id_, *row) for row in connection.execute(statement, given).fetchall()]

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Keep snapshots. Raises `IntegrityError` when there is one of the same version."""
        given = {
            "streams": [self._stream(event.originator_id) for event in stored_events],
            "versions": [event.originator_version for event in stored_events],
            "names": [event.topic for event in stored_events],
            "states": [event.state for event in stored_events],
        }
        with self.transaction() as connection:
            connection.execute(SQL["snapshot_save"], given)
        return None
