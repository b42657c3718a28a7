"""What what-if tells of amounts comes to the amounts, whatever the life; and no order of the facts changes what it tells."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from domain.decide import pass_day
from domain.facts import Known
from domain.money import fen
from domain.months import count
from domain.state import next_due
from infra.statutes import the_law
from services.cases import living
from services.cases.comparing import Judged, compared, judged
from services.cases.living import Life, live
from tests.building import LAST_DAY, RETIREE, lives, shuffled

LAW = the_law()
TODAY = date(2025, 3, 15)


def told(facts: list[Known], today: date = TODAY) -> tuple[Life, Judged]:
    life = live(RETIREE, facts, LAW, today)
    return life, judged(life.state.dossier, LAW, today, life.alerts)


@settings(max_examples=200)
@given(lives())
def test_the_lines_of_an_amount_come_to_it(facts: list[Known]) -> None:
    _, found = told(facts)
    for amount in (found.overpaid, found.owed):
        if amount is None:
            continue
        assert sum(fen(line.amount) for line in amount.lines) == fen(amount.amount)
        assert sum(line.months for line in amount.lines) == amount.months
        assert (amount.lines[0].first, amount.lines[-1].last) == (amount.first, amount.last)
        for line in amount.lines:
            assert line.months == count(line.first, line.last)
            assert abs(fen(line.due) - fen(line.paid)) * line.months == fen(line.amount)


@settings(max_examples=100)
@given(lives(size=6))
def test_no_order_of_the_facts_changes_what_is_told(facts: list[Known]) -> None:
    assert len({str(told(order)) for order in shuffled(facts, 4)}) == 1


@settings(max_examples=100)
@given(lives())
def test_what_is_open_at_the_end_is_what_the_office_was_told(facts: list[Known]) -> None:
    life, _ = told(facts)
    still = {line.alert.alert for line in life.alerts if line.state == "open"}
    assert still == {one.alert for one in life.state.told.values() if one.is_open}
    escalated = {line.alert.alert for line in life.alerts if line.escalated_on and line.state == "open"}
    assert escalated == {one.alert for one in life.state.told.values() if one.is_open and one.escalated}


@settings(max_examples=100)
@given(lives())
def test_no_day_on_which_something_fell_due_was_left_out(facts: list[Known]) -> None:
    """Letting the last day pass once more finds nothing, and the next due day lies ahead."""
    life, _ = told(facts)
    assert pass_day(RETIREE, life.state, LAW, TODAY) == []
    due = next_due(life.state, LAW, TODAY)
    assert due is None or due > TODAY


@settings(max_examples=50)
@given(lives())
def test_the_same_law_makes_no_difference(facts: list[Known]) -> None:
    _, found = told(facts, LAST_DAY)
    same = compared(found, found)
    assert not same.touches
    assert (same.only_shipped, same.only_changed) == ([], [])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=lives())
def test_passing_every_single_day_tells_the_same(facts: list[Known], monkeypatch: pytest.MonkeyPatch) -> None:
    found = live(RETIREE, facts, LAW, TODAY)
    with monkeypatch.context() as patched:
        patched.setattr(living, "next_due", lambda _state, _law, today: today + timedelta(days=1))
        assert live(RETIREE, facts, LAW, TODAY).alerts == found.alerts
