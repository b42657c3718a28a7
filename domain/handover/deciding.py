"""What the law of the city does not allow to be told of a handover."""

from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from domain.divisions import within
from domain.facts import (
    ArchiveKind,
    ArchiveReceived,
    Aspect,
    ContactCardIssued,
    DeathRetracted,
    Department,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HandoverCompleted,
    HandoverProposed,
    HandoverRefused,
    HandoverReturned,
    HandoverStepDone,
    Known,
    PartyRelationTransferred,
    ReceptionAccepted,
    Relocated,
    RetirementRegistered,
)
from domain.handover.evolving import without_corrected
from domain.handover.serving import Keeper, fits, places, serving_office, tells_street
from domain.handover.state import FEE_ASSESSED, FEE_PAID, PROPOSAL, Done, Handover, Stage, step_of
from domain.handover.steps import asked, governing, named, needs, reached, standing, still_open
from domain.law import COMPLETION, CityLaw, Fee, Law, Step
from domain.refusals import Refused


def decide_handover(
    handover: Handover, known: Known, registration: RetirementRegistered | None, law: Law, today: date
) -> None:
    """Raise `Refused` when the law does not allow what a fact says. Facts of other kinds are never refused here.

    `handover`: the state before the fact. `registration`: the one that counts; None: not registered.
    """
    before = without_corrected(handover, known)
    match known.fact:
        case DeathRetracted() | FactRetracted():
            pass  # whoever told something may take it back
        case Relocated():
            _may_move(known, known.fact)
        case ArchiveReceived() | PartyRelationTransferred() | ContactCardIssued():
            local = governing(before, registration, law, today) if registration else None
            if local:  # a register says what happened; only who may keep it is asked
                _may_keep(known, local)
        case HandoverProposed() if registration is None:
            return  # it waits for the registration, as any fact may
        case (
            HandoverProposed()
            | HandoverStepDone()
            | HandoverCompleted()
            | HandoverRefused()
            | HandoverReturned()
            | ReceptionAccepted()
            | FeeAssessed()
            | FeePaid()
        ):
            _may_go_on(_case(before, known, registration, law, today))
        case _:
            pass  # of no handover


class _Case(NamedTuple):
    handover: Handover
    known: Known
    registration: RetirementRegistered
    local: CityLaw
    law: Law

    @property
    def asked(self) -> tuple[Step, ...]:
        return asked(self.handover, self.registration, self.local)

    @property
    def stage(self) -> Stage:
        return reached(self.handover, self.asked)

    @property
    def fee(self) -> Fee | None:
        proposal = self.handover.proposal
        fees = self.local.fees if proposal else ()
        return next((fee for fee in fees if proposal and fee.concerns(proposal.kind, proposal.state)), None)


def _case(before: Handover, known: Known, registration: RetirementRegistered | None, law: Law, today: date) -> _Case:
    if registration is None:
        raise Refused("handover-not-registered", "data.person", "the retirement is not registered yet")
    local = governing(before, registration, law, today)
    if local is None:
        raise Refused("no-local-law", "data.person", "no city of ours governs the handover of this retiree")
    return _Case(before, known, registration, local, law)


def _may_go_on(case: _Case) -> None:
    match case.known.fact:
        case HandoverProposed():
            _may_propose(case)
        case HandoverStepDone(step=key):
            _may_do(case, key)
        case HandoverCompleted(division=division):
            _may_complete(case, division)
        case HandoverRefused():
            _under_way(case)
        case HandoverReturned(steps=keys):
            _may_return(case, keys)
        case ReceptionAccepted(division=division):
            _may_receive(case, division)
        case FeeAssessed() | FeePaid():
            _may_settle(case, case.known.fact)
        case _:
            pass


def _may_propose(case: _Case) -> None:
    _not_apart(case)
    if case.stage is Stage.COMPLETED:
        raise Refused("handover-already-completed", "type", "the retiree has been received")
    if case.stage not in (Stage.NOT_BEGUN, Stage.REFUSED):
        raise Refused(
            "handover-already-begun", "type", "a handover is under way; correct its proposal or go on with it"
        )
    _told_by(case.known, case.local.step(PROPOSAL))


def _may_do(case: _Case, key: str) -> None:
    step = case.local.step(key)
    if step is None or key in (PROPOSAL, COMPLETION):
        steps = ", ".join(one.key for one in case.local.steps if one.key not in (PROPOSAL, COMPLETION))
        raise Refused("handover-step-unknown", "data.step", f"the steps of {case.local.city.en}: {steps}")
    if not step.kept_apart:
        _under_way(case)
    if step not in case.asked:
        raise Refused("handover-step-not-asked", "data.step", f"{key} is not asked of this retiree")
    _told_by(case.known, step)
    if standing(step, case.handover):
        raise Refused("handover-step-done", "data.step", f"{key} stands already; correct or retract what told it")
    _not_too_early(case, step, "data.step")


