"""What an office was told, what it answered, and how an alert ends: never because it was delivered, only by its effect."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import partial
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.alerts import GRANT_BACK, OFF, Action, Instruction, Standing, Strength, Terms, grant_back
from domain.dossier import Dossier
from domain.entitlement import reported, returned, squared, unsaid
from domain.facts import (
    AlertAcknowledged,
    AlertApplied,
    AlertConfirmed,
    AlertContested,
    AlertDismissed,
    Answer,
    ContestAnswered,
    FactRetracted,
    Known,
    OverpaymentReturned,
    PensionPaid,
    Reference,
    Return,
)
from domain.kinds import Kind
from domain.law import Citation, Law
from domain.money import Yuan, fen, yuan
from domain.months import Month, month_of, plus
from domain.payments import KEEP, Payment
from domain.refusals import Refused
from domain.reporting import LateReport
from domain.timeline import Run


class AlertRaised(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-raised.v1"):
    """An office must act. `replaces`: the alerts it takes the place of, which need no answer any more.

    `months` and `amount` (yuan) are of the months `first_month` to `last_month`; 0 and 0.00 where nothing was paid yet.
    `late`: the death it follows from was reported after its deadline.
    """

    alert: str
    retiree: UUID
    kind: Kind
    action: Action
    first_month: Month
    last_month: Month | None
    months: int
    amount: Yuan
    strength: Strength
    rule: Citation
    evidence: tuple[Reference, ...]
    office: str
    act_by: date
    replaces: tuple[str, ...] = ()
    late: LateReport | None = None


class AlertWithdrawn(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-withdrawn.v1"):
    """An alert no longer holds and nothing takes its place."""

    alert: str
    retiree: UUID
    office: str
    evidence: tuple[Reference, ...]


class AlertEscalated(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-escalated.v1"):
    """The day by which an office had to act, or a source to answer, has passed, and nothing was heard."""

    alert: str
    retiree: UUID
    office: str
    act_by: date


class Stage(StrEnum):
    """How far an alert has come."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    CONFIRMED = "confirmed"
    CONTESTED = "contested"
    DISMISSED = "dismissed"
    APPLIED = "applied"


class Told(Struct, frozen=True, omit_defaults=True):
    """What an office was told: the alert, its terms, by when to act, and what it answered; `moved`: what it says it paid (yuan).

    `by`: the answer that closed it, or what took that or a part of it back, so that it is to be told anew. `parts`: what came
    back of it, each by its answer, in fen; the last few. `granted`: the answer that told of what survivors are to return.
    """

    alert: str
    terms: Terms
    act_by: date
    stage: Stage = Stage.RAISED
    escalated: bool = False
    moved: Yuan | None = None
    by: Reference | None = None
    parts: tuple[tuple[Reference, int], ...] = ()
    granted: Reference | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.stage not in (Stage.DISMISSED, Stage.APPLIED)


_STAGES = {
    AlertAcknowledged: Stage.ACKNOWLEDGED,
    AlertConfirmed: Stage.CONFIRMED,
    AlertContested: Stage.CONTESTED,
    ContestAnswered: Stage.ACKNOWLEDGED,
    AlertDismissed: Stage.DISMISSED,
    AlertApplied: Stage.APPLIED,
}
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
    if not isinstance(known.fact, Answer):
        return None
    one = _named(told, known)
    if one is None:
        raise Refused("unknown-alert", "data.alert", "no such alert stands: it was replaced, withdrawn or never raised")
    back = _taken_back(known)
    is_part = isinstance(known.fact, OverpaymentReturned) and any(part in back for part, _ in one.parts)
    if not (one.is_open or one.by in back or is_part):
        raise Refused("alert-closed", "data.alert", f"it was {one.stage} before")
    if isinstance(known.fact, ContestAnswered) and one.stage is not Stage.CONTESTED:
        raise Refused("no-contest", "data.alert", "nobody contests it")
    return one


def effect(told: Mapping[str, Told], known: Known) -> Callable[[Dossier, Law, date], Dossier] | None:
    """What an answer or a report of the agency does to what was paid; None when nothing.

    What corrects another fact of the agency does away with what that did, at the least.
    """
    run = _effect(told, known)
    return partial(_unsay, known.reference) if run is None and known.fact.corrects else run


