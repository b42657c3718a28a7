"""The file to import, read in windows of lines; and which worker a line is for."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import NamedTuple, Protocol, Self
from zlib import crc32

import msgspec
from msgspec import Struct

from domain.identity import normal
from domain.refusals import Refused
from services.importing.errors import ImportingError
from services.importing.messages import Line

WINDOW_BYTES = 16 * 1024 * 1024
"""A window ends here however few lines it has: long lines must not cost more memory than many."""
_LONGEST = 64 * 1024 + 3
"""Bytes read of a line: one more than an event may have, and the end of the line. The handler refuses what is cut off."""
_PIECE = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Mark(NamedTuple):
    """A place between two lines: bytes and lines before it, and a hash of those bytes. Of a .gz, of what is inside."""

    offset: int
    line: int
    digest: str


class Window(NamedTuple):
    """Some lines of the file, and where they end."""

    lines: list[Line]
    end: Mark


class Lines(Protocol):
    """What is imported, in windows. `size`, and `read` of it so far, in bytes; `whole`: every line gets its answer into the record."""

    size: int
    whole: bool

    @property
    def read(self) -> int:
        """Bytes read so far."""

    @property
    def mark(self) -> Mark:
        """The place up to which it was read."""

    def skip(self, to: Mark) -> bool:
        """Pass over what was done before, in a new source; says whether it is what it was."""

    def window(self, count: int) -> Window | None:
        """The next lines, `count` at most; None at the end."""

    def marked(self, found: Callable[[bytes], bool]) -> Iterator[list[bytes]]:
        """Those of all lines, in a new source, in which something is found; empty lists, too, for whoever wants to stop."""


class Source:
    """The file, opened. Raises `ImportingError` when it cannot be read."""

    whole = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = 0
        self._offset = 0
        self._hash = hashlib.sha256()
        try:
            status = path.stat()
            if not S_ISREG(status.st_mode):  # one that cannot be read again could not go on after a crash
                raise ImportingError(f"{path} is no regular file; name a file with one CloudEvent a line", 2)
            self._raw = path.open("rb", _PIECE)
        except OSError as error:
            raise self._unreadable(error, 2) from None
        self.size = status.st_size
        zipped = path.suffix == ".gz"
        self._file = io.BufferedReader(gzip.GzipFile(fileobj=self._raw), _PIECE) if zipped else self._raw

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._raw.close()

    @property
    def read(self) -> int:
        """Bytes of the file that were read so far, of `size`."""
        return self._raw.tell()

    def skip(self, to: Mark) -> bool:
        """Pass over what was done before, in a new source; says whether it is what it was."""
        try:
            while self._offset < to.offset and (piece := self._file.read(min(_PIECE, to.offset - self._offset))):
                self._count(piece)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error, 1) from None
        self._line = to.line
        return self.mark == to

    def window(self, count: int) -> Window | None:
        """The next lines, `count` at most, without blank ones; None at the end."""
        begin, lines = self._offset, []
        try:
            while count and self._offset - begin < WINDOW_BYTES and (text := self._file.readline(_LONGEST)):
                count -= 1
                self._line += 1
                self._count(text)
                rest = text if len(text) == _LONGEST else b""
                while rest:
                    rest = self._passed_over(rest)
                if kept := _kept(text, first=self._line == 1):
                    lines.append(Line(self._line, kept))
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error, 1) from None
        return Window(lines, self.mark) if self._offset > begin else None

    def marked(self, found: Callable[[bytes], bool]) -> Iterator[list[bytes]]:
        """Those of all lines, in a new source, in which something is found.

        Of a piece without it no line is looked at: that takes a third of the time, and leaves the mark without its line.
        """
        first = True
        try:
            while piece := self._file.read(_PIECE):
                piece += self._file.readline(_LONGEST)  # its last line, too, as far as any is looked at
                self._count(piece)
                rest = piece
                while rest := self._passed_over(rest):
                    yield []
                kept = (_kept(text, first=first and not n) for n, text in enumerate(io.BytesIO(piece)))
                yield list(filter(found, kept)) if found(piece) else []
                first = False
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error, 1) from None

    def _passed_over(self, text: bytes) -> bytes:
        """Read on, for nobody, in the line that a text ends in, up to a piece of it; empty when it has ended."""
        rest = b"" if text.endswith(b"\n") else self._file.readline(_PIECE)
        self._count(rest)
        return rest

    def _count(self, piece: bytes) -> None:
        self._offset += len(piece)
        self._hash.update(piece)

    @property
    def mark(self) -> Mark:
        """The place up to which it was read."""
        return Mark(self._offset, self._line, self._hash.hexdigest())

    def _unreadable(self, error: Exception, code: int) -> ImportingError:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        return ImportingError(f"{self._path} cannot be read: {said}", code)


def _kept(line: bytes, *, first: bool) -> bytes:
    """What is given of a line: all but its end and a byte order mark, or the beginning of one that is too long."""
    begin = line[:_LONGEST]
    if first:
        begin = begin.removeprefix(_BOM)
    return begin.rstrip() if len(line) < _LONGEST else begin


class _Who(Struct):
    identity_number: str


class _About(Struct):
    person: _Who


class _Glance(Struct):
    data: _About | None = None
    data_base64: bytes = b""


_glance = msgspec.json.Decoder(_Glance).decode
_about = msgspec.json.Decoder(_About).decode


def worker_of(text: bytes, workers: int) -> int:
    """Which worker a line is for: one person's lines are always the same one's, so that they stay in order.

    What cannot be understood is refused by whoever gets it.
    """
    try:
        glance = _glance(text)
        about = _about(glance.data_base64) if glance.data_base64 else glance.data
        number = about.person.identity_number if about else ""
        stem = number[:17]
        if not (len(number) == 18 and stem.isdigit() and number.isascii()):
            stem = normal(number)[:17]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refused):
        return 0
    return crc32(stem.encode()) % workers
