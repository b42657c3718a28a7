"""How a handover goes on with every fact, and what is left when one is taken back."""

from typing import TypeVar

from msgspec.structs import replace

from domain.facts import (
    DeathRetracted,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HandoverCompleted,
    HandoverProposed,
    HandoverRefused,
    HandoverReturned,
    HandoverStepDone,
    Known,
    ReceptionAccepted,
    Reference,
    Relocated,
)
from domain.handover.state import (
    PROPOSAL,
    REGISTERS,
    Done,
    Handover,
    Move,
    Outcome,
    Proposal,
    Reception,
    Stage,
    step_of,
)

KEEP = 5
"""Reports of a step, moves and receptions that are kept of each; an older one can hardly be what counts again."""


def touches_handover(known: Known) -> bool:
    """Whether a fact can touch a handover: it is of one, or takes something back."""
    return type(known.fact) in _OF_HANDOVER or known.fact.corrects is not None


def evolve_handover(handover: Handover, known: Known, *, gone: bool = False) -> Handover:
    """The state after a fact of any kind. Never refuses; a fact that names another one takes that back, whatever it was.

    `gone`: this one was itself taken back before it came; what it takes back stays taken back, as in the other order.
    """
    fact = known.fact
    before = after = without_corrected(handover, known)
    match fact:
        case FactRetracted(retracts=id_) | DeathRetracted(retracts=id_):
            after = taken_back(before, Reference(known.reference.source, id_))
        case _ if gone or type(fact) not in _OF_HANDOVER:
            pass
        case HandoverProposed():
            after = _proposed(handover, before, known, fact)
        case HandoverCompleted():
            rests_on = tuple(sorted({(one.step, one.department) for one in before.done}))
            outcome = Outcome(stage=Stage.COMPLETED, on=fact.effective, reference=known.reference, rests_on=rests_on)
            after = _received(replace(before, outcome=outcome), known, fact.division)
        case HandoverRefused():
            refused = Outcome(stage=Stage.REFUSED, on=fact.effective, reference=known.reference)
            after = replace(before, outcome=refused)
        case HandoverReturned():
            after = _sent_back(before, known, fact)
        case Relocated():
            after = _moved(before, known, fact)
        case ReceptionAccepted():
            after = _received(before, known, fact.division)
        case _:
            if step := step_of(fact):
                after = _stepped(before, known, step)
    return after


def without_corrected(handover: Handover, known: Known) -> Handover:
    """The state without the event that a fact takes the place of."""
    corrects = known.fact.corrects
    return taken_back(handover, Reference(known.reference.source, corrects)) if corrects else handover


def taken_back(handover: Handover, gone: Reference) -> Handover:
    """The state without what one event told. Without a second proposal the first stands as it had ended."""
    if handover == _UNTOUCHED:
        return handover
    after = _without(handover, gone)
    if handover.proposal and after.proposal is None and after.earlier:
        earlier = after.earlier
        again = {one.step for one in after.done}
        after = replace(
            after,
            proposal=earlier.proposal,
            done=(*after.done, *(one for one in earlier.done if one.step not in again)),
            outcome=earlier.outcome or after.outcome,
            earlier=None,
        )
    return handover if after == handover else after


def _without(handover: Handover, gone: Reference) -> Handover:
    outcome, proposal, earlier = handover.outcome, handover.proposal, handover.earlier
    done = tuple(one for one in handover.done if one.reference != gone)
    if outcome and outcome.reference == gone:
        again = {one.step for one in done}
        done += tuple(one for one in outcome.reopened if one.step not in again)
        outcome = None
    elif outcome:
        outcome = replace(outcome, reopened=tuple(one for one in outcome.reopened if one.reference != gone))
    if earlier:
        earlier = _without(earlier, gone)
    return replace(
        handover,
        proposal=None if proposal and proposal.reference == gone else proposal,
        done=done,
        outcome=outcome,
        moves=tuple(one for one in handover.moves if one.reference != gone),
        receptions=tuple(one for one in handover.receptions if one.reference != gone),
        earlier=earlier if earlier and earlier.proposal else None,
    )


def _stepped(handover: Handover, known: Known, step: str) -> Handover:
    amount = known.fact.amount if isinstance(known.fact, FeeAssessed | FeePaid) else None
    done = Done(
        step=step, department=known.department, on=known.fact.effective, reference=known.reference, amount=amount
    )
    same = [one for one in handover.done if one.step == step]
    others = [one for one in handover.done if one.step != step]
    return replace(handover, done=(*others, *_latest([*same, done])))


def _proposed(was: Handover, before: Handover, known: Known, fact: HandoverProposed) -> Handover:
    """A new proposal after a refusal begins anew, but for what lies in a register; a corrected one goes on."""
    proposal = Proposal(
        on=fact.effective,
        reference=known.reference,
        kind=fact.enterprise_kind,
        state=fact.enterprise_state,
        enterprise=fact.enterprise,
        division=fact.enterprise_division,
        batch=fact.batch,
    )
    corrected = Reference(known.reference.source, fact.corrects or "")
    if was.proposal and was.proposal.reference == corrected:
        before = _without(was, corrected)
    elif before.proposal:
        earlier = Handover(proposal=before.proposal, outcome=before.outcome)
        if before.outcome and before.outcome.stage is Stage.REFUSED:
            kept = tuple(one for one in before.done if one.step in REGISTERS.values())
            earlier = replace(earlier, done=tuple(one for one in before.done if one not in kept))
            before = replace(before, done=kept, outcome=None)
        before = replace(before, earlier=earlier)
    return _stepped(replace(before, proposal=proposal), known, PROPOSAL)


def _sent_back(handover: Handover, known: Known, fact: HandoverReturned) -> Handover:
    reopened = tuple(
        one for one in handover.done if one.step != PROPOSAL and (not fact.steps or one.step in fact.steps)
    )
    outcome = Outcome(stage=Stage.RETURNED, on=fact.effective, reference=known.reference, reopened=reopened)
    return replace(handover, done=tuple(one for one in handover.done if one not in reopened), outcome=outcome)


def _moved(handover: Handover, known: Known, fact: Relocated) -> Handover:
    move = Move(aspect=fact.aspect, division=fact.division, on=fact.effective, reference=known.reference)
    others = tuple(one for one in handover.moves if one.aspect is not fact.aspect)
    same = [one for one in handover.moves if one.aspect is fact.aspect]
    return replace(handover, moves=(*others, *_latest([*same, move])))


def _received(handover: Handover, known: Known, division: str) -> Handover:
    reception = Reception(division=division, on=known.fact.effective, reference=known.reference)
    return replace(handover, receptions=_latest([*handover.receptions, reception]))


_UNTOUCHED = Handover()
_Dated = TypeVar("_Dated", Done, Move, Reception)


def _latest(dated: list[_Dated]) -> tuple[_Dated, ...]:
    """The last few by day; of one day in the order in which they came."""
    return tuple(sorted(dated, key=lambda one: one.on)[-KEEP:])


_OF_HANDOVER = frozenset(
    {
        DeathRetracted,
        FactRetracted,
        FeeAssessed,
        FeePaid,
        HandoverCompleted,
        HandoverProposed,
        HandoverRefused,
        HandoverReturned,
        HandoverStepDone,
        ReceptionAccepted,
        Relocated,
        *REGISTERS,
    }
)
