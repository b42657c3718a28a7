"""A hundred thousand orders of what was told of many people on one day: each gives one timeline, one amount, the same open alerts."""

from collections.abc import Sequence
from time import monotonic

import hypothesis
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from domain.alerts import Action, Strength
from domain.decide import decide
from domain.entitlement import review
from domain.facts import Known
from domain.law import Law
from domain.recalling import leans_on_all, recalled
from domain.state import RetireeState, evolve
from tests.building import LAST_DAY, RETIREE, lives, on_one_day, shuffled

ORDERS = 200
"""Of each history."""


def told(facts: Sequence[Known], law: Law) -> RetireeState:
    """The state after facts in an order, as the ledger keeps it: with the marks asked for, made anew where it must be."""
    state, marks = RetireeState(), dict[str, str | None]()
    for n, fact in enumerate(facts):
        dossier = msgspec.structs.replace(
            state.dossier, marks={m: marks[m] for m in state.dossier.asks(fact) if m in marks}
        )
        if leans_on_all(dossier, fact):
            dossier = recalled(dossier, facts[:n])
        state = msgspec.structs.replace(state, dossier=dossier)
        for decision in decide(RETIREE, state, fact, law, LAST_DAY):
            state = evolve(state, decision)
        marks |= state.dossier.marks
        state = msgspec.structs.replace(state, dossier=state.dossier.without_marks())
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
    began, tried = monotonic(), 0

    @hypothesis.seed(seed)
    @settings(
        max_examples=max(1, permutations // ORDERS),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(lives())
    def every_order(history: list[Known]) -> None:
        nonlocal tried
        facts = on_one_day(history)
        first = told(facts, law)
        expected = review(first.dossier, law, LAST_DAY), left_open(first)
        for order in shuffled(facts, ORDERS):
            state = told(order, law)
            assert (review(state.dossier, law, LAST_DAY), left_open(state)) == expected, order
        tried += ORDERS
        if tried % 5_000 == 0:
            print(f"{tried:,} orders, {monotonic() - began:.0f} s", flush=True)  # noqa: T201 - for whoever waits

    every_order()
    assert tried >= permutations // 2, "the histories there are"
