"""One transaction of the append path: a batch of submissions, each accepted, known already or refused on its own.

The order within it is what makes it correct: lock the retirees, look for repeats, decide; then write newcomers and
states; take positions; write events and inbox. Whatever is refused leaves no trace; every transaction takes its
locks in the same order, so none waits for another in a circle.
"""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import date
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg
from msgspec.structs import replace
from psycopg import Connection

from domain.decide import AlertRaised, AlertWithdrawn, Decision, FactRecorded, RetireeState, decide, evolve
from domain.dossier import Mark, asks, leans_on_all
from domain.entitlement import learned
from domain.facts import Known, Person
from domain.history import Event, FactPublished, Outcome, Receipt
from domain.law import Law
from domain.refusals import Refused
from infra import codec, log
from infra.database import DatabaseError, Rows
from infra.keys import KeyRing
from infra.log import SQL, Appended, Unplaced
from infra.submissions import Prepared, name_tags

_encode_person = msgspec.json.Encoder().encode
_decode_person = msgspec.json.Decoder(Person).decode


class FasterError(Exception):
    """Another transaction accepted one of our events, or met one of our newcomers, first."""


class InDoubtError(DatabaseError):
    """The connection was lost while committing: whether it did, only the inbox can tell."""


class _Retiree:
    """What a batch holds of one retiree. `marks` are those known to be stored; `wrapped`: None when the key was destroyed."""

    __slots__ = ("id", "marks", "new", "state", "tag", "version", "wrapped")

    def __init__(
        self, tag: bytes, id_: UUID, version: int, state: RetireeState | None, wrapped: bytes | None, *, new: bool
    ) -> None:
        self.tag = tag
        self.id = id_
        self.version = version
        self.state = state
        self.wrapped = wrapped
        self.new = new
        self.marks: frozenset[Mark] = frozenset()


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
        self._committing = False

    def accept(self, given: Sequence[Prepared]) -> list[Receipt | Refused]:
        """Accept the batch and commit. Raises `FasterError`, `InDoubtError`."""
        try:
            # A few statements travel together; many rows go by COPY, which a pipeline does not take.
            with self._connection.pipeline() if len(given) <= log.FEW else nullcontext():
                return self._accept(given)
        except psycopg.errors.UniqueViolation:
            raise FasterError from None
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
        for tag in tags:  # somebody never mentioned before is so far only in memory: a refusal leaves nothing of them
            if tag not in self._retirees:
                self._retirees[tag] = _Retiree(tag, uuid4(), 0, RetireeState(), b"", new=True)
        for tag, mark in marks.fetchall() if marks else ():
            self._retirees[tag].marks |= {wanted[tag, mark]}
        for retiree in self._retirees.values():
            if retiree.marks and retiree.state:
                dossier = replace(retiree.state.dossier, retracted=retiree.marks)
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
        if state is None or leans_on_all(state.dossier, known):
            state = self._made_anew(retiree)
        decisions = decide(retiree.id, state, known, self._law, self._today)
        for decision in decisions:
            state = evolve(state, decision)
        retiree.state = state
        status = Outcome.ACCEPTED if state.registered else Outcome.PARKED
        self._accepted.append(_Accepted(prepared, retiree, known, decisions, status))

    def _made_anew(self, retiree: _Retiree) -> RetireeState:
        """The state out of the whole history, with nothing left out of its dossier: slow, and seldom needed."""
        rows = log.read_stream(self._connection, retiree.id, until=retiree.version)
        history = [codec.decode(*row).event for row in rows]
        sealed = [(retiree.id, retiree.wrapped or b"", e.sealed) for e in history if isinstance(e, FactPublished)]
        people = [_decode_person(plain) for plain in self._keys.open_all(sealed)]
        names = iter(name_tags(self._keys, people))
        here = [one for one in self._accepted if one.retiree is retiree]  # of this very batch, so not in the log yet
        events: list[Known | Decision | Event] = [
            event.known(next(names)) if isinstance(event, FactPublished) else event for event in history
        ]
        events += [one.known if isinstance(d, FactRecorded) else d for one in here for d in one.decisions]
        state = RetireeState()
        for event in events:
            if isinstance(event, Known):
                state = evolve(state, FactRecorded(event, learned(state.dossier, event, self._law)))
            elif isinstance(event, AlertRaised | AlertWithdrawn):
                state = evolve(state, event)
        return state

    # Write

    def _write(self) -> None:
        """Write it all and commit; the positions are taken after everything that could wait."""
        touched = {accepted.retiree.id: accepted.retiree for accepted in self._accepted}
        newcomers = sorted((one for one in touched.values() if one.new), key=lambda one: one.tag)
        for retiree, wrapped in zip(newcomers, self._keys.new_keys([one.id for one in newcomers]), strict=True):
            retiree.wrapped = wrapped
        events, offsets = self._events()
        self._save_newcomers(newcomers)
        self._save_known([one for one in touched.values() if not one.new])
        self._save_marks(touched.values())
        placed = log.take_positions(self._connection, len(events))
        log.copy_events(self._connection, placed, events)
        self._save_inbox(placed, offsets)
        self._committing = True
        self._connection.commit()

    def _events(self) -> tuple[list[Unplaced], list[int]]:
        """The events of all decisions, and which of them are the facts themselves."""
        sealed = self._keys.seal_all(
            [
                (one.retiree.id, one.retiree.wrapped or b"", _encode_person(one.prepared.person))
                for one in self._accepted
            ]
        )
        events: list[Unplaced] = []
        offsets: list[int] = []
        for accepted, seal in zip(self._accepted, sealed, strict=True):
            submission, retiree = accepted.prepared.submission, accepted.retiree
            offsets.append(len(events))
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
        return events, offsets

    def _save_newcomers(self, newcomers: Sequence[_Retiree]) -> None:
        """Tags first: one that another transaction met first ends this one there."""
        if newcomers:
            log.insert(self._connection, "identity", [(one.tag, one.id) for one in newcomers])
            log.insert(self._connection, "retiree_key", [(one.id, one.wrapped) for one in newcomers])
            log.insert(self._connection, "stream", [(one.id, one.version, _stored(one)) for one in newcomers])

    def _save_known(self, known: Sequence[_Retiree]) -> None:
        if known:
            saved = {
                "streams": [one.id for one in known],
                "versions": [one.version for one in known],
                "states": [_stored(one) for one in known],
            }
            self._connection.execute(SQL["stream_save"], saved)

    def _save_marks(self, touched: Iterable[_Retiree]) -> None:
        fresh = [(one.id, _hash(m)) for one in touched if one.state for m in one.state.dossier.retracted - one.marks]
        if fresh:
            streams, marks = zip(*sorted(fresh), strict=True)
            self._connection.execute(SQL["marks_save"], {"streams": list(streams), "marks": list(marks)})

    def _save_inbox(self, placed: Appended, offsets: Sequence[int]) -> None:
        rows = []
        for accepted, offset in zip(self._accepted, offsets, strict=True):
            source, id_ = accepted.prepared.key
            position = placed.first + offset
            status, retiree = accepted.status, accepted.retiree.id
            rows.append((source, id_, accepted.prepared.digest, status.value, position, retiree, placed.recorded_at))
            self._receipts[source, id_] = Receipt(
                source=source, id=id_, status=status, position=position, retiree=retiree, recorded_at=placed.recorded_at
            )
        log.insert(self._connection, "inbox", sorted(rows))


def _stored(retiree: _Retiree) -> bytes | None:
    return codec.encode_state(retiree.state) if retiree.state else None


def _hash(mark: Mark) -> bytes:
    return hashlib.blake2b(mark.encode(), digest_size=16).digest()
