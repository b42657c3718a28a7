"""One transaction of the append path: a batch of submissions, each accepted, known already or refused on its own.

The order within it is what makes it correct: lock the retirees, look for repeats (`retirees.py`); decide; then write
newcomers and states, take positions, write events and inbox (`writing.py`). Whatever is refused leaves no trace; every
transaction takes its locks in the same order, so none waits for another in a circle.
"""

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from uuid import UUID

import psycopg
from msgspec.structs import replace

from domain.decide import decide, followed, pass_day
from domain.facts import Known
from domain.history import Outcome, Receipt
from domain.joining import concerns_both, leads, parting
from domain.law import Law
from domain.recalling import leans_on_all, of_facts, recalled
from domain.refusals import Refused
from domain.replaying import Told, facts_of, replayed
from domain.state import Decision, FactRecorded, RetireeState, evolve
from infra import codec
from infra.copying import UUID as UUID_TYPE
from infra.copying import array, read_int
from infra.database import DatabaseError
from infra.faults import in_words
from infra.histories import stored_history
from infra.keys import KeyRing, WrongKeyError
from infra.log import SQL
from infra.regrouping import Regrouping
from infra.retirees import Found, Led, Retiree, find
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
    """The log's partitions end before the batch does, which is of so many `events`."""

    def __init__(self, events: int) -> None:
        super().__init__()
        self.events = events


class InDoubtError(DatabaseError):
    """The connection was lost while committing: whether it did, only the inbox can tell."""


def day_of(today: date, state: RetireeState | None) -> date:
    """The day to decide by. Midnight may have passed elsewhere before it did here; a state from further ahead was left by a clock that was wrong."""
    seen = state.seen if state else None
    return seen if seen and today < seen <= today + _MIDNIGHT else today


