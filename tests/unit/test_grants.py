"""What survivors are granted after a death, and what becomes of it when the death is taken back."""

from datetime import date

import pytest

from domain.alerts import Action
from domain.decide import decide, pass_day
from domain.facts import AlertApplied, Department, Known, RetirementRegistered, Sentence, Sentenced
from domain.kinds import Kind
from domain.state import RetireeState, evolve, next_due
from domain.told import AlertRaised
from infra.statutes import the_law
from tests.building import RETIREE, death, known, retraction, told

LAW = the_law()
DIED = death(date(2022, 5, 20), date(2022, 5, 30))


def person(contributed: int | None = 345, division: str = "440304901001") -> Known:
    fact = RetirementRegistered(
        effective=date(2018, 11, 30),
        monthly_pension="3000.00",
        residence_division=division,
        contribution_months=contributed,
    )
    return known("registration", fact, date(2018, 12, 3), Department.AGENCY)


def granted(facts: list[Known]) -> AlertRaised:
    *_, step = told(facts, LAW)
    (alert,) = [alert for alert in step.raised if alert.action is Action.GRANT]
    return alert


def test_grant_and_benefit_are_reckoned_from_contributions_months_received_and_the_income_of_the_year_before() -> None:
    """28 years 9 months paid in, 3 years 6 months received: 19.25 months and 2 more of 54,854 / 12 to the cent = 4,571.17."""
    alert = granted([person(), DIED])
    assert (alert.kind, alert.first_month, alert.amount) == (Kind.DEATH, "2022-05", "97137.36")
    assert alert.rule.document == "人社部发〔2021〕18号"
    assert alert.evidence == (DIED.reference,)


@pytest.mark.parametrize("registration", [person(None), person(345, "210204001001"), person(48)])
def test_where_a_figure_is_missing_the_grant_is_asked_for_without_an_amount(registration: Known) -> None:
    assert granted([registration, DIED]).amount == "0.00"


def test_a_death_before_the_rules_of_2021_goes_by_the_local_ones_of_its_day() -> None:
    alert = granted([person(), death(date(2021, 8, 31), date(2021, 9, 3))])
    assert (alert.amount, alert.rule.document) == ("0.00", "当地规定")


def test_who_dies_while_serving_leaves_no_survivor_benefit() -> None:
    sentence = Sentenced(effective=date(2022, 1, 10), sentence=Sentence.FIXED_TERM)
    *_, step = told([person(), known("s", sentence, date(2022, 1, 12), Department.POLICE), DIED], LAW)
    assert not any(alert.action is Action.GRANT for alert in step.raised)
    (alert,) = [alert for alert in step.raised if alert.action is Action.SETTLE]
    assert (alert.kind, alert.amount, alert.rule.key) == (Kind.DEATH, "0.00", "death-while-serving")


def answer(alert: AlertRaised, amount: str | None = None) -> Known:
    fact = AlertApplied(effective=date(2022, 6, 20), alert=alert.alert, month="2022-06", amount=amount)
    return known(f"applied-{alert.alert}", fact, date(2022, 6, 20), Department.AGENCY)


@pytest.mark.parametrize(("paid", "back"), [(None, "97137.36"), ("90000.00", "90000.00")])
def test_a_grant_that_was_paid_becomes_a_debt_when_the_death_is_taken_back(paid: str | None, back: str) -> None:
    facts = [person(), DIED]
    facts += [answer(granted(facts), paid), retraction("death", date(2022, 8, 1))]
    *_, step = told(facts, LAW)
    (alert,) = [alert for alert in step.alerts if alert.action is Action.RECOVER]
    assert (alert.kind, alert.amount, alert.rule.key) == (Kind.DEATH_RETRACTED, back, "grant-returned")
    assert "grant" not in step.state.open_alerts
    assert "recover:grant" in step.state.open_alerts


def test_a_grant_that_was_not_paid_is_only_withdrawn_with_the_death() -> None:
    *_, step = told([person(), DIED, retraction("death", date(2022, 5, 31))], LAW)
    assert [alert.action for alert in step.alerts] == [Action.RESUME]
    assert set(step.state.open_alerts) == {"resume"}


def test_what_survivors_return_stays_open_until_it_is_done() -> None:
    facts = [person(), DIED]
    facts += [answer(granted(facts)), retraction("death", date(2022, 8, 1))]
    *_, step = told(facts, LAW)
    state = step.state
    for decision in pass_day(RETIREE, state, LAW, date(2022, 8, 2)):
        state = evolve(state, decision)
    assert "recover:grant" in state.open_alerts
    back = next(one for one in step.alerts if one.kind is Kind.DEATH_RETRACTED and one.action is Action.RECOVER)
    for decision in decide(RETIREE, state, answer(back), LAW, date(2022, 9, 1)):
        state = evolve(state, decision)
    assert "recover:grant" not in state.open_alerts


def test_what_falls_due_next_is_the_first_deadline_and_nothing_when_nobody_was_told_anything() -> None:
    alone, both = told([person(), DIED], LAW)
    assert next_due(alone.state, LAW, date(2022, 5, 30)) is None
    first = min(alert.act_by for alert in both.raised)
    assert next_due(both.state, LAW, date(2022, 5, 30)) == date.fromordinal(first.toordinal() + 1)
    assert next_due(RetireeState(), LAW, date(2022, 5, 30)) is None
