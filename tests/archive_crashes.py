"""Kills an archiving and a restoring process at every line of their code, one after the other, and looks at what is left.

    python -m tests.archive_crashes DSN DIRECTORY

A process of its own, as a child must be forked from one that has no threads; the child dies by `os._exit`, which as a
kill -9 runs nothing. The log has one full partition to archive.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from infra import archive_write, log
from infra.archive_verify import verify
from infra.archive_write import archive, restore
from infra.database import Database

KILLED = 9


def dies_at(nth: int, work: Callable[[], object]) -> bool:
    """Do the work in a child that dies at the n-th line of `archive_write`; whether it came to die."""
    child = os.fork()
    if child == 0:
        lines = iter(range(1, nth + 1))

        def trace(frame: FrameType, event: str, _: object) -> Any:
            if frame.f_code.co_filename != archive_write.__file__:
                return None
            if event == "line" and next(lines) == nth:
                os._exit(KILLED)
            return trace

        sys.settrace(trace)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED), code
    return code == KILLED


def main(dsn: str, directory: Path) -> None:
    """Print how many lines each was killed at; an assertion fails when anything of the log is not there afterwards."""

    def owner() -> Database:
        return Database(dsn, role=None)

    def archiving() -> None:
        archive(owner(), directory, 0, str)

    def restoring() -> None:
        restore(owner(), directory, str)

    def archived() -> bool:
        """How it stands; the log is whole either way. A child looks, as whoever connects has threads from then on."""
        child = os.fork()
        if child == 0:
            database = Database(dsn, archive=directory)
            assert verify(database, directory, str)
            with database.transaction() as connection:
                rows = log.read(connection, 0, 1_000)
                assert [row.position for row in rows] == list(range(1, log.last_position(connection) + 1))
                ((count,),) = connection.execute("select count(*) from ledger.archive").fetchall()
            os._exit(count)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, 1), code
        return bool(code)

    for name, work, undo, done in (("archive", archiving, restoring, True), ("restore", restoring, archiving, False)):
        if archived() is done:
            assert not dies_at(sys.maxsize, undo)
        nth = 1
        while dies_at(nth, work):
            if archived() is done:
                assert not dies_at(sys.maxsize, undo)
            nth += 1
        assert archived() is done
        print(name, nth - 1)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
