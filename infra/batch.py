"""One transaction of the append path: a batch of submissions, each accepted, known already or refused on its own.

The order within it is what makes it correct: lock the retirees, look for repeats (`retirees.py`); decide; then write
newcomers and states, take positions, write events and inbox (`writing.py`). Whatever is refused leaves no trace; every
transaction takes its locks in the same order, so none waits for another in a circle.
"""

import logging
from collections.abc import Sequence
from datetime import date
from functools import reduce

import psycopg
from msgspec.structs import replace

from domain.decide import FactRecorded, RetireeState, decide, evolve, pass_day
from domain.facts import Known
from domain.history import Outcome, Receipt
from domain.joining import leads, parting
from domain.law import Law
from domain.recalling import leans_on_all, recalled
from domain.refusals import Refused
from domain.replaying import Told, facts_of, replayed
from infra import codec, log
from infra.database import DatabaseError
from infra.histories import told_of
from infra.keys import KeyRing, WrongKeyError
from infra.regrouping import Regrouping
from infra.retirees import Found, Retiree, find
from infra.session import Asked, Session
from infra.submissions import Prepared
from infra.writing import Accepted, Beside, write

_log = logging.getLogger(__name__)


class FasterError(Exception):
    """Another transaction accepted one of our events, or met one of our newcomers, first."""


class AloneError(Exception):
    """This submission joins or parts two records, for which it must be alone in its batch."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self.prepared = prepared


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
        self._regrouped: Sequence[Asked] = ()
        self._committing = False

    def accept(self, given: Sequence[Prepared]) -> list[Receipt | Refused]:
        """Accept the batch and commit. Raises `FasterError`, `AloneError`, `NoRoomError`, `InDoubtError`."""
        try:
            return self._accept(given)
        except (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
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
        found = find(self._session, given, facts)
        receipts, digests = found.receipts, found.digests
        refused: dict[int, Refused] = {}
        for index, (prepared, fact) in enumerate(zip(given, facts, strict=True)):
            known = digests.get(prepared.key)
            if known is None:
                try:
                    self._decide(found, prepared, fact, alone=len(given) == 1)
                except Refused as refusal:
                    refused[index] = refusal
                except (psycopg.Error, DatabaseError, WrongKeyError, FasterError, AloneError):
                    raise
                except Exception as fault:  # noqa: BLE001 - a fault of ours about one must not hold up all the others
                    _log.critical(
                        "cannot decide on %s of %s",
                        type(fact.fact).__name__,
                        found.retirees[prepared.tag].id,
                        exc_info=fault,
                    )
                    refused[index] = Refused("internal", "", type(fault).__name__)
                else:
                    digests[prepared.key] = prepared.digest
            elif known != prepared.digest:
                refused[index] = Refused("id-conflict", "id", "this id was used before with other content")
        if self._accepted:
            self._committing = True
            for receipt in write(self._session, self._keys, self._accepted, self._today, self._regrouped):
                receipts[receipt.source, receipt.id] = receipt
        return [refused.get(index) or receipts[prepared.key] for index, prepared in enumerate(given)]

    def _decide(self, found: Found, prepared: Prepared, known: Known, *, alone: bool) -> None:
        """Decide on the state its predecessors left; nothing is written yet. Raises `Refused`, `FasterError`, `AloneError`."""
        retiree = found.retirees[prepared.tag]
        if prepared.other is not None:
            retiree = self._leading(retiree, found.retirees[prepared.other])
        if retiree.wrapped is None:
            raise Refused("person-erased", "data.person", "the key that would encrypt this was destroyed")
        state = retiree.state
        today = max(self._today, (state and state.seen) or self._today)  # the clock may have passed midnight before us
        if state is None:
            state = self.made_anew(retiree)
        elif leans_on_all(state.dossier, known):
            state = replace(state, dossier=recalled(state.dossier, facts_of(self._history(retiree))))
        if found.led or state.led_by:
            known = _under(found, prepared, state, known)
        parts = parting(state, known) if state.links else None
        if (prepared.other is not None or parts) and not alone:
            raise AloneError(prepared)
        due = state.due
        decisions = decide(retiree.id, state, known, self._law, today)
        state = reduce(evolve, decisions, state)
        if due is not None and due <= today:  # what fell due before this came, and before the clock
            passed = pass_day(retiree.id, state, self._law, today)
            decisions += passed
            state = reduce(evolve, passed, state)
        retiree.state = state = state.on(today, self._law)
        beside: list[Beside] = []
        if prepared.other is not None or parts:
            regrouping = Regrouping(self._session, self._keys, self._law, today, self.made_anew)
            beside, self._regrouped = regrouping.of(found, prepared, known, retiree, parts)
        status = Outcome.ACCEPTED if retiree.state.registered else Outcome.PARKED
        self._accepted.append(Accepted(prepared, retiree, known, decisions, status, beside))

    def _leading(self, one: Retiree, other: Retiree) -> Retiree:
        """Which of two records goes on for both. Raises `Refused`."""
        for retiree in (one, other):
            retiree.state = retiree.state or self.made_anew(retiree)
        assert one.state
        assert other.state
        return one if one is other or leads(one.state, other.state) else other

    # A retiree's history

    def _history(self, retiree: Retiree) -> list[Told]:
        """Everything about somebody that bears on decisions, this very batch included: slow, and seldom needed."""
        if retiree.history is None:  # the row is locked, so what is stored stays as it is
            rows = log.read_stream(self._session, retiree.id, until=retiree.version)
            events = [codec.decode(*row).event for row in rows]
            retiree.history = told_of(self._keys, retiree.id, retiree.wrapped or b"", events)
        here = [one for one in self._accepted if one.retiree is retiree]  # not in the log yet
        return [
            *retiree.history,
            *(one.known if isinstance(d, FactRecorded) else d for one in here for d in one.decisions),
        ]

    def made_anew(self, retiree: Retiree) -> RetireeState:
        """The state out of the whole history: where there is none, or one of an older form. What fell due is to be looked at."""
        return replace(replayed(self._history(retiree), self._law), due=date.min)


def _under(found: Found, prepared: Prepared, state: RetireeState, known: Known) -> Known:
    """The fact with the record that it came under. Raises `FasterError` when that was joined or parted just now."""
    record = found.led.get(prepared.tag)
    if state.led_by or (record is not None and record not in state.joined):
        raise FasterError
    return known if record is None or prepared.other is not None else replace(known, under=record)
