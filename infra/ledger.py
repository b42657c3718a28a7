"""The append path: a batch of submissions in one transaction, each accepted, known already or refused on its own.

The order within the transaction is what makes it correct: look for repeats, find the retirees, lock their streams, decide;
then write the newcomers, take positions, write events and inbox. Whatever is refused leaves no trace; every transaction
takes its locks in the same order, so none waits for another in a circle.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from psycopg import Connection

from domain.decide import Decision, FactRecorded, RetireeState, decide, evolve
from domain.facts import Department, LifeEvent, Person
from domain.history import Event, FactPublished, Outcome, Receipt
from domain.identity import check_day, normal, normal_name
from domain.law import Law
from domain.refusals import Refused
from infra import codec
from infra.database import Database, Rows
from infra.keys import KeyRing, WrongKeyError
from infra.log import SQL, Appended, Unplaced, append, lock_streams


class Submission(Struct, frozen=True, kw_only=True):
    """A life event as it came in, parsed and with a publisher whose right to its source was checked.

    `digest` is of the content: two submissions of one (source, id) with other digests are in conflict.
    """

    source: str
    id: str
    department: Department
    published_by: str
    channel: str
    fact: LifeEvent
    person: Person
    digest: bytes
    time: datetime | None = None


class _Faster(Exception):  # noqa: N818 - not an error
    """Another transaction accepted one of our events, or met one of our newcomers, first."""


def _conflict() -> Refused:
    return Refused("id-conflict", "id", "this id was used before with other content")


class _Accepted(NamedTuple):
    submission: Submission
    status: Outcome
    retiree: UUID
    offset: int


class Ledger:
    """The write side of the log."""

    def __init__(self, database: Database, keys: KeyRing, law: Law) -> None:
        self.database = database
        self._keys = keys
        self._law = law
        self._key_checked = False

    def accept(self, submissions: Sequence[Submission], today: date) -> list[Receipt | Refused]:
        """Accept a batch in one transaction; the answers are in the order of the submissions.

        A refused one never fails its neighbours. The same (source, id) with the same content gets the receipt it had;
        with other content it is refused as `id-conflict`. When this returns, what is accepted is on disk.
        Raises `WrongKeyError`, and `DatabaseError`: nothing of the batch is then known to be stored, and sending it again is safe.
        """
        while True:
            try:
                self.check_key()
                with self.database.transaction() as connection:
                    return _Batch(connection, self._keys, self._law, today).accept(submissions)
            except _Faster:
                continue  # what it wrote is committed now, so the next round sees it

    def check_key(self) -> None:
        """Raise `WrongKeyError` unless this is the ledger's key: under another one everybody would become somebody new."""
        if self._key_checked:
            return
        with self.database.transaction() as connection:
            connection.execute(SQL["master_key_claim"], {"fingerprint": self._keys.fingerprint})
            found = connection.execute(SQL["master_key_find"]).fetchone()
        if found != (self._keys.fingerprint,):
            raise WrongKeyError("the key file is not the one this ledger was written under")
        self._key_checked = True

    def append(self, stream: UUID, event: Event) -> None:
        """Append an event that needs no decision (a disclosure, a delivery) to a stream of its own."""
        with self.database.transaction() as connection:
            append_plain(connection, stream, event)


def append_plain(connection: Connection[Rows], stream: UUID, event: Event) -> None:
    """Append one event that needs no decision, within the caller's transaction."""
    version = max(lock_streams(connection, [stream])[stream].version, 0) + 1
    append(connection, [Unplaced(stream, version, codec.stored_name(event), codec.encode(event))])