def _effect(told: Mapping[str, Told], known: Known) -> Callable[[Dossier, Law, date], Dossier] | None:
    by = known.reference
    match known.fact:
        case PensionPaid(paid=paid, until=until, effective=day):
            first = month_of(day)
            run = Run(first, Month(until) if until else first, paid, None if paid else Kind.CORRECTION)
            return partial(_report, run, by)
        case AlertApplied(month=month):
            one = _named(told, known)
            return _applied(one, Month(month), by) if one else None
        case OverpaymentReturned():
            one = _named(told, known)
            return partial(_returned, one.terms, known) if one and one.terms.slot != GRANT_BACK else None
        case _:
            return None


def deadline(known: Known, law: Law) -> date | None:
    """By when the next answer is to be heard: the source's to a contest, the office's to that, of the next part. None: nothing new."""
    if isinstance(known.fact, OverpaymentReturned):
        return known.learnt + timedelta(days=law.rule("overpayment-recovered", known.learnt).act_within_days)
    if isinstance(known.fact, AlertContested | ContestAnswered):
        return known.learnt + timedelta(days=law.rule("contest-answer", known.learnt).act_within_days)
    return None


def told_after(
    told: dict[str, Told], event: Known | AlertRaised | AlertWithdrawn | AlertEscalated, act_by: date | None = None
) -> dict[str, Told]:
    """What an office was told, after an event; `act_by`: the new deadline that an answer brings."""
    match event:
        case AlertRaised():
            gone = set(event.replaces)
            still = {slot: one for slot, one in told.items() if one.alert not in gone}
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
        case Known(fact=fact):
            if back := _taken_back(event):
                told = _reopened(told, event, back)
            return _after_answer(told, event, act_by) if isinstance(fact, Answer) else told


def terms_of(alert: AlertRaised) -> Terms:
    """What an alert says."""
    return Terms(
        alert.action, alert.kind, alert.first_month, alert.last_month, alert.months, alert.amount, alert.strength
    )


def raised(
    retiree: UUID,
    told: Mapping[str, Told],
    given: list[Instruction],
    now: Standing,
    before: int,
    office: str,
    cause: Reference | None,
) -> list[AlertRaised | AlertWithdrawn]:
    """Instructions as alerts, the first in place of everything that no longer holds; or that withdrawn. `before`: how many there were."""
    slots = {instruction.terms.slot for instruction in given}
    off = bool(OFF & {instruction.terms.action for instruction in given})
    lapsed = [
        one.alert
        for slot, one in told.items()
        # a resumption stands, whatever else comes, until the next stop; what survivors return, until they are granted it again
        if slot in slots
        or (
            slot not in now
            and slot != one.alert
            and not (slot == Action.RESUME and not off)
            and not (slot == GRANT_BACK and Action.GRANT not in now)
        )
    ]
    if not given:
        evidence = (cause,) if cause else ()
        return [AlertWithdrawn(alert=alert, retiree=retiree, office=office, evidence=evidence) for alert in lapsed]
    prefix = str(retiree)
    return [
        _alert(f"{prefix}-{before + n}", retiree, instruction, office, tuple(lapsed) if n == 1 else ())
        for n, instruction in enumerate(given, start=1)
    ]


def grants_returned(
    told: Mapping[str, Told], now: Standing, cause: Reference | None, law: Law, today: date
) -> list[Instruction]:
    """What survivors must return because the death they were paid after is taken back."""
    granted = told.get(Action.GRANT)
    if granted is None or granted.stage is not Stage.APPLIED or Action.GRANT in now:
        return []
    given = grant_back(granted.terms, granted.moved, cause, law, today)
    return [replace(given, evidence=(granted.by, *given.evidence))] if granted.by else [given]


def resumed_again(told: Mapping[str, Told], cause: Reference | None, law: Law, today: date) -> list[Instruction]:
    """A resumption whose application `cause` took back, from the month it was to begin with; what survivors are to return by it."""
    rule = law.rule("fact-corrected", today)
    act_by = today + timedelta(days=rule.act_within_days)
    found = filter(None, map(told.get, (Action.RESUME, GRANT_BACK)))
    return [
        Instruction(one.terms, rule.citation, (*filter(None, (one.granted,)), cause), act_by)
        for one in found
        if cause and one.is_open and one.by == cause
    ]


def escalations(retiree: UUID, told: Mapping[str, Told], office: str, today: date) -> Iterator[AlertEscalated]:
    """The alerts whose day has passed, each once."""
    for one in told.values():
        if one.is_open and not one.escalated and one.act_by < today:
            yield AlertEscalated(alert=one.alert, retiree=retiree, office=office, act_by=one.act_by)


