"""What a batch writes, all in one exchange with its commit: newcomers and states; then positions, events and inbox."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import repeat
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.facts import Known
from domain.history import Event, FactMoved, FactPublished, Outcome, Receipt
from domain.state import Decision, FactRecorded
from infra import codec
from infra.copying import BYTEA, DATE, INT4, TEXT, array, date4, int4, int8, read_int, read_time
from infra.copying import UUID as UUID_TYPE
from infra.keys import KeyRing
from infra.log import SQL, recorded
from infra.retirees import Retiree, hashed
from infra.sealed import to_seal
from infra.session import Asked, Session
from infra.submissions import Prepared
from infra.traces import saved

_encode_person = msgspec.json.Encoder().encode


Beside = tuple[Retiree, Event | FactRecorded]
"""An event of another stream; a fact recorded there is the one that was told here."""


class Accepted(NamedTuple):
    """A submission with what was decided on it.

    `beside`: what else follows, for whom, where records are one person's. `key`: of the record it came under, where
    that is not the retiree's own.
    """

    prepared: Prepared
    retiree: Retiree
    known: Known
    decisions: list[Decision]
    status: Outcome
    beside: Sequence[Beside] = ()
    key: bytes | None = None


def write(
    session: Session, keys: KeyRing, accepted: Sequence[Accepted], regrouping: Iterable[Asked] = ()
) -> list[Receipt]:
    """Write and commit; the receipts. The positions are taken after everything that could wait."""
    touched = {one.retiree.stream: one.retiree for one in accepted}
    touched |= {retiree.stream: retiree for one in accepted for retiree, _ in one.beside}
    newcomers = sorted((one for one in touched.values() if one.new), key=lambda one: one.tag)
    for retiree, wrapped in zip(newcomers, keys.new_keys([one.id for one in newcomers]), strict=True):
        retiree.wrapped = wrapped
    traced = [(one, one.retiree.version) for one in accepted if one.prepared.submission.traceparent]
    streams, versions, places = _placed(accepted)

    def asked() -> Iterator[Asked | None]:
        yield from _newcomers(newcomers)
        yield from regrouping
        yield from save([one for one in touched.values() if not one.new])
        yield from _dues(newcomers)
        yield from _marks(newcomers)
        yield from saved(_traces(traced))
        yield None  # PostgreSQL does that while the events are made
        yield _record(keys, accepted, streams, versions, places)

    *_, ((before, recorded_at, room, _),) = session.exchange(asked(), commit=True)
    row = read_int(before), read_time(recorded_at), read_int(room)
    placed = recorded(session, row, len(streams))
    return [
        Receipt(
            source=one.prepared.key[0],
            id=one.prepared.key[1],
            status=one.status,
            position=row[0] + place,
            retiree=one.retiree.id,
            recorded_at=placed.recorded_at,
        )
        for one, place in zip(accepted, places, strict=True)
    ]


def _traces(traced: Sequence[tuple[Accepted, int]]) -> Iterator[tuple[bytes, int, int, str]]:
    """What is written of each retiree belongs to the trace of what was told of them; of several, to the last."""
    for one, before in {one.retiree.stream: (one, before) for one, before in traced}.values():
        yield one.retiree.stream, before + 1, one.retiree.version, one.prepared.submission.traceparent


def _newcomers(newcomers: Sequence[Retiree]) -> Iterator[Asked]:
    """The first to be written: who was met by another transaction first ends this one here."""
    if newcomers:
        tags = array(BYTEA, [one.tag for one in newcomers])
        wrapped = array(BYTEA, [one.wrapped or b"" for one in newcomers])
        streams, versions, states = _states(newcomers)
        yield SQL["newcomers_save"], (tags, streams, wrapped, versions, states)


def save(known: Sequence[Retiree]) -> Iterator[Asked]:
    """The states of retirees whom we knew, with their marks, and when something falls due for them."""
    if known:
        yield SQL["retirees_save"], _states(known)
    yield from _dues(known)
    yield from _marks(known)


def postpone(streams: Sequence[bytes], day: date | None) -> Iterator[Asked]:
    """What falls due for these does so on another day; None: never."""
    if streams:
        yield SQL["dues_save"], (array(UUID_TYPE, sorted(streams)), array(DATE, [date4(day)] * len(streams)))


def _dues(touched: Iterable[Retiree]) -> Iterator[Asked]:
    changed = [(one.stream, date4(one.state.due)) for one in touched if one.state and one.state.due != one.due]
    if changed:
        streams, days = zip(*changed, strict=True)
        yield SQL["dues_save"], (array(UUID_TYPE, streams), array(DATE, days))


def _states(retirees: Sequence[Retiree]) -> tuple[bytes, bytes, bytes]:
    return (
        array(UUID_TYPE, [one.stream for one in retirees]),
        array(INT4, [int4(one.version) for one in retirees]),
        array(BYTEA, [codec.encode_state(one.state) for one in retirees if one.state]),
    )


def _marks(touched: Iterable[Retiree]) -> Iterator[Asked]:
    fresh = [
        (one.stream, hashed(mark), value.encode() if value else b"")
        for one in touched
        if one.state and one.state.dossier.marks
        for mark, value in one.state.dossier.marks.items()
        if mark not in one.marks
    ]
    if fresh:
        streams, marks, values = zip(*fresh, strict=True)
        yield SQL["marks_save"], (array(UUID_TYPE, streams), array(BYTEA, marks), array(BYTEA, values))


def _placed(accepted: Sequence[Accepted]) -> tuple[list[bytes], list[bytes], list[int]]:
    """Of every event the stream and the version, which that of the retiree grows to; at which place each submission's fact stands, from 1."""
    streams: list[bytes] = []
    versions: list[bytes] = []
    places: list[int] = []
    for one in accepted:
        places.append(len(streams) + 1)
        for whose in (*repeat(one.retiree, len(one.decisions)), *(whose for whose, _ in one.beside)):
            whose.version += 1
            streams.append(whose.stream)
            versions.append(int4(whose.version))
    return streams, versions, places


