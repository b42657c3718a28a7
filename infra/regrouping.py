"""Joining two records of one person and parting them again: what is written for both, in the transaction that says so.

Alone in its batch, so that everything about both is in the log already.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import reduce
from uuid import UUID

from msgspec.structs import replace

from domain.decide import alerts_of
from domain.dossier import is_gone
from domain.entitlement import settled_on
from domain.facts import Known, Reference, RetirementRegistered
from domain.history import FactMoved
from domain.joining import brought_over, left_with, regrouped, rested, shared, taken_along
from domain.law import Law
from domain.links import RecordsJoined, RecordsParted
from domain.refusals import Refused
from domain.replaying import facts_of
from domain.state import evolve
from infra.histories import published_of, stored_history
from infra.keys import KeyRing
from infra.log import SQL
from infra.retirees import Found, Retiree
from infra.session import Asked, Session
from infra.submissions import Prepared
from infra.writing import Beside

Written = tuple[list[Beside], Sequence[Asked]]
"""Events after those of the submission, and what else is written."""


class _Record:
    """A record with all its facts, as decisions know them and as they were told."""

    def __init__(self, session: Session, keys: KeyRing, retiree: Retiree) -> None:
        events, told = stored_history(session, keys, retiree.id, retiree.version)
        self.id = retiree.id
        self.facts = facts_of(told)
        published = filter(None, map(published_of, events))
        self._published = {Reference(one.source, one.id): one for one in published}

    def moved(self, facts: Sequence[Known], to: UUID) -> list[FactMoved]:
        """Facts of this record as they go to another one; they stay under the key of the record they were told under."""
        found = [self._published[known.reference] for known in facts]
        return [
            FactMoved(of=known.under or to, published=replace(one, under=one.under or self.id))
            for one, known in zip(found, facts, strict=True)
        ]


class Regrouping:
    """What follows for two records in the transaction of the fact that joins or parts them."""

    def __init__(
        self, session: Session, keys: KeyRing, law: Law, today: date, locked: Callable[[UUID], Retiree]
    ) -> None:
        self._session = session
        self._keys = keys
        self._law = law
        self._today = today
        self._locked = locked

    def linked(self, found: Found, prepared: Prepared, known: Known, lead: Retiree) -> Written:
        """Join the records that a link names, or add it to what says already that they are one person's."""
        assert prepared.other is not None
        assert lead.state
        tags = prepared.tag, prepared.other
        other = next((one for tag in tags if (one := found.retirees[tag]) is not lead), None)
        led = [found.led[tag].record for tag in tags if tag in found.led]
        if other and not lead.state.twin:
            return self._join(lead, other, known, led)
        return self._tie(lead, other, known, led)

    def _join(self, lead: Retiree, other: Retiree, known: Known, led: Sequence[UUID]) -> Written:
        assert lead.state
        assert other.state
        if other.wrapped is None:
            raise Refused("person-erased", "data.person.other_identity_number", "its key was destroyed")
        if is_gone(lead.state.dossier, known) or is_gone(other.state.dossier, known):
            return [], ()  # it was taken back before it came
        both = other.state.registered
        to = led[0] if led else None
        here = RecordsJoined(other=other.id, leads=True, both=both, by=known.reference, day=self._today, to=to)
        there = replace(here, other=lead.id, leads=False, to=None)
        one, two = self._record(lead), self._record(other)
        if both:
            comes, goes = shared(two.facts, other.id), shared(one.facts, lead.id)
            beside = self._regrouped(lead, here, two.moved(comes, lead.id), [*one.facts, known, *comes])
            beside += self._regrouped(other, there, one.moved(goes, other.id), [*two.facts, *goes])
            return beside, ()
        comes = brought_over(two.facts, other.id)
        beside = self._regrouped(lead, here, two.moved(comes, lead.id), [*one.facts, known, *comes])
        gone = rested(other.id, other.state, known.reference, self._law)
        other.state = evolve(reduce(evolve, gone, other.state), there).on(self._today, self._law)
        beside += [(other, alert) for alert in gone]
        return [*beside, (other, there)], [(SQL["led_save"], (other.stream, lead.stream))]

    def _tie(self, lead: Retiree, twin: Retiree | None, known: Known, led: Sequence[UUID]) -> Written:
        """They are one person's already: one more fact says so, without which they may have to part one day."""
        assert lead.state
        if is_gone(lead.state.dossier, known):
            return [], ()
        record, to = twin.id if twin else led[0], led[1] if len(led) > 1 else None
        here = RecordsJoined(other=record, leads=True, both=bool(twin), by=known.reference, day=self._today, to=to)
        lead.state = evolve(lead.state, here)
        if not twin or not twin.state:
            return [(lead, here)], ()
        there = replace(here, other=lead.id, leads=False)
        twin.state = evolve(twin.state, there)
        return [(lead, here), (twin, there)], ()

    def parted(self, lead: Retiree, known: Known, record: UUID) -> Written:
        """Part a record from the one that leads it, or whose pension goes on beside its own."""
        assert lead.state
        other = self._locked(record)
        assert other.state
        here = RecordsParted(other=record, led=True, by=known.reference, day=self._today)
        there = replace(here, other=lead.id, led=False)
        one, two = self._record(lead), self._record(other)
        stay = left_with([*one.facts, known], record)
        if lead.state.twin:
            beside = self._regrouped(lead, here, (), stay)
            beside += self._regrouped(other, there, (), left_with(two.facts, lead.id))
            return beside, [(SQL["marks_clear"], (whose.stream,)) for whose in (lead, other)]
        goes = taken_along(one.facts, record, two.facts)
        if not any(isinstance(fact.fact, RetirementRegistered) for fact in stay):
            before = settled_on(lead.state.dossier, self._law, self._today)
            there = replace(there, paid=before.paid, settled=before.settled, payments=before.payments)
        beside = self._regrouped(lead, here, (), stay)
        beside += self._regrouped(other, there, one.moved(goes, record), [*two.facts, *goes])
        return beside, [(SQL["led_end"], (other.stream,)), (SQL["marks_clear"], (lead.stream,))]

    def _regrouped(
        self, retiree: Retiree, event: RecordsJoined | RecordsParted, moved: Sequence[FactMoved], facts: Sequence[Known]
    ) -> list[Beside]:
        """What is written in a record that has these facts from now on, after those that come to it."""
        assert retiree.state
        state = regrouped(retiree.state, event, facts, self._law)
        alerts = alerts_of(retiree.id, state, event.by, self._law, self._today)
        retiree.state = reduce(evolve, alerts, state).on(self._today, self._law)
        retiree.marks = {}  # all are written again
        event = replace(event, handover=state.handover)
        return [(retiree, one) for one in (*moved, event, *alerts)]

    def _record(self, retiree: Retiree) -> _Record:
        return _Record(self._session, self._keys, retiree)
