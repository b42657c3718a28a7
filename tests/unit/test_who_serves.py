"""Exactly one office serves a retiree on each day, whatever is told of handover, moves and receptions, in any order."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.decide import RetireeState, decide, evolve
from domain.facts import (
    Aspect,
    DeathRetracted,
    FactRetracted,
    HandoverCompleted,
    HandoverProposed,
    HandoverRefused,
    HandoverReturned,
    Known,
    LifeEvent,
    ReceptionAccepted,
    Reference,
)
from domain.handover import Handover, Keeper, Stage, evolve_handover, paying_division, serving_office
from domain.refusals import Refused
from tests.building import RETIREE
from tests.handing import (
    CITIES,
    DAY,
    DL,
    DL_OTHER,
    LAW,
    SZ,
    SZ_OTHER,
    XN,
    XN_OTHER,
    ZZ,
    ZZ_OTHER,
    City,
    D,
    by,
    completed,
    moved,
    proposed,
    received,
    retracted,
    stage_of,
    told,
)

LAST = DAY + timedelta(12)
DAYS = [DAY + timedelta(n) for n in range(-1, 13)]
_SOME_DAY = st.sampled_from(DAYS[1:])
_PLACES = st.sampled_from([SZ, SZ_OTHER, ZZ, ZZ_OTHER, DL, DL_OTHER, XN, XN_OTHER])


class Told(NamedTuple):
    """What was told of somebody of a city, in the order in which it arrived."""

    city: City
    facts: list[Known]


@st.composite
def _moves(draw: st.DrawFn) -> list[Known]:
    """A move of home and household, and the reception that follows it."""
    there, on = draw(_PLACES), draw(_SOME_DAY)
    later = draw(st.sampled_from([one for one in DAYS if one >= on]))
    both = (Aspect.HUKOU, Aspect.RESIDENCE)
    aspects = draw(st.sampled_from([both, both, (Aspect.RESIDENCE,), (Aspect.HUKOU,)]))
    return [*(moved(aspect, there, on) for aspect in aspects), received(there, later)]


@st.composite
def _taking_back(draw: st.DrawFn, target: Known) -> Known:
    """A fact of the same source that takes another one back, or takes its place."""
    on = draw(_SOME_DAY)
    fact: LifeEvent = FactRetracted(effective=on, retracts=target.reference.id)
    match draw(st.sampled_from(["retract", "retract", "correct", "retract a death"])):
        case "correct" if not isinstance(target.fact, FactRetracted):
            fact = replace(target.fact, effective=on, corrects=target.reference.id)
        case "retract a death" if target.department is not D.ENTERPRISE:
            fact = DeathRetracted(effective=on, retracts=target.reference.id)
        case _:
            pass
    return replace(
        by(target.department, fact), reference=Reference(target.reference.source, f"{by(D.PARTY, fact).reference.id}-x")
    )


@st.composite
def tellings(draw: st.DrawFn) -> Told:
    """A handover with all its steps, moves with their receptions, facts taken back or corrected; in any order of arrival."""
    city = draw(st.sampled_from([*CITIES.values()]))
    whole = [*city.steps(), completed(city.who.residence_division, draw(_SOME_DAY))]
    facts = draw(st.sampled_from([whole, whole, [], whole[:2]]))
    for group in draw(st.lists(_moves(), max_size=3)):
        facts = [*facts, *group]
    for fact in draw(st.lists(st.sampled_from([HandoverRefused, HandoverReturned]), max_size=1)):
        again = [by(D.COMMUNITY, fact(effective=draw(_SOME_DAY), reason="x")), proposed(on=draw(_SOME_DAY))]
        at = draw(st.integers(0, len(facts)))
        facts = [*facts[:at], *again, *facts[at:]]
    for _ in range(draw(st.integers(0, 4)) if facts else 0):
        back = draw(_taking_back(draw(st.sampled_from(facts))))
        at = draw(st.integers(0, len(facts)))
        facts = [*facts[:at], back, *facts[at:]]
    facts = [by(D.AGENCY, city.who), *facts]
    return Told(city, draw(st.permutations(facts)) if draw(st.integers(0, 3)) == 3 else facts)


def accepted(telling: Told) -> tuple[RetireeState, list[Known]]:
    """The state after what the law allows, and that."""
    state, facts = RetireeState(), []
    for known in telling.facts:
        try:
            decisions = decide(RETIREE, state, known, LAW, LAST)
        except Refused:
            continue
        for decision in decisions:
            state = evolve(state, decision)
        facts.append(known)
    return state, facts


def standing(facts: Sequence[Known]) -> list[Known]:
    """Those that nobody takes back, whenever that is told."""
    named = [(known.reference.source, known.fact.corrects) for known in facts]
    named += [(known.reference.source, getattr(known.fact, "retracts", None)) for known in facts]
    return [known for known in facts if (known.reference.source, known.reference.id) not in named]


def by_definition(city: City, facts: Sequence[Known], day: date) -> tuple[Keeper, str | None, date | None]:
    """The office of the last reception by a day, of two on one day the one told last; before any the enterprise that
    proposed, and where nobody did the community of the registration."""
    stand = standing(facts)
    received = [one.fact for one in stand if isinstance(one.fact, HandoverCompleted | ReceptionAccepted)]
    until = [fact for fact in received if fact.effective <= day]
    if until:
        last = max(fact.effective for fact in until)
        return Keeper.COMMUNITY, [fact.division for fact in until if fact.effective == last][-1], last
    if any(isinstance(one.fact, HandoverProposed) for one in stand):
        return Keeper.ENTERPRISE, None, None
    return Keeper.COMMUNITY, city.who.residence_division, None


@given(tellings())
def test_on_each_day_exactly_one_office_serves_and_it_is_the_last_that_received(telling: Told) -> None:
    state, facts = accepted(telling)
    if state.dossier.registration is None:
        return
    offices = [serving_office(state.handover, telling.city.who, LAW, day) for day in DAYS]
    assert [tuple(office) for office in offices] == [by_definition(telling.city, facts, day) for day in DAYS]
    begins = {
        one.fact.effective for one in standing(facts) if isinstance(one.fact, HandoverCompleted | ReceptionAccepted)
    }
    for before, after, day in zip(offices, offices[1:], DAYS[1:], strict=False):
        assert before == after or day in begins, "an office serves until another one has received"
    assert paying_division(telling.city.who) == telling.city.who.residence_division[:4] + "00000000"


@given(tellings(), st.randoms())
def test_the_same_facts_name_the_same_offices_in_whatever_order_they_are_learned(telling: Told, rng: Random) -> None:
    """Of two receptions on one day the one told last holds, so those facts keep their order."""
    _, facts = accepted(telling)
    received = [one for one in facts if isinstance(one.fact, HandoverCompleted | ReceptionAccepted)]
    days = {one.fact.effective for one in received}
    if len(days) < len(received) or sum(isinstance(one.fact, HandoverProposed) for one in facts) > 2:
        return
    shuffled = rng.sample(facts, len(facts))
    states = [learned(facts), learned(shuffled)]
    first, second = ([serving_office(state, telling.city.who, LAW, day) for day in DAYS] for state in states)
    assert first == second


def learned(facts: Sequence[Known]) -> Handover:
    """The handover after facts that are refused no more."""
    named: set[tuple[str, str]] = set()
    handover = Handover()
    for known in facts:
        source = known.reference.source
        handover = evolve_handover(handover, known, gone=(source, known.reference.id) in named)
        named |= {(source, id_) for id_ in (known.fact.corrects, getattr(known.fact, "retracts", None)) if id_}
    return handover


def test_a_second_proposal_taken_back_leaves_the_first_as_it_had_ended() -> None:
    who = CITIES["shenzhen"].who
    no, again = by(D.COMMUNITY, HandoverRefused(effective=DAY, reason="x")), proposed(batch="second")
    steps = [*CITIES["shenzhen"].steps(), no, again]
    state = evolve_handover(told(who, *steps), retracted(again))
    assert stage_of(state, who) is Stage.REFUSED
    assert set(state.done) == set(told(who, *steps[:-1]).done)
    assert serving_office(state, who, LAW, DAY).keeper is Keeper.ENTERPRISE
    corrected = replace(
        again, reference=Reference(again.reference.source, "c"), fact=replace(again.fact, corrects=again.reference.id)
    )
    state = told(who, corrected, state=told(who, *steps))
    assert evolve_handover(state, retracted(corrected)).outcome == told(who, *steps[:-1]).outcome


@pytest.mark.parametrize("first", ["correction", "retraction"])
def test_what_a_correction_replaced_stays_replaced_when_it_is_taken_back_itself(first: str) -> None:
    who = CITIES["shenzhen"].who
    done = completed(SZ)
    state = told(who, *CITIES["shenzhen"].steps(), done)
    corrected = replace(
        done, reference=Reference(done.reference.source, "c"), fact=replace(done.fact, corrects=done.reference.id)
    )
    both = [corrected, retracted(corrected)]
    state = learned([*CITIES["shenzhen"].steps(), done, *(both if first == "correction" else reversed(both))])
    assert state.receptions == ()


def test_a_reception_that_a_retraction_of_a_death_names_is_taken_back_too() -> None:
    """Whether it came before or after: a retraction means the event it names, whatever that told."""
    done = completed(SZ)
    back = by(D.COMMUNITY, DeathRetracted(effective=DAY, retracts=done.reference.id))
    for facts in ([done, back], [back, done]):
        assert learned(facts) == Handover()
