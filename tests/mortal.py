"""A PostgreSQL of a test's own, that may be killed."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from infra.embedded import Postgres

PATIENCE = 60


@contextmanager
def mortal_postgres() -> Iterator[Postgres]:
    """One that runs; whatever became of it meanwhile, nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="cq"))  # short: a socket's path has little room
    server = Postgres(home, buffers=256)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def kill(server: Postgres) -> None:
    """Kill the postmaster with -9; its sessions end when they notice."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


def restart(server: Postgres) -> None:
    """A new one, once nothing of the killed one is left."""
    deadline = monotonic() + PATIENCE
    while server.alive:
        assert monotonic() < deadline
        sleep(0.01)
    server.start()
