"""What happens to the pension (law.md): missing and found again, several reasons at once, facts taken back before they came."""

from datetime import date

import pytest

from domain.facts import (
    Acquitted,
    DeathDeclared,
    DeathRetracted,
    DeclaredMissing,
    Department,
    Detained,
    FactRetracted,
    GoneMissing,
    Known,
    Reappeared,
    Released,
    Sentence,
    Sentenced,
    SurvivalVerified,
)
from domain.law import parse_law
from tests.building import CIVIL_AFFAIRS, death
from tests.unit.one_pension import RETIRED, Office, debts, months, said, told_of
from tests.unit.test_entitlement import NATIONAL

# Missing


@pytest.mark.parametrize(
    ("gone", "seventh"),
    [
        (date(2024, 1, 1), "2024-07"),
        (date(2024, 1, 31), "2024-07"),
        (date(2024, 2, 29), "2024-08"),
        (date(2023, 8, 31), "2024-02"),
        (date(2023, 12, 31), "2024-06"),
    ],
)
def test_the_missing_are_paid_six_months_the_month_of_disappearance_the_first_of_them(gone: date, seventh: str) -> None:
    assert months([RETIRED, told_of(GoneMissing, gone)]) == [(seventh, None, "missing")]


def test_a_setting_counts_the_six_months_from_the_month_after() -> None:
    assert NATIONAL.count("months_after = 6\n") == 1
    law = parse_law({"national.toml": NATIONAL.replace("months_after = 6\n", "months_after = 7\n")}, {})
    assert months([RETIRED, told_of(GoneMissing, date(2024, 1, 31))], law=law) == [("2024-08", None, "missing")]


def test_the_office_is_told_in_the_month_before_the_seventh() -> None:
    office = Office(RETIRED)
    assert said(office.learn(told_of(GoneMissing, date(2024, 1, 10), date(2024, 1, 20)))) == []
    assert said(office.day(date(2024, 5, 31))) == []
    assert said(office.day(date(2024, 6, 1))) == [("suspend", "missing", "2024-07", 0, "0.00")]
    assert said(office.day(date(2024, 6, 1))) == []
    (alert,) = office.alerts.values()
    assert (alert.rule.key, alert.act_by) == ("missing-suspends", date(2024, 6, 16))


def test_missing_known_a_year_late_recovers_from_the_seventh_month() -> None:
    office = Office(RETIRED)
    assert said(office.learn(told_of(GoneMissing, date(2023, 1, 31), date(2024, 1, 31)))) == [
        ("suspend", "missing", "2023-07", 0, "0.00"),
        ("recover", "missing", "2023-07", 7, "24197.46"),
    ]


def test_the_reappeared_are_paid_back_what_was_suspended() -> None:
    office = Office(RETIRED, told_of(GoneMissing, date(2024, 1, 10)))
    office.day(date(2024, 6, 1))
    assert said(office.learn(told_of(Reappeared, date(2024, 9, 30)))) == [
        ("resume", "reappearance", "2024-10", 0, "0.00"),
        ("pay-back", "reappearance", "2024-07", 3, "10370.34"),
    ]
    assert {a.rule.key for a in list(office.alerts.values())[-2:]} == {"reappearance-pays-back"}


def test_missing_and_found_on_one_day_changes_nothing_whatever_the_events_are_called() -> None:
    for gone, back in (("1", "2"), ("2", "1")):
        facts = [
            RETIRED,
            told_of(GoneMissing, date(2024, 1, 10), id_=gone),
            told_of(Reappeared, date(2024, 1, 10), id_=back),
        ]
        assert months(facts) == []


def test_a_court_counts_from_the_last_day_of_which_anything_is_known() -> None:
    declared = told_of(DeclaredMissing, date(2024, 3, 1), since=date(2022, 2, 28))
    assert months([RETIRED, declared]) == [("2022-08", None, "missing")]


