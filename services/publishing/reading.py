"""The events of a file: one a line, or one JSON object, or a JSON list of them."""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Raw

WHOLE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a file that is one JSON value; one event a line may be as long as it likes."""
_LINE_LIMIT: Final = 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_NO_TEXT: Final = {
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
    b"PK\x03\x04": "is an Excel workbook or an archive, and holds no JSON",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook, and holds no JSON",
    b"\x1f\x8b": "is packed: unpack it first",
}

_list = msgspec.json.Decoder(list[Raw])


class UnusableFileError(Exception):
    """The file cannot be read, or holds no events; the message says what to do."""


def events_of(file: Path) -> Iterator[tuple[int, bytes]]:
    """The events with their line, or their place in the list, from 1; `-` is standard input. Raises `UnusableFileError`.

    Memory does not grow with a file of lines. What is too long for a line is given short, and will be refused as no JSON.
    """
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as source:
            at, first = _first(source, file)
            if first.lstrip().startswith(b"["):
                yield from enumerate(_listed(first + source.read(WHOLE_LIMIT + 1), file), start=1)
            elif _unfinished(first):
                yield from _one_or_lines(first, source, at)
            elif first:
                yield at, first
                yield from _lines(source, at + 1)
    except OSError as error:
        raise UnusableFileError(f"{file} cannot be read: {error.strerror}") from None


def _first(source: BinaryIO, file: Path) -> tuple[int, bytes]:
    """The first line that is not blank, with its number; empty at the end."""
    for number in count(1):
        line = source.readline(_LINE_LIMIT)
        if number == 1:
            for begin, said in _NO_TEXT.items():
                if line.startswith(begin):
                    raise UnusableFileError(f"{file} {said}")
        text = line.removeprefix(_BOM) if number == 1 else line
        if not line or text.strip():
            return number, text
    raise AssertionError


def _listed(text: bytes, file: Path) -> list[bytes]:
    if len(text) > WHOLE_LIMIT:
        raise UnusableFileError(f"{file} is a list of more than {WHOLE_LIMIT} bytes: write one event a line")
    try:
        return [bytes(event) for event in _list.decode(text)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnusableFileError(
            f"{file} begins as a JSON list and is none: check its brackets and its encoding"
        ) from None


def _unfinished(line: bytes) -> bool:
    """Whether a line begins an object that goes on in the next."""
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    except (UnicodeDecodeError, RecursionError):
        return False
    return False


def _one_or_lines(first: bytes, source: BinaryIO, at: int) -> Iterator[tuple[int, bytes]]:
    """One object over several lines, or after all lines of which the first is cut off."""
    rest = source.read(_LINE_LIMIT)
    try:
        msgspec.json.decode(first + rest)
        yield at, first + rest
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        lines = (first + rest + source.readline()).split(b"\n")
        yield from ((number, line) for number, line in enumerate(lines, start=at) if line.strip())
        yield from _lines(source, at + len(lines) - 1)


def _lines(source: BinaryIO, start: int) -> Iterator[tuple[int, bytes]]:
    number = start
    while line := source.readline(_LINE_LIMIT):
        if line.strip():
            yield number, line
        while line and not line.endswith(b"\n"):
            line = source.readline(_LINE_LIMIT)  # the rest of a line that is no event
        number += 1
