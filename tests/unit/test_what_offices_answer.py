"""What an office answers to an alert and what the days bring: an alert ends when its effect on the payment is known."""

from datetime import date
from typing import Any

import pytest

from domain.facts import (
    AlertAcknowledged,
    AlertApplied,
    AlertConfirmed,
    AlertContested,
    AlertDismissed,
    ContestAnswered,
    DuplicateBenefitFound,
    GoneMissing,
    LifeEvent,
    PensionPaid,
    Scheme,
    SurvivalVerified,
)
from domain.refusals import Refused
from tests.building import CIVIL_AFFAIRS, death, retraction
from tests.unit.one_pension import RETIRED, Office, ended, said, told_of

LATE = death(date(2024, 1, 31), date(2024, 4, 10))
"""Three months are paid too much when it is learned."""


def dead() -> Office:
    return Office(RETIRED, LATE)


# How an alert ends


def test_an_answer_says_how_far_an_alert_has_come_and_only_an_effect_ends_it() -> None:
    office = dead()
    for kind, stage in ((AlertAcknowledged, "acknowledged"), (AlertConfirmed, "confirmed")):
        assert len(office.answer(kind, "stop", date(2024, 4, 11))) == 1
        assert office.state.told["stop"].stage == stage
        assert ("stop", "death") in office.open()
    office.apply("stop", date(2024, 4, 12), "2024-05")
    assert ("stop", "death") not in office.open()


def test_a_stop_and_a_recovery_that_are_applied_leave_nothing_open() -> None:
    office = dead()
    assert said(office.apply("stop", date(2024, 4, 15), "2024-05")) == []
    assert said(office.apply("recover", date(2024, 4, 20), "2024-05")) == []
    assert office.open() == set()
    for day in (date(2024, 5, 1), date(2024, 12, 31), date(2026, 1, 1)):
        assert said(office.day(day)) == []


def test_a_stop_that_is_applied_later_makes_the_exposure_recoverable() -> None:
    """Known on 10 April, told from May; the office stopped with July: May and June went out as well."""
    office = dead()
    told = said(office.apply("stop", date(2024, 7, 3), "2024-07"))
    assert told == [("recover", "death", "2024-02", 5, "17283.90")]
    assert office.open() == {("recover", "death")}
    office.apply("recover", date(2024, 8, 1))
    assert office.open() == set()
    assert said(office.day(date(2025, 1, 1))) == []


def test_a_recovery_done_before_the_late_stop_leaves_only_the_exposure() -> None:
    office = dead()
    office.apply("recover", date(2024, 4, 20))
    assert said(office.apply("stop", date(2024, 7, 3), "2024-07")) == [("recover", "death", "2024-05", 2, "6913.56")]


def test_a_suspension_that_is_applied_later_is_recovered_likewise() -> None:
    office = Office(RETIRED, told_of(GoneMissing, date(2024, 1, 10)))
    office.day(date(2024, 6, 1))
    told = said(office.apply("suspend", date(2024, 9, 2), "2024-09"))
    assert told == [("recover", "missing", "2024-07", 2, "6913.56")]


def test_a_resumption_that_is_applied_later_owes_the_months_between() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    assert office.open() == {("resume", "death-retracted"), ("pay-back", "death-retracted")}
    told = said(office.apply("resume", date(2024, 6, 3), "2024-06"))
    assert [one[0] for one in told] == ["pay-back"]
    assert told[0][2:] == ("2024-02", 4, "13827.12")
    office.apply("pay-back", date(2024, 6, 10))
    assert office.open() == set()


def test_months_that_were_paid_back_are_taken_back_when_the_reason_returns() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    office.apply("resume", date(2024, 3, 6))
    office.apply("pay-back", date(2024, 3, 6))
    again = death(date(2024, 1, 31), date(2024, 5, 6), "new", document="2号")
    assert said(office.learn(again)) == [
        ("stop", "death", "2024-02", 0, "0.00"),
        ("recover", "death", "2024-02", 4, "13827.12"),
    ]


def test_a_retraction_after_the_recovery_pays_back_what_was_recovered_too() -> None:
    office = dead()
    office.apply("stop", date(2024, 4, 15), "2024-05")
    office.apply("recover", date(2024, 4, 20))
    assert said(office.learn(retraction("death", date(2024, 6, 3)))) == [
        ("resume", "death-retracted", "2024-07", 0, "0.00"),
        ("pay-back", "death-retracted", "2024-02", 5, "17283.90"),
    ]


def test_what_was_dismissed_is_not_asked_again_until_it_changes() -> None:
    office = dead()
    office.answer(AlertDismissed, "recover", date(2024, 4, 15), reason="paid in cash")
    assert office.open() == {("stop", "death")}
    assert said(office.day(date(2024, 6, 1))) == []
    told = said(office.learn(death(date(2023, 12, 31), date(2024, 6, 3), "earlier")))
    assert ("recover", "death", "2024-01", 4, "13827.12") in told


def test_a_settled_duplicate_is_not_asked_again_by_the_days() -> None:
    office = Office(RETIRED, told_of(DuplicateBenefitFound, date(2024, 1, 10), scheme=Scheme.RESIDENT))
    office.apply("settle", date(2024, 2, 1))
    assert office.open() == set()
    assert office.day(date(2024, 12, 1)) == []


# Contests


def test_a_contest_goes_to_the_source_and_its_answer_gives_the_alert_back() -> None:
    office = dead()
    office.answer(AlertContested, "stop", date(2024, 4, 12), reason="seen alive")
    assert office.state.told["stop"].stage == "contested"
    assert ("stop", "death") in office.open()
    office.answer(ContestAnswered, "stop", date(2024, 4, 15), reason="certificate 12", by=CIVIL_AFFAIRS)
    assert office.state.told["stop"].stage == "acknowledged"


