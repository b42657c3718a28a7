"""The watch over sources: folds the log into what came of each, and tells the log what both sides must know.

Nothing is told twice and nothing is left out, wherever this dies and however many of it there are. Rows and position commit
together. What is told goes on a stream of the source's own, and only by whoever has read everything that stands there: the
row counts it, the stream's version must be that count, and the stream is locked until the commit. A crash after it leaves
the telling in the log, where it is read like everything else; a crash before it leaves nothing, and the next look finds the
same. While there is always more to read, it tells by the time of the last entry it has read, so that it takes nothing for
missing that stands in the log already; one that is far behind tells nothing until it has caught up.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from eventsourcing.persistence import Tracking

from domain.history import Entry
from infra import codec
from infra.database import Database
from infra.log import Unplaced, append, lock_streams, stream_of
from infra.recorder import LedgerRecorder
from infra.session import Session
from infra.sql import statements
from infra.views import APPLICATION
from projections.source_findings import batch_due, due, findings
from projections.source_fold import Held, Member, Needed, needed
from projections.source_past import Left, Since, Stands, fold_remembering
from projections.sources import BatchRow, SourceRow

SQL = statements("watching")
LOOK_EVERY = 1.0
"""Seconds, while there is always more to read."""
BEHIND = timedelta(seconds=10)
"""What a watch that was away reads of a time before this is over: who is told of it is told what is still so."""
AT_A_TIME = 200
"""Sources that are looked at in one transaction."""
BATCHES_AT_A_TIME = 200
"""Batches of these that are; the next look goes on."""

_rows = msgspec.json.Decoder(SourceRow)
_batches = msgspec.json.Decoder(BatchRow)


class Watch:
    """One watch. `grace`: how long a missing number or event of a batch may yet come."""

    def __init__(self, database: Database, grace: timedelta, follower: str = "sources") -> None:
        self.database = database
        self._grace = grace
        self._recorder = LedgerRecorder(database, follower)
        self._looked = 0.0

    def position(self) -> int:
        """The position up to which everything was read."""
        return self._recorder.max_tracking_id(APPLICATION) or 0

    def handle(self, entries: Sequence[Entry]) -> None:
        """Fold entries, in one transaction with the position; and look, when there was no rest to do it for a while.

        `IntegrityError` when another one read them.
        """
        wanted = needed(entries)
        with self.database.transaction() as connection:
            self._recorder.track(connection, Tracking(APPLICATION, entries[-1].position), after=entries[0].position - 1)
            if wanted.sources:
                stands = Stands()
                held = _held(connection, wanted, stands)
                before = held.copy()
                left = fold_remembering(held, stands, entries)
                _save(connection, held, before, stands)
                _leave(connection, left)
        if time.monotonic() - self._looked >= LOOK_EVERY:
            last = entries[-1].recorded_at
            _, now = self._head()
            if now - last < BEHIND:
                self.look(last)

    def rest(self) -> None:
        """Look, as everything that stands in the log was read. By PostgreSQL's clock, which the entries have their times by."""
        position, now = self._head()
        if position == self.position():
            self.look(now)

    def _head(self) -> tuple[int, datetime]:
        with self.database.transaction() as connection:
            row = connection.execute(SQL["head"]).fetchone()
        assert row is not None
        return row[0], row[1]

    def look(self, now: datetime) -> int:
        """Tell what is due by a time up to which everything was read; how many findings."""
        self._looked = time.monotonic()
        told, after = 0, ""
        while True:
            with self.database.transaction() as connection:
                given = {"now": now, "after": after, "limit": AT_A_TIME}
                sources = [source for (source,) in connection.execute(SQL["due_after"], given).fetchall()]
                told += self._tell(connection, sources, now)
            if len(sources) < AT_A_TIME:
                return told
            after = sources[-1]

    def _tell(self, connection: Session, sources: Sequence[str], now: datetime) -> int:
        if not sources:
            return 0
        given = {"sources": sources, "now": now, "limit": BATCHES_AT_A_TIME}
        rows = [_rows.decode(state) for (state,) in connection.execute(SQL["sources_there"], given).fetchall()]
        batches = [_batches.decode(state) for (state,) in connection.execute(SQL["batches_due"], given).fetchall()]
        found = {
            stream_about(row.source): (row, there)
            for row in rows
            if (there := findings(row, [one for one in batches if one.source == row.source], now, self._grace))
        }
        if not found:
            return 0
        streams = lock_streams(connection, found)
        events: list[Unplaced] = []
        for stream, (row, there) in found.items():
            if max(streams[stream].version, 0) != row.told:
                continue  # something was told that is not read yet: the row speaks of a time before it
            events += [
                Unplaced(stream, version, codec.stored_name(event), codec.encode(event))
                for version, event in enumerate(there, row.told + 1)
            ]
        if events:
            append(connection, events)
        return len(events)


