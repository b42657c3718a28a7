"""What may be told of somebody's handover, moves and receptions, in any order of arrival: for properties."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st
from msgspec.structs import replace

from domain.decide import decide
from domain.facts import (
    Aspect,
    DeathRetracted,
    FactRetracted,
    HandoverRefused,
    HandoverReturned,
    Known,
    LifeEvent,
    Reference,
)
from domain.history import Entry, FactPublished
from domain.refusals import Refused
from domain.state import RetireeState, evolve
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


def entries(facts: Iterable[Known]) -> list[Entry]:
    """The log of facts about one retiree."""
    return [
        Entry(
            position=number,
            recorded_at=datetime(2024, 5, 1, tzinfo=UTC),
            stream=RETIREE,
            version=number,
            name=str(one.fact.__struct_config__.tag),
            event=FactPublished(
                source=one.reference.source,
                id=one.reference.id,
                department=one.department,
                published_by="gateway",
                channel="http",
                learnt=one.learnt,
                fact=one.fact,
                sealed=b"",
                digest=b"",
            ),
        )
        for number, one in enumerate(facts, start=1)
    ]
