"""One transaction of the append path: a batch of submissions, each accepted, known already or refused on its own.

The order within it is what makes it correct: lock the retirees, look for repeats, decide; then write newcomers and
states; take positions; write events and inbox. Whatever is refused leaves no trace; every transaction takes its
locks in the same order, so none waits for another in a circle.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import date
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from domain.bounding import bounded
from domain.decide import (
    AlertEscalated,
    AlertRaised,
    AlertWithdrawn,
    Decision,
    FactRecorded,
    RetireeState,
    decide,
    evolve,
)
from domain.dossier import Mark, asks, leans_on_all, recalled
from domain.entitlement import learned
from domain.facts import Known, Person
from domain.history import Event, FactPublished, Outcome, Receipt
from domain.law import Law
from domain.refusals import Refused
from infra import codec, log
from infra.copying import copy_in, int4, int8, timestamptz
from infra.database import DatabaseError, Rows
from infra.keys import KeyRing
from infra.log import SQL, Taken, Unplaced
from infra.master_key import random_pieces
from infra.submissions import Prepared, name_tags

_encode_person = msgspec.json.Encoder().encode
_decode_person = msgspec.json.Decoder(Person).decode


class FasterError(Exception):
    """Another transaction accepted one of our events, or met one of our newcomers, first."""


class NoRoomError(Exception):
    """The log's partitions end before the batch does."""


class InDoubtError(DatabaseError):
    """The connection was lost while committing: whether it did, only the inbox can tell."""


class _Retiree:
    """What a batch holds of one retiree. `marks` are those known to be stored; `wrapped`: None when the key was destroyed."""

    __slots__ = ("history", "id", "marks", "new", "state", "tag", "version", "wrapped")

    def __init__(
        self, tag: bytes, id_: UUID, version: int, state: RetireeState | None, wrapped: bytes | None, *, new: bool
    ) -> None:
        self.tag = tag
        self.id = id_
        self.version = version
        self.state = state
        self.wrapped = wrapped
        self.new = new
        self.marks: dict[Mark, Mark | None] = {}
        self.history: list[Known | AlertRaised | AlertWithdrawn | AlertEscalated] | None = None


class _Newcomer(Struct, frozen=True):
    tag: bytes
    stream: UUID
    wrapped: bytes
    version: int
    state: bytes


class _Accepted(NamedTuple):
    prepared: Prepared
    retiree: _Retiree
    known: Known
    decisions: list[Decision]
    status: Outcome


