"""What offices answer to alerts, and what is left of what they were told: after an answer, and after one that is taken back."""

from collections.abc import Mapping
from datetime import date, timedelta

from msgspec.structs import replace

from domain.alerts import GRANT_BACK, OFF, Action
from domain.facts import (
    ANSWERS,
    AlertAcknowledged,
    AlertApplied,
    AlertConfirmed,
    AlertContested,
    AlertDismissed,
    ContestAnswered,
    Known,
    OverpaymentReturned,
    Reference,
)
from domain.law import Law
from domain.money import fen, yuan
from domain.payments import KEEP
from domain.recalling import named
from domain.refusals import Refused
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn, Stage, Told, named_in, terms_of

STAGES = {
    AlertAcknowledged: Stage.ACKNOWLEDGED,
    AlertConfirmed: Stage.CONFIRMED,
    AlertContested: Stage.CONTESTED,
    ContestAnswered: Stage.ACKNOWLEDGED,
    AlertDismissed: Stage.DISMISSED,
    AlertApplied: Stage.APPLIED,
}
"""The stage after an answer."""
_DONE_WITH = frozenset({Action.RESUME, Action.RECOVER, Action.PAY_BACK})
"""Applied, these stand in nobody's way: what was paid says it all. The last few are kept by their alert, to be corrected."""
_KEEP = 5
_HOLDS_NO_MORE = "-"
"""The slot of what is to be withdrawn: nothing is ever asked for in it."""


def answered(told: Mapping[str, Told], known: Known) -> Told | None:
    """What an answer is to; None: it is none. Raises `Refused`: `unknown-alert` when an answer names none that stands, `alert-closed` when nothing is left to be said.

    `no-contest` when a source answers what nobody asked it. An answer that corrects the one that closed an alert is heard,
    and a part that corrects another.
    """
    if type(known.fact) not in ANSWERS:
        return None
    one = named_in(told, known)
    if one is None:
        raise Refused("unknown-alert", "data.alert", "no such alert stands: it was replaced, withdrawn or never raised")
    back = set(named(known))
    is_part = isinstance(known.fact, OverpaymentReturned) and any(part in back for part, _ in one.parts)
    if not (one.is_open or one.by in back or is_part):
        raise Refused("alert-closed", "data.alert", f"it was {one.stage} before")
    if isinstance(known.fact, ContestAnswered) and one.stage is not Stage.CONTESTED:
        raise Refused("no-contest", "data.alert", "nobody contests it")
    return one


def deadline(known: Known, law: Law) -> date | None:
    """By when the next answer is to be heard: the source's to a contest, the office's to that, of the next part. None: nothing new."""
    if type(known.fact) not in ANSWERS:
        return None
    if isinstance(known.fact, OverpaymentReturned):
        return known.learnt + timedelta(days=law.rule("overpayment-recovered", known.learnt).act_within_days)
    if isinstance(known.fact, AlertContested | ContestAnswered):
        return known.learnt + timedelta(days=law.rule("contest-answer", known.learnt).act_within_days)
    return None


def told_after(told: dict[str, Told], event: AlertRaised | AlertWithdrawn | AlertEscalated) -> dict[str, Told]:
    """What an office was told, after what it is told now."""
    match event:
        case AlertRaised():
            gone = event.replaces
            still = {slot: one for slot, one in told.items() if one.alert not in gone} if gone else told
            terms = terms_of(event)
            new = Told(event.alert, terms, event.act_by)
            if terms.slot == GRANT_BACK:
                before = told.get(GRANT_BACK)
                new = replace(new, parts=before.parts if before else (), granted=next(iter(event.evidence), None))
            return still | {terms.slot: new}
        case AlertWithdrawn(alert=alert):
            return {slot: one for slot, one in told.items() if one.alert != alert}
        case AlertEscalated(alert=alert):
            return {s: replace(one, escalated=True) if one.alert == alert else one for s, one in told.items()}


