"""`changqing what-if`: a case file in, the timeline and the alerts out. Nothing is stored and no server is needed."""

import sys
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from domain.decide import AlertRaised, AlertWithdrawn, FactRecorded, RetireeState, decide, evolve
from domain.entitlement import Assessment, Debt, assess, last_paid_month, registration
from domain.facts import DeathReported, Known, Reference, RetirementRegistered
from domain.identity import normal, normal_name
from domain.law import Law
from domain.money import Yuan, fen, yuan
from domain.months import Month, plus
from domain.refusals import Refused
from domain.timeline import Run, Span, Status, differences
from infra.ledger import Submission
from infra.statutes import the_law
from services.application import today as business_day
from services.cloudevents import Publisher, department_of, structured, submission
from services.intake import Refusal, refusal
from services.web.words import WORDS

_BEIJING = ZoneInfo("Asia/Shanghai")


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


def answer(file: Path, today: date | None, law_at: date | None, *, as_json: bool) -> int:
    """Answer a case file on standard output. Returns the exit code: 0, or 1 when a line was refused, or 2 for no file."""
    try:
        lines = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        sys.stderr.write(
            f"changqing: {file} cannot be read: {error.strerror}. Name a file with one CloudEvent a line.\n"
        )
        return 2
    law = the_law().pinned(law_at) if law_at else the_law()
    given = examine(lines, today or business_day(), law, law_at)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(given), indent=2).decode() + "\n")
    else:
        _show(given, Console())
    return 1 if given.refused else 0


def examine(lines: bytes, today: date, law: Law, law_at: date | None = None) -> Answer:
    """The answer to the lines of a case file, the same for any order of its lines."""
    refused: list[RefusedLine] = []
    cases: dict[str, dict[Reference, tuple[bytes, Known]]] = {}
    for number, line in enumerate(lines.splitlines(), start=1):
        if not line.strip():
            continue
        envelope = None
        try:
            envelope = structured(line)
            sent = submission(envelope, Publisher("what-if", department_of(envelope.source), "file"))
            person, known = _known(sent, today)
            told = cases.setdefault(person, {})
            earlier, _ = told.setdefault(known.reference, (sent.digest, known))
        except Refused as why:
            refused.append(RefusedLine(number, refusal(why, envelope)))
        else:
            if earlier != sent.digest:
                refused.append(RefusedLine(number, refusal(Refused("id-conflict", "id"), envelope)))
    found = [
        _case(person, UUID(int=n), [k for _, k in told.values()], law, today)
        for n, (person, told) in enumerate(sorted(cases.items()), 1)
    ]
    return Answer(today=today, law_at=law_at, retirees=found, refused=refused)


def _known(sent: Submission, today: date) -> tuple[str, Known]:
    """The fact, learned on the day of its `time`: without one a registration on its own day, anything else today."""
    number = normal(sent.person.identity_number)
    if sent.fact.effective > today:
        raise Refused("date-in-future", "data.effective", "the day has not come yet")
    told = sent.time.astimezone(_BEIJING).date() if sent.time else today
    if sent.time is None and isinstance(sent.fact, RetirementRegistered):
        told = sent.fact.effective
    return number, Known(
        reference=Reference(sent.source, sent.id),
        department=sent.department,
        learnt=min(max(told, sent.fact.effective), today),
        fact=sent.fact,
        name_tag=normal_name(sent.person.name) if sent.person.name else None,
    )


def _case(person: str, retiree: UUID, facts: list[Known], law: Law, today: date) -> Case:
    state, alerts = _live(retiree, facts, law)
    found = assess(state.facts, law, today)
    registered = registration(state.facts)
    pension = (
        registered.fact.monthly_pension if registered and isinstance(registered.fact, RetirementRegistered) else "0.00"
    )
    return Case(
        person=f"{person[:6]}********{person[-4:]}",
        registered=state.registered,
        timeline=found.timeline,
        months=list(_months(found, pension, law, today)),
        overpaid=_amount(found.overpaid, pension),
        owed=_amount(found.owed, pension),
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
                case FactRecorded():
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
    wrong = list(differences(found.paid, found.timeline))
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


def _settlement(month: Month, span: Span, wrong: list[Run], paid_until: Month) -> str:
    if month > paid_until:
        return "not-yet"
    for run in wrong:
        if run.first <= month <= (run.last or month):
            return "owed" if run.pays else "overpaid"
    return "paid" if span.status is Status.PAYABLE else "none"


def _amount(debt: Debt | None, pension: Yuan) -> Amount | None:
    return Amount(debt.months, debt.first, debt.last, yuan(debt.months * fen(pension))) if debt else None


def _show(given: Answer, console: Console) -> None:
    """Chinese first, English second; the timeline in spans of months."""
    say = partial(console.print, highlight=False, markup=False)
    law = f"，按 {given.law_at} 的规定 under the law of that day" if given.law_at else ""
    say(f"截至 {given.today}{law}，不保存任何数据 as of that day, nothing is stored")
    for case in given.retirees:
        say(
            f"\n{case.person}"
            + ("" if case.registered else "：尚未登记，事件待登记后生效 not registered yet: the facts are parked")
        )
        if case.registered:
            console.print(_timeline_table(case))
        for zh, en, amount in (("多发", "overpaid", case.overpaid), ("应补发", "owed", case.owed)):
            if amount:
                say(f"{zh} {en}: {amount.first} — {amount.last}, {amount.months} 个月 months, {amount.amount} 元 yuan")
        if case.alerts:
            console.print(_alert_table(case))
    for refused in given.refused:
        why = refused.refusal
        say(
            f"第 {refused.line} 行不予受理 line {refused.line} is refused: {why.reason.zh} {why.reason.en} ({why.code} {why.path})"
        )


def _timeline_table(case: Case) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("月份 months", "待遇 status", "依据 rule", "事实 facts"):
        table.add_column(heading, overflow="fold")
    for span in case.timeline:
        facts = ", ".join(f"{fact.source} {fact.id}" for fact in span.facts)
        months = f"{span.first} — {span.last or '…'}"
        table.add_row(
            months, _bilingual(span.status), f"{span.rule.document} {span.rule.article} {span.rule.zh}", facts
        )
    return table


def _alert_table(case: Case) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("日期 raised", "预警 alert", "月份 months", "元 yuan", "依据 rule", "期限 act by", "状态 state"):
        table.add_column(heading, overflow="fold")
    for line in case.alerts:
        alert = line.alert
        table.add_row(
            str(line.raised_on),
            f"{_bilingual(alert.action)}: {_bilingual(alert.kind)}",
            f"{alert.first_month} — {alert.last_month or '…'}" + (f" ({alert.months})" if alert.months else ""),
            alert.amount,
            f"{alert.rule.document} {alert.rule.article}",
            str(alert.act_by),
            _bilingual(line.state),
        )
    return table


def _bilingual(code: str) -> str:
    return f"{WORDS.get(code, code)} {code}"
