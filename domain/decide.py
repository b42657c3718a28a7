"""Deciding: a state and a fact in, facts and alerts out. What follows from a day that passes is decided likewise."""

from datetime import date
from functools import reduce
from uuid import UUID

from domain.alerts import Standing, difference, pays_from, standing
from domain.answering import answered, deadline
from domain.bounding import bounded
from domain.dossier import Dossier, bears, is_gone
from domain.effects import effect
from domain.entitlement import Assessment, learned, review
from domain.facts import (
    ANSWERS,
    MAY_PUBLISH,
    AlertApplied,
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
from domain.handover import decide_handover, moving_to, touches_handover
from domain.kinds import Kind
from domain.law import Law
from domain.months import month_of, plus
from domain.recovery import check_part
from domain.refusals import Refused
from domain.reporting import late_report
from domain.state import Decision, FactRecorded, RetireeState, evolve, is_quiet
from domain.tasks import Task, tasks, two_pensions
from domain.telling import escalations, grants_returned, raised, resumed_again
from domain.told import AlertRaised, AlertWithdrawn


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
    if after is state.dossier and type(known.fact) not in ANSWERS and not _goes_to_handover(state, known):
        return [recorded]
    now = evolve(state, recorded)
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
_SAYS_WHEN = frozenset(
    {Sentenced, Paroled, DeclaredMissing, DeathDeclared, PensionPaid, AlertApplied, OverpaymentReturned}
)
"""Facts that name another day or month beside their own."""


def pass_day(retiree: UUID, state: RetireeState, law: Law, today: date) -> list[Decision]:
    """What follows from a day alone: what falls due, and what should have been done by now. Nothing when nothing does."""
    if state.led_by:
        return []
    alerts = alerts_of(retiree, state, None, law, today)
    after = reduce(evolve, alerts, state)
    return [*alerts, *escalations(retiree, after.told, office_of(state.dossier, law), today)]


def check(known: Known, today: date) -> None:
    """Raise `Refused`: `not-your-fact` when the department may not publish it, `date-in-future`, `invalid-field` for a day or month that cannot be meant."""
    if known.department not in MAY_PUBLISH[type(known.fact)]:
        raise Refused("not-your-fact", "type", f"{known.department} may not publish this")
    if known.fact.effective > today:
        raise Refused("date-in-future", "data.effective", "the day has not come yet")
    if type(known.fact) in _SAYS_WHEN:
        _check_when(known, today)


def _check_when(known: Known, today: date) -> None:
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


def _goes_to_handover(state: RetireeState, known: Known) -> bool:
    return touches_handover(known) and not is_gone(state.dossier, known)


def standing_of(dossier: Dossier, law: Law, today: date) -> Standing:
    """The instructions that hold for a dossier on `today`."""
    return _standing(RetireeState(dossier=dossier), law, today)[0]


def _standing(state: RetireeState, law: Law, today: date) -> tuple[Standing, Assessment | None]:
    dossier = state.dossier
    if not dossier.registrations or (is_quiet(state) and all(run.pays and not run.less for run in dossier.paid)):
        return {}, None  # nothing speaks against a month, and every one was paid: the most there are
    found = review(dossier, law, today)
    dead = bool(dossier.confirmed)
    # one report that confirms a death, and nothing else told, leaves nothing to look into
    asked = dossier.turns or dossier.verified or len(dossier.confirmed) > 1 or dossier.twice
    due = [*tasks(dossier, law, today, dead=dead)] if asked else []
    if not dead and (unserved := _unserved(state, law, today)):
        due.append(unserved)
    if state.twin and (unsettled := two_pensions(dossier, state.twin)):
        due.append(unsettled)
    late = late_report(dossier, law) if dead else None
    grants = dead and (state.twin is None or state.twin.leads)  # of two pensions one
    return standing(found, due, grant(dossier, found.timeline, law) if grants else None, law, today, late), found


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
