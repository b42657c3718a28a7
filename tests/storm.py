"""A storm over a ledger: writing processes killed and replaced, sessions ended, PostgreSQL killed; and what must hold after it."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from functools import reduce
from pathlib import Path
from random import Random
from time import monotonic, sleep
from uuid import UUID

import msgspec
import psycopg
from msgspec.structs import replace

from domain.bounding import KEEP
from domain.decide import decide, pass_day
from domain.entitlement import Assessment, learned, review
from domain.facts import DeathReported, Known, Person
from domain.history import Entry, FactPublished, Receipt
from domain.law import Law
from domain.state import FactRecorded, RetireeState, evolve
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec
from infra.database import Database
from infra.keys import KeyRing
from infra.sealed import person_of
from infra.submissions import name_tags
from tests.crowd import Answered, Batch, chance, journal
from tests.readers import Tail
from tests.wholeness import assert_as_told, whole_log

ROOT = Path(__file__).parents[1]
WRITERS = 8
Alert = AlertRaised | AlertWithdrawn | AlertEscalated


class Crowd:
    """Eight processes that write until they are told to finish, each with its journal."""

    def __init__(self, dsn: str, seed: int, folder: Path) -> None:
        self._dsn = dsn
        self._seed = seed
        self._folder = folder
        self.kills = 0
        self.processes = [self._started(writer) for writer in range(WRITERS)]

    def kill(self, writer: int) -> None:
        """Kill one with -9, and put another in its place."""
        self._assert_alive(writer)
        os.kill(self.processes[writer].pid, signal.SIGKILL)
        self.processes[writer].wait()
        self.kills += 1
        self.processes[writer] = self._started(writer)

    def finish(self) -> None:
        """Let each come to the end of its batch."""
        (self._folder / "finish").touch()
        for writer, process in enumerate(self.processes):
            assert process.wait(120) == 0, self._said(writer)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def journals(self) -> list[list[Batch]]:
        return [journal(self._folder / f"{writer}.journal") for writer in range(WRITERS)]

    def _started(self, writer: int) -> subprocess.Popen[bytes]:
        path = self._folder / f"{writer}.journal"
        command = [sys.executable, "-m", "tests.crowd", self._dsn, str(self._seed), str(writer), str(path)]
        with (self._folder / f"{writer}.said").open("wb") as said:
            return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)

    def _assert_alive(self, writer: int) -> None:
        assert self.processes[writer].poll() is None, self._said(writer)

    def _said(self, writer: int) -> str:
        return (self._folder / f"{writer}.said").read_text()[-4_000:]


@contextmanager
def crowd(dsn: str, seed: int, folder: Path) -> Iterator[Crowd]:
    made = Crowd(dsn, seed, folder)
    try:
        yield made
    finally:
        made.close()


def rage(writing: Crowd, dsn: str, rng: Random, seconds: float, restart: Callable[[], None] | None = None) -> int:
    """Kill writers and end sessions at random for so long, and now and then PostgreSQL; how many sessions were ended.

    Readers' sessions as well as writers'.
    """
    query = """select count(pg_terminate_backend(pid)) from (
                   select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                   order by random() limit %s) as s"""
    ended, until = 0, monotonic() + seconds
    next_restart = monotonic() + 25
    while (left := until - monotonic()) > 0:
        sleep(min(left, rng.uniform(0.1, 1.0)))
        if restart and monotonic() > next_restart:
            restart()
            next_restart = monotonic() + rng.uniform(20, 40)
        elif rng.random() < 0.5:
            writing.kill(rng.randrange(WRITERS))
        else:
            with suppress(psycopg.OperationalError), psycopg.connect(dsn) as admin:
                ((number,),) = admin.execute(query, [rng.randint(1, 4)]).fetchall()
                ended += number
    return ended


# What must hold


def assert_after_storm(database: Database, keys: KeyRing, law: Law, tail: Tail, writing: Crowd, ended: int) -> None:
    """Everything, and what it was in a line."""
    journals = writing.journals()
    found = whole_log(database)
    print(f"\n{figures(found, journals, writing, ended)}")  # noqa: T201 - for whoever looks on
    tail.assert_saw(found)
    assert_answers_hold(found, journals, keys)
    for batches in journals:
        assert_order_is_kept(batches)
    assert_decided_rightly(found, database, keys, law)


def assert_answers_hold(found: Sequence[Entry], journals: Sequence[Sequence[Batch]], keys: KeyRing) -> None:
    """Every answer to any writer is true of the log, and the same for all."""
    answers = [one for batches in journals for batch in batches for one in batch.answers]
    contents = list({one.digest for one in answers})
    keyed = dict(zip(contents, keys.tags("content", [content.hex() for content in contents]), strict=True))
    digests = {(e.event.source, e.event.id): e.event.digest for e in found if isinstance(e.event, FactPublished)}
    receipts: dict[tuple[str, str], Receipt] = {}
    for one in answers:
        key = one.source, one.id
        if one.receipt:
            receipt = replace(one.receipt, known=False)
            assert receipts.setdefault(key, receipt) == receipt, "two receipts for one event"
            assert digests[key] == keyed[one.digest], "a receipt for other content than is stored"
        elif one.code == "id-conflict":
            assert digests[key] != keyed[one.digest], "a conflict with itself"
        else:
            assert key not in digests, "refused and stored"
    assert digests.keys() == receipts.keys(), "an event that nobody was answered for"  # each batch is sent until it is
    assert_as_told(list(found), receipts.values())


def assert_order_is_kept(batches: Sequence[Batch]) -> None:
    """Of one writer's own, those about one retiree are in the log in the order in which they were sent."""
    own: dict[UUID, dict[tuple[int, int], int]] = defaultdict(dict)
    for one in (one for batch in batches for one in batch.answers):
        if one.place and one.receipt:
            own[one.receipt.retiree][one.place] = one.receipt.position
    for places in own.values():
        positions = [places[place] for place in sorted(places)]
        assert positions == sorted(positions)


