"""Deciding: a state and a fact in, facts and alerts out. Evolving: the state after them.

The state of one retiree is all that a decision needs and no more: the dossier of what bears on entitlement, and what its
office was told. Its size does not grow with the length of the history.
"""

from datetime import date, timedelta
from functools import reduce
from itertools import takewhile
from typing import assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.alerts import Instruction, Standing, difference, pays_from, standing
from domain.bounding import bounded
from domain.dossier import Dossier, bears, is_gone
from domain.entitlement import Assessment, learned, review, timeline
from domain.facts import (
    MAY_PUBLISH,
    AlertApplied,
    Answer,
    DeathDeclared,
    DeclaredMissing,
    Known,
    OverpaymentReturned,
    Paroled,
    PensionPaid,
    Reference,
    Sentenced,
)
from domain.grants import grant
from domain.handover import Handover, decide_handover, evolve_handover, moving_to, touches_handover
from domain.kinds import Kind
from domain.law import Law
from domain.links import Link, RecordsJoined, RecordsParted, Twin
from domain.months import first_day, month_of, plus
from domain.recalling import named
from domain.recovery import check_part
from domain.refusals import Refused
from domain.reporting import late_report
from domain.tasks import Task, due_days, tasks, two_pensions
from domain.telling import (
    AlertEscalated,
    AlertRaised,
    AlertWithdrawn,
    Told,
    answered,
    deadline,
    effect,
    escalations,
    grants_returned,
    raised,
    resumed_again,
    told_after,
)


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
        same = before and before.dossier is self.dossier and _is_quiet(before) is _is_quiet(self)
        if before and same and before.is_current(day) and before.days_to_act_by == self.days_to_act_by:
            return replace(self, due=before.due, seen=day)
        return replace(self, due=next_due(self, law, day), seen=day)

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


def decide(retiree: UUID, state: RetireeState, known: Known, law: Law, today: date) -> list[Decision]:
    """What follows from a newly learned fact: the fact itself, then the alerts it raises or withdraws.

    Raises `Refused` as `check`, `answered`, `check_part` and `decide_handover` do. The state must fit the fact as
    `domain.dossier.learn` says.
    """
    check(known, today)
    one = answered(state.told, known)
    if one and isinstance(known.fact, OverpaymentReturned):
        check_part(one.terms, known, state.dossier, law, today)
    if _goes_to_handover(state, known):
        decide_handover(state.handover, known, state.dossier.registration, law, today)
    return followed(retiree, state, known, law, today)


def followed(retiree: UUID, state: RetireeState, known: Known, law: Law, today: date) -> list[Decision]:
    """What follows from a fact that may be told, or was taken in by another record of the same person. Never refuses."""
    after = known_with(state, known, law, today)
    recorded = fact_recorded(known, after, law)
    now = evolve(state, recorded)
    if after is state.dossier and not _goes_to_handover(state, known) and not isinstance(known.fact, Answer):
        return [recorded]
    if after is state.dossier and state.is_current(today) and _moves_nothing(state, now, known):
        return [recorded]
    return [recorded, *alerts_of(retiree, now, known.reference, law, today)]


def _moves_nothing(state: RetireeState, now: RetireeState, known: Known) -> bool:
    """Whether an answer tells of no payment, or a step of a handover of no move: other alerts than before follow from neither."""
    if isinstance(known.fact, AlertApplied | OverpaymentReturned):
        return False
    return now.handover is state.handover or not (state.handover.moves or now.handover.moves)


def fact_recorded(known: Known, after: Dossier, law: Law) -> FactRecorded:
    """A fact as it is recorded with what is known after it."""
    return FactRecorded(known, bounded(after), deadline(known, law))


def known_with(state: RetireeState, known: Known, law: Law, today: date) -> Dossier:
    """What is known with one more fact, or answer: the very same where it cannot touch the pension."""
    dossier = learned(state.dossier, known, law) if bears(known) else state.dossier
    run = None if is_gone(dossier, known) else effect(state.told, known)
    return run(dossier, law, today) if run else dossier


_A_LIFE = 100
"""Years: no term of any kind lasts longer."""


def pass_day(retiree: UUID, state: RetireeState, law: Law, today: date) -> list[Decision]:
    """What follows from a day alone: what falls due, and what should have been done by now. Nothing when nothing does."""
    if state.led_by:
        return []
    alerts = alerts_of(retiree, state, None, law, today)
    after = reduce(evolve, alerts, state)
    return [*alerts, *escalations(retiree, after.told, office_of(state.dossier, law), today)]


def next_due(state: RetireeState, law: Law, today: date) -> date | None:
    """The first day after `today` on which something falls due without any fact; None when nothing will."""
    if state.led_by:
        return None
    dossier = state.dossier
    # a day that is over is one of an alert that was closed then, and is open again
    days = [max(day, today) + timedelta(days=1) for day in state.days_to_act_by]
    # what the agency tells of months to come is made up for when they are over
    days += [first_day(plus(run.last, 1)) for one in dossier.payments for run in one.runs if run.last]
    if dossier.registrations and (dossier.turns or dossier.verified):
        # an office is told of a span in the month before it begins
        to_come = takewhile(lambda span: span.first > month_of(today), reversed(timeline(dossier, law, today)))
        days += [first_day(plus(span.first, -1)) for span in to_come]
        days += due_days(dossier, law)
    if dossier.registrations and not _is_quiet(state) and (turn := law.next_turn(today)):
        days.append(turn)
    return min((day for day in days if day > today), default=None)


