"""What happens to the pension (law.md): survival verification and second pensions."""

from datetime import date

import msgspec
import pytest

from domain.facts import (
    Channel,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
    Scheme,
    SurvivalVerified,
)
from domain.law import parse_law
from tests.building import AGENCY, registered
from tests.unit.one_pension import RETIRED, Office, debts, months, said, taken_back, told_of
from tests.unit.test_entitlement import NATIONAL

VERIFIED = told_of(SurvivalVerified, date(2023, 5, 10))

# Survival verification


@pytest.mark.parametrize(
    ("verified", "due", "first"),
    [
        (date(2023, 5, 31), date(2024, 5, 31), "2024-06"),
        (date(2024, 2, 29), date(2025, 2, 28), "2025-03"),
        (date(2023, 12, 1), date(2024, 12, 1), "2025-01"),
        (date(2023, 12, 31), date(2024, 12, 31), "2025-01"),
    ],
)
def test_verification_is_due_within_twelve_months_and_its_lapse_suspends_from_the_next(
    verified: date, due: date, first: str
) -> None:
    facts = [RETIRED, told_of(SurvivalVerified, verified)]
    assert months(facts, due) == []
    assert months(facts, date.fromordinal(due.toordinal() + 1)) == [(first, None, "verification-overdue")]


@pytest.mark.parametrize("channel", Channel)
def test_every_channel_counts_data_matching_too(channel: Channel) -> None:
    again = told_of(SurvivalVerified, date(2024, 4, 2), id_="again", channel=channel)
    assert months([RETIRED, VERIFIED, again], date(2025, 4, 2)) == []


def test_whoever_was_never_verified_here_is_not_suspended() -> None:
    assert months([RETIRED], date(2030, 1, 1)) == []


def test_the_days_bring_a_reminder_the_lapse_and_nothing_twice() -> None:
    office = Office(RETIRED, VERIFIED)
    passed = office.days(date(2024, 2, 1), date(2024, 7, 1))
    assert {day: said(found) for day, found in passed.items() if said(found)} == {
        date(2024, 3, 11): [("contact", "verification-due", "2024-05", 0, "0.00")],
        date(2024, 5, 11): [("suspend", "verification-overdue", "2024-06", 0, "0.00")],
    }
    reminder, lapse = office.alerts.values()
    assert (reminder.rule.key, reminder.act_by) == ("verification-cycle", date(2024, 5, 10))
    assert (lapse.rule.key, lapse.act_by) == ("verification-lapsed", date(2024, 5, 21))
    assert lapse.replaces == (reminder.alert,)


def test_a_reminder_that_is_sent_late_asks_for_no_day_after_the_last() -> None:
    office = Office(RETIRED, VERIFIED)
    office.day(date(2024, 5, 6))
    assert [alert.act_by for alert in office.alerts.values()] == [date(2024, 5, 10)]


def test_a_verification_in_time_withdraws_the_reminder() -> None:
    office = Office(RETIRED, VERIFIED)
    office.day(date(2024, 4, 1))
    assert office.open() == {("contact", "verification-due")}
    office.learn(told_of(SurvivalVerified, date(2024, 4, 8), id_="again"))
    assert office.open() == set()


def test_a_late_verification_pays_every_suspended_month_back() -> None:
    office = Office(RETIRED, VERIFIED)
    office.day(date(2024, 5, 11))
    assert said(office.learn(told_of(SurvivalVerified, date(2024, 9, 30), id_="again"))) == [
        ("resume", "survival-verified", "2024-10", 0, "0.00"),
        ("pay-back", "survival-verified", "2024-06", 4, "13827.12"),
    ]
    assert {a.rule.key for a in list(office.alerts.values())[-2:]} == {"verification-pays-back"}


