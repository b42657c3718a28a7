"""The file of an archive: a stretch of the log that left the database.

An archive is what PostgreSQL's binary COPY gives, in gzip, so that its own tools restore it. It is a chain of gzip members
of `BLOCK_EVENTS` events; an index beside it says where each begins and holds the stream, version and position of every
event, sorted. So reading on from any position, or one stream, costs what it gives, whatever the size.
"""

import gzip
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception
from typing import Self, overload
from uuid import UUID

from infra.copying import EPOCH, HEADER, TRAILER
from infra.row import Row

BLOCK_EVENTS = 1_000
"""Events a gzip member: what is decompressed to read one of them."""
# An event is its number of fields, and each field its length and itself: position, stream, version, name, time, state.
_FIXED = Struct(">hiqi16siii")  # up to the name's length
_RECORDED = Struct(">iqi")  # up to the state's length
INDEX_HEAD = Struct(">8sQ")  # what it is, and the number of blocks
INDEX_MAGIC = b"cqindex1"
OFFSET = Struct(">Q")
_PAIR = Struct(">QQ")
ENTRY = Struct(">16siq")  # stream, version, position


class ArchiveError(Exception):
    """An archive cannot be made or read; the message begins with a stable code."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(f"{code}: {said}")
        self.code = code


class Archive:
    """One archive, open for reading. Raises `ArchiveError`: `archive-unset`, `archive-missing`, `archive-damaged`."""

    def __init__(self, directory: Path | str | None, first: int, last: int, file: str) -> None:
        self.first = first
        self.last = last
        self._recent: tuple[int, list[Row]] = -1, []
        if not directory:
            said = f"positions {first} to {last} are in the archive {file}; CHANGQING_ARCHIVE must name its directory"
            raise ArchiveError("archive-unset", said)
        self.path = Path(directory) / file
        with ExitStack() as opened:
            try:
                self._file = opened.enter_context(self.path.open("rb"))
                index = opened.enter_context(index_of(self.path).open("rb"))
                self._index = opened.enter_context(mmap(index.fileno(), 0, access=ACCESS_READ))
                magic, self._blocks = INDEX_HEAD.unpack_from(self._index)
                self.entries = _Entries(self._index, INDEX_HEAD.size + OFFSET.size * (self._blocks + 1))
                found = len(self.entries)
            except OSError as error:
                said = f"positions {first} to {last} are in {error.filename}, which cannot be read: {error.strerror}"
                raise ArchiveError("archive-missing", said) from error
            except (ValueError, StructError) as error:
                raise self.damaged("its index cannot be read") from error
            events = last - first + 1
            if magic != INDEX_MAGIC or self._blocks != -(-events // BLOCK_EVENTS) or found != events:
                raise self.damaged(f"its index is not of {events} events")
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def damaged(self, said: str) -> ArchiveError:
        """The error that this archive is not what was written."""
        return ArchiveError("archive-damaged", f"{self.path}: {said}; get it from your backup")

    def blocks(self) -> Iterator[bytes]:
        """The stream of COPY, in pieces that end with an event."""
        return map(self._block, range(self._blocks))

    def rows(self, after: int = 0) -> Iterator[Row]:
        """The events after a position, in order, one block of them in memory."""
        begin, left_out = divmod(max(after + 1, self.first) - self.first, BLOCK_EVENTS)
        for number in range(begin, self._blocks):
            yield from self._events(number)[left_out:]
            left_out = 0

    def of_stream(self, stream: UUID, gt: int, lte: int, *, desc: bool = False) -> Iterator[Row]:
        """The events of a stream whose versions are after one and up to another, by version."""
        begin, end = (bisect_left(self.entries, _first_entry(stream, version + 1)) for version in (gt, lte))
        for at in reversed(range(begin, end)) if desc else range(begin, end):
            _, _, position = ENTRY.unpack(self.entries[at])
            row = next(self.rows(position - 1), None)
            if row is None or (row.position, row.stream) != (position, stream):
                raise self.damaged(f"its index leads astray at position {position}")
            yield row

    def _block(self, number: int) -> bytes:
        begin, end = _PAIR.unpack_from(self._index, INDEX_HEAD.size + OFFSET.size * number)
        self._file.seek(begin)
        try:
            return gzip.decompress(self._file.read(end - begin))
        except (OSError, EOFError, zlib.error) as error:
            raise self.damaged(f"block {number} cannot be decompressed") from error

    def _events(self, number: int) -> list[Row]:
        if self._recent[0] != number:  # a stream's events often lie together
            events = self.parse(self._block(number))
            begin = self.first + number * BLOCK_EVENTS
            end = min(begin + BLOCK_EVENTS - 1, self.last)
            if not events or (events[0].position, events[-1].position, len(events)) != (begin, end, end - begin + 1):
                raise self.damaged(f"block {number} does not hold positions {begin} to {end}")
            self._recent = number, events
        return self._recent[1]

    def parse(self, block: bytes) -> list[Row]:
        """The events of a block."""
        events: list[Row] = []
        at = len(HEADER) if block.startswith(HEADER) else 0
        try:
            while at < len(block) and not block.startswith(TRAILER, at):
                fields, _, position, _, stream, _, version, length = _FIXED.unpack_from(block, at)
                if fields != len(Row._fields):
                    raise self.damaged(f"no event begins at byte {at} of a block")
                at += _FIXED.size + length
                name = block[at - length : at].decode()
                _, microseconds, length = _RECORDED.unpack_from(block, at)
                at += _RECORDED.size + length
                recorded_at = EPOCH + timedelta(microseconds=microseconds)
                state = block[at - length : at]
                events.append(Row(position, recorded_at, UUID(bytes=stream), version, name, state))
        except (StructError, ValueError, OverflowError) as error:
            raise self.damaged(f"no event ends at byte {at} of a block") from error
        return events


class _Entries(Sequence[bytes]):
    """The sorted entries of an index, read where they lie."""

    def __init__(self, index: mmap, start: int) -> None:
        self._index = index
        self._start = start

    def __len__(self) -> int:
        return (len(self._index) - self._start) // ENTRY.size

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        begin = self._start + ENTRY.size * at
        return self._index[begin : begin + ENTRY.size]


def index_of(path: Path) -> Path:
    """Where the index of an archive is."""
    return path.with_name(f"{path.name}.index")


def _first_entry(stream: UUID, version: int) -> bytes:
    return ENTRY.pack(stream.bytes, version, 0)