def _record(
    keys: KeyRing, accepted: Sequence[Accepted], streams: list[bytes], versions: list[bytes], places: list[int]
) -> Asked:
    """The statement that takes the positions and writes the events, placed as they are."""
    people = [
        (*_key(one), to_seal(_encode_person(one.prepared.person), one.prepared.submission.original)) for one in accepted
    ]
    events: list[Event] = []
    for one, sealed in zip(accepted, keys.seal_all(people), strict=True):
        published = _published(one, sealed)
        events += [published if isinstance(decision, FactRecorded) else decision for decision in one.decisions]
        events += _besides(one, published) if one.beside else ()
    return SQL["record"], (
        int8(len(events)),
        array(UUID_TYPE, streams),
        array(INT4, versions),
        array(TEXT, [codec.stored_name(event).encode() for event in events]),
        array(BYTEA, [codec.encode(event) for event in events]),
        array(TEXT, [one.prepared.key[0].encode() for one in accepted]),
        array(TEXT, [one.prepared.key[1].encode() for one in accepted]),
        array(BYTEA, [one.prepared.digest for one in accepted]),
        array(TEXT, [one.status.encode() for one in accepted]),
        array(INT4, list(map(int4, places))),
        array(UUID_TYPE, [one.retiree.stream for one in accepted]),
    )


def _key(one: Accepted) -> tuple[UUID, bytes]:
    """The record under whose key the person is encrypted: that of the number that was given."""
    if one.key is not None and one.known.under:
        return one.known.under, one.key
    return one.retiree.id, one.retiree.wrapped or b""


def _besides(one: Accepted, published: FactPublished) -> Iterator[Event]:
    told = replace(published, under=published.under or one.retiree.id)
    for _, event in one.beside:
        yield FactMoved(of=one.retiree.id, published=told, at_once=True) if isinstance(event, FactRecorded) else event


def statement_of(events: Sequence[tuple[bytes, int, bytes, bytes]]) -> Asked:
    """The statement that writes events of which nobody told us: of each the stream, the version, the name and the bytes."""
    streams, versions, names, states = zip(*events, strict=True)
    none = array(TEXT, ())
    return SQL["record"], (
        int8(len(events)),
        array(UUID_TYPE, streams),
        array(INT4, list(map(int4, versions))),
        array(TEXT, names),
        array(BYTEA, states),
        *(none, none, array(BYTEA, ()), none, array(INT4, ()), array(UUID_TYPE, ())),
    )


def _published(one: Accepted, sealed: bytes) -> FactPublished:
    submission = one.prepared.submission
    return FactPublished(
        source=submission.source,
        id=submission.id,
        department=submission.department,
        published_by=submission.published_by,
        channel=submission.channel,
        learnt=one.known.learnt,
        fact=submission.fact,
        sealed=sealed,
        digest=one.prepared.digest,
        time=submission.time,
        parked=one.status is Outcome.PARKED,
        under=one.known.under,
        sequence=submission.sequence,
        batch=submission.batch,
        signed_by=submission.signed_by,
    )