def test_a_verification_that_is_learned_late_undoes_the_lapse_as_well() -> None:
    office = Office(RETIRED, VERIFIED)
    office.day(date(2024, 5, 11))
    office.learn(told_of(SurvivalVerified, date(2024, 5, 2), date(2024, 9, 30), id_="again"))
    assert office.open() == {("resume", "survival-verified"), ("pay-back", "survival-verified")}


def test_some_places_have_another_cycle() -> None:
    assert NATIONAL.count("months_after = 12\n") == 1
    law = parse_law({"national.toml": NATIONAL.replace("months_after = 12\n", "months_after = 6\n")}, {})
    assert months([RETIRED, VERIFIED], date(2023, 11, 11), law) == [("2023-12", None, "verification-overdue")]


def test_a_verification_under_another_name_counts_for_nobody_and_is_asked_about() -> None:
    ours = registered(date(2020, 1, 31), date(2020, 2, 3), name="one")
    first, second = (told_of(SurvivalVerified, date(2023 + n, 5, 10), id_=str(n)) for n in (0, 1))
    office = Office(ours, msgspec.structs.replace(first, name_tag="one"))
    office.learn(msgspec.structs.replace(second, name_tag="other"))
    assert ("verify", "identity-mismatch") in office.open()
    assert ("suspend", "verification-overdue") in {(a, k) for a, k, *_ in said(office.day(date(2024, 5, 11)))}


# Second pensions


def test_of_a_resident_pension_only_the_basic_part_is_settled() -> None:
    office = Office(RETIRED)
    found = told_of(
        DuplicateBenefitFound, date(2023, 3, 1), date(2024, 3, 1), scheme=Scheme.RESIDENT, basic_received="2640.00"
    )
    assert said(office.learn(found)) == [("settle", "duplicate-benefit", "2023-03", 0, "2640.00")]
    assert months([RETIRED, found]) == []
    (alert,) = office.alerts.values()
    assert (alert.rule.document, alert.act_by) == ("人社厅发〔2021〕77号", date(2024, 3, 31))
    office.learn(told_of(DuplicateBenefitSettled, date(2024, 4, 1)))
    assert office.open() == set()


@pytest.mark.parametrize("scheme", [Scheme.EMPLOYEE, Scheme.CIVIL_SERVANT])
def test_of_two_such_pensions_nothing_is_returned_before_one_is_chosen(scheme: Scheme) -> None:
    found = told_of(DuplicateBenefitFound, date(2024, 3, 1), scheme=scheme, basic_received="2640.00")
    assert said(Office(RETIRED).learn(found)) == [("settle", "duplicate-benefit", "2024-03", 0, "0.00")]


def test_when_the_other_of_two_employee_pensions_is_kept_ours_stops_from_the_next_month() -> None:
    found = told_of(DuplicateBenefitFound, date(2024, 1, 5), scheme=Scheme.EMPLOYEE)
    settled = told_of(DuplicateBenefitSettled, date(2024, 2, 29), date(2024, 4, 1), keeps_ours=False)
    assert months([RETIRED, found, settled]) == [("2024-03", None, "duplicate-benefit")]
    assert said(Office(RETIRED, found).learn(settled)) == [
        ("stop", "duplicate-benefit", "2024-03", 0, "0.00"),
        ("recover", "duplicate-benefit", "2024-03", 2, "6913.56"),
    ]


def test_settled_anew_ours_goes_on_from_the_next_month_and_nothing_is_paid_twice() -> None:
    facts = [
        RETIRED,
        told_of(DuplicateBenefitSettled, date(2024, 2, 29), keeps_ours=False, id_="1"),
        told_of(DuplicateBenefitSettled, date(2024, 8, 1), id_="2"),
    ]
    assert months(facts) == [("2024-03", "2024-08", "duplicate-benefit"), ("2024-09", None, "payable")]
    assert debts(facts, date(2024, 8, 1)) == (None, None)
    assert months([*facts, taken_back("1", AGENCY, date(2024, 8, 2))]) == []