def told_after_fact(told: dict[str, Told], known: Known, act_by: date | None) -> dict[str, Told]:
    """What an office was told, after a fact that may be an answer, or take one back; `act_by`: the new deadline that it brings."""
    if back := set(named(known)):
        told = _reopened(told, known, back)
    return _after_answer(told, known, act_by) if type(known.fact) in ANSWERS else told


def _reopened(told: dict[str, Told], known: Known, back: set[Reference]) -> dict[str, Told]:
    """What is left of what an office was told when answers are taken back: what they closed is to be told anew.

    What is wrong with the payment says so itself; of a resumption that was not done nothing else would.
    """
    if not any(one.by in back or one.granted in back or one.parts for one in told.values()):
        return told  # it takes no answer back
    corrected = named_in(told, known)  # an answer that corrects the one before it speaks of the alert as it stands
    left = {slot: one for slot, one in told.items() if one.by not in back or one is corrected}
    for one in told.values():
        if one.by in back and one is not corrected and one.terms.action is Action.RESUME and not OFF & left.keys():
            left[Action.RESUME] = replace(one, stage=Stage.RAISED, by=known.reference)
        if one.terms.slot == GRANT_BACK:
            left = _returned_less(left, one, known, back)
    return left


def _returned_less(told: dict[str, Told], one: Told, known: Known, back: set[Reference]) -> dict[str, Told]:
    """What an office was told, when what survivors returned is taken back, or that they were granted anything."""
    others = {slot: other for slot, other in told.items() if other.alert != one.alert}
    if one.granted in back:
        return others | {_HOLDS_NO_MORE: one} if one.is_open else others
    less = sum(amount for part, amount in one.parts if part in back)
    if not (less or one.by in back) or {Action.GRANT, GRANT_BACK} & others.keys():
        return told
    opens = one.by in back or one.stage is Stage.APPLIED
    after = replace(
        one,
        terms=replace(one.terms, amount=yuan(fen(one.terms.amount) + less)),
        stage=Stage.RAISED if opens else one.stage,
        by=None if one.is_open and named_in(told, known) is one else known.reference,
        parts=tuple(part for part in one.parts if part[0] not in back),
    )
    return others | {GRANT_BACK: after}


def _after_answer(told: dict[str, Told], known: Known, act_by: date | None) -> dict[str, Told]:
    one = named_in(told, known)
    if one is None:
        return told
    back = set(named(known))
    if amount := _came_back(one, known):
        left = max(0, fen(one.terms.amount) - amount)
        stage = one.stage if left else Stage.APPLIED
        before = tuple(part for part in one.parts if part[0] not in back)
        parts = (*before, (known.reference, amount))[-KEEP:]
        after = replace(one, terms=replace(one.terms, amount=yuan(left)), stage=stage, parts=parts)
    else:
        moved = known.fact.amount if isinstance(known.fact, AlertApplied) else one.moved
        after = replace(one, stage=STAGES[type(known.fact)], moved=moved)
    if act_by:
        after = replace(after, act_by=act_by, escalated=False)
    if after.is_open:
        after = replace(after, by=one.by if one.by == known.reference else None)
    elif one.is_open or one.by in back:  # else another one had closed it
        after = replace(after, by=known.reference)
    others = {slot: other for slot, other in told.items() if other is not one}
    if after.stage is Stage.APPLIED and after.terms.action in _DONE_WITH:
        done = [slot for slot, other in others.items() if slot == other.alert]
        return {s: other for s, other in others.items() if s not in done[: -_KEEP + 1]} | {one.alert: after}
    return {slot: after if other is one else other for slot, other in told.items()}


def _came_back(one: Told, known: Known) -> int:
    """Fen that came back by an answer, of what is counted here; of a grant the rest, when it is done. 0: no matter of that."""
    if isinstance(known.fact, OverpaymentReturned):
        return fen(known.fact.amount)
    is_rest = isinstance(known.fact, AlertApplied) and one.terms.slot == GRANT_BACK
    return fen(one.terms.amount) if is_rest else 0
