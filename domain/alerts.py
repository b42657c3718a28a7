"""Alerts: the difference of two assessments, said as what an office must do.

`standing` turns an assessment into the instructions that should be open; `difference` compares two of them. Nothing here
knows why something changed: late facts, retractions and corrections are differences like any other.
"""

from datetime import date, timedelta
from enum import StrEnum

from msgspec import Struct

from domain.entitlement import Assessment, Debt, last_paid_month
from domain.facts import Reference
from domain.law import Citation, Law
from domain.money import Yuan, fen, yuan
from domain.months import Month, count, plus
from domain.timeline import Status


class Action(StrEnum):
    """What the office is asked to do."""

    STOP = "stop"
    RESUME = "resume"
    RECOVER = "recover"
    PAY_BACK = "pay-back"
    VERIFY = "verify"


class Kind(StrEnum):
    """Why."""

    DEATH = "death"
    SUSPECTED_DEATH = "suspected-death"
    IDENTITY_MISMATCH = "identity-mismatch"
    DEATH_RETRACTED = "death-retracted"


class Strength(StrEnum):
    """Whether it may be acted on, or must be verified first."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"


class Terms(Struct, frozen=True):
    """What an instruction says: from which month, over which months, how much. Same terms: the same instruction."""

    action: Action
    kind: Kind
    first_month: Month
    last_month: Month | None
    months: int
    amount: Yuan
    strength: Strength


class Instruction(Struct, frozen=True):
    """Terms with what carries them: the rule, the facts, and the day by which to act."""

    terms: Terms
    rule: Citation
    evidence: tuple[Reference, ...]
    act_by: date


_EVIDENCE = 20
"""Facts an alert names beside its cause: a chatty publisher must not make it longer than a message may be."""

Standing = dict[Action, Instruction]

_MISMATCH = (Kind.IDENTITY_MISMATCH, "identity-mismatch")
_RETRACTED = (Kind.DEATH_RETRACTED, "death-retracted")
"""Why a pension is paid again, and under which rule."""


def standing(assessment: Assessment, monthly_pension: Yuan, law: Law, today: date) -> Standing:
    """The instructions that hold for an assessment on `today`, at most one an action."""
    if not assessment.timeline:
        return {}
    found: Standing = {}
    last = assessment.timeline[-1]

    def instruct(
        action: Action, kind: Kind, key: str, evidence: tuple[Reference, ...], debt: Debt | None, first: Month
    ) -> None:
        rule = law.rule(key, today)
        months = debt.months if debt else 0
        strength = Strength.SUSPECTED if action is Action.VERIFY else Strength.CONFIRMED
        found[action] = Instruction(
            Terms(
                action, kind, first, debt.last if debt else None, months, yuan(months * fen(monthly_pension)), strength
            ),
            last.rule if action is Action.STOP else rule.citation,  # the stop's rule is that of the day of death
            evidence,
            today + timedelta(days=rule.act_within_days),
        )

    if last.status is Status.STOPPED:
        instruct(Action.STOP, Kind.DEATH, last.rule.key, last.facts, None, last.first)
    if over := assessment.overpaid:
        instruct(Action.RECOVER, Kind.DEATH, "overpayment-recovered", last.facts, over, over.first)
    if owed := assessment.owed:
        instruct(Action.PAY_BACK, *_why_paid_again(assessment), last.facts, owed, owed.first)
    if suspicion := assessment.suspicion:
        why = _MISMATCH if suspicion.mismatch else (Kind.SUSPECTED_DEATH, "death-suspected")
        instruct(Action.VERIFY, *why, suspicion.facts, _at_risk(suspicion.first, law, today), suspicion.first)
    return found


def difference(before: Standing, after: Standing, cause: Reference, law: Law, today: date) -> list[Instruction]:
    """The instructions to give so that whoever followed `before` does `after`.

    The new and the changed ones, and a resumption where a stop no longer holds; those that merely lapsed are not among them.
    """
    given = [
        _with_cause(instruction, cause)
        for action, instruction in after.items()
        if action not in before or before[action].terms != instruction.terms
    ]
    if Action.STOP in before and Action.STOP not in after:
        mismatch = Action.VERIFY in after and after[Action.VERIFY].terms.kind is Kind.IDENTITY_MISMATCH
        kind, key = _MISMATCH if mismatch else _RETRACTED
        rule = law.rule(key, today)
        first = plus(last_paid_month(law, today), 1)
        terms = Terms(Action.RESUME, kind, first, None, 0, "0.00", Strength.CONFIRMED)
        act_by = today + timedelta(days=rule.act_within_days)
        given.insert(0, Instruction(terms, rule.citation, (cause,), act_by))
    return given


def _why_paid_again(assessment: Assessment) -> tuple[Kind, str]:
    return _MISMATCH if assessment.suspicion and assessment.suspicion.mismatch else _RETRACTED


def _with_cause(instruction: Instruction, cause: Reference) -> Instruction:
    evidence = dict.fromkeys((*instruction.evidence[:_EVIDENCE], cause))
    return Instruction(instruction.terms, instruction.rule, tuple(evidence), instruction.act_by)


def _at_risk(first: Month, law: Law, today: date) -> Debt | None:
    last = last_paid_month(law, today)
    return Debt(count(first, last), first, last) if first <= last else None
