"""What happens to the pension (law.md): wanted, detained, released, acquitted; several cases."""

from datetime import date

import pytest

from domain.facts import (
    Acquitted,
    Department,
    Detained,
    Discharge,
    Released,
    Sentence,
    Sentenced,
    Wanted,
)
from tests.unit.one_pension import RETIRED, Office, months, said, taken_back, told_of

FIXED, SUSPENDED = Sentence.FIXED_TERM, Sentence.SUSPENDED
BAIL = Discharge.BAIL


# Custody


@pytest.mark.parametrize(
    ("taken", "freed", "suspended"),
    [
        (date(2024, 1, 1), date(2024, 1, 31), []),
        (date(2024, 1, 31), date(2024, 2, 1), [("2024-02", "2024-02", "custody"), ("2024-03", None, "payable")]),
        (date(2024, 2, 29), date(2024, 5, 31), [("2024-03", "2024-05", "custody"), ("2024-06", None, "payable")]),
        (date(2023, 12, 31), date(2024, 1, 1), [("2024-01", "2024-01", "custody"), ("2024-02", None, "payable")]),
    ],
)
def test_custody_begun_in_a_month_suspends_from_the_next_and_ended_in_one_pays_from_the_next(
    taken: date, freed: date, suspended: list[tuple[str, str | None, str]]
) -> None:
    assert months([RETIRED, told_of(Detained, taken), told_of(Released, freed, discharge=BAIL)]) == suspended


def test_bail_is_not_custody_and_pays_nothing_back() -> None:
    office = Office(RETIRED, told_of(Detained, date(2024, 1, 31)))
    assert office.open() == {("suspend", "custody")}
    assert said(office.learn(told_of(Released, date(2024, 4, 10), discharge=BAIL))) == [
        ("resume", "release", "2024-05", 0, "0.00")
    ]


def test_a_release_known_late_pays_back_the_months_after_it_as_a_release() -> None:
    office = Office(RETIRED, told_of(Detained, date(2024, 1, 31)))
    assert said(office.learn(told_of(Released, date(2024, 4, 10), date(2024, 7, 1), discharge=BAIL))) == [
        ("resume", "release", "2024-08", 0, "0.00"),
        ("pay-back", "release", "2024-05", 3, "10370.34"),
    ]


def test_the_acquitted_are_paid_back_to_the_day() -> None:
    office = Office(RETIRED, told_of(Detained, date(2024, 1, 31)))
    assert said(office.learn(told_of(Acquitted, date(2024, 6, 3)))) == [
        ("resume", "acquittal", "2024-07", 0, "0.00"),
        ("pay-back", "acquittal", "2024-02", 5, "17283.90"),
    ]
    assert list(office.alerts.values())[-1].rule.key == "acquittal-pays-back"


def test_who_is_acquitted_while_on_bail_is_paid_back_the_months_in_custody() -> None:
    facts = [
        RETIRED,
        told_of(Detained, date(2024, 1, 31)),
        told_of(Released, date(2024, 4, 10), discharge=BAIL),
    ]
    assert said(Office(*facts).learn(told_of(Acquitted, date(2024, 6, 3)))) == [
        ("pay-back", "acquittal", "2024-02", 3, "10370.34")
    ]


def test_wanted_then_caught_is_one_suspension() -> None:
    facts = [RETIRED, told_of(Wanted, date(2024, 2, 29)), told_of(Detained, date(2024, 5, 31))]
    assert months(facts) == [("2024-03", "2024-05", "custody"), ("2024-06", None, "custody")]
    office = Office(*facts[:2])
    assert said(office.learn(facts[2])) == []


def test_wanted_while_on_leniency_is_suspended() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2024, 1, 10), sentence=SUSPENDED, ends_on=date(2026, 1, 9)),
        told_of(Wanted, date(2024, 5, 10)),
    ]
    assert months(facts) == [("2024-02", "2024-05", "leniency"), ("2024-06", None, "custody")]


def test_custody_that_is_taken_back_is_paid_back_as_a_correction() -> None:
    office = Office(RETIRED, told_of(Detained, date(2024, 1, 31)))
    assert said(office.learn(taken_back("detained", Department.POLICE, date(2024, 4, 10)))) == [
        ("resume", "correction", "2024-05", 0, "0.00"),
        ("pay-back", "correction", "2024-02", 3, "10370.34"),
    ]


# Several cases


def test_an_acquittal_in_one_case_frees_nobody_of_another() -> None:
    facts = [
        RETIRED,
        told_of(Detained, date(2024, 1, 10), case="1"),
        told_of(Wanted, date(2024, 2, 20), case="2"),
        told_of(Acquitted, date(2024, 5, 6), case="1"),
    ]
    assert months(facts) == [("2024-03", None, "custody")]


def test_a_sentence_goes_on_when_another_case_ends_in_an_acquittal() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), case="1", sentence=FIXED),
        told_of(Sentenced, date(2023, 1, 10), id_="2", case="2", sentence=FIXED),
        told_of(Acquitted, date(2024, 5, 6), case="2"),
    ]
    assert months(facts) == [("2022-02", None, "imprisonment")]


def test_whoever_is_released_is_free_of_every_case_but_not_of_a_warrant() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), case="1", sentence=FIXED),
        told_of(Sentenced, date(2023, 1, 10), id_="2", case="2", sentence=FIXED),
        told_of(Released, date(2024, 5, 6), case="2"),
    ]
    assert months(facts)[-1] == ("2024-06", None, "payable")
    wanted = told_of(Wanted, date(2024, 1, 10), case="3")
    assert months([*facts, wanted])[-1] == ("2024-06", None, "custody")


def test_facts_without_a_number_are_of_the_case_that_goes_on() -> None:
    facts = [
        RETIRED,
        told_of(Detained, date(2024, 1, 10)),
        told_of(Sentenced, date(2024, 4, 10), case="1", sentence=FIXED),
        told_of(Acquitted, date(2025, 5, 6), case="1"),
    ]
    assert months(facts) == []


def test_an_acquittal_long_after_the_term_was_served_pays_everything_back() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2023, 1, 10), case="1", sentence=FIXED),
        told_of(Released, date(2024, 1, 9), case="1"),
    ]
    office = Office(*facts)
    assert said(office.learn(told_of(Acquitted, date(2024, 10, 8), case="1"))) == [
        ("pay-back", "acquittal", "2023-02", 12, "41481.36")
    ]
