"""A case in, the timeline and the alerts out. Nothing is stored and no server is needed."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.decide import AlertEscalated, AlertRaised, AlertWithdrawn, FactRecorded, RetireeState, check, decide, evolve
from domain.entitlement import Assessment, Debt, last_paid_month, review
from domain.facts import DeathReported, Known, Reference, RetirementRegistered
from domain.identity import check_day, normal, normal_name
from domain.law import Law
from domain.money import Yuan, yuan
from domain.months import Month, plus
from domain.refusals import Refused
from domain.timeline import Run, Span, Status, differences
from infra.submissions import Submission
from services.application import BEIJING
from services.cloudevents import Envelope, Publisher, department_of, structured, submission
from services.intake import Refusal, refusal


class MonthLine(Struct, frozen=True, kw_only=True):
    """One month: its status, the pension due in yuan, where the rule stands, and what is amiss with what was paid."""

    month: Month
    status: str
    due: Yuan
    document: str
    article: str
    settlement: str


class Amount(Struct, frozen=True):
    """Months and yuan."""

    months: int
    first: Month
    last: Month
    amount: Yuan


class AlertLine(Struct, frozen=True, kw_only=True):
    """An alert, the day it would have been raised, and whether it is still open."""

    raised_on: date
    state: str
    alert: AlertRaised


class Case(Struct, frozen=True, kw_only=True):
    """One retiree's answer. `person` is masked."""

    person: str
    registered: bool
    timeline: tuple[Span, ...]
    months: list[MonthLine]
    overpaid: Amount | None
    owed: Amount | None
    alerts: list[AlertLine]


class RefusedLine(Struct, frozen=True):
    """A line that the system would refuse."""

    line: int
    refusal: Refusal


class Answer(Struct, frozen=True, kw_only=True):
    """The answer to a file."""

    today: date
    law_at: date | None
    retirees: list[Case]
    refused: list[RefusedLine]


def examine(lines: bytes, today: date, law: Law, law_at: date | None = None) -> Answer:
    """The answer to the lines of a case file, the same for any order of its lines."""
    refused: list[RefusedLine] = []
    told: dict[Reference, list[_Line]] = {}
    for number, line in enumerate(lines.splitlines(), start=1):
        if not line.strip():
            continue
        envelope = None
        try:
            envelope = structured(line)
            sent = submission(envelope, Publisher("what-if", department_of(envelope.source), "file"))
            person, known = _known(sent, today)
            told.setdefault(known.reference, []).append(
                _Line(known.learnt, sent.digest, number, person, known, envelope)
            )
        except Refused as why:
            refused.append(RefusedLine(number, refusal(why, envelope)))
    cases: dict[str, list[Known]] = {}
    for same in told.values():
        first, *others = sorted(same, key=lambda one: (one.learnt, one.digest))
        cases.setdefault(first.person, []).append(first.known)
        refused += [
            RefusedLine(other.number, refusal(Refused("id-conflict", "id"), other.envelope))
            for other in others
            if other.digest != first.digest
        ]
    return Answer(
        today=today,
        law_at=law_at,
        retirees=[
            _case(who, UUID(int=n), facts, law, today) for n, (who, facts) in enumerate(sorted(cases.items()), 1)
        ],
        refused=sorted(refused, key=lambda line: line.line),
    )


class _Line(NamedTuple):
    """A line that can be understood."""

    learnt: date
    digest: bytes
    number: int
    person: str
    known: Known
    envelope: Envelope


def _known(sent: Submission, today: date) -> tuple[str, Known]:
    """The fact, learned on the day of its `time`: without one a registration on its own day, anything else today."""
    number = normal(sent.person.identity_number)
    check_day(number, sent.fact.effective)
    told = _day_of(sent.time) if sent.time else today
    if sent.time is None and isinstance(sent.fact, RetirementRegistered):
        told = sent.fact.effective
    known = Known(
        reference=Reference(sent.source, sent.id),
        department=sent.department,
        learnt=min(max(told, sent.fact.effective), today),
        fact=sent.fact,
        name_tag=normal_name(sent.person.name) if sent.person.name else None,
    )
    check(known, today)
    return number, known


def _day_of(time: datetime) -> date:
    try:
        return time.astimezone(BEIJING).date()
    except OverflowError:
        raise Refused("invalid-field", "time", "it lies before the calendar") from None


def _case(person: str, retiree: UUID, facts: list[Known], law: Law, today: date) -> Case:
    state, alerts = _live(retiree, facts, law)
    found = review(state.dossier, law, today)
    registered = state.dossier.registration
    pension = registered.monthly_pension if registered else "0.00"
    return Case(
        person=f"{person[:6]}********{person[-4:]}",
        registered=state.registered,
        timeline=found.timeline,
        months=list(_months(found, pension, law, today)),
        overpaid=_amount(found.overpaid),
        owed=_amount(found.owed),
        alerts=alerts,
    )


def _live(retiree: UUID, facts: list[Known], law: Law) -> tuple[RetireeState, list[AlertLine]]:
    """Live through the facts as they were learned, in one fixed order within a day."""
    state = RetireeState()
    raised: dict[str, AlertLine] = {}
    for known in sorted(facts, key=_order):
        for decision in decide(retiree, state, known, law, known.learnt):
            state = evolve(state, decision)
            match decision:
                case AlertRaised():
                    for gone in decision.replaces:
                        raised[gone] = msgspec.structs.replace(raised[gone], state="replaced")
                    raised[decision.alert] = AlertLine(raised_on=known.learnt, state="open", alert=decision)
                case AlertWithdrawn():
                    raised[decision.alert] = msgspec.structs.replace(raised[decision.alert], state="withdrawn")
                case FactRecorded() | AlertEscalated():
                    pass
    return state, list(raised.values())


def _order(known: Known) -> tuple[date, int, Reference]:
    kind = 0 if isinstance(known.fact, RetirementRegistered) else 1 if isinstance(known.fact, DeathReported) else 2
    return known.learnt, kind, known.reference


def _months(found: Assessment, pension: Yuan, law: Law, today: date) -> Iterator[MonthLine]:
    """Every month from the first pension to the present one, and to the first of the last span."""
    if not found.timeline:
        return
    paid_until = last_paid_month(law, today)
    wrong = differences(found.paid, found.timeline)
    until = max(paid_until, found.timeline[-1].first)
    for span in found.timeline:
        month = span.first
        while month <= min(span.last or until, until):
            yield MonthLine(
                month=month,
                status=span.status,
                due=pension if span.status is Status.PAYABLE else "0.00",
                document=span.rule.document,
                article=span.rule.article,
                settlement=_settlement(month, span, wrong, paid_until),
            )
            month = plus(month, 1)


def _settlement(month: Month, span: Span, wrong: tuple[Run, ...], paid_until: Month) -> str:
    if month > paid_until:
        return "not-yet"
    for run in wrong:
        if run.first <= month <= (run.last or month):
            return "owed" if run.pays else "overpaid"
    return "paid" if span.status is Status.PAYABLE else "none"


def _amount(debt: Debt | None) -> Amount | None:
    return Amount(debt.months, debt.first, debt.last, yuan(debt.amount)) if debt else None
