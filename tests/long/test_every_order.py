"""A hundred thousand orders of what was told of many people on one day: each gives one timeline, one amount, the same open alerts."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from time import monotonic

import msgspec
import pytest

from domain.alerts import Action, Strength
from domain.decide import RetireeState, decide, evolve
from domain.dossier import asks, leans_on_all, recalled
from domain.entitlement import review
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
    Reappeared,
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
from tests.building import LAST_DAY, PENSION, RETIREE, SHENZHEN, known, registered

D = Department
ORDERS = 200
"""Of each history."""
_JUSTICE = (D.POLICE, D.JUSTICE, D.COURT)
_SEEKERS = (D.POLICE, D.COMMUNITY, D.FAMILY)
_WITNESSES = (D.CIVIL_AFFAIRS, D.CIVIL_AFFAIRS, D.POLICE, D.COMMUNITY)


def _day(random: Random) -> date:
    return date(2022, 1, 1) + timedelta(random.randrange(900))


def _case(random: Random) -> dict[str, object]:
    return {"case": random.choice([None, None, "1", "2"])}


def _amount(random: Random) -> dict[str, object]:
    return {"monthly_pension": random.choice([PENSION, "0.01", "12000.00"])}


_KINDS: list[tuple[type[LifeEvent], tuple[Department, ...], Callable[[Random], dict[str, object]]]] = [
    (RetirementRegistered, (D.AGENCY, D.ENTERPRISE), lambda _: {"residence_division": SHENZHEN, **_amount(_)}),
    (PensionAdjusted, (D.AGENCY,), _amount),
    (SurvivalVerified, (D.AGENCY, D.COMMUNITY), lambda _: {}),
    (DuplicateBenefitFound, (D.AGENCY,), lambda r: {"scheme": r.choice(list(Scheme)), "basic_received": "300.00"}),
    (DuplicateBenefitSettled, (D.AGENCY,), lambda r: {"keeps_ours": r.random() < 0.5}),
    (DeathReported, _WITNESSES, lambda r: {"document": r.choice([None, "1", "2"])}),
    (DeathDeclared, (D.COURT,), lambda _: {}),
    (DeathRetracted, _WITNESSES, lambda r: {"retracts": f"{r.randrange(12)}"}),
    (FactRetracted, tuple(D), lambda r: {"retracts": f"{r.randrange(12)}"}),
    (GoneMissing, _SEEKERS, lambda _: {}),
    (DeclaredMissing, (D.COURT,), lambda _: {}),
    (Reappeared, _SEEKERS, lambda _: {}),
    (Wanted, _JUSTICE, _case),
    (Detained, _JUSTICE, _case),
    (Sentenced, _JUSTICE, lambda r: {"sentence": r.choice(list(Sentence)), **_case(r)}),
    (Paroled, _JUSTICE, _case),
    (ParoleRevoked, _JUSTICE, _case),
    (Released, _JUSTICE, lambda r: {"discharge": r.choice(list(Discharge)), **_case(r)}),
    (Acquitted, _JUSTICE, _case),
    (VisitMade, (D.COMMUNITY,), lambda r: {"reason": r.choice(list(VisitReason))}),
]


def history(random: Random) -> list[Known]:
    """A registration and up to eleven facts, all learned on one day."""
    facts = [registered(_day(random), LAST_DAY, name=random.choice([None, "one"]))]
    for n in range(random.randint(3, 11)):
        kind, departments, rest = random.choice(_KINDS)
        day, said = _day(random), rest(random)
        if kind is Sentenced:
            said["ends_on"] = day + timedelta(random.randrange(900))
        fact = kind(effective=day, **said)  # type: ignore[arg-type] # as the table has it
        if random.random() < 0.1:
            fact = msgspec.structs.replace(fact, corrects=f"{random.randrange(12)}")
        name = random.choice([None, None, None, "one", "other"])
        facts.append(known(f"{n}", fact, LAST_DAY, random.choice(departments), name))
    return facts


def told(facts: Sequence[Known], law: Law) -> RetireeState:
    """The state after facts in an order, as the ledger keeps it: with the marks asked for, made anew where it must be."""
    state, marks = RetireeState(), dict[str, str | None]()
    for n, fact in enumerate(facts):
        dossier = msgspec.structs.replace(state.dossier, marks={m: marks[m] for m in asks(fact) if m in marks})
        if leans_on_all(dossier, fact):
            dossier = recalled(dossier, facts[:n])
        state = msgspec.structs.replace(state, dossier=dossier)
        for decision in decide(RETIREE, state, fact, law, LAST_DAY):
            state = evolve(state, decision)
        marks |= state.dossier.marks
    return state


def left_open(state: RetireeState) -> set[tuple[object, ...]]:
    """What is open; but for a resumption, which is of those only who were once told to stop."""
    terms = [one.terms for one in state.told.values() if one.is_open and one.terms.action is not Action.RESUME]
    return {
        (t.action, t.kind, t.first_month)
        + (() if t.strength is Strength.SUSPECTED else (t.last_month, t.months, t.amount))
        for t in terms
    }


@pytest.mark.timeout(3_600)
def test_every_order_gives_one_timeline_one_amount_and_the_same_open_alerts(
    law: Law, seed: int, permutations: int
) -> None:
    random, began, tried = Random(seed), monotonic(), 0  # noqa: S311 - a seed, not secrecy
    while tried < permutations:
        facts = history(random)
        first = told(facts, law)
        expected = review(first.dossier, law, LAST_DAY), left_open(first)
        for _ in range(min(ORDERS, permutations - tried)):
            random.shuffle(facts)
            state = told(facts, law)
            assert (review(state.dossier, law, LAST_DAY), left_open(state)) == expected, facts
            tried += 1
        if tried % 5_000 == 0 or tried >= permutations:
            print(f"{tried:,} orders, {monotonic() - began:.0f} s", flush=True)  # noqa: T201 - for whoever waits
