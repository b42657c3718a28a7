"""Alerts: what an office must do so that what it was told comes to what is right.

`standing` turns an assessment into the instructions that should be open; `difference` holds them against what was told.
Nothing here knows why something changed: late facts, retractions, corrections and the passing of days are differences alike.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from domain.endings import Ending, why_again
from domain.entitlement import Assessment, Debt, last_paid_month
from domain.facts import Reference
from domain.kinds import Kind
from domain.law import Citation, Law
from domain.money import Yuan, yuan
from domain.months import Month, first_day, month_of, plus
from domain.reporting import LateReport
from domain.tasks import Task
from domain.timeline import Span, Status


class Action(StrEnum):
    """What the office is asked to do."""

    STOP = "stop"
    SUSPEND = "suspend"
    RESUME = "resume"
    RECOVER = "recover"
    PAY_BACK = "pay-back"
    GRANT = "grant"
    VERIFY = "verify"
    CONTACT = "contact"
    ASSIGN = "assign"
    SETTLE = "settle"


class Strength(StrEnum):
    """Whether it may be acted on, or must be verified first."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"


class Terms(Struct, frozen=True):
    """What an instruction says: from which month, over which months, how much (yuan). Same terms: the same instruction."""

    action: Action
    kind: Kind
    first_month: Month
    last_month: Month | None
    months: int
    amount: str
    strength: Strength

    @property
    def slot(self) -> str:
        """Its place among what an office is told: one instruction about payment of each kind, one task of each kind."""
        return _slot(self.action, self.kind)

    def same(self, other: "Terms") -> bool:
        """Whether it says what another says. What is at risk while something is verified grows by the month, and is no news."""
        if self.strength is Strength.SUSPECTED:
            return (self.action, self.kind, self.first_month) == (other.action, other.kind, other.first_month)
        return self == other


@cache
def _slot(action: Action, kind: Kind) -> str:
    if action in _TASKS and kind is not Kind.SUSPECTED_DEATH:
        return f"{action}:{kind}"
    if action is Action.RECOVER and kind is Kind.DEATH_RETRACTED:
        return GRANT_BACK
    return str(action)


GRANT_BACK = "recover:grant"
"""The slot of what survivors return."""
_TASKS = frozenset({Action.VERIFY, Action.CONTACT, Action.ASSIGN, Action.SETTLE})
OFF = frozenset({Action.STOP, Action.SUSPEND})
"""Actions after which nothing is paid any more."""
_MONTHS = frozenset({*OFF, Action.RECOVER})
"""Actions about months that a late report lets go out."""
_ACTIONS = {
    Kind.VERIFICATION_DUE: Action.CONTACT,
    Kind.DUPLICATE_BENEFIT: Action.SETTLE,
    Kind.NO_OFFICE: Action.ASSIGN,
}
"""What a task asks for, where that is not to verify."""


class Instruction(Struct, frozen=True):
    """Terms with what carries them: the rule, the facts, the day by which to act, and that a death was reported late."""

    terms: Terms
    rule: Citation
    evidence: tuple[Reference, ...]
    act_by: date
    late: LateReport | None = None


_EVIDENCE = 20
"""Facts an alert names beside its cause: a chatty publisher must not make it longer than a message may be."""

Standing = dict[str, Instruction]
"""Instructions by their slot."""

_MISMATCH = (Kind.IDENTITY_MISMATCH, "identity-mismatch")


def standing(
    assessment: Assessment,
    due: Iterable[Task],
    grant: Task | None,
    law: Law,
    today: date,
    late: LateReport | None = None,
) -> Standing:
    """The instructions that hold for an assessment, the tasks that are due and what survivors are granted, on `today`.

    `late`: how a death was reported late; whoever stops or recovers after it is told so.
    """
    if not assessment.timeline:
        return {}
    found: Standing = {}

    def instruct(
        action: Action,
        kind: Kind,
        says: str | Citation,
        evidence: tuple[Reference, ...],
        first: Month,
        debt: Debt | None = None,
        by: date = date.max,
    ) -> None:
        """`says`: a rule's key, or its article where that is of the day of the fact; the deadline is that of today."""
        rule = law.rule(says if isinstance(says, str) else says.key, today)
        cited = rule.citation if isinstance(says, str) else says
        strength = Strength.SUSPECTED if action is Action.VERIFY else Strength.CONFIRMED
        if debt:
            terms = Terms(action, kind, first, debt.last, debt.months, yuan(debt.amount), strength)
        else:
            terms = Terms(action, kind, first, None, 0, "0.00", strength)
        act_by = min(by, today + timedelta(days=rule.act_within_days))
        after_death = kind is Kind.DEATH and action in _MONTHS
        found[terms.slot] = Instruction(terms, cited, evidence, act_by, late if after_death else None)

    span = _next(assessment, today)
    if not span.pays:
        assert span.kind
        action = Action.STOP if span.status is Status.STOPPED else Action.SUSPEND
        instruct(action, span.kind, span.rule, span.facts, _since(assessment, span))
    if over := assessment.overpaid:
        facts = _at(assessment, over.first).facts
        instruct(Action.RECOVER, over.why or Kind.CORRECTION, "overpayment-recovered", facts, over.first, over)
    if owed := assessment.owed:
        kind, key = why_again(assessment.ended, owed.why, owed.first)
        instruct(Action.PAY_BACK, kind, key, _at(assessment, owed.first).facts, owed.first, owed)
    if suspicion := assessment.suspicion:
        kind, key = _MISMATCH if suspicion.mismatch else (Kind.SUSPECTED_DEATH, "death-suspected")
        instruct(Action.VERIFY, kind, key, suspicion.facts, suspicion.first, suspicion.at_risk)
    if grant:
        action = Action.GRANT if grant.rule == "funeral-and-survivors" else Action.SETTLE
        cited = law.rule(grant.rule, first_day(grant.first)).citation
        instruct(action, grant.kind, cited, grant.facts, grant.first, _sum_of(grant))
    for task in _unasked(due, assessment):
        action = _ACTIONS.get(task.kind, Action.VERIFY)
        instruct(action, task.kind, task.rule, task.facts, task.first, _sum_of(task), task.by)
    return found


