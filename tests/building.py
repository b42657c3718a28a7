"""Facts and submissions for tests, with everything that a test does not speak of filled in."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from random import Random
from typing import NamedTuple
from uuid import UUID

import msgspec
from hypothesis import strategies as st
from stdnum.cn import ric

from domain import entitlement
from domain.alerts import Action
from domain.decide import decide
from domain.dossier import Dossier
from domain.entitlement import Assessment, learned, review
from domain.facts import (
    Acquitted,
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    DeclaredMissing,
    Department,
    Detained,
    Discharge,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
    FactRetracted,
    GoneMissing,
    Known,
    LifeEvent,
    Paroled,
    ParoleRevoked,
    PensionAdjusted,
    Person,
    Reappeared,
    Reference,
    Released,
    RetirementRegistered,
    Scheme,
    Sentence,
    Sentenced,
    SurvivalVerified,
    VisitMade,
    VisitReason,
    Wanted,
)
from domain.law import Law
from domain.state import Decision, RetireeState, evolve
from domain.timeline import Timeline
from domain.told import AlertRaised
from infra.submissions import Submission

RETIREE = UUID("5e3c2f6e-0000-4000-8000-000000000001")
SHENZHEN = "440304901001"
PENSION = "3456.78"
AGENCY, CIVIL_AFFAIRS = Department.AGENCY, Department.CIVIL_AFFAIRS


def known(id_: str, fact: LifeEvent, learnt: date, department: Department, name: str | None = None) -> Known:
    return Known(
        reference=Reference(f"/{department}/shenzhen", id_),
        department=department,
        learnt=learnt,
        fact=fact,
        name_tag=name,
    )


def registered(
    retired: date,
    learnt: date,
    id_: str = "registration",
    pension: str = PENSION,
    department: Department = AGENCY,
    name: str | None = None,
) -> Known:
    fact = RetirementRegistered(effective=retired, monthly_pension=pension, residence_division=SHENZHEN)
    return known(id_, fact, learnt, department, name)


def death(
    on: date,
    learnt: date,
    id_: str = "death",
    department: Department = CIVIL_AFFAIRS,
    document: str | None = None,
    name: str | None = None,
) -> Known:
    return known(id_, DeathReported(effective=on, document=document), learnt, department, name)


def retraction(of: str, learnt: date, id_: str = "retraction", department: Department = CIVIL_AFFAIRS) -> Known:
    return known(id_, DeathRetracted(effective=learnt, retracts=of), learnt, department)


def compiled(facts: Iterable[Known], law: Law) -> Dossier:
    """The dossier of facts, told in the order of the days they were learned, those of one day in the order given."""
    dossier = Dossier()
    for known in sorted(facts, key=lambda one: one.learnt):
        dossier = learned(dossier, known, law)
    return dossier


def timeline(facts: Iterable[Known], law: Law, today: date | None = None) -> Timeline:
    """The timeline of a set of facts, as of `today` or the last day one of them was learned."""
    facts = list(facts)
    day = today or max((known.learnt for known in facts), default=LAST_DAY)
    return entitlement.timeline(compiled(facts, law), law, day)


def assess(facts: Iterable[Known], law: Law, today: date) -> Assessment:
    """The assessment of a set of facts."""
    return review(compiled(facts, law), law, today)


class Step(NamedTuple):
    """A fact, what was decided on it, and the state after."""

    known: Known
    decisions: list[Decision]
    state: RetireeState

    @property
    def raised(self) -> list[AlertRaised]:
        return [decision for decision in self.decisions if isinstance(decision, AlertRaised)]

    @property
    def alerts(self) -> list[AlertRaised]:
        """Those about the pension itself: a confirmed death also grants something to survivors."""
        return [alert for alert in self.raised if alert.action is not Action.GRANT]


def told(facts: Sequence[Known], law: Law) -> list[Step]:
    """Decide on facts one after the other, each on the day it was learned."""
    state, steps = RetireeState(), []
    for fact in facts:
        decisions = decide(RETIREE, state, fact, law, fact.learnt)
        for decision in decisions:
            state = evolve(state, decision)
        steps.append(Step(fact, decisions, state))
    return steps


LAST_DAY = date(2024, 12, 31)
_DAYS = st.dates(date(2022, 1, 1), date(2024, 6, 30))
_NAMES = st.sampled_from([None, None, "one name", "another name"])
_PENSIONS = st.sampled_from(["0.01", PENSION, "12000.00"])


@st.composite
def _registrations(draw: st.DrawFn, number: int) -> Known:
    retired = draw(_DAYS)
    department = draw(st.sampled_from([AGENCY, Department.ENTERPRISE]))
    return registered(
        retired, draw(st.dates(retired, LAST_DAY)), str(number), draw(_PENSIONS), department, draw(_NAMES)
    )


@st.composite
def _deaths(draw: st.DrawFn, number: int) -> Known:
    on = draw(_DAYS)
    department = draw(st.sampled_from([CIVIL_AFFAIRS, CIVIL_AFFAIRS, Department.POLICE, Department.COMMUNITY]))
    document = draw(st.sampled_from([None, "1号", "2号"]))
    return death(on, draw(st.dates(on, LAST_DAY)), str(number), department, document, draw(_NAMES))


@st.composite
def _retractions(draw: st.DrawFn, number: int) -> Known:
    on = draw(_DAYS)
    department = draw(st.sampled_from([CIVIL_AFFAIRS, CIVIL_AFFAIRS, Department.POLICE, Department.COMMUNITY]))
    return retraction(str(draw(st.integers(0, 5))), draw(st.dates(on, LAST_DAY)), str(number), department)


_COURTS = st.sampled_from([Department.POLICE, Department.JUSTICE, Department.COURT])
_SEEKERS = st.sampled_from([Department.POLICE, Department.POLICE, Department.COMMUNITY, Department.FAMILY])


@st.composite
def _turns(draw: st.DrawFn, number: int) -> Known:
    """Custody, sentences, absence and return, verification, adjustment, second pensions."""
    day = draw(_DAYS)
    ends = draw(st.one_of(st.none(), st.dates(day, LAST_DAY)))
    case = draw(st.sampled_from([None, "1", "2"]))
    facts: list[tuple[LifeEvent, st.SearchStrategy[Department]]] = [
        (Wanted(effective=day, case=case), _COURTS),
        (Detained(effective=day, case=case), _COURTS),
        (Sentenced(effective=day, case=case, sentence=draw(st.sampled_from(Sentence)), ends_on=ends), _COURTS),
        (Paroled(effective=day, case=case, ends_on=ends), _COURTS),
        (ParoleRevoked(effective=day, case=case), _COURTS),
        (Released(effective=day, case=case, discharge=draw(st.sampled_from(Discharge))), _COURTS),
        (Acquitted(effective=day, case=case), _COURTS),
        (GoneMissing(effective=day), _SEEKERS),
        (DeclaredMissing(effective=day), st.just(Department.COURT)),
        (DeathDeclared(effective=day), st.just(Department.COURT)),
        (Reappeared(effective=day), _SEEKERS),
        (SurvivalVerified(effective=day), st.sampled_from([AGENCY, Department.COMMUNITY])),
        (VisitMade(effective=day, reason=draw(st.sampled_from(VisitReason))), st.just(Department.COMMUNITY)),
        (PensionAdjusted(effective=day, monthly_pension=draw(_PENSIONS)), st.just(AGENCY)),
        (DuplicateBenefitFound(effective=day, scheme=Scheme.RESIDENT, basic_received="300.00"), st.just(AGENCY)),
        (DuplicateBenefitSettled(effective=day, keeps_ours=draw(st.booleans())), st.just(AGENCY)),
        (FactRetracted(effective=day, retracts=str(draw(st.integers(0, 12)))), st.sampled_from(Department)),
    ]
    fact, departments = draw(st.sampled_from(facts))
    if draw(st.integers(0, 5)) == 0:
        fact = msgspec.structs.replace(fact, corrects=str(draw(st.integers(0, 12))))
    return known(str(number), fact, draw(st.dates(day, LAST_DAY)), draw(departments), draw(_NAMES))


@st.composite
def histories(draw: st.DrawFn, *, registrations: int = 1, size: int = 6, turns: bool = False) -> list[Known]:
    """Up to six facts about one retiree, in any order, at most so many of them registrations; `turns`: of all kinds."""
    words = ["registration", "death", "death", "retraction", *(["turn"] * 8 if turns else [])]
    kinds = draw(st.lists(st.sampled_from(words), max_size=size))
    made = {"registration": _registrations, "death": _deaths, "retraction": _retractions, "turn": _turns}
    facts: list[Known] = []
    for number, kind in enumerate(kinds):
        had = sum(isinstance(fact.fact, RetirementRegistered) for fact in facts)
        facts.append(draw(made["death" if kind == "registration" and had >= registrations else kind](number)))
    return facts


def lives(size: int = 12) -> st.SearchStrategy[list[Known]]:
    """A registration, and up to so many facts of all kinds."""
    born = _registrations(99)
    return st.tuples(born, histories(registrations=2, size=size, turns=True)).map(lambda told: [told[0], *told[1]])


def on_one_day(facts: Sequence[Known], day: date = LAST_DAY) -> list[Known]:
    """The same facts, all of them learned on one day."""
    return [msgspec.structs.replace(fact, learnt=day) for fact in facts]


def shuffled(facts: Sequence[Known], times: int) -> Iterator[list[Known]]:
    """The facts in that many orders, the same ones at each run."""
    random = Random(len(facts))  # noqa: S311 - a seed, not secrecy
    for _ in range(times):
        yield random.sample(facts, len(facts))


def in_order_of_arrival(facts: Sequence[Known]) -> list[Known]:
    """The facts as we would be told them; those of one day in the order given."""
    return sorted(facts, key=lambda fact: fact.learnt)


def number_of(n: int) -> str:
    """The identity number of the n-th invented person, born in 1950."""
    stem = f"440304{1950:04d}0101{n:03d}"
    return stem + ric.calc_check_digit(stem + "0")


def submission(
    fact: LifeEvent,
    id_: str = "1",
    *,
    number: str | None = None,
    name: str | None = "王小明",
    department: Department | None = None,
    person: Person | None = None,
) -> Submission:
    """A submission, published by the agency (registrations) or civil affairs (deaths) unless said otherwise."""
    publisher = department or (AGENCY if isinstance(fact, RetirementRegistered) else CIVIL_AFFAIRS)
    who = person or Person(identity_number=number or number_of(1), name=name)
    return Submission(
        source=f"/{publisher}/shenzhen",
        id=id_,
        department=publisher,
        published_by=f"{publisher}-gateway",
        channel="http",
        fact=fact,
        person=who,
        digest=hashlib.sha256(msgspec.json.encode([fact, who])).digest(),
    )


def retirement(on: date = date(2020, 1, 31), pension: str = PENSION) -> RetirementRegistered:
    return RetirementRegistered(effective=on, monthly_pension=pension, residence_division=SHENZHEN)