def test_missing_again_after_a_return_counts_anew() -> None:
    facts = [
        RETIRED,
        told_of(GoneMissing, date(2023, 1, 10), id_="1"),
        told_of(Reappeared, date(2023, 12, 1)),
        told_of(GoneMissing, date(2024, 2, 10), id_="2"),
    ]
    assert months(facts) == [("2024-08", None, "missing")]


def test_a_disappearance_that_is_taken_back_pays_back_as_a_correction() -> None:
    office = Office(RETIRED, told_of(GoneMissing, date(2023, 1, 10), date(2023, 7, 5)))
    back = told_of(FactRetracted, date(2023, 9, 4), id_="back", by=Department.POLICE, retracts="gonemissing")
    assert said(office.learn(back)) == [
        ("resume", "correction", "2023-10", 0, "0.00"),
        ("pay-back", "correction", "2023-08", 2, "6913.56"),
    ]


# Several at once


def test_missing_then_sentenced_then_dead_each_keeps_its_months() -> None:
    facts = [
        RETIRED,
        told_of(GoneMissing, date(2023, 1, 10)),
        told_of(Sentenced, date(2023, 11, 20), sentence=Sentence.FIXED_TERM),
        death(date(2024, 5, 5), date(2024, 5, 6)),
    ]
    assert months(facts) == [
        ("2023-07", "2023-11", "missing"),
        ("2023-12", "2024-05", "imprisonment"),
        ("2024-06", None, "death"),
    ]


def test_another_reason_beside_the_one_that_stops_asks_nobody_to_stop_again() -> None:
    """Verification lapses while a sentence is served: it is stopped as it was."""
    office = Office(
        RETIRED,
        told_of(SurvivalVerified, date(2023, 5, 10)),
        told_of(Sentenced, date(2023, 8, 20), sentence=Sentence.FIXED_TERM),
    )
    assert ("stop", "imprisonment") in office.open()
    for day in (date(2024, 5, 11), date(2024, 6, 1), date(2024, 7, 1)):
        assert [one for one in said(office.day(day)) if one[0] in {"stop", "suspend"}] == []
    released = said(office.learn(told_of(Released, date(2024, 8, 20))))
    assert released == [("suspend", "verification-overdue", "2024-09", 0, "0.00")]


def test_no_end_of_one_reason_ends_another() -> None:
    facts = [
        RETIRED,
        told_of(GoneMissing, date(2023, 1, 10)),
        told_of(Detained, date(2023, 3, 20)),
        told_of(Acquitted, date(2023, 10, 9)),
    ]
    assert months(facts[:3]) == [("2023-04", "2023-06", "custody"), ("2023-07", None, "custody")]
    assert months(facts) == [("2023-07", None, "missing")]


# A retraction or a correction that comes first


@pytest.mark.parametrize(
    "fact",
    [
        death(date(2024, 1, 10), date(2024, 6, 3), "fact"),
        told_of(GoneMissing, date(2023, 1, 10), date(2024, 6, 3), "fact", CIVIL_AFFAIRS),
        told_of(DeathDeclared, date(2023, 1, 10), date(2024, 6, 3), "fact", Department.COURT),
        told_of(Detained, date(2023, 1, 10), date(2024, 6, 3), "fact", Department.COURT),
        told_of(SurvivalVerified, date(2023, 1, 10), date(2024, 6, 3), "fact"),
    ],
    ids=lambda known: type(known.fact).__name__,
)
def test_what_was_taken_back_or_corrected_before_it_came_never_counts(fact: Known) -> None:
    by = fact.department
    back = told_of(FactRetracted, date(2024, 6, 1), id_="back", by=by, retracts="fact")
    instead = told_of(DeathRetracted, date(2024, 6, 1), id_="x", by=by, retracts="nothing", corrects="fact")
    for earlier in (back, instead):
        assert months([RETIRED, earlier, fact], date(2024, 6, 30)) == []
        assert debts([RETIRED, earlier, fact], date(2024, 6, 30)) == (None, None)
    assert months([RETIRED, fact], date(2024, 6, 30)), "without it, it does"
