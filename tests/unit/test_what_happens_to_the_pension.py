"""What happens to the pension (law.md): death, its retraction, a court's declaration and a return after it."""

from datetime import date

import pytest

from domain.facts import (
    DeathDeclared,
    DeathReported,
    Department,
    FactRetracted,
    GoneMissing,
    Reappeared,
)
from tests.building import CIVIL_AFFAIRS, death, registered, retraction
from tests.unit.one_pension import RETIRED, Office, debts, months, said, told_of

# Death


@pytest.mark.parametrize(
    ("died", "learnt", "stop", "overpaid", "amount"),
    [
        (date(2024, 2, 29), date(2024, 3, 1), "2024-03", 1, "3456.78"),
        (date(2024, 2, 1), date(2024, 2, 29), "2024-03", 0, ""),
        (date(2023, 12, 31), date(2024, 1, 31), "2024-01", 1, "3456.78"),
        (date(2023, 3, 31), date(2024, 3, 31), "2023-04", 12, "41481.36"),
        (date(2020, 2, 29), date(2025, 2, 28), "2020-03", 60, "207406.80"),
    ],
)
def test_what_is_paid_after_the_month_of_death_is_recovered_however_late_it_is_known(
    died: date, learnt: date, stop: str, overpaid: int, amount: str
) -> None:
    told = said(Office(RETIRED).learn(death(died, learnt)))
    recover = [("recover", "death", stop, overpaid, amount)] if overpaid else []
    assert told == [("stop", "death", stop, 0, "0.00"), *recover]


def test_who_retired_and_died_in_one_month_gets_nothing_and_returns_what_was_paid() -> None:
    office = Office(registered(date(2024, 2, 1), date(2024, 2, 2)))
    assert said(office.learn(death(date(2024, 2, 29), date(2024, 4, 30)))) == [
        ("stop", "death", "2024-03", 0, "0.00"),
        ("recover", "death", "2024-03", 2, "6913.56"),
    ]


def test_a_death_known_before_the_handover_takes_effect_with_it() -> None:
    office = Office(death(date(2024, 1, 31), date(2024, 2, 20)))
    assert said(office.learn(registered(date(2020, 1, 31), date(2024, 5, 6)))) == [
        ("stop", "death", "2024-02", 0, "0.00"),
        ("recover", "death", "2024-02", 4, "13827.12"),
    ]


def test_a_retraction_a_year_later_resumes_and_pays_back_every_stopped_month() -> None:
    office = Office(RETIRED, death(date(2024, 1, 10), date(2024, 2, 5)))
    decisions = office.learn(retraction("death", date(2025, 2, 5)))
    assert said(decisions) == [
        ("resume", "death-retracted", "2025-03", 0, "0.00"),
        ("pay-back", "death-retracted", "2024-03", 12, "41481.36"),
    ]
    assert office.open() == {("resume", "death-retracted"), ("pay-back", "death-retracted")}
    assert {alert.rule.key for alert in list(office.alerts.values())[-2:]} == {"death-retracted"}
    assert {alert.act_by for alert in list(office.alerts.values())[-2:]} == {date(2025, 2, 10)}


def test_any_word_of_taking_back_undoes_a_death() -> None:
    office = Office(RETIRED, death(date(2024, 1, 10), date(2024, 1, 20)))
    back = told_of(FactRetracted, date(2024, 1, 25), id_="back", by=CIVIL_AFFAIRS, retracts="death")
    assert said(office.learn(back)) == [("resume", "death-retracted", "2024-02", 0, "0.00")]


def test_a_corrected_day_of_death_moves_the_stop_and_pays_back_what_lies_between() -> None:
    office = Office(RETIRED, death(date(2024, 1, 10), date(2024, 1, 20)))
    fact = DeathReported(effective=date(2024, 3, 31), corrects="death")
    right = told_of(DeathReported, date(2024, 3, 31), date(2024, 5, 20), "right", CIVIL_AFFAIRS, corrects="death")
    assert right.fact == fact
    assert said(office.learn(right)) == [
        ("stop", "death", "2024-04", 0, "0.00"),
        ("pay-back", "correction", "2024-02", 2, "6913.56"),
    ]