def _alert(id_: str, retiree: UUID, given: Instruction, office: str, replaces: tuple[str, ...]) -> AlertRaised:
    terms = given.terms
    return AlertRaised(
        alert=id_,
        retiree=retiree,
        kind=terms.kind,
        action=terms.action,
        first_month=terms.first_month,
        last_month=terms.last_month,
        months=terms.months,
        amount=terms.amount,
        strength=terms.strength,
        rule=given.rule,
        evidence=given.evidence,
        office=office,
        act_by=given.act_by,
        replaces=replaces,
        late=given.late,
    )


def _reopened(told: dict[str, Told], known: Known, back: set[Reference]) -> dict[str, Told]:
    """What is left of what an office was told when answers are taken back: what they closed is to be told anew.

    What is wrong with the payment says so itself; of a resumption that was not done nothing else would.
    """
    corrected = _named(told, known)  # an answer that corrects the one before it speaks of the alert as it stands
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
        by=None if one.is_open and _named(told, known) is one else known.reference,
        parts=tuple(part for part in one.parts if part[0] not in back),
    )
    return others | {GRANT_BACK: after}


def _named(told: Mapping[str, Told], known: Known) -> Told | None:
    alert = getattr(known.fact, "alert", None)
    return next((one for one in told.values() if one.alert == alert), None)


def _after_answer(told: dict[str, Told], known: Known, act_by: date | None) -> dict[str, Told]:
    one = _named(told, known)
    if one is None:
        return told
    back = _taken_back(known)
    if amount := _came_back(one, known):
        left = max(0, fen(one.terms.amount) - amount)
        stage = one.stage if left else Stage.APPLIED
        before = tuple(part for part in one.parts if part[0] not in back)
        parts = (*before, (known.reference, amount))[-KEEP:]
        after = replace(one, terms=replace(one.terms, amount=yuan(left)), stage=stage, parts=parts)
    else:
        moved = known.fact.amount if isinstance(known.fact, AlertApplied) else one.moved
        after = replace(one, stage=_STAGES[type(known.fact)], moved=moved)
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


def _taken_back(known: Known) -> set[Reference]:
    """The facts that one takes back or corrects."""
    named = known.fact.corrects, known.fact.retracts if isinstance(known.fact, FactRetracted) else None
    return {Reference(known.reference.source, id_) for id_ in named if id_}


def _applied(told: Told, month: Month, by: Reference) -> Callable[[Dossier, Law, date], Dossier] | None:
    """What an application in `month` tells of what was paid until then; of what was recovered or paid back, in whatever month, no more than was told."""
    terms = told.terms
    match terms.action:
        case Action.RECOVER | Action.PAY_BACK if told.stage is Stage.APPLIED:
            return _leave
        case Action.STOP | Action.SUSPEND if month > terms.first_month:
            return partial(_report, Run(terms.first_month, plus(month, -1), pays=True), by)
        case Action.RESUME if month > terms.first_month:
            return partial(_report, Run(terms.first_month, plus(month, -1), pays=False, why=Kind.CORRECTION), by)
        case Action.RECOVER | Action.PAY_BACK if terms.slot != GRANT_BACK:
            return partial(_squared, terms, by)
        case _:
            return None


def _leave(dossier: Dossier, _law: Law, _today: date) -> Dossier:
    return dossier


def _unsay(by: Reference, dossier: Dossier, _law: Law, _today: date) -> Dossier:
    return unsaid(dossier, by)


def _squared(terms: Terms, by: Reference, dossier: Dossier, law: Law, today: date) -> Dossier:
    payment = Payment(by, month=terms.first_month, why=terms.kind)
    owed = terms.action is Action.PAY_BACK
    return squared(dossier, law, today, payment, terms.first_month, terms.last_month, owed=owed)


def _returned(terms: Terms, known: Known, dossier: Dossier, law: Law, today: date) -> Dossier:
    fact = known.fact
    assert isinstance(fact, OverpaymentReturned)
    offset = fact.kind is Return.OFFSET
    part = Payment(known.reference, returned=fen(fact.amount), month=Month(fact.month), why=terms.kind, offset=offset)
    return returned(dossier, law, today, part, terms.first_month, terms.last_month)


def _report(run: Run, by: Reference, dossier: Dossier, law: Law, today: date) -> Dossier:
    return reported(dossier, law, today, by, run)
