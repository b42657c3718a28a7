"""Many appends in one commit: whoever comes while one is under way waits for it, and the first of them then commits for all.

For events that need no decision, a look say, whose threads wait until they are on disk. Nobody waits for company, and no thread of
its own is needed: an idle one commits its single event at once. Before this each look was a commit, and 64 readers at once waited in line.
"""

from collections import deque
from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from psycopg import Connection

from domain.history import Event
from infra import codec
from infra.database import Database, Rows
from infra.log import Appended, Unplaced, append, lock_streams

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
            with self._database.transaction() as connection:
                placed = append_all(connection, [(one.stream, one.name, one.state) for one in waiting])
            for position, one in enumerate(waiting, placed.first):
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


def append_all(connection: Connection[Rows], events: Sequence[tuple[UUID, str, bytes]]) -> Appended:
    """Append events that need no decision, each as stream, stored name and bytes, within the caller's transaction; where they went."""
    found = lock_streams(connection, {stream for stream, _, _ in events})
    versions = {stream: max(one.version, 0) for stream, one in found.items()}
    placed = []
    for stream, name, state in events:
        versions[stream] += 1
        placed.append(Unplaced(stream, versions[stream], name, state))
    return append(connection, placed)