_MIDNIGHT = timedelta(days=1)


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
            raise NoRoomError(sum(len(one.decisions) + len(one.beside) for one in self._accepted)) from None
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
                    refused[index] = refusal.with_traceback(None)  # it holds this frame, which holds it
                except (psycopg.Error, DatabaseError, WrongKeyError, FasterError, AloneError):
                    raise
                except Exception as fault:  # noqa: BLE001 - a fault of ours about one must not hold up all the others
                    _log.critical(
                        "cannot decide on %s of %s: %s",
                        type(fact.fact).__name__,
                        found.retirees[prepared.tag].id,
                        in_words(fault),
                    )
                    refused[index] = Refused("internal", "", type(fault).__name__)
                else:
                    digests[prepared.key] = prepared.digest
            elif known != prepared.digest:
                refused[index] = Refused("id-conflict", "id", "this id was used before with other content")
        if self._accepted:
            self._committing = True
            for receipt in write(self._session, self._keys, self._accepted, self._regrouped):
                receipts[receipt.source, receipt.id] = receipt
        return [refused.get(index) or receipts[prepared.key] for index, prepared in enumerate(given)]

    def _decide(self, found: Found, prepared: Prepared, known: Known, *, alone: bool) -> None:
        """Decide on the state its predecessors left; nothing is written yet. Raises `Refused`, `FasterError`, `AloneError`."""
        retiree = found.retirees[prepared.tag]
        led = found.led.get(prepared.tag)
        if prepared.other is not None:
            retiree, led = self._leading(found, prepared), None
        if (led.wrapped if led else retiree.wrapped) is None:
            raise Refused("person-erased", "data.person", "the key that would encrypt this was destroyed")
        state = retiree.state
        today = day_of(self._today, state)
        if today != self._today:
            known = replace(known, learnt=today)
        if state is None:
            state = self.made_anew(retiree)
        elif leans_on_all(state.dossier, known):
            state = replace(state, dossier=recalled(state.dossier, facts_of(self._history(retiree))))
        if state.led_by or led:
            _check_led(state, led)
            known = replace(known, under=led.record) if led else known
        parts = parting(state, known) if state.links else None
        if (prepared.other is not None or parts or state.twin) and not alone:
            raise AloneError(prepared)
        before = state
        decisions = decide(retiree.id, state, known, self._law, today)
        decisions += self._fell_due(retiree, before, decisions, today)
        retiree.state = state = reduce(evolve, decisions, before).on(today, self._law, before)
        beside: list[Beside] = []
        if prepared.other is not None or parts:
            regrouping = Regrouping(self._session, self._keys, self._law, today, self._locked)
            written = (
                regrouping.parted(retiree, known, parts)
                if parts
                else regrouping.linked(found, prepared, known, retiree)
            )
            beside, self._regrouped = written
        elif state.twin and concerns_both(known):
            beside = self._followed(state.twin.record, replace(known, under=retiree.id), today)
        status = Outcome.ACCEPTED if retiree.state.registered else Outcome.PARKED
        self._accepted.append(Accepted(prepared, retiree, known, decisions, status, beside, led and led.wrapped))

    def _leading(self, found: Found, prepared: Prepared) -> Retiree:
        """Which of two records that a link names leads. Raises `Refused`, `FasterError`."""
        assert prepared.other is not None
        one, other = found.retirees[prepared.tag], found.retirees[prepared.other]
        for tag, retiree in ((prepared.tag, one), (prepared.other, other)):
            retiree.state = retiree.state or self.made_anew(retiree)
            _check_led(retiree.state, found.led.get(tag))
        assert one.state
        assert other.state
        if one is other or (one.state.twin and one.state.twin.record == other.id):
            return one
        if one.new != other.new:
            return other if one.new else one
        return one if leads(one.state, other.state) else other

    def _followed(self, record: UUID, known: Known, today: date) -> list[Beside]:
        """What a fact about the person does to the record of the other pension."""
        twin = self._locked(record)
        state = twin.state
        assert state is not None
        if state.dossier.asks(known) or leans_on_all(state.dossier, known):  # its marks are not at hand
            facts = facts_of(self._history(twin))
            state = replace(state, dossier=replace(recalled(state.dossier, facts), marks=of_facts(facts).marks))
        decisions = followed(twin.id, state, known, self._law, today)
        decisions += self._fell_due(twin, state, decisions, today)
        twin.state = reduce(evolve, decisions, state).on(today, self._law)
        return [(twin, decision) for decision in decisions]

    def _fell_due(
        self, retiree: Retiree, before: RetireeState, decisions: Sequence[Decision], today: date
    ) -> list[Decision]:
        """What fell due for somebody before a fact came, and before the clock did."""
        if before.due is None or today < before.due:
            return []
        return pass_day(retiree.id, reduce(evolve, decisions, before), self._law, today)

    def _locked(self, record: UUID) -> Retiree:
        """Another record of a person, held like the one that was found."""
        asked = [(SQL["streams_lock"], (array(UUID_TYPE, [record.bytes]),))]
        (((stream, version, state, wrapped),),) = self._session.exchange(asked)
        retiree = Retiree(b"", stream, read_int(version), codec.decode_state(state), wrapped, new=False)
        retiree.state = retiree.state or self.made_anew(retiree)
        return retiree

    # A retiree's history

    def _history(self, retiree: Retiree) -> list[Told]:
        """Everything about somebody that bears on decisions, this very batch included: slow, and seldom needed."""
        if retiree.history is None:  # the row is locked, so what is stored stays as it is
            _, retiree.history = stored_history(self._session, self._keys, retiree.id, retiree.version)
        here = [one for one in self._accepted if one.retiree is retiree]  # not in the log yet
        return [
            *retiree.history,
            *(one.known if isinstance(d, FactRecorded) else d for one in here for d in one.decisions),
        ]

    def made_anew(self, retiree: Retiree) -> RetireeState:
        """The state out of the whole history: where there is none, or one of an older form. What fell due is to be looked at."""
        return replace(replayed(self._history(retiree), self._law), due=date.min)


def _check_led(state: RetireeState, led: Led | None) -> None:
    """Raise `FasterError` when the record of a number was joined or parted after it was looked up, and before it was locked."""
    if state.led_by or (led and led.record not in state.joined):
        raise FasterError
