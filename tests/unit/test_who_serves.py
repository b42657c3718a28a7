"""Exactly one office serves a retiree on each day, whatever is told of handover, moves and receptions, in any order."""

from collections.abc import Sequence
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.facts import (
    DeathRetracted,
    HandoverCompleted,
    HandoverProposed,
    HandoverRefused,
    Known,
    ReceptionAccepted,
    Reference,
)
from domain.handover import Handover, Keeper, Stage, evolve_handover, paying_division, serving_office
from tests.handing import (
    CITIES,
    DAY,
    LAW,
    SZ,
    City,
    D,
    by,
    completed,
    proposed,
    retracted,
    stage_of,
    told,
)
from tests.tellings import DAYS, Told, accepted, tellings


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