def check(known: Known, today: date) -> None:
    """Raise `Refused`: `not-your-fact` when the department may not publish it, `date-in-future`, `invalid-field` for a day or month that cannot be meant."""
    if known.department not in MAY_PUBLISH[type(known.fact)]:
        raise Refused("not-your-fact", "type", f"{known.department} may not publish this")
    if known.fact.effective > today:
        raise Refused("date-in-future", "data.effective", "the day has not come yet")
    match known.fact:
        case Sentenced() | Paroled() | DeclaredMissing() | DeathDeclared() as fact:
            for name in ("serves_from", "ends_on", "since", "judged_on"):
                day = getattr(fact, name, None)
                if day and not abs(day.year - fact.effective.year) <= _A_LIFE:
                    raise Refused("invalid-field", f"data.{name}", "it lies a life away from the day of the fact")
            begins, ends = getattr(fact, "serves_from", None) or fact.effective, getattr(fact, "ends_on", None)
            if ends and ends < begins:
                raise Refused("invalid-field", "data.ends_on", "it ends before it begins")
        case PensionPaid(until=until, effective=day) if until:
            if not month_of(day) <= until <= plus(month_of(today), 1):
                raise Refused("invalid-field", "data.until", "it lies before the first month, or has not come yet")
        case AlertApplied(month=month) | OverpaymentReturned(month=month) if month > plus(month_of(today), 12):
            raise Refused("invalid-field", "data.month", "it is more than a year away")
        case _:
            pass


def evolve(state: RetireeState, decision: Decision | RecordsJoined | RecordsParted) -> RetireeState:
    """The state after a decision. Never refuses."""
    match decision:
        case FactRecorded(known=known, dossier=dossier, act_by=act_by):
            handover, gone = state.handover, is_gone(state.dossier, known)
            if touches_handover(known):
                handover = evolve_handover(handover, known, gone=gone)
            told = state.told if gone else told_after(state.told, known, act_by)
            after = replace(state, dossier=dossier, handover=handover, told=told)
            return _untied(after, known) if state.links else after
        case AlertRaised():
            return replace(state, told=told_after(state.told, decision), alerts_raised=state.alerts_raised + 1)
        case AlertWithdrawn() | AlertEscalated():
            return replace(state, told=told_after(state.told, decision))
        case RecordsJoined() | RecordsParted():
            return _regrouped(state, decision)
        case _:
            assert_never(decision)


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


def _goes_to_handover(state: RetireeState, known: Known) -> bool:
    return touches_handover(known) and not is_gone(state.dossier, known)


def standing_of(dossier: Dossier, law: Law, today: date) -> Standing:
    """The instructions that hold for a dossier on `today`."""
    return _standing(RetireeState(dossier=dossier), law, today)[0]


def _standing(state: RetireeState, law: Law, today: date) -> tuple[Standing, Assessment | None]:
    dossier = state.dossier
    if not dossier.registrations or (_is_quiet(state) and all(run.pays and not run.less for run in dossier.paid)):
        return {}, None  # nothing speaks against a month, and every one was paid: the most there are
    found = review(dossier, law, today)
    dead = any(dossier.confirmed)
    asked = dossier.turns or dossier.verified or dead or dossier.twice
    due = [*tasks(dossier, law, today, dead=dead)] if asked else []
    if not dead and (unserved := _unserved(state, law, today)):
        due.append(unserved)
    if state.twin and (unsettled := two_pensions(dossier, state.twin)):
        due.append(unsettled)
    late = late_report(dossier, law) if dead else None
    grants = dead and (state.twin is None or state.twin.leads)  # of two pensions one
    return standing(found, due, grant(dossier, found.timeline, law) if grants else None, law, today, late), found


def _is_quiet(state: RetireeState) -> bool:
    """Whether nothing was heard that might speak against a month, or for another office, under whatever law."""
    dossier = state.dossier
    spoken = dossier.deaths or dossier.turns or dossier.verified or dossier.payments or dossier.twice
    return not (spoken or state.handover.moves or state.twin)


def _unserved(state: RetireeState, law: Law, today: date) -> Task | None:
    """Whoever moved is served by the old office until the new one has received them, and that one must be told to."""
    registered = state.dossier.registration
    if (
        not state.handover.moves
        or registered is None
        or moving_to(state.handover, registration=registered, law=law, on=today) is None
    ):
        return None
    move = state.handover.moves[-1]
    return Task(Kind.NO_OFFICE, "relocation-received", month_of(move.on), (move.reference,))


def alerts_of(
    retiree: UUID, state: RetireeState, cause: Reference | None, law: Law, today: date
) -> list[AlertRaised | AlertWithdrawn]:
    """What the office must be told, as what is right differs from what it was told."""
    now, found = _standing(state, law, today)
    if not (now or state.told):
        return []
    if found is None and state.registered:
        found = review(state.dossier, law, today)
    terms = {slot: told.terms for slot, told in state.told.items()}
    given = difference(terms, now, pays_from(found, today) if found else None, cause, law, today)
    given += grants_returned(state.told, now, cause, law, today)
    given += resumed_again(state.told, cause, law, today)
    return raised(retiree, state.told, given, now, state.alerts_raised, office_of(state.dossier, law), cause)


def office_of(dossier: Dossier, law: Law) -> str:
    """The agency that must act: that of the city of residence; by division code where the city has no file."""
    registered = dossier.registration
    if registered is None:
        return ""
    division = registered.residence_division
    city = law.city_of(division)
    return f"social-insurance/{city.code if city else division[:4] + '00000000'}"


__all__ = [
    "AlertEscalated",
    "AlertRaised",
    "AlertWithdrawn",
    "Decision",
    "FactRecorded",
    "Instruction",
    "RetireeState",
    "alerts_of",
    "check",
    "decide",
    "evolve",
    "fact_recorded",
    "followed",
    "known_with",
    "next_due",
    "office_of",
    "pass_day",
    "standing_of",
]
