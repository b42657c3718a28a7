"""What an import leaves on disk: the file of refusals, and beside it the summary, which says how far it has come.

Every step may be the last: the summary is replaced whole, and only after the refusals that it counts are on disk. What
stands in the refusals beyond that is cut off at the next start, as those lines are done again.
"""

import os
from fcntl import LOCK_EX, LOCK_NB, flock
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from domain.history import Outcome
from infra.disk import sync_directory
from services.importing.errors import ImportingError
from services.importing.messages import Line, Tally
from services.importing.source import Mark


class Summary(Struct, frozen=True, kw_only=True):
    """How far an import has come, and at the end its result.

    `size`: bytes of the file. `mark`: the place in it up to which everything is done. `given`: no line beyond this one has
    been given to a worker. `refusals`: bytes of theirs. `began_at`: the ledger's position before the first line.
    """

    size: int
    mark: Mark
    given: int
    began_at: int
    refusals: int = 0
    tally: Tally = Tally()
    seconds: float = 0.0
    complete: bool = False


class TakenLine(Struct, frozen=True, omit_defaults=True):
    """A line of a table that is in the ledger; `known`: from before. `beside`: ids of other rows about the same."""

    line: int
    id: str
    status: Outcome
    position: int
    known: bool = False
    beside: list[str] = []


class Record:
    """The two files, locked: two imports of one file at a time would write over each other's."""

    def __init__(self, refusals: Path) -> None:
        """Raises `ImportingError`."""
        self.path = refusals
        self.summary_path = refusals.with_suffix(".summary.json")
        self._refusals: BufferedRandom = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._refusals.close()

    def resume(self) -> Summary | None:
        """How far the import had come; None when it never began."""
        try:
            found = msgspec.json.decode(self.summary_path.read_bytes(), type=Summary)
        except FileNotFoundError:
            if self._refusals.seek(0, os.SEEK_END):
                raise ImportingError(
                    f"{self.path} is there already and no import's; --restart writes over it", 2
                ) from None
            return None
        except msgspec.DecodeError:
            raise ImportingError(f"{self.summary_path} is no import's summary; --restart writes over it", 2) from None
        if self._refusals.seek(0, os.SEEK_END) < found.refusals:
            raise ImportingError(f"{self.path} lost some of its lines; --restart begins anew", 2)
        self._cut(found.refusals)
        return found

    def clear(self) -> None:
        """Forget an earlier import. A crash between the two steps, or after them, leaves one that has not begun."""
        self.summary_path.unlink(missing_ok=True)
        self._cut(0)

    def add(self, refused: list[Line]) -> int:
        """Add lines to the refusals, not yet for certain; how many bytes there are now."""
        for line in sorted(refused):
            self._refusals.write(line.text + b"\n")
        return self._refusals.tell()

    def save(self, summary: Summary) -> None:
        """Have it all on disk: the refusals first, as the summary counts them."""
        self._refusals.flush()
        os.fsync(self._refusals.fileno())
        fresh = self.summary_path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(summary)))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.summary_path)
        sync_directory(self.summary_path.parent)

    def _open(self) -> BufferedRandom:
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ImportingError(f"another import is writing {self.path} at this moment", 2) from None
        return file

    def _cut(self, length: int) -> None:
        self._refusals.truncate(length)
        self._refusals.seek(length)
