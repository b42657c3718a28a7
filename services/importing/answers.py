"""How many answers that move money a file brings, and under which digest a second person approves it.

A pass over the whole file before the first line is given to a worker, as all of it is one content. It bounds nothing by itself:
workers count what they really bring.
"""

import re

import msgspec
from msgspec import Struct

from domain.facts import Department
from infra.terminal import operator
from services.accepting.bounds import Bound, moves_money
from services.importing.source import Lines

_AT_A_TIME = 10_000
_marked = re.compile(rb"alert-|overpayment-|\\u").search
"""One of these stands in every line that could be such an answer, the last where letters are written as numbers."""


class _Glance(Struct):
    type: str = ""
    source: str = ""


_glance = msgspec.json.Decoder(_Glance).decode
_OURS = f"/{Department.AGENCY}/"


def bound_of(lines: Lines | None) -> Bound:
    """What bounds the import of these lines, read from the first to the last; None: there is no answer in it. Raises `ImportingError`."""
    count = 0
    if lines is None:
        return Bound(operator(), "")
    while window := lines.window(_AT_A_TIME):
        count += sum(1 for line in window.lines if _marked(line.text) and _answers(line.text))
    return Bound(operator(), f"sha256:{lines.mark.digest}", count)


def _answers(text: bytes) -> bool:
    try:
        found = _glance(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # refused by whoever gets it
    return moves_money(found.type) and found.source.startswith(_OURS)