def _may_complete(case: _Case, division: str) -> None:
    _under_way(case)
    step = case.local.step(COMPLETION)
    assert step is not None  # every city has it
    _told_by(case.known, step)
    steps = tuple(one for one in case.asked if one.key != COMPLETION)
    if owed := still_open(case.handover, steps, case.local):
        raise Refused("handover-open-steps", "type", f"open: {named(one.step for one in owed)}")
    later = [one for one in steps if all(done.on > case.known.fact.effective for done in standing(one, case.handover))]
    if later:
        raise Refused("handover-step-too-early", "data.effective", f"done later: {named(later)}")
    _may_serve(case, division, replace(case.handover, receptions=()), "handover-wrong-place")


def _may_return(case: _Case, keys: tuple[str, ...]) -> None:
    _under_way(case)
    told = {one.step for one in case.handover.done} - {PROPOSAL}
    for number, key in enumerate(keys):
        if key not in told:
            raise Refused("handover-step-unknown", f"data.steps[{number}]", "no step of this name stands")


def _may_receive(case: _Case, division: str) -> None:
    _not_apart(case)
    on = case.known.fact.effective
    serving = serving_office(case.handover, case.registration, case.law, on)
    if serving.keeper is Keeper.ENTERPRISE:
        raise Refused("reception-not-due", "type", "the enterprise still serves; complete the handover")
    if any(one.on > on for one in case.handover.receptions):
        raise Refused("reception-not-due", "data.effective", "another office has received later")
    if serving.division is not None and within(serving.division, division):
        raise Refused("reception-not-due", "data.division", "this office serves already")
    _may_serve(case, division, case.handover, "reception-not-due")


def _may_settle(case: _Case, fact: FeeAssessed | FeePaid) -> None:
    _not_apart(case)
    if case.stage in (Stage.NOT_BEGUN, Stage.REFUSED):
        raise Refused("handover-not-begun", "type", "no proposal stands")
    step = case.local.step(step_of(fact) or "")
    _told_by(case.known, step)
    fee = case.fee
    if fee is None:
        raise Refused("fee-not-due", "type", "the law of the city asks no fee of this enterprise")
    if step in case.asked and step is not None:
        _not_too_early(case, step, "type")
    if not fee.once:
        return
    if _done(case.handover, FEE_PAID):
        raise Refused("fee-already-paid", "type", "it is paid once, in one sum")
    assessed = _done(case.handover, FEE_ASSESSED) if isinstance(fact, FeePaid) else None
    due = fee.amount or (assessed.amount if assessed else None)
    if due and fact.amount != due:
        raise Refused("fee-amount-differs", "data.amount", f"{due} yuan is due")


def _may_move(known: Known, fact: Relocated) -> None:
    teller = {Aspect.HUKOU: Department.POLICE, Aspect.RESIDENCE: Department.COMMUNITY}[fact.aspect]
    if known.department != teller:
        raise Refused("not-your-fact", "data.aspect", f"a move of the {fact.aspect} is told by {teller}")


def _may_keep(known: Known, local: CityLaw) -> None:
    """A register is kept by whom the law names."""
    if not isinstance(known.fact, ArchiveReceived):
        return _told_by(known, local.step(step_of(known.fact) or ""))
    key = "personnel-files" if known.fact.kind is ArchiveKind.PERSONNEL else "other-files"
    rule = next((one for one in local.archives if one.key == key), None)
    if rule and known.department not in rule.custodians:
        raise Refused("archive-not-yours", "source", f"kept by: {rule.office_en} ({', '.join(rule.custodians)})")
    return None


def _may_serve(case: _Case, division: str, before: Handover, code: str) -> None:
    """Whether the law places the retiree in the area of an office. `before`: the state without what is to be decided."""
    if not tells_street(division):
        raise Refused("place-unclear", "data.division", "name the street or the community, not what it lies in")
    allowed = places(before, case.registration, case.law, case.known.fact.effective)
    if not (fits(division, allowed) if allowed else within(division, case.local.city.code)):
        raise Refused(code, "data.division", "the law places this retiree elsewhere")


def _under_way(case: _Case) -> None:
    _not_apart(case)
    stage = case.stage
    if stage is Stage.COMPLETED:
        raise Refused("handover-already-completed", "type", "the retiree has been received")
    if stage in (Stage.NOT_BEGUN, Stage.REFUSED):
        raise Refused("handover-not-begun", "type", "no proposal stands")


def _not_apart(case: _Case) -> None:
    rule = case.local.apart(case.registration.category)
    if rule:
        raise Refused("kept-apart", "data.person", f"stays as managed: {rule.document} {rule.article}")


def _told_by(known: Known, step: Step | None) -> None:
    if step and known.department not in step.by:
        raise Refused("handover-step-not-yours", "source", f"{step.key} is told by: {', '.join(step.by)}")


def _not_too_early(case: _Case, step: Step, path: str) -> None:
    keys = needs(step, case.asked, case.local)
    needed = [one for one in case.asked if one.key in keys]
    lacking = [one for one in needed if not standing(one, case.handover)]
    if lacking:
        raise Refused("handover-step-too-early", path, f"before {step.key}: {named(lacking)}")
    later = [one for one in needed if all(done.on > case.known.fact.effective for done in standing(one, case.handover))]
    if later:
        raise Refused("handover-step-too-early", "data.effective", f"done later: {named(later)}")


def _done(handover: Handover, key: str) -> Done | None:
    return next((one for one in reversed(handover.done) if one.step == key), None)