def stream_about(source: str) -> UUID:
    """The stream of what was found out about a source, and of nothing else."""
    return stream_of(f"about-source:{source}")


def _held(connection: Session, wanted: Needed, stands: Stands) -> Held:
    """What is wanted; `stands` is told since when it is so."""
    held = Held()
    for state, since, minute in connection.execute(SQL["sources_find"], {"sources": list(wanted.sources)}).fetchall():
        row = _rows.decode(state)
        held.sources[row.source] = row
        stands.sources[row.source] = Since(since, minute)
    if wanted.batches:
        found = connection.execute(SQL["batches_find"], _pairs("batches", wanted.batches)).fetchall()
        for state, since, minute in found:
            batch = _batches.decode(state)
            held.batches[batch.source, batch.batch] = batch
            stands.batches[batch.source, batch.batch] = Since(since, minute)
    if wanted.numbers:
        for source, number, ids in connection.execute(SQL["numbers_find"], _pairs("numbers", wanted.numbers)):
            held.numbers[source, number] = ids
    if wanted.members:
        keys = {_key(member): member for member in wanted.members}
        counted = connection.execute(SQL["members_find"], {"members": list(keys)})
        held.members.update(keys[bytes(key)] for (key,) in counted.fetchall())
    return held


def _save(connection: Session, held: Held, before: Held, stands: Stands) -> None:
    """Write what is another than before."""
    rows = [row for source, row in held.sources.items() if row != before.sources.get(source)]
    batches = [row for key, row in held.batches.items() if row != before.batches.get(key)]
    since = [stands.sources[row.source] for row in rows]
    connection.execute(
        SQL["sources_save"],
        {
            "sources": [row.source for row in rows],
            "states": [msgspec.json.encode(row).decode() for row in rows],
            "dues": [due(row) for row in rows],
            "since": [one.position for one in since],
            "minutes": [one.minute for one in since],
        },
    )
    if batches:
        since = [stands.batches[row.source, row.batch] for row in batches]
        connection.execute(
            SQL["batches_save"],
            {
                "sources": [row.source for row in batches],
                "batches": [row.batch for row in batches],
                "states": [msgspec.json.encode(row).decode() for row in batches],
                "dues": [batch_due(row) for row in batches],
                "since": [one.position for one in since],
                "minutes": [one.minute for one in since],
            },
        )
    changed = {key: ids for key, ids in held.numbers.items() if ids != before.numbers.get(key, [])}
    if fresh := {(*key, ids[0]) for key, ids in changed.items() if not before.numbers.get(key)}:
        sources, numbers, firsts = zip(*fresh, strict=True)
        given = {"sources": list(sources), "numbers": list(numbers), "ids": list(firsts)}
        connection.execute(SQL["numbers_save"], given)
    if forked := [(source, number, ids) for (source, number), ids in changed.items() if len(ids) > 1]:
        forks = [{"source": source, "number": number, "ids": ids} for source, number, ids in forked]
        connection.cursor().executemany(SQL["number_fork"], forks)
    if members := held.members - before.members:
        connection.execute(SQL["members_save"], {"members": sorted(map(_key, members))})


def _leave(connection: Session, left: Sequence[Left]) -> None:
    """Write what was as it is no more."""
    sources = [one for one in left if isinstance(one.row, SourceRow)]
    batches = [one for one in left if isinstance(one.row, BatchRow)]
    for statement, there in (("sources_leave", sources), ("batches_leave", batches)):
        if there:
            given = {
                "sources": [one.row.source for one in there],
                "states": [msgspec.json.encode(one.row).decode() for one in there],
                "since": [one.since.position for one in there],
                "minutes": [one.since.minute for one in there],
                "until": [one.until for one in there],
            }
            names = {"batches": [one.row.batch for one in there if isinstance(one.row, BatchRow)]}
            connection.execute(SQL[statement], given | (names if statement == "batches_leave" else {}))


def _pairs(name: str, pairs: Iterable[tuple[str, str | int]]) -> dict[str, list[str | int]]:
    sources, others = zip(*pairs, strict=True)
    return {"sources": list(sources), name: list(others)}


def _key(member: Member) -> bytes:
    """A member of a batch as an index can hold it, however long its names are."""
    return hashlib.sha256(msgspec.json.encode(member)).digest()