class Batch:
    """One transaction's work."""

    def __init__(self, connection: Connection[Rows], keys: KeyRing, law: Law, today: date) -> None:
        self._connection = connection
        self._keys = keys
        self._law = law
        self._today = today
        self._retirees: dict[bytes, _Retiree] = {}
        self._receipts: dict[tuple[str, str], Receipt] = {}
        self._accepted: list[_Accepted] = []
        self._few = False
        self._committing = False

    def accept(self, given: Sequence[Prepared]) -> list[Receipt | Refused]:
        """Accept the batch and commit. Raises `FasterError`, `NoRoomError`, `InDoubtError`."""
        try:
            # The statements for a few travel together; many rows go by COPY, which a pipeline does not take.
            self._few = len(given) <= log.FEW
            with self._connection.pipeline() if self._few else nullcontext():
                return self._accept(given)
        except psycopg.errors.UniqueViolation:
            raise FasterError from None
        except psycopg.errors.CheckViolation as error:
            if error.diag.constraint_name:  # none is named where a partition is missing
                raise
            raise NoRoomError from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if self._committing and self._connection.closed:
                raise InDoubtError(f"the connection was lost while committing: {error}") from error
            raise

    def _accept(self, given: Sequence[Prepared]) -> list[Receipt | Refused]:
        facts = [prepared.known(self._today) for prepared in given]
        digests = self._load(given, facts)
        refused: dict[int, Refused] = {}
        for index, (prepared, fact) in enumerate(zip(given, facts, strict=True)):
            known = digests.get(prepared.key)
            if known is None:
                try:
                    self._decide(prepared, fact)
                except Refused as refusal:
                    refused[index] = refusal
                else:
                    digests[prepared.key] = prepared.digest
            elif known != prepared.digest:
                refused[index] = Refused("id-conflict", "id", "this id was used before with other content")
        if self._accepted:
            self._write()
        return [refused.get(index) or self._receipts[prepared.key] for index, prepared in enumerate(given)]

    # Load

    def _load(self, given: Sequence[Prepared], facts: Sequence[Known]) -> dict[tuple[str, str], bytes]:
        """Lock and load the retirees and what was accepted before; the digests of that by (source, id)."""
        tags = list(dict.fromkeys(prepared.tag for prepared in given))
        asking = zip(given, facts, strict=True)
        wanted = {(prepared.tag, _hash(mark)): mark for prepared, fact in asking for mark in asks(fact)}
        retirees = self._connection.execute(SQL["retirees_lock"], {"tags": tags}, binary=True)
        asked = {"tags": [tag for tag, _ in wanted], "marks": [mark for _, mark in wanted]}
        marks = self._connection.execute(SQL["marks_find"], asked, binary=True) if wanted else None
        sources, ids = zip(*(prepared.key for prepared in given), strict=True)
        inbox = self._connection.execute(SQL["inbox_known"], {"sources": list(sources), "ids": list(ids)}, binary=True)

        for tag, id_, version, state, wrapped in retirees.fetchall():
            self._retirees[tag] = _Retiree(tag, id_, version, codec.decode_state(state), wrapped, new=False)
        unknown = [tag for tag in tags if tag not in self._retirees]
        for tag, id_ in zip(unknown, _new_ids(len(unknown)), strict=True):
            # somebody never mentioned before is so far only in memory: a refusal leaves nothing of them
            self._retirees[tag] = _Retiree(tag, id_, 0, RetireeState(), b"", new=True)
        for tag, mark, value in marks.fetchall() if marks else ():
            self._retirees[tag].marks[wanted[tag, mark]] = value and value.decode()
        for retiree in self._retirees.values():
            if retiree.marks and retiree.state:
                dossier = replace(retiree.state.dossier, marks=dict(retiree.marks))
                retiree.state = replace(retiree.state, dossier=dossier)
        digests: dict[tuple[str, str], bytes] = {}
        for source, id_, digest, status, position, of, recorded_at in inbox.fetchall():
            digests[source, id_] = digest
            self._receipts[source, id_] = Receipt(
                source=source, id=id_, status=Outcome(status), position=position, retiree=of, recorded_at=recorded_at
            )
        return digests

    # Decide

    def _decide(self, prepared: Prepared, known: Known) -> None:
        """Decide on the state its predecessors left; nothing is written yet. Raises `Refused`."""
        retiree = self._retirees[prepared.tag]
        if retiree.wrapped is None:
            raise Refused("person-erased", "data.person", "the key that would encrypt this was destroyed")
        state = retiree.state
        if state is None:
            state = self._made_anew(retiree)
        elif leans_on_all(state.dossier, known):
            facts = [fact for fact in self._history(retiree) if isinstance(fact, Known)]
            state = replace(state, dossier=recalled(state.dossier, facts))
        decisions = decide(retiree.id, state, known, self._law, self._today)
        for decision in decisions:
            state = evolve(state, decision)
        retiree.state = state
        status = Outcome.ACCEPTED if state.registered else Outcome.PARKED
        self._accepted.append(_Accepted(prepared, retiree, known, decisions, status))

    def _history(self, retiree: _Retiree) -> list[Known | AlertRaised | AlertWithdrawn | AlertEscalated]:
        """Everything about somebody that bears on decisions, this very batch included: slow, and seldom needed."""
        if retiree.history is None:  # the row is locked, so what is stored stays as it is
            retiree.history = self._stored_history(retiree)
        here = [one for one in self._accepted if one.retiree is retiree]  # not in the log yet
        decided = (one.known if isinstance(d, FactRecorded) else d for one in here for d in one.decisions)
        return [*retiree.history, *decided]

    def _stored_history(self, retiree: _Retiree) -> list[Known | AlertRaised | AlertWithdrawn | AlertEscalated]:
        rows = log.read_stream(self._connection, retiree.id, until=retiree.version)
        stored = [codec.decode(*row).event for row in rows]
        sealed = [(retiree.id, retiree.wrapped or b"", e.sealed) for e in stored if isinstance(e, FactPublished)]
        people = [_decode_person(plain) for plain in self._keys.open_all(sealed)]
        names = iter(name_tags(self._keys, people))
        told = [event.known(next(names)) if isinstance(event, FactPublished) else event for event in stored]
        return [one for one in told if isinstance(one, Known | AlertRaised | AlertWithdrawn | AlertEscalated)]

    def _made_anew(self, retiree: _Retiree) -> RetireeState:
        """The state out of the whole history: where there is none, or one of an older form."""
        state = RetireeState()
        facts: list[Known] = []
        for one in self._history(retiree):
            if not isinstance(one, Known):
                state = evolve(state, one)
                continue
            if leans_on_all(state.dossier, one):
                state = replace(state, dossier=recalled(state.dossier, facts))
            facts.append(one)
            state = evolve(state, FactRecorded(one, bounded(learned(state.dossier, one, self._law))))
        return state

    # Write

    def _write(self) -> None:
        """Write it all and commit; the positions are taken after everything that could wait."""
        touched = {accepted.retiree.id: accepted.retiree for accepted in self._accepted}
        newcomers = sorted((one for one in touched.values() if one.new), key=lambda one: one.tag)
        for retiree, wrapped in zip(newcomers, self._keys.new_keys([one.id for one in newcomers]), strict=True):
            retiree.wrapped = wrapped
        events, taken = self._events()
        self._save_newcomers(newcomers)
        self._save_known([one for one in touched.values() if not one.new])
        self._save_marks(touched.values())
        if self._few:
            cursor = log.record(self._connection, events, taken)
            self._commit()
            placed = log.recorded(self._connection, cursor, len(events))
        else:
            placed = log.take_positions(self._connection, len(events))
            log.copy_events(self._connection, placed, events)
            at = placed.first - 1
            recorded_at = timestamptz(placed.recorded_at)
            rows = [
                (
                    one.source.encode(),
                    one.id.encode(),
                    one.digest,
                    one.status.encode(),
                    int8(at + one.place),
                    one.retiree.bytes,
                    recorded_at,
                )
                for one in taken
            ]
            copy_in(self._connection, SQL["inbox_copy"], sorted(rows))
            self._commit()
        for accepted, one in zip(self._accepted, taken, strict=True):
            self._receipts[one.source, one.id] = Receipt(
                source=one.source,
                id=one.id,
                status=accepted.status,
                position=placed.first - 1 + one.place,
                retiree=one.retiree,
                recorded_at=placed.recorded_at,
            )

    def _commit(self) -> None:
        self._committing = True
        self._connection.commit()

    def _events(self) -> tuple[list[Unplaced], list[Taken]]:
        """The events of all decisions, and the inbox rows of the facts among them."""
        sealed = self._keys.seal_all(
            [
                (one.retiree.id, one.retiree.wrapped or b"", _encode_person(one.prepared.person))
                for one in self._accepted
            ]
        )
        events: list[Unplaced] = []
        taken: list[Taken] = []
        for accepted, seal in zip(self._accepted, sealed, strict=True):
            submission, retiree = accepted.prepared.submission, accepted.retiree
            place = len(events) + 1
            taken.append(Taken(*accepted.prepared.key, accepted.prepared.digest, accepted.status, place, retiree.id))
            for decision in accepted.decisions:
                event: Event
                if isinstance(decision, FactRecorded):
                    event = FactPublished(
                        source=submission.source,
                        id=submission.id,
                        department=submission.department,
                        published_by=submission.published_by,
                        channel=submission.channel,
                        learnt=self._today,
                        fact=submission.fact,
                        sealed=seal,
                        digest=accepted.prepared.digest,
                        time=submission.time,
                        parked=accepted.status is Outcome.PARKED,
                    )
                else:
                    event = decision
                retiree.version += 1
                events.append(Unplaced(retiree.id, retiree.version, codec.stored_name(event), codec.encode(event)))
        return events, taken

    def _save_newcomers(self, newcomers: Sequence[_Retiree]) -> None:
        """Tags first: one that another transaction met first ends this one there."""
        if not newcomers:
            return
        rows = [_Newcomer(one.tag, one.id, one.wrapped or b"", one.version, _stored(one)) for one in newcomers]
        if self._few:
            self._connection.execute(SQL["newcomers_save"], {"rows": log.as_json(rows)})
            return
        copy_in(self._connection, SQL["identity_copy"], [(one.tag, one.stream.bytes) for one in rows])
        copy_in(self._connection, SQL["retiree_key_copy"], [(one.stream.bytes, one.wrapped) for one in rows])
        states = [(one.stream.bytes, int4(one.version), one.state) for one in rows]
        copy_in(self._connection, SQL["stream_copy"], states)

    def _save_known(self, known: Sequence[_Retiree]) -> None:
        if known:
            saved = {
                "streams": [one.id for one in known],
                "versions": [one.version for one in known],
                "states": [_stored(one) for one in known],
            }
            self._connection.execute(SQL["stream_save"], saved)

    def _save_marks(self, touched: Iterable[_Retiree]) -> None:
        fresh = [
            (one.id, _hash(mark), value and value.encode())
            for one in touched
            if one.state
            for mark, value in one.state.dossier.marks.items()
            if mark not in one.marks
        ]
        if fresh:
            streams, marks, values = zip(*sorted(fresh, key=itemgetter(0, 1)), strict=True)
            given = {"streams": list(streams), "marks": list(marks), "values": list(values)}
            self._connection.execute(SQL["marks_save"], given)


def _stored(retiree: _Retiree) -> bytes:
    assert retiree.state is not None  # something was decided on it
    return codec.encode_state(retiree.state)


def _hash(mark: Mark) -> bytes:
    return hashlib.blake2b(mark.encode(), digest_size=16).digest()


def _new_ids(count: int) -> Iterator[UUID]:
    """Fresh ids that begin with the time (UUID version 7, RFC 9562): newcomers lie side by side in every index."""
    now = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    for piece in random_pieces(count, 10):
        yield UUID(bytes=now + bytes((piece[0] & 0x0F | 0x70, piece[1], piece[2] & 0x3F | 0x80)) + piece[3:])
