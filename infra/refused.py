"""Telling the log what was refused, in a transaction of its own after that of the facts: rare, so it may cost what it costs.

A crash between the two leaves nothing of the refusals, and nobody was answered: what is sent again is known or refused then.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import Connection

from domain.dispositions import SubmissionRefused
from domain.facts import Department
from infra import codec
from infra.database import Rows
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.log import Unplaced, append, lock_streams, stream_of, with_room
from infra.sql import statements

SQL = statements("dispositions")
LETTER_LIMIT = 512 * 1024
"""Bytes of a message with its headers that are kept; the brokers take 1 MiB, an event has 64 KiB. Beyond that its place must do."""


Row = dict[str, Any]


Headers = Sequence[tuple[str, bytes | None]]
"""Headers of a message in their order, a name as often as it stands there; what of a name is no UTF-8 is escaped. None is as empty."""


class Original(Struct, frozen=True, array_like=True):
    """A message as it came: its headers and its value. All of it bytes, as nothing makes a publisher send UTF-8."""

    headers: tuple[tuple[bytes, bytes], ...]
    value: bytes

    @classmethod
    def of(cls, headers: Headers, value: bytes) -> "Original":
        """A message with headers as a client of Kafka gives them."""
        return cls(tuple((name.encode("utf-8", "surrogateescape"), text or b"") for name, text in headers), value)

    @property
    def named(self) -> Headers:
        """Its headers as they were given to `of`."""
        return [(name.decode("utf-8", "surrogateescape"), text) for name, text in self.headers]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Its headers for people; what is no UTF-8 is written as its bytes."""
        return [
            (name.decode("utf-8", "backslashreplace"), text.decode("utf-8", "backslashreplace"))
            for name, text in self.headers
        ]


class Letter(Struct, frozen=True, kw_only=True):
    """A message that is kept when it is refused, as nobody has it who would send it again; and where it stood."""

    place: str
    channel: str
    original: Original
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


class Recorded(NamedTuple):
    """Where the log tells of a refusal; `known`: it did so before."""

    position: int
    recorded_at: datetime
    known: bool


class Refusing(NamedTuple):
    """A refusal to be told, and the message where it is to be kept."""

    event: SubmissionRefused
    letter: Letter | None = None


class Refusals:
    """Where refusals and dead letters are written."""

    def __init__(self, ledger: Ledger, keys: KeyRing) -> None:
        self._ledger = ledger
        self._keys = keys

    def digest(self, original: bytes) -> bytes:
        """A keyed hash (16 bytes) of what was sent: whoever knows it cannot try out whom it is about."""
        return self._keys.tag("original", hashlib.sha256(original).hexdigest())

    def record(self, refused: Sequence[Refusing]) -> list[Recorded]:
        """Tell the log of refusals, each once; where each stands, in their order. Raises `DatabaseError`, `WrongKeyError`."""
        self._ledger.check_key()
        return with_room(self._ledger.database, len(refused), lambda session: self._record(session, refused))

    def _record(self, connection: Connection[Rows], refused: Sequence[Refusing]) -> list[Recorded]:
        """The streams are locked first: of the same refusal told by two processes at once one is new, the other known."""
        streams = {one.event.department: stream_of(f"refused:{one.event.department}") for one in refused}
        versions = {stream: max(at.version, 0) for stream, at in lock_streams(connection, streams.values()).items()}
        keys = [_key(one.event) for one in refused]
        rows = connection.execute(SQL["refused_known"], {"keys": keys}, binary=True).fetchall()
        told = {key: Recorded(position, recorded_at, known=True) for key, position, recorded_at in rows}
        fresh = {key: one.event for key, one in zip(keys, refused, strict=True) if key not in told}
        letters = self._letters(connection, [(key, one) for key, one in zip(keys, refused, strict=True) if one.letter])
        if fresh:
            placed = append(connection, list(_next(fresh.values(), streams, versions)))
            for position, key in enumerate(fresh, placed.first):
                told[key] = Recorded(position, placed.recorded_at, known=False)
            connection.execute(SQL["refused_save"], _columns(fresh, told) | {"recorded_at": placed.recorded_at})
        at = [{"position": told[key].position, "recorded_at": told[key].recorded_at} for key, _ in letters]
        rest = [letter | where for (_, letter), where in zip(letters, at, strict=True)]
        connection.cursor().executemany(SQL["letter_save"], rest)
        return list(_first_is_new([told[key] for key in keys]))

    def _letters(self, connection: Connection[Rows], kept: Sequence[tuple[bytes, Refusing]]) -> list[tuple[bytes, Row]]:
        """What is to be kept and is not yet, each with the key of its refusal."""
        places = [one.letter.place for _, one in kept if one.letter]
        there: dict[str, bytes] = dict(connection.execute(SQL["letter_known"], {"places": places}).fetchall())
        found = []
        for key, one in kept:
            if one.letter and there.get(one.letter.place) != one.event.digest:
                # Where something else stood once, the topics were made anew.
                more = f"-{one.event.digest.hex()}" if one.letter.place in there else ""
                found.append((key, self._row(one.event, one.letter) | {"place": one.letter.place + more}))
        return found

    def _row(self, event: SubmissionRefused, letter: Letter) -> Row:
        packed = msgspec.msgpack.encode(letter.original)
        return {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "channel": letter.channel,
            "department": event.department,
            "published_by": event.published_by,
            "digest": event.digest,
            "size": len(letter.original.value),
            "source": event.source,
            "id": event.id,
            "code": event.code,
            "path": event.path,
            "detail": event.detail,
            "sealed": self._keys.seal_letter(packed) if _is_kept(event, packed) else None,
        }


def _is_kept(event: SubmissionRefused, packed: bytes) -> bool:
    """Whether a message's bytes stay: never those about the erased, of whom nothing new may lie here."""
    return event.code != "person-erased" and len(packed) <= LETTER_LIMIT


def _next(
    events: Iterable[SubmissionRefused], streams: Mapping[Department, UUID], versions: dict[UUID, int]
) -> Iterator[Unplaced]:
    """The events at the end of their streams."""
    for event in events:
        stream = streams[event.department]
        versions[stream] += 1
        yield Unplaced(stream, versions[stream], codec.stored_name(event), codec.encode(event))


def _columns(fresh: Mapping[bytes, SubmissionRefused], told: Mapping[bytes, Recorded]) -> Row:
    events = fresh.values()
    return {
        "keys": list(fresh),
        "departments": [str(event.department) for event in events],
        "sources": [event.source for event in events],
        "ids": [event.id for event in events],
        "positions": [told[key].position for key in fresh],
    }


def _first_is_new(told: Sequence[Recorded]) -> Iterator[Recorded]:
    """Of refusals that are the same the first alone is new."""
    seen: set[int] = set()
    for one in told:
        yield one._replace(known=True) if one.position in seen else one
        seen.add(one.position)


def _key(event: SubmissionRefused) -> bytes:
    """What makes two refusals the same. What has no id is known by what it was and where it stood."""
    whose = (event.source, event.id) if event.source is not None and event.id is not None else (event.place, None)
    told = (event.department, *whose, event.digest, event.code, event.path, event.detail)
    return hashlib.blake2b(msgspec.json.encode(told), digest_size=16).digest()