def difference(
    told: Mapping[str, Terms], after: Standing, paying: "Paying | None", cause: Reference | None, law: Law, today: date
) -> list[Instruction]:
    """The instructions to give so that whoever followed what was `told` does what is right `after`.

    The new and the changed ones, and a resumption where nothing is paid and should be; those that merely lapsed are not
    among them.
    """
    given = [
        _with_cause(instruction, cause)
        for slot, instruction in after.items()
        if slot not in told or not told[slot].same(instruction.terms)
    ]
    off = next((terms for terms in told.values() if terms.action in OFF), None)
    if off and paying:
        kind, key = why_again(paying.ended, off.kind, off.first_month)
        rule = law.rule(key, today)
        first = max(plus(last_paid_month(law, today), 1), paying.first)
        terms = Terms(Action.RESUME, kind, first, None, 0, "0.00", Strength.CONFIRMED)
        act_by = today + timedelta(days=rule.act_within_days)
        given.insert(0, Instruction(terms, rule.citation, (cause,) if cause else (), act_by))
    return given


def grant_back(told: Terms, paid: Yuan | None, cause: Reference | None, law: Law, today: date) -> Instruction:
    """Survivors return what they were paid after a death that is taken back."""
    rule = law.rule("grant-returned", today)
    kind, last = Kind.DEATH_RETRACTED, told.first_month
    terms = Terms(Action.RECOVER, kind, told.first_month, last, 0, paid or told.amount, Strength.CONFIRMED)
    return Instruction(terms, rule.citation, (cause,) if cause else (), today + timedelta(days=rule.act_within_days))


class Paying(Struct, frozen=True):
    """That the next pension is to be paid: since when, and what ended whatever spoke against it."""

    first: Month
    ended: tuple[Ending, ...]


def pays_from(assessment: Assessment, today: date) -> Paying | None:
    """Since when the span pays that an office can still do something about; None when it does not."""
    span = _next(assessment, today) if assessment.timeline else None
    return Paying(span.first, assessment.ended) if span and span.pays else None


def _next(assessment: Assessment, today: date) -> Span:
    """The span of the next month, which an office can still do something about."""
    return _at(assessment, plus(month_of(today), 1))


def _at(assessment: Assessment, month: Month) -> Span:
    for span in reversed(assessment.timeline):
        if span.first <= month:
            return span
    return assessment.timeline[0]


def _since(assessment: Assessment, span: Span) -> Month:
    """The first month of what a span goes on with: another reason beside the one that decides begins nothing anew."""
    first = span.first
    for before in reversed(assessment.timeline):
        if before.last is not None and plus(before.last, 1) == first:
            if (before.status, before.kind) != (span.status, span.kind):
                break
            first = before.first
    return first


def _unasked(due: Iterable[Task], assessment: Assessment) -> Iterable[Task]:
    """The tasks but for who it is, where that is asked of a report of a death already."""
    asked = assessment.suspicion and assessment.suspicion.mismatch
    return (task for task in due if not (asked and task.kind is Kind.IDENTITY_MISMATCH))


def _sum_of(task: Task) -> Debt | None:
    return Debt(0, task.first, task.first, task.amount) if task.amount else None


def _with_cause(instruction: Instruction, cause: Reference | None) -> Instruction:
    if cause is None or instruction.evidence == (cause,):
        return instruction
    evidence = dict.fromkeys((*instruction.evidence[:_EVIDENCE], cause))
    return replace(instruction, evidence=tuple(evidence))
