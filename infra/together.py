"""Many appends in one commit: whoever comes while one is under way waits for it, and the first of them then commits for all.

For events that need no decision, a look say, whose threads wait until they are on disk. Nobody waits for company, and no thread of
its own is needed: an idle one commits its single event at once. Before this each look was a commit, and 64 readers at once waited in line.
"""

from collections import deque
from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from domain.history import Event
from infra import codec
from infra.copying import INT4, array, int4, read_int, read_time
from infra.copying import UUID as UUID_TYPE
from infra.database import Database
from infra.log import SQL, recorded, with_room
from infra.session import Session
from infra.writing import statement_of

MOST = 500
"""Events of one commit, at the most."""


class _Waiting:
    """An event, and what became of it: its position, or what went wrong; neither, once it is `told`: its thread is to commit next."""

    def __init__(self, stream: UUID, event: Event) -> None:
        self.stream = stream
        self.name, self.state = codec.stored_name(event), codec.encode(event)  # what cannot be written fails alone
        self.position = 0
        self.error: Exception | None = None
        self.told = Lock()
        self.told.acquire()


class Together:
    """Appends to one ledger, of all threads of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._guard = Lock()
        self._committing = False

    def append(self, stream: UUID, event: Event) -> int:
        """Append an event to a stream; its position, once it is on disk. Raises `DatabaseError`, as does everybody of the same commit."""
        mine = _Waiting(stream, event)
        with self._guard:
            self._waiting.append(mine)
            leads, self._committing = not self._committing, True
        if not leads:
            mine.told.acquire()
        if not mine.position and mine.error is None:
            self._commit()
        if mine.error is not None:
            raise mine.error
        return mine.position

    def _commit(self) -> None:
        """Commit what waits, our own among it as it is the first; then hand on to the first of those who came meanwhile."""
        with self._guard:
            waiting = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            first = self._write([(one.stream.bytes, one.name.encode(), one.state) for one in waiting])
            for position, one in enumerate(waiting, first):
                one.position = position
        except BaseException as error:
            for one in waiting:  # each of them must know, as nothing may be shown
                one.error = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._guard:
                following = self._waiting[0] if self._waiting else None
                self._committing = following is not None
            for one in (*waiting, *([following] if following else [])):
                one.told.release()

    def _write(self, events: Sequence[tuple[bytes, bytes, bytes]]) -> int:
        """Events, each as stream, stored name and bytes, in two round trips; the position of the first.

        The second takes the positions and commits, so that nobody who writes waits for this process to say more.
        """
        return with_room(self._database, len(events), lambda session: _written(session, events))


def _written(session: Session, events: Sequence[tuple[bytes, bytes, bytes]]) -> int:
    streams = array(UUID_TYPE, sorted({stream for stream, _, _ in events}))
    claimed = (SQL["begin"], ()), (SQL["streams_claim"], (streams,)), (SQL["streams_lock"], (streams,))
    *_, locked = session.exchange(claimed)
    versions = {stream: max(read_int(version), 0) for stream, version, *_ in locked}
    placed = []
    for stream, name, state in events:
        versions[stream] += 1
        placed.append((stream, versions[stream], name, state))
    counted = array(UUID_TYPE, list(versions)), array(INT4, list(map(int4, versions.values())))
    *_, ((before, recorded_at, room, _),) = session.exchange(
        [(SQL["streams_count"], counted), statement_of(placed)], commit=True
    )
    return recorded(session, (read_int(before), read_time(recorded_at), read_int(room)), len(events)).first
