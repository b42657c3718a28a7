"""The dossier: what it leaves out changes no answer, and it does not grow."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.bounding import KEEP, bounded
from domain.decide import decide
from domain.dossier import Dossier, learn
from domain.entitlement import learned, review, timeline
from domain.facts import Department, Known
from domain.recalling import leans_on_all, of_facts, recalled
from domain.state import RetireeState, evolve
from infra.statutes import the_law
from tests.building import (
    LAST_DAY,
    RETIREE,
    compiled,
    death,
    histories,
    in_order_of_arrival,
    lives,
    on_one_day,
    registered,
    retraction,
    shuffled,
)
from tests.unit import by_definition

LAW = the_law()
RETIRED = registered(date(2020, 1, 31), date(2020, 2, 3), name="one name")


def lived(facts: Sequence[Known]) -> list[Dossier]:
    """The dossiers as the ledger has them, fact by fact: bounded, with the marks asked for, made anew where it must be."""
    dossier, marks, before = Dossier(), dict[str, str | None](), list[Known]()
    found = []
    for known in facts:
        asked = {mark: marks[mark] for mark in dossier.asks(known) if mark in marks}
        dossier = msgspec.structs.replace(dossier, marks=asked)
        if leans_on_all(dossier, known):
            dossier = recalled(dossier, before)
        dossier = bounded(learned(dossier, known, LAW))
        marks |= dossier.marks
        dossier = dossier.without_marks()
        before.append(known)
        found.append(dossier)
    return found


@st.composite
def crowds(draw: st.DrawFn) -> list[Known]:
    """A registration, far more reports than a dossier keeps, retractions of some, perhaps another registration."""
    seed = draw(st.integers(0, 2**32))
    rng = Random(seed)  # noqa: S311 - a seed, not secrecy
    day = date(2022, 1, 1)
    facts = [RETIRED]
    for number in range(draw(st.integers(KEEP, 4 * KEEP))):
        day += timedelta(days=rng.randint(0, 3))
        department = rng.choice([Department.COMMUNITY, Department.FAMILY, Department.CIVIL_AFFAIRS, Department.POLICE])
        kind = rng.random()
        if kind < 0.75:
            on = day - timedelta(days=rng.randint(0, 400))
            document, name = rng.choice([None, "1号", f"{number}号"]), rng.choice([None, "one name", "another name"])
            facts.append(death(on, day, str(number), department, document, name))
        elif kind < 0.95:
            facts.append(retraction(str(rng.randint(0, number + 3)), day, str(number), department))
        else:
            facts.append(registered(date(2020, 1, 31), day, str(number), name=rng.choice([None, "another name"])))
    return facts


@given(st.one_of(histories(registrations=2), lives(), crowds()))
def test_a_dossier_answers_as_the_whole_set_of_facts_does(facts: list[Known]) -> None:
    arriving = in_order_of_arrival(facts)
    for n, dossier in enumerate(lived(arriving), start=1):
        told, today = tuple(arriving[:n]), arriving[n - 1].learnt
        assert timeline(dossier, LAW, today) == by_definition.due(told, LAW, today)
        found = review(dossier, LAW, today)
        if not found.timeline:
            continue
        assert found.paid == by_definition.paid(told, LAW, today)
        reports, sure = by_definition.doubtful(told), by_definition.confirmed(told)
        assert bool(found.suspicion) == bool(reports and not sure)
        if found.suspicion:
            assert found.suspicion.mismatch == any(by_definition.mismatches(known, told) for known in reports)
            assert found.suspicion.facts[0] == reports[0].reference
            assert set(found.suspicion.facts) <= {known.reference for known in reports}


@given(st.one_of(histories(registrations=2), lives()), st.dates(LAST_DAY, date(2026, 1, 1)))
def test_a_dossier_that_learns_nothing_new_goes_on_as_the_facts_say(facts: list[Known], today: date) -> None:
    found = review(compiled(facts, LAW), LAW, today)
    if found.timeline:
        assert found.paid == by_definition.paid(tuple(facts), LAW, today)


@given(st.one_of(histories(registrations=2), lives()))
def test_every_order_of_facts_of_one_day_gives_dossiers_that_answer_alike(facts: list[Known]) -> None:
    same_day = on_one_day(facts)
    expected = review(compiled(same_day, LAW), LAW, LAST_DAY)
    for order in shuffled(same_day, 20):
        (*_, last) = lived(order) or [Dossier()]
        assert review(last, LAW, LAST_DAY) == expected


@given(st.one_of(histories(registrations=2), lives(), crowds()), st.integers(0, 16))
def test_a_dossier_of_all_facts_at_once_goes_on_as_one_that_learned_them_one_by_one(facts: list[Known], n: int) -> None:
    one_by_one = reduce(learn, facts[:n], Dossier())
    at_once = of_facts(facts[:n])
    for known in [None, *facts[n:]]:
        if known:
            one_by_one, at_once = learn(one_by_one, known), learn(at_once, known)
        assert msgspec.structs.replace(at_once, marks={}) == msgspec.structs.replace(one_by_one, marks={})


def test_a_report_under_another_name_that_was_left_out_counts_when_those_kept_are_taken_back() -> None:
    day = date(2024, 4, 10)
    others = [
        death(date(2024, 2, 1), day, f"m{n}", Department.POLICE, f"{n}号", "another name") for n in range(KEEP + 3)
    ]
    back = [retraction(f"m{n}", day, f"b{n}", Department.POLICE) for n in range(KEEP + 2)]
    facts = [RETIRED, death(date(2024, 1, 31), day, "sure", document="民政1号"), *others, *back]
    assert lived(facts)[-1].mismatch
    assert review(lived(facts)[-1], LAW, day) == review(compiled(facts, LAW), LAW, day)


def test_a_state_does_not_grow_with_the_number_of_reports_and_retractions() -> None:
    state = RetireeState()
    sizes = []
    facts = [RETIRED]
    for n in range(1_000):
        day = date(2022, 1, 1) + timedelta(days=n)
        facts.append(death(day, day, f"{n}", document=f"{n}号"))
        facts.append(retraction(f"{n}", day, f"{n}-back"))
        facts.append(death(day, day, f"{n}-weak", Department.COMMUNITY))
    for known in facts:
        dossier = msgspec.structs.replace(state.dossier, marks={})
        if leans_on_all(dossier, known):
            continue  # the test above has these
        state = msgspec.structs.replace(state, dossier=dossier)
        for decision in decide(RETIREE, state, known, LAW, known.learnt):
            state = evolve(state, decision)
        sizes.append(len(msgspec.msgpack.encode(state)))
    assert max(sizes[-100:]) < 2 * max(sizes[:100])
