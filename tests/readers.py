"""Three who tail the log live, each in a thread, and note what they saw: a follower, a subscription, a plain poller."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic, sleep
from typing import ClassVar, NamedTuple, cast
from uuid import UUID

from domain.history import Entry
from domain.law import Law
from infra import log
from infra.database import Database, DatabaseError
from infra.follower import follow
from infra.keys import KeyRing
from services.application import Changqing


class Seen(NamedTuple):
    position: int
    stream: UUID
    version: int


class Reader(ABC):
    """Reads from position 0 on, from its making to its `stop`."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.error: BaseException | None = None
        self.stopping = Event()
        self._thread = Thread(target=self._run, name=self.name)
        self._thread.start()

    def wait_for(self, position: int, seconds: float = 60) -> None:
        """Until it saw that position."""
        deadline = monotonic() + seconds
        while self.error is None and not (self.seen and self.seen[-1].position >= position):
            assert monotonic() < deadline, f"the {self.name} stands at {len(self.seen)} of {position}"
            sleep(0.01)
        if self.error:
            raise self.error

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self.read()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
            self.error = error

    @abstractmethod
    def read(self) -> None:
        """See everything, until it is stopping."""


class Follower(Reader):
    """As the views and the relay follow."""

    name = "follower"

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn, max_size=2)
        super().__init__()

    def read(self) -> None:
        follow(self._database, "tail", lambda: len(self.seen), self._handle, self.stopping)

    def _handle(self, entries: Sequence[Entry]) -> None:
        self.seen += [Seen(entry.position, entry.stream, entry.version) for entry in entries]

    def stop(self) -> None:
        super().stop()
        self._database.close()


class Subscriber(Reader):
    """As whoever uses the eventsourcing library follows the service."""

    name = "subscription"

    def __init__(self, dsn: str, keys: KeyRing, law: Law) -> None:
        self._service = Changqing(dsn, keys, law)
        self._subscription = self._service.recorder.subscribe(gt=0)
        super().__init__()

    def read(self) -> None:
        with self._subscription as following:
            for stored in following:
                self.seen.append(Seen(stored.id, cast(UUID, stored.originator_id), stored.originator_version))

    def stop(self) -> None:
        self._subscription.stop()
        super().stop()
        self._service.close()


class Poller(Reader):
    """As whoever knows nothing of notifications."""

    name = "poller"

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn, max_size=2)
        self.looks = 0
        super().__init__()

    def read(self) -> None:
        while not self.stopping.wait(0.005):
            with suppress(DatabaseError), self._database.transaction() as connection:
                rows = log.read(connection, len(self.seen), 1_000)
                self.seen += [Seen(row.position, row.stream, row.version) for row in rows]
                self.looks += 1

    def look_again(self) -> None:
        """Until it has begun to look after this was called, and has looked."""
        awaited = self.looks + 2
        while self.looks < awaited and self.error is None:
            sleep(0.001)

    def stop(self) -> None:
        super().stop()
        self._database.close()


class Tail(NamedTuple):
    """All three."""

    follower: Follower
    subscriber: Subscriber
    poller: Poller

    def assert_saw(self, found: Sequence[Entry]) -> None:
        """Each saw exactly this log, every position once and in order."""
        expected = [Seen(entry.position, entry.stream, entry.version) for entry in found]
        for reader in self:
            if expected:
                reader.wait_for(len(expected))
            assert reader.error is None
            assert _first_difference(reader.seen, expected) is None, reader.name


@contextmanager
def tailing(dsn: str, keys: KeyRing, law: Law) -> Iterator[Tail]:
    """The three, reading while the block runs."""
    tail = Tail(Follower(dsn), Subscriber(dsn, keys, law), Poller(dsn))
    try:
        yield tail
    finally:
        for reader in tail:
            reader.stopping.set()
        for reader in tail:
            reader.stop()


def _first_difference(seen: Iterable[Seen], expected: Sequence[Seen]) -> tuple[int, Seen] | None:
    for position, one in enumerate(seen, start=1):
        if position > len(expected) or one != expected[position - 1]:
            return position, one
    return None
