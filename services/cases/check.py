"""`changqing check`: identity numbers, credit codes and division codes, one a line, and a verdict for each.

Nothing is stored and no server is asked. The verdicts repeat the numbers asked about: they go to whoever asked, and nowhere else.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec.structs import asdict

from domain.checking import Verdict, check, check_division, check_identity, check_uscc
from domain.lineage import Lineage
from infra.statutes import the_lineage
from services.application import today
from services.settings import SettingsError

CHECKED, USAGE, SOME_INVALID = 0, 2, 3

_LONGEST = 4096
"""Bytes of a line that are read; no number is that long."""
_BOM = b"\xef\xbb\xbf"
_NO_TEXT = {
    b"PK\x03\x04": "is an Excel workbook: save it as text or CSV, one number a line",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook: save it as text or CSV, one number a line",
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
}
_WORDS = {
    "identity": "身份证号",
    "uscc": "信用代码",
    "division": "区划代码",
    "unknown": "未识别",
    "valid": "有效",
    "flagged": "存疑",
    "invalid": "无效",
}


class _UnusableError(Exception):
    """The file cannot be read, or is no text; the message says what to do."""


def check_file(file: Path, kind: str, on: date | None, *, as_json: bool) -> int:
    """Check every line of a file, `-` for standard input, on standard output; the exit code. Memory does not grow with it.

    Raises `SettingsError` when the file of divisions cannot be used.
    """
    day = on or today()
    lineage = _lineage() if kind in {"auto", "division"} else Lineage((), ())
    tally: Counter[str] = Counter()
    try:
        with _opened(file) as source:
            for number, text in _lines(source):
                for verdict in _verdicts(text, kind, lineage, day):
                    tally[verdict.verdict] += 1
                    sys.stdout.write(_json(number, verdict) if as_json else _sentence(number, verdict))
    except _UnusableError as error:
        sys.stderr.write(f"changqing: {file} {error}\n")
        return USAGE
    counts = "，".join(f"{_WORDS[it]} {it} {tally[it]}" for it in ("valid", "flagged", "invalid"))
    sys.stderr.write(f"{counts}\n")
    return SOME_INVALID if tally["invalid"] else CHECKED


def _lineage() -> Lineage:
    file = os.environ.get("CHANGQING_DIVISIONS_FILE")
    try:
        return the_lineage(Path(file).read_text("utf-8") if file else "")
    except (OSError, ValueError) as error:
        raise SettingsError(f"CHANGQING_DIVISIONS_FILE must name a file of divisions: {error}") from error


def _opened(file: Path) -> BinaryIO:
    try:
        return sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise _UnusableError(f"cannot be read: {error.strerror}") from None


def _read(source: BinaryIO) -> bytes:
    """A line, or as much of it as we read."""
    try:
        return source.readline(_LONGEST)
    except OSError as error:
        raise _UnusableError(f"cannot be read: {error.strerror}") from None


def _lines(source: BinaryIO) -> Iterator[tuple[int, str | None]]:
    """The lines that are not blank, from 1, as text; None for one that is too long or in no encoding we know."""
    for number, raw in enumerate(iter(partial(_read, source), b""), 1):
        if number == 1:
            if wrong := next((said for begin, said in _NO_TEXT.items() if raw.startswith(begin)), None):
                raise _UnusableError(wrong)
            raw = raw.removeprefix(_BOM)  # noqa: PLW2901 - the same line without what is not in it
        whole = raw.endswith(b"\n") or len(raw) < _LONGEST
        while not (whole or raw.endswith(b"\n")) and (raw := _read(source)):
            pass
        text = _decoded(raw) if whole else None
        if text is None or text.strip():
            yield number, text


def _decoded(raw: bytes) -> str | None:
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _verdicts(text: str | None, kind: str, lineage: Lineage, day: date) -> tuple[Verdict, ...]:
    if text is None:
        return (_UNREADABLE,)
    match kind:
        case "identity":
            return (check_identity(text, day),)
        case "uscc":
            return (check_uscc(text),)
        case "division":
            return (check_division(text, lineage, day),)
        case _:
            return check(text, lineage, day)


_UNREADABLE = Verdict(
    kind="unknown",
    verdict="invalid",
    reason="unreadable",
    zh="这一行过长，或不是 UTF-8、GB18030 编码",
    en="this line is too long, or neither UTF-8 nor GB18030",
    normal=None,
)


def _json(number: int, verdict: Verdict) -> str:
    return msgspec.json.encode({"line": number, **asdict(verdict)}).decode() + "\n"


def _sentence(number: int, verdict: Verdict) -> str:
    kind, found = (f"{_WORDS[it]} {it}" for it in (verdict.kind, verdict.verdict))
    return f"{number}\t{kind}\t{found}\t{verdict.zh} {verdict.en} ({verdict.reason})\t{verdict.normal or '-'}\n"