# Declared dead


def test_a_court_that_declares_somebody_dead_names_the_day_of_death() -> None:
    facts = [RETIRED, told_of(DeathDeclared, date(2024, 5, 31))]
    assert months(facts) == [("2024-06", None, "death")]


def test_missing_then_declared_dead_suspended_months_are_not_paid() -> None:
    facts = [
        RETIRED,
        told_of(GoneMissing, date(2020, 3, 15)),
        told_of(DeathDeclared, date(2024, 5, 20), judged_on=date(2024, 5, 20)),
    ]
    assert months(facts) == [("2020-09", "2024-05", "missing"), ("2024-06", None, "death")]
    assert debts(facts, date(2024, 6, 3)) == (None, None)
    office = Office(*facts[:2])
    office.day(date(2020, 8, 1))
    assert said(office.learn(facts[2])) == [("stop", "death", "2024-06", 0, "0.00")]


def test_declared_dead_after_an_accident_months_already_paid_become_overpaid() -> None:
    """民法典 48: the day of the accident is the day of death."""
    office = Office(RETIRED, told_of(GoneMissing, date(2023, 7, 21)))
    judgment = told_of(DeathDeclared, date(2023, 7, 21), date(2025, 9, 10), judged_on=date(2025, 9, 1))
    assert months([RETIRED, judgment]) == [("2023-08", None, "death")]
    assert said(office.learn(judgment)) == [
        ("stop", "death", "2023-08", 0, "0.00"),
        ("recover", "death", "2023-08", 5, "17283.90"),
    ]


def test_the_law_of_the_accident_applies_to_a_death_declared_later() -> None:
    old = registered(date(1999, 12, 31), date(2000, 1, 5))
    office = Office(old)
    office.learn(told_of(DeathDeclared, date(2001, 12, 31), date(2004, 2, 2), judged_on=date(2004, 1, 5)))
    assert next(iter(office.alerts.values())).rule.document == "国发〔1978〕104号"


def test_who_reappears_after_a_declaration_is_paid_back_everything_and_nobody_suspects_a_death() -> None:
    facts = [
        RETIRED,
        told_of(GoneMissing, date(2020, 3, 15)),
        told_of(DeathDeclared, date(2024, 5, 20)),
        told_of(Reappeared, date(2025, 1, 10)),
    ]
    assert months(facts) == []
    office = Office(*facts[:2])
    office.day(date(2020, 8, 1))
    office.learn(facts[2])
    assert said(office.learn(facts[3])) == [
        ("resume", "reappearance", "2025-02", 0, "0.00"),
        ("pay-back", "reappearance", "2020-09", 53, "183209.34"),
    ]
    assert office.open() == {("resume", "reappearance"), ("pay-back", "reappearance")}


def test_a_declaration_of_a_later_day_than_the_return_counts() -> None:
    facts = [RETIRED, told_of(Reappeared, date(2024, 5, 19)), told_of(DeathDeclared, date(2024, 5, 20))]
    assert months(facts) == [("2024-06", None, "death")]


def test_a_return_that_was_told_in_error_leaves_the_declaration_standing() -> None:
    facts = [
        RETIRED,
        told_of(DeathDeclared, date(2024, 5, 20)),
        told_of(Reappeared, date(2024, 7, 1)),
        told_of(FactRetracted, date(2024, 7, 9), id_="back", by=Department.POLICE, retracts="reappeared"),
    ]
    assert months(facts) == [("2024-06", None, "death")]


def test_a_return_undoes_a_declaration_and_no_report_of_a_death() -> None:
    facts = [RETIRED, death(date(2024, 5, 20), date(2024, 5, 21)), told_of(Reappeared, date(2024, 7, 1))]
    assert months(facts) == [("2024-06", None, "death")]
    office = Office(*facts)
    assert ("verify", "conflicting-facts") in office.open()
