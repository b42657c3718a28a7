"""Proving archives: that they hold what was written, and that they and the table are one log."""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from infra.archive import BLOCK_EVENTS, ENTRY, Archive, ArchiveError
from infra.database import Database
from infra.sql import statements

SQL = statements("archive")
Say = Callable[[str], object]
_SAY_EVERY = 250
_WRAP = 2**64


class Record(NamedTuple):
    """An archive as `ledger.archive` remembers it: `sha256` of the uncompressed stream, `size` of the file."""

    first: int
    last: int
    file: str
    sha256: bytes
    size: int

    def __str__(self) -> str:
        return f"positions {self.first} to {self.last}"

    def open(self, directory: Path) -> Archive:
        """The archive, where it should be. Raises `ArchiveError`."""
        return Archive(directory, self.first, self.last, self.file)


def verify(database: Database, directory: Path, say: Say) -> bool:
    """Check every archive against what the ledger remembers, and that they and the table are one log; says what it finds."""
    with database.transaction() as connection:
        records = [Record(*row) for row in connection.execute(SQL["archive_all"]).fetchall()]
        ((begin,),) = connection.execute(SQL["table_first"]).fetchall()
    sound = True
    for record in records:
        try:
            check(record, directory, say)
            say(f"{record}: sound, {directory / record.file}")
        except ArchiveError as error:
            sound = False
            say(f"{record}: {error}")
    for end, first in zip([0, *(r.last for r in records)], [*(r.first for r in records), begin], strict=True):
        if first != end + 1:
            sound = False
            say(f"archive-gap: positions {end + 1} to {first - 1} are neither in the table nor archived")
    if sound:
        with ExitStack() as opened:
            archives = [opened.enter_context(record.open(directory)) for record in records]
            if not _rise(merge(*(archive.entries for archive in archives))):
                sound = False
                say("archive-damaged: a stream's versions do not rise from archive to archive")
    say(f"{len(records)} archives, {begin - 1:,} events: {'all sound' if sound else 'NOT SOUND'}")
    return sound


def check(record: Record, directory: Path, say: Say) -> None:
    """Read an archive from end to end. Raises `ArchiveError` unless it holds just what was written, in order."""
    digest, expected, written, indexed = hashlib.sha256(), record.first, 0, 0
    with record.open(directory) as opened:
        for number, block in enumerate(opened.blocks()):
            digest.update(block)
            if expected != record.first + number * BLOCK_EVENTS:
                raise opened.damaged(f"block {number} begins at position {expected}")
            for event in opened.parse(block):
                if event.position != expected:
                    raise opened.damaged(f"position {event.position} stands where {expected} should")
                expected += 1
                written += hash(ENTRY.pack(event.stream.bytes, event.version, event.position))
            progress(say, str(record), number + 1, "checked")
        if expected != record.last + 1:
            raise opened.damaged(f"it ends at position {expected - 1}")
        if digest.digest() != record.sha256 or opened.path.stat().st_size != record.size:
            raise opened.damaged("its content is not what was archived (SHA-256)")
        if not _rise(opened.entries):
            raise opened.damaged("a stream's versions do not rise")
        for entry in opened.entries:
            indexed += hash(entry)
        if indexed % _WRAP != written % _WRAP:  # sums, as the two are sorted differently
            raise opened.damaged("its index is not of its events")


def _rise(entries: Iterable[bytes]) -> bool:
    """Whether in every stream later versions have later positions; the entries are sorted by stream and version."""
    return all(
        one[:16] != other[:16] or (one[16:20] < other[16:20] and one[20:] < other[20:])
        for one, other in pairwise(entries)
    )


def progress(say: Say, what: str, blocks: int, done: str) -> None:
    """A line now and then, as this takes minutes."""
    if blocks % _SAY_EVERY == 0:
        say(f"{what}: {blocks * BLOCK_EVENTS:,} events {done}")
