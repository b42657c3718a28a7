"""Joining two records of one person and parting them again: what is written for both, in the transaction that says so.

Alone in its batch, so that everything about both is in the log already.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import reduce
from uuid import UUID

from msgspec.structs import replace

from domain.decide import RetireeState, alerts_of, evolve
from domain.dossier import is_gone
from domain.entitlement import settled_on
from domain.facts import Known, Reference, RetirementRegistered
from domain.history import FactMoved, FactPublished
from domain.joining import brought_over, left_with, regrouped, rested, taken_along
from domain.law import Law
from domain.links import RecordsJoined, RecordsParted
from domain.refusals import Refused
from domain.replaying import facts_of
from infra import codec, log
from infra.copying import UUID as UUID_TYPE
from infra.copying import array, read_int
from infra.histories import published_of, told_of
from infra.keys import KeyRing
from infra.log import SQL
from infra.retirees import Found, Retiree
from infra.session import Asked, Session
from infra.submissions import Prepared
from infra.writing import Beside

Written = tuple[list[Beside], Sequence[Asked]]
"""Events after those of the submission, and what else is written."""


class _Record:
    """A record with all its facts, and where in the log each of them stands."""

    def __init__(self, session: Session, keys: KeyRing, retiree: Retiree) -> None:
        rows = log.read_stream(session, retiree.id, until=retiree.version)
        entries = [codec.decode(*row) for row in rows]
        self.retiree = retiree
        self.facts = facts_of(told_of(keys, retiree.id, retiree.wrapped or b"", [entry.event for entry in entries]))
        self._published: dict[Reference, FactMoved] = {}
        for entry in entries:
            if published := published_of(entry.event):
                at = entry.event.position if isinstance(entry.event, FactMoved) else entry.position
                moved = FactMoved(position=at, published=published)
                self._published[Reference(published.source, published.id)] = moved

    def moved(self, keys: KeyRing, facts: Sequence[Known], to: Retiree) -> list[FactMoved]:
        """Facts of this record as they go to another one, their person encrypted under its key."""
        found = [self._published[known.reference] for known in facts]
        here = self.retiree.id, self.retiree.wrapped or b""
        plain = keys.open_all([(*here, one.published.sealed) for one in found])
        sealed = keys.seal_all([(to.id, to.wrapped or b"", person) for person in plain])
        return [
            FactMoved(position=one.position, published=_under(one.published, known.under, person))
            for one, known, person in zip(found, facts, sealed, strict=True)
        ]


class Regrouping:
    """What follows for two records in the transaction of the fact that joins or parts them."""

    def __init__(
        self, session: Session, keys: KeyRing, law: Law, today: date, made_anew: Callable[[Retiree], RetireeState]
    ) -> None:
        self._session = session
        self._keys = keys
        self._law = law
        self._today = today
        self._made_anew = made_anew

    def of(
        self,
        found: Found,
        prepared: Prepared,
        known: Known,
        lead: Retiree,
        parts: UUID | None,
    ) -> Written:
        """What follows beside the decisions on the fact itself; the states of both are then as after it."""
        if parts:
            return self._part(lead, known, parts)
        assert prepared.other is not None
        others = [one for tag in (prepared.tag, prepared.other) if (one := found.retirees[tag]) is not lead]
        if others:
            return self._join(lead, others[0], known)
        return self._tie(lead, [found.led.get(prepared.tag), found.led.get(prepared.other)], known)

    def _join(self, lead: Retiree, led: Retiree, known: Known) -> Written:
        assert lead.state
        assert led.state
        if led.wrapped is None:
            raise Refused("person-erased", "data.person.other_identity_number", "its key was destroyed")
        if is_gone(lead.state.dossier, known) or is_gone(led.state.dossier, known):
            return [], ()  # it was taken back before it came
        joined = RecordsJoined(other=led.id, leads=True, by=known.reference, day=self._today)
        resting = replace(joined, other=lead.id, leads=False)
        one, other = self._record(lead), self._record(led)
        comes = brought_over(led.id, other.facts)
        moved = other.moved(self._keys, comes, lead)
        beside = self._regrouped(lead, joined, moved, [*one.facts, known, *comes])
        gone = rested(led.id, led.state, known.reference, self._law)
        led.state = evolve(reduce(evolve, gone, led.state), resting).on(self._today, self._law)
        return [*beside, *((led, event) for event in gone), (led, resting)], [
            (SQL["led_save"], (led.stream, lead.stream))
        ]

    def _tie(self, lead: Retiree, records: Sequence[UUID | None], known: Known) -> Written:
        """Two records that are one person's already: one more fact says so, without which they may have to part one day."""
        assert lead.state
        record, to = sorted(records, key=lambda one: one is None)
        if record is None or is_gone(lead.state.dossier, known):
            return [], ()
        joined = RecordsJoined(other=record, leads=True, by=known.reference, day=self._today, to=to)
        lead.state = evolve(lead.state, joined)
        return [(lead, joined)], ()

    def _part(self, lead: Retiree, known: Known, record: UUID) -> Written:
        assert lead.state
        led = self._locked(record)
        assert led.state
        if led.wrapped is None:
            raise Refused("person-erased", "data.person", "the key of the other record was destroyed")
        one, other = self._record(lead), self._record(led)
        goes = taken_along(record, one.facts, other.facts)
        leaving = RecordsParted(other=record, led=True, by=known.reference, day=self._today)
        before = settled_on(lead.state.dossier, self._law, self._today)
        back = replace(leaving, other=lead.id, led=False)
        if not led.state.dossier.first and any(isinstance(fact.fact, RetirementRegistered) for fact in goes):
            back = replace(back, paid=before.paid, settled=before.settled)
        moved = one.moved(self._keys, goes, led)
        beside = self._regrouped(lead, leaving, (), left_with([*one.facts, known], record))
        beside += self._regrouped(led, back, moved, [*other.facts, *goes])
        return beside, [(SQL["led_end"], (led.stream,)), (SQL["marks_clear"], (lead.stream,))]

    def _regrouped(
        self, retiree: Retiree, event: RecordsJoined | RecordsParted, moved: Sequence[FactMoved], facts: Sequence[Known]
    ) -> list[Beside]:
        """What is written in a record that has these facts from now on, after those that come to it."""
        assert retiree.state
        state = regrouped(retiree.state, event, facts, self._law)
        alerts = alerts_of(retiree.id, state, event.by, self._law, self._today)
        retiree.state = reduce(evolve, alerts, state).on(self._today, self._law)
        retiree.marks = {}  # all are written again
        return [(retiree, one) for one in (*moved, event, *alerts)]

    def _record(self, retiree: Retiree) -> _Record:
        return _Record(self._session, self._keys, retiree)

    def _locked(self, record: UUID) -> Retiree:
        """A record that is led, held like the one that leads it."""
        (rows,) = self._session.exchange([(SQL["streams_lock"], (array(UUID_TYPE, [record.bytes]),))])
        ((stream, version, state, wrapped),) = rows
        retiree = Retiree(b"", stream, read_int(version), codec.decode_state(state), wrapped, new=False)
        retiree.state = retiree.state or self._made_anew(retiree)
        return retiree


def _under(published: FactPublished, record: UUID | None, sealed: bytes) -> FactPublished:
    return replace(published, under=record, sealed=sealed)
