"""The state of one retiree: all that a decision needs and no more. Evolving: the state after a decision.

Its size does not grow with the length of the history.
"""

from datetime import date, timedelta
from itertools import takewhile
from typing import assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.answering import told_after, told_after_fact
from domain.dossier import Dossier, is_gone
from domain.entitlement import timeline
from domain.facts import ANSWERS, Known
from domain.handover import Handover, evolve_handover, touches_handover
from domain.law import Law
from domain.links import Link, RecordsJoined, RecordsParted, Twin
from domain.months import first_day, month_of, plus
from domain.recalling import named
from domain.tasks import due_days
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn, Told


class FactRecorded(Struct, frozen=True):
    """A published fact enters the history; `dossier` is what is known with it, `act_by` a deadline that it brings."""

    known: Known
    dossier: Dossier
    act_by: date | None = None


Decision = FactRecorded | AlertRaised | AlertWithdrawn | AlertEscalated


class RetireeState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What deciding needs of one retiree: the dossier, how far the handover is, and what the office was told, by slot.

    `seen`: the day of the last decision; `due`: the first one after it on which something falls due without any fact.
    `joined`: the records that are one person's with this one, by `links`; `twin`: the one of them that has a pension too;
    `led_by`: the one that goes on for this one, which rests.
    """

    dossier: Dossier = Dossier()
    handover: Handover = Handover()
    told: dict[str, Told] = {}
    alerts_raised: int = 0
    due: date | None = None
    seen: date | None = None
    joined: tuple[UUID, ...] = ()
    links: tuple[Link, ...] = ()
    twin: Twin | None = None
    led_by: UUID | None = None

    def on(self, day: date, law: Law, before: "RetireeState | None" = None) -> "RetireeState":
        """The state as it is left on a day, with the next one on which something falls due.

        `before`: the state that was decided on; where nothing changed that something falls due by, its day stands.
        """
        same = (
            before is not None
            and before.dossier is self.dossier
            and before.is_current(day)
            and is_quiet(before) is is_quiet(self)
            and before.days_to_act_by == self.days_to_act_by
        )
        due = before.due if before and same else next_due(self, law, day)
        return replace(self, due=due, seen=day)

    def is_current(self, day: date) -> bool:
        """Whether what was told is what holds on a day: it was looked at, by a day that has come, and nothing fell due since."""
        return self.seen is not None and self.seen <= day and (self.due is None or day < self.due)

    @property
    def days_to_act_by(self) -> list[date]:
        """The days by which something is to be done, but for those whose passing was told of."""
        return [one.act_by for one in self.told.values() if one.is_open and not one.escalated]

    @property
    def registered(self) -> bool:
        """Whether the retiree is known to us; until then facts are parked."""
        return bool(self.dossier.registrations)

    @property
    def open_alerts(self) -> dict[str, str]:
        """The alerts that still need something done, by slot."""
        return {slot: told.alert for slot, told in self.told.items() if told.is_open}


def next_due(state: RetireeState, law: Law, today: date) -> date | None:
    """The first day after `today` on which something falls due without any fact; None when nothing will."""
    if state.led_by:
        return None
    dossier = state.dossier
    # a day that is over is one of an alert that was closed then, and is open again
    act_by = state.days_to_act_by
    days = [max(min(act_by), today) + timedelta(days=1)] if act_by else []
    # what the agency tells of months to come is made up for when they are over
    days += [first_day(plus(run.last, 1)) for one in dossier.payments for run in one.runs if run.last]
    if dossier.registrations and (dossier.turns or dossier.verified):
        # an office is told of a span in the month before it begins
        to_come = takewhile(lambda span: span.first > month_of(today), reversed(timeline(dossier, law, today)))
        days += [first_day(plus(span.first, -1)) for span in to_come]
        days += due_days(dossier, law)
    if dossier.registrations and not is_quiet(state) and (turn := law.next_turn(today)):
        days.append(turn)
    return min([day for day in days if day > today], default=None)


def evolve(state: RetireeState, decision: Decision | RecordsJoined | RecordsParted) -> RetireeState:
    """The state after a decision. Never refuses."""
    match decision:
        case FactRecorded():
            return _with_fact(state, decision)
        case AlertRaised():
            return replace(state, told=told_after(state.told, decision), alerts_raised=state.alerts_raised + 1)
        case AlertWithdrawn() | AlertEscalated():
            return replace(state, told=told_after(state.told, decision))
        case RecordsJoined() | RecordsParted():
            return _regrouped(state, decision)
        case _:
            assert_never(decision)


def _with_fact(state: RetireeState, recorded: FactRecorded) -> RetireeState:
    known, handover, told = recorded.known, state.handover, state.told
    touches = touches_handover(known)  # whatever takes something back does
    if not touches and type(known.fact) not in ANSWERS:
        return replace(state, dossier=recorded.dossier)
    gone = is_gone(state.dossier, known)
    if touches:
        handover = evolve_handover(handover, known, gone=gone)
    if not gone:
        told = told_after_fact(told, known, recorded.act_by)
    after = replace(state, dossier=recorded.dossier, handover=handover, told=told)
    return _untied(after, known) if state.links else after


def _regrouped(state: RetireeState, event: RecordsJoined | RecordsParted) -> RetireeState:
    """The state with another record joined or parted; its facts come in `domain.joining`."""
    other = event.other
    match event:
        case RecordsJoined(leads=leads, both=both, by=by, to=to) if leads or both:
            joined = state.joined if other in state.joined else (*state.joined, other)
            twin = state.twin or Twin(other, event.day, by, leads) if both else state.twin
            return replace(state, joined=joined, links=(*state.links, Link(other, by, to)), twin=twin)
        case RecordsJoined():
            return replace(state, led_by=other)
        case RecordsParted():
            links = tuple(link for link in state.links if other not in (link.record, link.to))
            joined = tuple(one for one in state.joined if one != other)
            return replace(state, joined=joined, links=links, twin=None, led_by=None)


def _untied(state: RetireeState, known: Known) -> RetireeState:
    """The state without the links that a fact takes back."""
    gone = set(named(known))
    return replace(state, links=tuple(link for link in state.links if link.by not in gone))


def is_quiet(state: RetireeState) -> bool:
    """Whether nothing was heard that might speak against a month, or for another office, under whatever law."""
    dossier = state.dossier
    spoken = dossier.deaths or dossier.turns or dossier.verified or dossier.payments or dossier.twice
    return not (spoken or state.handover.moves or state.twin)
