"""Which steps the law asks of a retiree, which of them stand, which are open and who owes them."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from domain.facts import Department, EnterpriseState, RetirementRegistered
from domain.handover.state import PROPOSAL, Done, Handover, Outcome, Stage
from domain.law import COMPLETION, Citation, CityLaw, Law, Step


class Owed(NamedTuple):
    """A step that is open, who may tell that it is done, and the open steps it waits for."""

    step: Step
    by: tuple[Department, ...]
    waits_for: tuple[str, ...]


def missing(handover: Handover, registration: RetirementRegistered, law: Law, today: date) -> tuple[Owed, ...]:
    """The steps that are open, in the order of the law, each with who owes it; none for people kept apart."""
    local = governing(handover, registration, law, today)
    if local is None or local.apart(registration.category):
        return ()
    return still_open(handover, asked(handover, registration, local), local)


def stage(handover: Handover, registration: RetirementRegistered, law: Law, today: date) -> Stage:
    """How far the handover is. A completion stands as long as every step of the law does that it rests on."""
    local = governing(handover, registration, law, today)
    return reached(handover, asked(handover, registration, local) if local else ())


def late(
    handover: Handover, registration: RetirementRegistered, law: Law, today: date
) -> tuple[tuple[Citation, Step], ...]:
    """The steps that are open although the day by which the city wanted them has passed, each with the rule."""
    local = governing(handover, registration, law, today)
    if local is None:
        return ()
    still = {owed.step.key: owed.step for owed in missing(handover, registration, law, today)}
    return tuple((one.citation, still[one.step]) for one in local.targets if one.step in still and one.due < today)


def governing(handover: Handover, registration: RetirementRegistered, law: Law, today: date) -> CityLaw | None:
    """The law of the handover: that of the city of registration, as in force on the day of the proposal."""
    on = handover.proposal.on if handover.proposal else today
    local = law.city_law(registration.residence_division, on)
    if local is None and registration.hukou_division:
        return law.city_law(registration.hukou_division, on)
    return local


def reached(handover: Handover, steps: tuple[Step, ...]) -> Stage:
    """How far the handover is, when these steps are asked."""
    if handover.proposal is None:
        return Stage.NOT_BEGUN
    told = {(one.step, one.department) for one in handover.done}
    keys = {step.key for step in steps}
    match handover.outcome:
        case Outcome(stage=Stage.REFUSED):
            return Stage.REFUSED
        case Outcome(stage=Stage.COMPLETED, rests_on=rests_on) if all(
            one in told for one in rests_on if one[0] in keys
        ):
            return Stage.COMPLETED
        case Outcome(stage=Stage.RETURNED, reopened=reopened) if {one.step for one in reopened} - {
            key for key, _ in told
        }:
            return Stage.RETURNED
    return Stage.IN_PROGRESS if {key for key, _ in told} - {PROPOSAL} else Stage.PROPOSED


def kept_apart(handover: Handover, registration: RetirementRegistered, law: Law, today: date) -> bool:
    """Whether the law leaves this person with those who managed them before."""
    local = governing(handover, registration, law, today)
    return local is not None and local.apart(registration.category) is not None


def asked(handover: Handover, registration: RetirementRegistered, local: CityLaw) -> tuple[Step, ...]:
    """The steps that are asked of this retiree, in the order of the law."""
    apart = local.apart(registration.category) is not None
    proposal = handover.proposal
    kind, state = (proposal.kind, proposal.state) if proposal else (None, EnterpriseState.OPERATING)
    return tuple(
        step for step in local.steps if step.kept_apart == apart and step.where.holds(registration, kind, state)
    )


def still_open(handover: Handover, steps: tuple[Step, ...], local: CityLaw) -> tuple[Owed, ...]:
    """Of some steps those that are open. The completion waits for every other."""
    completed = reached(handover, steps) is Stage.COMPLETED
    still = [step for step in steps if not (completed if step.key == COMPLETION else standing(step, handover))]
    keys = {step.key for step in still}

    def waits_for(step: Step) -> set[str]:
        return keys - {COMPLETION} if step.key == COMPLETION else keys & needs(step, steps, local)

    return tuple(Owed(step, step.by, tuple(one.key for one in still if one.key in waits_for(step))) for step in still)


def needs(step: Step, steps: tuple[Step, ...], local: CityLaw) -> set[str]:
    """The steps that one comes after; a step that is not among `steps`, as it is not asked, hands its own on."""
    keys = {one.key for one in steps}
    found: set[str] = set()
    for key in step.needs:
        needed = local.step(key)
        found |= {key} if key in keys or needed is None else needs(needed, steps, local)
    return found


def standing(step: Step, handover: Handover) -> list[Done]:
    """What tells that a step is done, by those who may."""
    return [one for one in handover.done if one.step == step.key and one.department in step.by]


def named(steps: Iterable[Step]) -> str:
    """Steps by key, each with who owes it, for the detail of a refusal."""
    return "; ".join(f"{step.key} ({', '.join(step.by)})" for step in steps)