def assert_decided_rightly(found: Sequence[Entry], database: Database, keys: KeyRing, law: Law) -> None:
    """Deciding again, each retiree's facts in the order of the log with nothing left out, gives what is stored."""
    streams: dict[UUID, list[Entry]] = defaultdict(list)
    for entry in found:
        streams[entry.stream].append(entry)
    with database.transaction() as connection:
        wrapped = dict(connection.execute("select retiree, wrapped from ledger.retiree_key").fetchall())
        states = dict(connection.execute("select stream, state from ledger.stream").fetchall())
    for stream, entries in streams.items():
        facts = [entry.event for entry in entries if isinstance(entry.event, FactPublished)]
        people = [
            _decode(person_of(plain)) for plain in keys.open_all([(stream, wrapped[stream], e.sealed) for e in facts])
        ]
        known = [fact.known(name) for fact, name in zip(facts, name_tags(keys, people), strict=True)]
        state, alerts = _decided(stream, known, law)
        stands = [e.event for e in entries if isinstance(e.event, AlertRaised | AlertWithdrawn | AlertEscalated)]
        if sum(isinstance(one.fact, DeathReported) for one in known) > KEEP:
            alerts, stands = _without_evidence(alerts), _without_evidence(stands)  # a dossier knows those it kept
        assert alerts == stands
        stored = codec.decode_state(states[stream])
        assert stored is not None
        assert (stored.open_alerts, stored.alerts_raised) == (state.open_alerts, state.alerts_raised)
        today = known[-1].learnt
        assert _standing(stored, law, today) == _standing(state, law, today)


def _decided(stream: UUID, facts: Sequence[Known], law: Law) -> tuple[RetireeState, list[Alert]]:
    """The state over all facts, with none left out, and what was decided on the way there."""
    state, alerts = RetireeState(), list[Alert]()
    for known in facts:
        full = learned(state.dossier, known, law)
        late = state.due is not None and state.due <= known.learnt
        decisions = decide(stream, state, known, law, known.learnt)
        state = reduce(evolve, decisions, state)
        if late:
            passed = pass_day(stream, state, law, known.learnt)
            decisions += passed
            state = reduce(evolve, passed, state)
        alerts += [decision for decision in decisions if not isinstance(decision, FactRecorded)]
        state = replace(state, dossier=full).on(known.learnt, law)
    return state, alerts


def _without_evidence(alerts: Sequence[Alert]) -> list[Alert]:
    without = [one if isinstance(one, AlertEscalated) else replace(one, evidence=()) for one in alerts]
    return [replace(one, late=None) if isinstance(one, AlertRaised) else one for one in without]


def _standing(state: RetireeState, law: Law, today: date) -> Assessment:
    """Where somebody stands, whichever reports it is known from."""
    found = review(state.dossier, law, today)
    return replace(found, suspicion=found.suspicion and replace(found.suspicion, facts=()))


_decode = msgspec.json.Decoder(Person).decode


def figures(found: Sequence[Entry], journals: Sequence[Sequence[Batch]], writing: Crowd, ended: int) -> str:
    """The storm in one line."""
    batches = [batch for batches in journals for batch in batches]
    answers: list[Answered] = [one for batch in batches for one in batch.answers]
    facts = sum(isinstance(entry.event, FactPublished) for entry in found)
    repeats = sum(one.receipt is not None for one in answers) - facts
    codes = [one.code for one in answers if one.code]
    conflicts = codes.count("id-conflict")
    failed = sum(batch.failures for batch in batches)
    return (
        f"{len(found)} events of {len({entry.stream for entry in found})} people; {facts} facts in {len(batches)} batches, "
        f"{repeats} repeats, {conflicts} conflicts, {len(codes) - conflicts} refused; "
        f"{writing.kills} writers killed, {ended} sessions ended, {failed} batches sent again after an error"
    )


def weather(
    dsn: str, seed: int, folder: Path, *, seconds: float, restart: Callable[[], None] | None = None
) -> tuple[Crowd, int]:
    """A storm from its beginning to its end."""
    with crowd(dsn, seed, folder) as writing:
        ended = rage(writing, dsn, chance(seed, "faults"), seconds, restart)
        writing.finish()
    return writing, ended
