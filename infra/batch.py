"""One transaction of the append path: a batch of submissions, each accepted, known already or refused on its own.

The order within it is what makes it correct: lock the retirees, look for repeats (`retirees.py`); decide; then write
newcomers and states, take positions, write events and inbox (`writing.py`). Whatever is refused leaves no trace; every
transaction takes its locks in the same order, so none waits for another in a circle.
"""

import logging
from collections.abc import Sequence
from datetime import date
from functools import reduce

import msgspec
import psycopg
from msgspec.structs import replace

from domain.decide import (
    AlertEscalated,
    AlertRaised,
    AlertWithdrawn,
    FactRecorded,
    RetireeState,
    decide,
    evolve,
    fact_recorded,
    known_with,
    pass_day,
)
from domain.dossier import leans_on_all, recalled
from domain.facts import Known, Person
from domain.history import FactPublished, Outcome, Receipt
from domain.law import Law
from domain.refusals import Refused
from infra import codec, log
from infra.database import DatabaseError
from infra.keys import KeyRing, WrongKeyError
from infra.retirees import Retiree, find
from infra.session import Session
from infra.submissions import Prepared, name_tags
from infra.writing import Accepted, write

_log = logging.getLogger(__name__)
_decode_person = msgspec.json.Decoder(Person).decode


class FasterError(Exception):
    """Another transaction accepted one of our events, or met one of our newcomers, first."""


class NoRoomError(Exception):
    """The log's partitions end before the batch does."""


class InDoubtError(DatabaseError):
    """The connection was lost while committing: whether it did, only the inbox can tell."""


class Batch:
    """One transaction's work. The session must be in none."""

    def __init__(self, session: Session, keys: KeyRing, law: Law, today: date) -> None:
        self._session = session
        self._keys = keys
        self._law = law
        self._today = today
        self._accepted: list[Accepted] = []
        self._committing = False

    def accept(self, given: Sequence[Prepared]) -> list[Receipt | Refused]:
        """Accept the batch and commit. Raises `FasterError`, `NoRoomError`, `InDoubtError`."""
        try:
            return self._accept(given)
        except psycopg.errors.UniqueViolation:
            raise FasterError from None
        except psycopg.errors.CheckViolation as error:
            if error.diag.constraint_name:  # none is named where a partition is missing
                raise
            raise NoRoomError from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if self._committing and self._session.closed:
                raise InDoubtError(f"the connection was lost while committing: {error}") from error
            raise

    def _accept(self, given: Sequence[Prepared]) -> list[Receipt | Refused]:
        facts = [prepared.known(self._today) for prepared in given]
        retirees, receipts, digests = find(self._session, given, facts)
        refused: dict[int, Refused] = {}
        for index, (prepared, fact) in enumerate(zip(given, facts, strict=True)):
            known = digests.get(prepared.key)
            if known is None:
                try:
                    self._decide(retirees[prepared.tag], prepared, fact)
                except Refused as refusal:
                    refused[index] = refusal
                except (psycopg.Error, DatabaseError, WrongKeyError):
                    raise
                except Exception as fault:  # noqa: BLE001 - a fault of ours about one must not hold up all the others
                    _log.critical(
                        "cannot decide on %s of %s", type(fact.fact).__name__, retirees[prepared.tag].id, exc_info=fault
                    )
                    refused[index] = Refused("internal", "", type(fault).__name__)
                else:
                    digests[prepared.key] = prepared.digest
            elif known != prepared.digest:
                refused[index] = Refused("id-conflict", "id", "this id was used before with other content")
        if self._accepted:
            self._committing = True
            for receipt in write(self._session, self._keys, self._accepted, self._today):
                receipts[receipt.source, receipt.id] = receipt
        return [refused.get(index) or receipts[prepared.key] for index, prepared in enumerate(given)]

    def _decide(self, retiree: Retiree, prepared: Prepared, known: Known) -> None:
        """Decide on the state its predecessors left; nothing is written yet. Raises `Refused`."""
        if retiree.wrapped is None:
            raise Refused("person-erased", "data.person", "the key that would encrypt this was destroyed")
        state = retiree.state
        today = max(self._today, (state and state.seen) or self._today)  # the clock may have passed midnight before us
        late = state is None or (state.due is not None and state.due <= today)
        if state is None:
            state = self.made_anew(retiree)
        elif leans_on_all(state.dossier, known):
            facts = [fact for fact in self._history(retiree) if isinstance(fact, Known)]
            state = replace(state, dossier=recalled(state.dossier, facts))
        before = state
        decisions = decide(retiree.id, state, known, self._law, today)
        state = reduce(evolve, decisions, state)
        if late:  # what fell due before this came, and before the clock
            passed = pass_day(retiree.id, state, self._law, today)
            decisions += passed
            state = reduce(evolve, passed, state)
        retiree.state = state = state.on(today, self._law, before)
        status = Outcome.ACCEPTED if state.registered else Outcome.PARKED
        self._accepted.append(Accepted(prepared, retiree, known, decisions, status))

    # A retiree's history

    def _history(self, retiree: Retiree) -> list[Known | AlertRaised | AlertWithdrawn | AlertEscalated]:
        """Everything about somebody that bears on decisions, this very batch included: slow, and seldom needed."""
        if retiree.history is None:  # the row is locked, so what is stored stays as it is
            retiree.history = self._stored_history(retiree)
        here = [one for one in self._accepted if one.retiree is retiree]  # not in the log yet
        decided = (one.known if isinstance(d, FactRecorded) else d for one in here for d in one.decisions)
        return [*retiree.history, *decided]

    def _stored_history(self, retiree: Retiree) -> list[Known | AlertRaised | AlertWithdrawn | AlertEscalated]:
        rows = log.read_stream(self._session, retiree.id, until=retiree.version)
        stored = [codec.decode(*row).event for row in rows]
        sealed = [(retiree.id, retiree.wrapped or b"", e.sealed) for e in stored if isinstance(e, FactPublished)]
        people = [_decode_person(plain) for plain in self._keys.open_all(sealed)]
        names = iter(name_tags(self._keys, people))
        told = [event.known(next(names)) if isinstance(event, FactPublished) else event for event in stored]
        return [one for one in told if isinstance(one, Known | AlertRaised | AlertWithdrawn | AlertEscalated)]

    def made_anew(self, retiree: Retiree) -> RetireeState:
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
            after = known_with(state, one, self._law, one.learnt)
            state = evolve(state, fact_recorded(one, after, self._law))
        return state
