"""A case in, the timeline and the alerts out. Nothing is stored and no server is needed."""

from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from domain.decide import check
from domain.facts import Known, Reference, RetirementRegistered
from domain.identity import check_day, normal, normal_name
from domain.law import Law
from domain.recalling import named
from domain.refusals import Refused
from domain.timeline import Span
from infra.submissions import Submission, check_other
from services.accepting.cloudevents import Envelope, Publisher, department_of, structured, submission
from services.accepting.intake import Refusal, refusal
from services.application import BEIJING
from services.cases.accounting import Amount, MonthLine
from services.cases.comparing import Compared, compared, judged
from services.cases.living import AlertLine, live


class Case(Struct, frozen=True, kw_only=True):
    """One retiree's answer. `person` is masked; `compared`: what another law would change."""

    person: str
    registered: bool
    timeline: tuple[Span, ...]
    months: list[MonthLine]
    overpaid: Amount | None
    owed: Amount | None
    alerts: list[AlertLine]
    compared: Compared | None = None


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


def examine(lines: bytes, today: date, law: Law, law_at: date | None = None, other_law: Law | None = None) -> Answer:
    """The answer to the lines of a case file, the same for any order of its lines; beside it what `other_law` would change."""
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
            other = check_other(sent, person)
            line_of = _Line(known.learnt, sent.digest, number, person, other, known, envelope)
            told.setdefault(known.reference, []).append(line_of)
        except Refused as why:
            refused.append(RefusedLine(number, refusal(why, envelope)))
    lives: dict[str, list[_Line]] = {}
    leading = _leading([min(same, key=_first) for same in told.values()])
    for same in told.values():
        first, *others = sorted(same, key=_first)
        lives.setdefault(leading(first.person), []).append(first)
        refused += [_refused(other, Refused("id-conflict", "id")) for other in others if other.digest != first.digest]
    cases = []
    for number, (who, facts) in enumerate(sorted(lives.items()), start=1):
        case, no = _answered(who, UUID(int=number), facts, today, law, other_law)
        cases.append(case)
        refused += no
    return Answer(
        today=today,
        law_at=law_at,
        retirees=cases,
        refused=sorted(refused, key=lambda line: line.line),
    )


def _first(line: "_Line") -> tuple[date, bytes]:
    return line.learnt, line.digest


def _leading(lines: list["_Line"]) -> Callable[[str], str]:
    """The number under which somebody is shown who has several; of two the one that a link names first."""
    back = {target for line in lines for target in named(line.known)}
    leads: dict[str, str] = {}

    def leading(number: str) -> str:
        return leading(leads[number]) if number in leads else number

    for line in sorted(lines, key=_first):
        if line.other and line.known.reference not in back:
            one, other = leading(line.person), leading(line.other)
            if one != other:
                leads[other] = one
    return leading


def _answered(
    who: str, retiree: UUID, lines: list["_Line"], today: date, law: Law, other_law: Law | None
) -> tuple[Case, list[RefusedLine]]:
    """One retiree's answer, and the lines that were refused on their day."""
    by_reference = {line.known.reference: line for line in lines}
    facts = [line.known for line in lines]
    life = live(retiree, facts, law, today)
    found = judged(life.state.dossier, law, today, life.alerts)
    changes = None
    if other_law:
        other = live(retiree, facts, other_law, today)
        changes = compared(found, judged(other.state.dossier, other_law, today, other.alerts))
    case = Case(
        person=f"{who[:6]}********{who[-4:]}",
        registered=life.state.registered,
        timeline=found.timeline,
        months=found.months,
        overpaid=found.overpaid,
        owed=found.owed,
        alerts=found.alerts,
        compared=changes,
    )
    return case, [_refused(by_reference[reference], refusal) for reference, refusal in life.refused]


def _refused(line: "_Line", why: Refused) -> RefusedLine:
    return RefusedLine(line.number, refusal(why, line.envelope))


class _Line(NamedTuple):
    """A line that can be understood."""

    learnt: date
    digest: bytes
    number: int
    person: str
    other: str | None
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