class _Batch:
    """One transaction's work."""

    def __init__(self, connection: Connection[Rows], keys: KeyRing, law: Law, today: date) -> None:
        self._connection = connection
        self._keys = keys
        self._law = law
        self._today = today
        self._answers: dict[tuple[str, str], Receipt] = {}
        self._events: list[Unplaced] = []
        self._accepted: list[_Accepted] = []
        self._versions: dict[UUID, int] = {}
        self._states: dict[UUID, RetireeState] = {}
        self._wrapped: dict[UUID, bytes] = {}
        self._newcomers: dict[UUID, bytes] = {}

    def accept(self, given: Sequence[Submission]) -> list[Receipt | Refused]:
        # Keyed, as a plain hash of a known date and document would give away the identity number by trying them all.
        submissions = [msgspec.structs.replace(s, digest=self._keys.tag("content", s.digest.hex())) for s in given]
        digests = self._known(submissions)
        refused: dict[int, Refused] = {}
        fresh: list[tuple[int, Submission]] = []
        for index, submission in enumerate(submissions):
            known = digests.get((submission.source, submission.id))
            if known is None:
                fresh.append((index, submission))
            elif known != submission.digest:
                refused[index] = _conflict()
        if fresh:
            refused |= self._decide(fresh)
        if self._accepted:
            self._write()
        return [refused.get(i) or self._answers[s.source, s.id] for i, s in enumerate(submissions)]

    def _known(self, submissions: Sequence[Submission]) -> dict[tuple[str, str], bytes]:
        """Answer what was accepted before; the digests of it by (source, id)."""
        given = {"sources": [s.source for s in submissions], "ids": [s.id for s in submissions]}
        digests: dict[tuple[str, str], bytes] = {}
        for row in self._connection.execute(SQL["inbox_known"], given).fetchall():
            source, id_, digest, status, position, retiree, recorded_at = row
            key = source, id_
            self._answers[key] = Receipt(
                source=source,
                id=id_,
                status=Outcome(status),
                position=position,
                retiree=retiree,
                recorded_at=recorded_at,
            )
            digests[key] = digest
        return digests

    def _decide(self, fresh: list[tuple[int, Submission]]) -> dict[int, Refused]:
        """Decide on each in turn, on the state its predecessors left; nothing is written yet."""
        refused: dict[int, Refused] = {}
        numbers: dict[int, str] = {}
        for index, submission in fresh:
            try:
                numbers[index] = normal(submission.person.identity_number)
            except Refused as refusal:
                refused[index] = refusal
        retirees = self._find_retirees(set(numbers.values()))
        self._load(retirees.values())
        taken: dict[tuple[str, str], bytes] = {}
        for index, submission in fresh:
            if index not in numbers:
                continue
            twin = taken.get((submission.source, submission.id))  # one of this very batch: they share a receipt
            if twin == submission.digest:
                continue
            try:
                if twin is not None:
                    raise _conflict()
                self._decide_one(submission, retirees[numbers[index]], numbers[index])
                taken[submission.source, submission.id] = submission.digest
            except Refused as refusal:
                refused[index] = refusal
        return refused

    def _decide_one(self, submission: Submission, retiree: UUID, number: str) -> None:
        if retiree not in self._wrapped:
            raise Refused("person-erased", "data.person", "the key that would encrypt this was destroyed")
        check_day(number, submission.fact.effective)
        person = msgspec.structs.replace(submission.person, identity_number=number)
        published = FactPublished(
            source=submission.source,
            id=submission.id,
            department=submission.department,
            published_by=submission.published_by,
            channel=submission.channel,
            learnt=self._today,
            fact=submission.fact,
            sealed=self._keys.seal(retiree, self._wrapped[retiree], msgspec.json.encode(person)),
            digest=submission.digest,
            time=submission.time,
        )
        name_tag = self._keys.tag("name", normal_name(person.name)).hex() if person.name else None
        state = self._states[retiree]
        decisions = decide(retiree, state, published.known(name_tag), self._law, self._today)
        for decision in decisions:
            state = evolve(state, decision)
        published = msgspec.structs.replace(published, parked=not state.registered)
        status = Outcome.PARKED if published.parked else Outcome.ACCEPTED
        self._accepted.append(_Accepted(submission, status, retiree, len(self._events)))
        self._states[retiree] = state
        self._events += (self._unplaced(retiree, decision, published) for decision in decisions)

    def _unplaced(self, retiree: UUID, decision: Decision, published: FactPublished) -> Unplaced:
        event: Event = published if isinstance(decision, FactRecorded) else decision
        self._versions[retiree] += 1
        return Unplaced(retiree, self._versions[retiree], codec.stored_name(event), codec.encode(event))

    def _find_retirees(self, numbers: set[str]) -> dict[str, UUID]:
        """The retirees of these identity numbers. Somebody never mentioned before gets an id, registered or not."""
        tags = {self._keys.tag("identity-number", number): number for number in numbers}
        found = self._connection.execute(SQL["identity_find"], {"tags": list(tags)}).fetchall()
        retirees = {tags[tag]: retiree for tag, retiree in found}
        for tag, number in tags.items():
            if number not in retirees:
                retirees[number] = self._newcomer(tag)
        return retirees

    def _newcomer(self, tag: bytes) -> UUID:
        """Somebody new, so far only in memory: a refusal leaves nothing of them."""
        retiree = uuid4()
        self._newcomers[retiree] = tag
        self._versions[retiree] = 0
        self._states[retiree] = RetireeState()
        self._wrapped[retiree] = self._keys.new_key(retiree)
        return retiree

    def _load(self, retirees: Iterable[UUID]) -> None:
        """Lock the streams of those we know, and load their states and keys, in one statement each."""
        known = [retiree for retiree in retirees if retiree not in self._newcomers]
        for retiree, stream in lock_streams(self._connection, known).items():
            self._versions[retiree] = stream.version
            self._states[retiree] = codec.decode_state(stream.state)
        self._wrapped.update(self._connection.execute(SQL["key_find"], {"retirees": known}).fetchall())

    def _write(self) -> None:
        """Write newcomers, events, states and inbox; the positions are taken after everything that could wait."""
        self._save_newcomers(accepted.retiree for accepted in self._accepted)
        states = {accepted.retiree: codec.encode_state(self._states[accepted.retiree]) for accepted in self._accepted}
        self._save_inbox(append(self._connection, self._events, states))

    def _save_newcomers(self, accepted: Iterable[UUID]) -> None:
        """Keep the tag and the key of everybody new, unless another transaction met one of them first."""
        new = sorted({retiree for retiree in accepted if retiree in self._newcomers}, key=self._newcomers.__getitem__)
        if not new:
            return
        claim = {"tags": [self._newcomers[retiree] for retiree in new], "retirees": new}
        if self._connection.execute(SQL["identity_claim"], claim).rowcount != len(new):
            raise _Faster
        keys = {"retirees": new, "wrapped": [self._wrapped[retiree] for retiree in new]}
        self._connection.execute(SQL["key_save"], keys)
        lock_streams(self._connection, new)

    def _save_inbox(self, placed: Appended) -> None:
        positions = [placed.first + accepted.offset for accepted in self._accepted]
        done = self._connection.execute(
            SQL["inbox_save"],
            {
                "sources": [a.submission.source for a in self._accepted],
                "ids": [a.submission.id for a in self._accepted],
                "digests": [a.submission.digest for a in self._accepted],
                "statuses": [a.status.value for a in self._accepted],
                "positions": positions,
                "retirees": [a.retiree for a in self._accepted],
                "recorded_at": placed.recorded_at,
            },
        )
        if done.rowcount != len(self._accepted):
            raise _Faster
        for accepted, position in zip(self._accepted, positions, strict=True):
            submission = accepted.submission
            self._answers[submission.source, submission.id] = Receipt(
                source=submission.source,
                id=submission.id,
                status=accepted.status,
                position=position,
                retiree=accepted.retiree,
                recorded_at=placed.recorded_at,
            )
