"""Looking for what must be nowhere: the plaintext of somebody erased, in files, in tables and in messages.

Each is sought as text (UTF-8, UTF-16, and GB 18030 as spreadsheets have it), as hex digits and in base64 wherever it may
begin. Files that are packed are opened: gzip and ZIP, so Excel as well; tables and messages are read through their servers,
which unpack what they packed. It is never repeated: what is found is told by its place and the line it was given in.
"""

import gzip
import mmap
import zipfile
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

from infra.scanned import messages, rows_as_text
from services.bootstrap import bus
from services.settings import Settings, SettingsError

_PIECE: Final = 1 << 20
_LEAST: Final = 4
"""Bytes that are sought at the least: what is shorter is everywhere by chance."""


class Needle(NamedTuple):
    """What is sought: the line it was given in, how it is written, and its bytes."""

    line: int
    form: str
    text: bytes


def needles(canaries: Sequence[str]) -> list[Needle]:
    """The forms in which each of some texts may stand. Raises `SettingsError` for none, or one that is too short."""
    found: list[Needle] = []
    for line, canary in enumerate(map(str.strip, canaries), start=1):
        if not canary:
            continue
        plain = canary.encode()
        if len(plain) < _LEAST:
            raise SettingsError(f"line {line} of the input is too short to be sought")
        forms = {"utf-8": plain, "utf-16": canary.encode("utf-16-le"), "hex": plain.hex().encode()}
        if not canary.isascii():
            forms["gb18030"] = canary.encode("gb18030")
            forms["json"] = canary.encode("ascii", "backslashreplace")
        forms |= {f"base64+{skip}": one for skip in range(3) if len(one := _base64(plain, skip)) >= _LEAST}
        found += [Needle(line, form, text) for form, text in forms.items()]
    if not found:
        raise SettingsError("give what is sought on standard input, one a line")
    return found


def scan(canaries: Sequence[str], directories: Iterable[Path], *, database: bool, kafka: bool) -> Iterator[str]:
    """Each place where one of them stands. Raises `SettingsError`, `DatabaseError`, `BusError`."""
    sought = needles(canaries)
    for directory in directories:
        if not directory.exists():
            raise SettingsError(f"there is no {directory}")
        for file in sorted(one for one in (directory, *directory.rglob("*")) if one.is_file() and not one.is_symlink()):
            yield from in_file(file, sought)
    if database:
        yield from _named(rows_as_text(Settings.read().database_url), sought)
    if kafka:
        yield from _named(messages(bus(Settings.read())), sought)


def in_file(file: Path, sought: Sequence[Needle]) -> Iterator[str]:
    """What stands in a file, as it is and unpacked."""
    try:
        if not file.stat().st_size:
            return
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for one in sought:
                if (at := content.find(one.text)) >= 0:
                    yield f"{file}: byte {at}: line {one.line} as {one.form}"
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as packed:
                for member in packed.namelist():
                    with packed.open(member) as part:
                        yield from _in_stream(f"{file}!{member}", part, sought)
        elif _begins(file, b"\x1f\x8b"):
            with gzip.open(file) as stream:
                yield from _in_stream(f"{file}!", stream, sought)
    except FileNotFoundError:
        return  # a server has let it go meanwhile


def _in_stream(name: str, stream: IO[bytes] | gzip.GzipFile, sought: Sequence[Needle]) -> Iterator[str]:
    """What stands in a stream, also across two pieces of it."""
    overlap, before = max(len(one.text) for one in sought) - 1, b""
    told: set[Needle] = set()
    while piece := stream.read(_PIECE):
        window = before + piece
        for one in sought:
            if one not in told and one.text in window:
                told.add(one)
                yield f"{name}: line {one.line} as {one.form}"
        before = window[-overlap:] if overlap else b""


def _named(parts: Iterable[tuple[str, bytes]], sought: Sequence[Needle]) -> Iterator[str]:
    told: set[tuple[str, Needle]] = set()
    for name, text in parts:
        for one in sought:
            if one.text in text and (name, one) not in told:
                told.add((name, one))
                yield f"{name}: line {one.line} as {one.form}"


def _base64(plain: bytes, skip: int) -> bytes:
    """What base64 makes of a text for certain, where it begins so many bytes after a multiple of three."""
    first = -skip % 3  # the bytes that share a group with what stands before them
    whole = len(plain) - first - (len(plain) - first) % 3
    return b64encode(plain[first : first + whole]) if whole > 0 else b""


def _begins(file: Path, with_: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(with_)) == with_
