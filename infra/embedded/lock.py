"""Locks that the kernel frees when the last process holding them dies, even by kill -9."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Lock:
    """An exclusive advisory lock on a file; a child that is given `fd` shares it, and keeps it after we are gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it."""
        return self._fd is not None

    @property
    def fd(self) -> int:
        """The open file that is locked; only while it is held."""
        assert self._fd is not None, "the lock is not held"
        return self._fd

    def take(self) -> bool:
        """Takes the lock without waiting; says whether we hold it now."""
        if self.held:
            return True
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def free(self) -> None:
        """Lets go of our share; children that were given `fd` still hold theirs."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits for its turn, however long another process takes."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
