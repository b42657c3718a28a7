"""What a batch finds: its retirees, locked and with their states, and what was accepted before."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from domain.facts import Known
from domain.history import Outcome, Receipt
from domain.marks import LEFT_OUT, Mark, asks
from domain.replaying import Told
from domain.state import RetireeState
from infra import codec
from infra.copying import BYTEA, TEXT, array, read_int, read_time
from infra.log import SQL
from infra.master_key import random_pieces
from infra.session import Answer, Asked, Session
from infra.submissions import Key, Prepared

Wanted = dict[tuple[bytes, bytes], Mark]
"""Marks by whose they may be and what they are stored under."""


class Retiree:
    """What a batch holds of one retiree. `stream`: the id in bytes; `wrapped`: None when the key was destroyed.

    `marks` and `due` are those known to be stored.
    """

    __slots__ = ("due", "history", "id", "marks", "new", "state", "stream", "tag", "version", "wrapped")

    def __init__(
        self, tag: bytes, stream: bytes, version: int, state: RetireeState | None, wrapped: bytes | None, *, new: bool
    ) -> None:
        self.tag = tag
        self.stream = stream
        self.id = UUID(bytes=stream)
        self.version = version
        self.state = state
        self.due = state.due if state else None
        self.wrapped = wrapped
        self.new = new
        self.marks: dict[Mark, Mark | None] = {}
        self.history: list[Told] | None = None

    @property
    def marked(self) -> str:
        """The kinds of the marks that the state has apart; one made anew from the history brings its marks along."""
        return self.state.dossier.marked if self.state else ""


class Led(NamedTuple):
    """The record of a tag that another one goes on for; `wrapped`: None when its key was destroyed."""

    record: UUID
    wrapped: bytes | None


class Found(NamedTuple):
    """The retirees by tag, and whose the tags are that others go on for; receipts and digests of what was accepted before."""

    retirees: dict[bytes, Retiree]
    led: dict[bytes, Led]
    receipts: dict[Key, Receipt]
    digests: dict[Key, bytes]


def find(session: Session, given: Sequence[Prepared], facts: Sequence[Known]) -> Found:
    """Begin a transaction, lock the retirees, and see only then what there is: whoever had them before has committed."""
    told = [(prepared.tag, fact) for prepared, fact in zip(given, facts, strict=True)]
    told += [(one.other, fact) for one, fact in zip(given, facts, strict=True) if one.other is not None]
    tags = list(dict.fromkeys([prepared.tag for prepared in given]))
    tags += {one.other for one in given if one.other is not None}.difference(tags)
    # What takes back or corrects asks at once for what was left out: whoever has a long history has such marks.
    wanted: Wanted = {(tag, hashed(m)): m for tag, fact in told for m in asks(fact) if m[0] == LEFT_OUT}
    sources = array(TEXT, [one.key[0].encode() for one in given])
    ids = array(TEXT, [one.key[1].encode() for one in given])
    whose = (array(BYTEA, tags),)
    beside: list[Asked] = [(SQL["inbox_known"], (sources, ids)), *_marks_of(wanted)]
    asked: list[Asked] = [(SQL["begin"], ()), (SQL["retirees_lock"], whose), *beside]
    _, locked, inbox, *marks = session.exchange(asked)
    retirees, led = _retirees(tags, locked), {}
    if any(one.state is None or one.state.led_by for one in retirees.values()):
        # Seldom. Records that lead are locked in their order among all, so it begins anew.
        asked = [("rollback", ()), (SQL["begin"], ()), (SQL["retirees_lock_led"], whose), *beside]
        _, _, locked, inbox, *marks = session.exchange(asked)
        led = {tag: Led(UUID(bytes=record), key) for tag, *_, record, key in locked if record is not None}
        retirees = _retirees(tags, locked)
    found = Found(retirees, led, {}, {})
    others = _others(found.retirees, told)
    marks += session.exchange(list(_marks_of(others))) if others else ()
    for answer in marks:
        _mark(found.retirees, wanted | others, answer)
    for source, id_, digest, status, position, retiree, recorded_at in inbox:
        key = source.decode(), id_.decode()
        found.digests[key] = digest
        found.receipts[key] = Receipt(
            source=key[0],
            id=key[1],
            status=Outcome(status.decode()),
            position=read_int(position),
            retiree=UUID(bytes=retiree),
            recorded_at=read_time(recorded_at),
            known=True,
        )
    return found


def hashed(mark: Mark) -> bytes:
    """What a mark is stored under."""
    return hashlib.blake2b(mark.encode(), digest_size=16).digest()


def _retirees(tags: Sequence[bytes], locked: Answer) -> dict[bytes, Retiree]:
    found: dict[bytes, Retiree] = {}
    streams: dict[bytes, Retiree] = {}  # two tags may be of one retiree
    for tag, stream, version, state, wrapped, *_ in locked:
        if (retiree := streams.get(stream)) is None:
            retiree = Retiree(tag, stream, read_int(version), codec.decode_state(state), wrapped, new=False)
            streams[stream] = retiree
        found[tag] = retiree
    unknown = [tag for tag in tags if tag not in found]
    for tag, new in zip(unknown, _new_ids(len(unknown)), strict=True):
        # somebody never mentioned before is so far only in memory: a refusal leaves nothing of them
        found[tag] = Retiree(tag, new, 0, RetireeState(), b"", new=True)
    return found


def _others(retirees: Mapping[bytes, Retiree], told: Sequence[tuple[bytes, Known]]) -> Wanted:
    """What facts may meet of the other kinds, which seldom anybody has."""
    having = [(tag, fact, kinds) for tag, fact in told if (kinds := retirees[tag].marked.replace(LEFT_OUT, ""))]
    return {(tag, hashed(mark)): mark for tag, fact, kinds in having for mark in asks(fact) if mark[0] in kinds}


def _marks_of(wanted: Wanted) -> Iterator[Asked]:
    if wanted:
        whose, marks = zip(*wanted, strict=True)
        yield SQL["marks_find"], (array(BYTEA, whose), array(BYTEA, marks))


def _mark(retirees: Mapping[bytes, Retiree], wanted: Wanted, answer: Answer) -> None:
    """Put the marks that the facts meet into the states, but none of a kind that a state has none of."""
    for tag, mark, value in answer:
        if (met := wanted[tag, mark])[0] in retirees[tag].marked:
            retirees[tag].marks[met] = value and value.decode()
    for retiree in {tag: retirees[tag] for tag, _, _ in answer}.values():
        if retiree.state and retiree.marks:
            dossier = replace(retiree.state.dossier, marks=dict(retiree.marks))
            retiree.state = replace(retiree.state, dossier=dossier)


def _new_ids(count: int) -> Iterator[bytes]:
    """Fresh ids that begin with the time (UUID version 7, RFC 9562): newcomers lie side by side in every index."""
    now = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    for piece in random_pieces(count, 10):
        yield now + bytes((piece[0] & 0x0F | 0x70, piece[1], piece[2] & 0x3F | 0x80)) + piece[3:]
