"""Many who write at once, and die, while others tail the log: no hole, nothing twice, nothing missed, nothing out of order."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from domain.law import Law
from infra import log
from infra.database import Database, DatabaseError
from infra.keys import KeyRing
from services.application import Changqing
from tests.delayed import PATIENCE, TODAY, WRITERS, Barrier, barrier, lives
from tests.readers import Tail, tailing
from tests.storm import assert_after_storm, weather
from tests.wholeness import whole_log

ROOT = Path(__file__).parents[2]


class Setting:
    """A log with something in it, three who tail it, and those who will append."""

    def __init__(self, dsn: str, keys: KeyRing, law: Law, tail: Tail) -> None:
        self.dsn = dsn
        self.tail = tail
        self._keys = keys
        self._law = law
        self._services: list[Changqing] = []
        self._pool = ThreadPoolExecutor(len(WRITERS) + 1)
        self.service = self._connected(dsn)
        self.service.ledger.accept(lives(900, 1), TODAY)
        self.before = self.head()

    def close(self) -> None:
        self._pool.shutdown()
        for service in self._services:
            service.close()

    def head(self) -> int:
        with self.service.database.transaction() as connection:
            return log.last_position(connection)

    def delayed(self, dsn: str, kind: str) -> Future[list[int]]:
        """The delayed one, in this process."""
        service = self._connected(dsn)
        return self._pool.submit(WRITERS[kind], service, 1)

    def others(self) -> list[Future[list[int]]]:
        """One of every kind begins to append."""
        return [self._pool.submit(write, self.service, 100 * n) for n, write in enumerate(WRITERS.values(), start=2)]

    def assert_nobody_sees_anything_new(self) -> None:
        assert self.head() == self.before
        with self.service.database.transaction() as connection:
            assert log.read(connection, self.before, 1_000) == []
        self.tail.poller.look_again()
        for reader in self.tail:
            assert reader.error is None
            assert len(reader.seen) <= self.before

    def assert_all_saw_the_whole(self) -> None:
        self.tail.assert_saw(whole_log(self.service.database))

    def _connected(self, dsn: str) -> Changqing:
        service = Changqing(dsn, self._keys, self._law)
        self._services.append(service)
        service.ledger.check_key()
        return service


def positions(written: list[Future[list[int]]]) -> list[int]:
    return sorted(position for one in written for position in one.result(PATIENCE))


@pytest.fixture
def setting(dsn: str, keys: KeyRing, law: Law) -> Iterator[Setting]:
    with tailing(dsn, keys, law) as tail:
        made = Setting(dsn, keys, law, tail)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(params=["positions", "commit"])
def delay(request: pytest.FixtureRequest, dsn: str, setting: Setting) -> Iterator[Barrier]:
    """Who is delayed is so with its positions in hand, or when PostgreSQL has its COMMIT."""
    with barrier(dsn, request.param) as made:
        yield made


KINDS = pytest.mark.parametrize("kind", WRITERS)


@KINDS
def test_nobody_sees_a_later_position_before_one_that_is_delayed_and_nobody_misses_it(
    setting: Setting, delay: Barrier, kind: str
) -> None:
    mine = setting.delayed(delay.dsn, kind)
    delay.wait_for_waiters(1)
    others = setting.others()
    delay.wait_for_waiters(1 + len(WRITERS))
    setting.assert_nobody_sees_anything_new()
    delay.goes_on()
    assert min(mine.result(PATIENCE)) == setting.before + 1
    assert max(mine.result()) < min(positions(others))
    setting.assert_all_saw_the_whole()


@KINDS
def test_the_positions_of_a_session_that_is_killed_with_them_are_given_to_others(
    setting: Setting, delay: Barrier, kind: str
) -> None:
    mine = setting.delayed(delay.dsn, kind)
    delay.wait_for_waiters(1)
    others = setting.others()
    delay.wait_for_waiters(1 + len(WRITERS))
    setting.assert_nobody_sees_anything_new()
    delay.session_is_killed()
    delay.goes_on()  # so that one who asks again by itself comes through
    given = positions(others)
    with suppress(DatabaseError):
        given += mine.result(PATIENCE)
    assert min(given) == setting.before + 1
    setting.assert_all_saw_the_whole()


@KINDS
def test_a_process_that_is_killed_with_its_positions_leaves_all_of_its_events_or_none_and_no_hole(
    setting: Setting, delay: Barrier, kind: str
) -> None:
    """Its session learns of it when it asks for more: where the COMMIT was sent, the events stay."""
    with process(delay.dsn, kind) as writing:
        delay.wait_for_waiters(1)
        others = setting.others()
        delay.wait_for_waiters(1 + len(WRITERS))
        os.kill(writing.pid, signal.SIGKILL)
        writing.wait()
    setting.assert_nobody_sees_anything_new()
    delay.goes_on()
    given = positions(others)
    stays = delay.at == "commit" or kind.endswith(("decided", "decision"))  # they send the COMMIT along
    assert (min(given) > setting.before + 1) is stays
    setting.assert_all_saw_the_whole()


@contextmanager
def process(dsn: str, kind: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-m", "tests.delayed", dsn, kind], cwd=ROOT) as writing:
        try:
            yield writing
        finally:
            writing.kill()


# All at once


def test_in_a_storm_of_kills_nothing_is_lost_doubled_or_out_of_order_for_whoever_writes_or_reads(
    dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path
) -> None:
    with tailing(dsn, keys, law) as tail:
        writing, ended = weather(dsn, 20_240_410, tmp_path, seconds=10)
        assert_after_storm(database, keys, law, tail, writing, ended)
    assert writing.kills > 3
    assert ended > 3