def test_a_contested_alert_waits_for_its_source() -> None:
    office = dead()
    office.answer(AlertContested, "stop", date(2024, 4, 24), reason="seen alive")
    assert "stop" in office.state.open_alerts
    passed = office.days(date(2024, 4, 25), date(2024, 5, 9))
    assert {day: ended(found) for day, found in passed.items()} == {date(2024, 5, 5): ["AlertEscalated"]}


def test_a_source_that_takes_its_fact_back_ends_the_contest() -> None:
    office = dead()
    office.answer(AlertContested, "stop", date(2024, 4, 12), reason="seen alive")
    office.learn(retraction("death", date(2024, 4, 15)))
    assert office.open() == {("resume", "death-retracted")}


# Refusals


@pytest.mark.parametrize("kind", [AlertAcknowledged, AlertConfirmed, AlertContested, AlertDismissed, AlertApplied])
def test_an_answer_to_an_alert_that_does_not_stand_is_refused(kind: type[LifeEvent]) -> None:
    office = dead()
    replaced = office.named("recover")
    office.learn(death(date(2023, 12, 31), date(2024, 4, 11), "earlier"))
    rest: dict[str, Any] = {"reason": "no"} if kind in (AlertContested, AlertDismissed) else {}
    rest |= {"month": "2024-05"} if kind is AlertApplied else {}
    for alert in ("nobody-1", replaced):
        with pytest.raises(Refused) as caught:
            office.learn(told_of(kind, date(2024, 4, 12), alert=alert, **rest))
        assert (caught.value.code, caught.value.path) == ("unknown-alert", "data.alert")


@pytest.mark.parametrize("last", [AlertDismissed, AlertApplied])
def test_an_alert_that_is_done_with_takes_no_answer(last: type[LifeEvent]) -> None:
    office = dead()
    rest = {"reason": "no"} if last is AlertDismissed else {"month": "2024-05"}
    office.answer(last, "stop", date(2024, 4, 12), **rest)
    with pytest.raises(Refused) as caught:
        office.answer(AlertAcknowledged, "stop", date(2024, 4, 13))
    assert caught.value.code == "alert-closed"


def test_an_answer_to_a_contest_that_nobody_raised_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        dead().answer(ContestAnswered, "stop", date(2024, 4, 12), reason="so it is", by=CIVIL_AFFAIRS)
    assert caught.value.code == "no-contest"


# What the agency paid


def test_months_that_the_agency_did_not_pay_are_owed() -> None:
    office = Office(RETIRED)
    told = said(office.learn(told_of(PensionPaid, date(2024, 2, 1), date(2024, 5, 6), paid=False, until="2024-03")))
    assert told == [("pay-back", "correction", "2024-02", 2, "6913.56")]
    office.apply("pay-back", date(2024, 5, 7))
    assert office.open() == set()
    assert office.day(date(2024, 12, 1)) == []


def test_a_month_that_the_agency_paid_after_a_stop_is_recovered() -> None:
    office = dead()
    told = said(office.learn(told_of(PensionPaid, date(2024, 5, 1), date(2024, 5, 6))))
    assert told == [("recover", "death", "2024-02", 4, "13827.12")]


def test_months_that_the_agency_had_stopped_of_its_own_accord_are_not_recovered() -> None:
    office = dead()
    office.learn(told_of(PensionPaid, date(2024, 2, 1), date(2024, 4, 11), paid=False, until="2024-04"))
    assert office.open() == {("stop", "death")}


def test_what_was_paid_in_time_changes_nothing() -> None:
    office = Office(RETIRED)
    decisions = office.learn(told_of(PensionPaid, date(2020, 2, 1), date(2024, 5, 6), until="2024-05"))
    assert len(decisions) == 1


# What the days bring


def test_who_does_not_answer_is_escalated_once() -> None:
    office = dead()
    passed = office.days(date(2024, 4, 11), date(2024, 7, 1))
    assert {day: ended(found) for day, found in passed.items()} == {
        date(2024, 4, 26): ["AlertEscalated"],
        date(2024, 5, 11): ["AlertEscalated", "AlertEscalated"],
    }


def test_what_is_done_is_not_escalated() -> None:
    office = dead()
    for alert in list(office.state.told.values()):
        office.learn(told_of(AlertApplied, date(2024, 4, 12), id_=alert.alert, alert=alert.alert, month="2024-05"))
    assert office.days(date(2024, 4, 12), date(2024, 7, 1)) == {}


def test_an_alert_that_another_takes_the_place_of_that_day_is_not_escalated() -> None:
    office = Office(RETIRED, told_of(SurvivalVerified, date(2023, 5, 10)))
    office.day(date(2024, 3, 11))
    decisions = office.day(date(2024, 5, 11))
    assert [action for action, *_ in said(decisions)] == ["suspend"]
    assert ended(decisions) == []


def test_everything_falls_due_in_its_time() -> None:
    office = Office(
        RETIRED,
        told_of(SurvivalVerified, date(2023, 5, 10)),
        told_of(GoneMissing, date(2024, 1, 10)),
    )
    passed = office.days(date(2024, 1, 11), date(2025, 3, 1))
    assert {day: said(found) for day, found in passed.items() if said(found)} == {
        date(2024, 3, 11): [("contact", "verification-due", "2024-05", 0, "0.00")],
        date(2024, 5, 11): [("suspend", "verification-overdue", "2024-06", 0, "0.00")],
    }
    assert said(office.learn(told_of(SurvivalVerified, date(2025, 3, 3), id_="again"))) == [
        ("suspend", "missing", "2024-07", 0, "0.00"),
        ("pay-back", "survival-verified", "2024-06", 1, "3456.78"),
    ]
