"""What the importing process and its workers say to each other: one message a frame, in msgpack."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec import Struct


class Fault(NamedTuple):
    """Why a row of a table is no event: what the handler is to refuse it for, and the source it would have had."""

    code: str
    path: str
    detail: str
    source: str | None


class Line(NamedTuple):
    """A line of the file that is not blank, and its number from 1; of a table a row, and `fault` where it is no event."""

    number: int
    text: bytes
    fault: Fault | None = None


class Content(NamedTuple):
    """All that is imported: its digest, as a proposal names it, and how many answers that move money are in it."""

    digest: str
    answers: int


class Part(Struct, frozen=True):
    """A worker's lines of a window, to be committed as one batch; they are of this content.

    `since`: the ledger's position when the import began, for lines that a crash may have left committed; None for new ones.
    `whole`: every line gets its answer into the record, not those alone that are refused.
    """

    window: int
    lines: list[Line]
    content: Content
    since: int | None = None
    whole: bool = False


class Tally(Struct, frozen=True, kw_only=True):
    """How lines ended. `known`: the ledger had them before. `first` and `last` position of those it took in."""

    accepted: int = 0
    parked: int = 0
    known: int = 0
    refused: int = 0
    first: int | None = None
    last: int | None = None

    @property
    def lines(self) -> int:
        """How many."""
        return self.accepted + self.parked + self.known + self.refused

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            accepted=self.accepted + other.accepted,
            parked=self.parked + other.parked,
            known=self.known + other.known,
            refused=self.refused + other.refused,
            first=min((p for p in (self.first, other.first) if p is not None), default=None),
            last=max((p for p in (self.last, other.last) if p is not None), default=None),
        )


class Ready(Struct, frozen=True, tag=True):
    """A worker is at work, on a ledger that has come to the position `head`."""

    head: int


class Done(Struct, frozen=True, tag=True):
    """A part is on disk. `told`: lines of the record."""

    window: int
    tally: Tally
    told: list[Line]


class Waiting(Struct, frozen=True, tag=True):
    """PostgreSQL is away; the worker tries again until it is back."""

    why: str


class Failed(Struct, frozen=True, tag=True):
    """The worker cannot work, and its successor could not either. `code`: the exit code of the import."""

    why: str
    code: int


Answer = Ready | Done | Waiting | Failed

encode = msgspec.msgpack.Encoder().encode
decode_part = msgspec.msgpack.Decoder(Part).decode
decode_answer: Callable[[bytes], Answer] = msgspec.msgpack.Decoder(Answer).decode
