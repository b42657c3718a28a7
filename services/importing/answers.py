"""How many answers that move money a file brings, and under which digest a second person approves it.

A pass over the whole file before the first line is given to a worker, as all of it is one content. It bounds nothing by itself:
workers count what they really bring.
"""

import re
from collections.abc import Callable

import msgspec
from msgspec import Struct

from domain.facts import Department
from services.accepting.money import moves_money
from services.importing.messages import Content
from services.importing.source import Lines

_MARKS = [re.compile(mark).search for mark in (rb"alert-", rb"overpayment-", rb"\\u")]
"""One of these stands in every line that could be such an answer, the last where letters are written as numbers.

Each is looked for by itself: one expression for the three takes three times as long.
"""


class _Glance(Struct):
    type: str = ""
    source: str = ""


_glance = msgspec.json.Decoder(_Glance).decode
_OURS = f"/{Department.AGENCY}/"


def content_of(lines: Lines | None, heed: Callable[[], None]) -> Content:
    """What is imported, read from the first line to the last; None: there is no answer in it. Raises `ImportingError`.

    `heed`: called again and again meanwhile, as a long file takes minutes; raises what it likes to end it.
    """
    if lines is None:
        return Content("", 0)
    count = 0
    for texts in lines.marked(_marked):
        count += sum(map(_answers, texts))
        heed()
    return Content(f"sha256:{lines.mark.digest}", count)


def _marked(text: bytes) -> bool:
    return any(found(text) for found in _MARKS)


def _answers(text: bytes) -> bool:
    try:
        found = _glance(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # refused by whoever gets it
    return moves_money(found.type) and found.source.startswith(_OURS)
