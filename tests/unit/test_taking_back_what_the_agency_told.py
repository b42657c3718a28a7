"""What the agency told of money is taken back or corrected as any other fact is, and its effect with it."""

from datetime import date, timedelta

import msgspec
import pytest

from domain.entitlement import review
from domain.facts import AlertApplied, AlertDismissed, DuplicateBenefitFound, PensionPaid, Scheme
from domain.payments import KEEP
from tests.building import AGENCY, death, registered, retraction
from tests.unit.one_pension import LAW, RETIRED, Office, said, taken_back, told_of

LATE = death(date(2024, 1, 31), date(2024, 4, 10))
"""Three months are paid too much when it is learned."""
WITHHELD = told_of(PensionPaid, date(2024, 2, 1), date(2024, 5, 6), paid=False, until="2024-03")


def test_a_report_of_months_not_paid_that_is_taken_back_owes_nothing() -> None:
    office = Office(RETIRED, WITHHELD)
    assert office.open() == {("pay-back", "correction")}
    office.learn(taken_back("pensionpaid", AGENCY, date(2024, 5, 7)))
    assert office.open() == set()
    assert said(office.day(date(2025, 1, 1))) == []


def test_a_report_of_months_is_corrected_to_others() -> None:
    office = Office(RETIRED, WITHHELD)
    corrected = told_of(PensionPaid, date(2024, 4, 1), date(2024, 5, 7), "other", paid=False, corrects="pensionpaid")
    assert said(office.learn(corrected)) == [("pay-back", "correction", "2024-04", 1, "3456.78")]


@pytest.mark.parametrize("late", [False, True])
def test_a_corrected_report_stands_where_it_stood(late: bool) -> None:
    first = told_of(PensionPaid, date(2024, 1, 1), date(2024, 5, 6), "first", paid=False, until="2024-03")
    second = told_of(PensionPaid, date(2024, 2, 1), date(2024, 5, 6), "second", paid=True)
    again = told_of(
        PensionPaid, date(2024, 1, 1), date(2024, 5, 6), "again", paid=False, until="2024-03", corrects="first"
    )
    office = Office(RETIRED, *((again, second, first) if late else (first, second, again)))
    assert owed(office) == 2, "February was paid"


def test_a_report_that_was_taken_back_before_it_came_tells_nothing() -> None:
    office = Office(RETIRED, taken_back("pensionpaid", AGENCY, date(2024, 5, 6)))
    office.learn(WITHHELD)
    assert office.open() == set()


def test_a_report_that_came_before_its_retiree_takes_effect_at_registration() -> None:
    facts = [WITHHELD, registered(date(2020, 1, 31), date(2024, 6, 3))]
    office = Office(*facts)
    assert office.open() == {("pay-back", "correction")}


def test_a_recovery_that_was_not_done_after_all_is_asked_for_again() -> None:
    office = Office(RETIRED, LATE)
    office.apply("stop", date(2024, 4, 15), "2024-05")
    office.apply("recover", date(2024, 4, 20))
    told = said(office.learn(taken_back("answer-2024-04-20-recover", AGENCY, date(2024, 4, 22))))
    assert told == [("recover", "death", "2024-02", 3, "10370.34")]


def returned_and_paid_back() -> Office:
    """Three months were recovered, the death taken back, and all four paid back."""
    office = Office(RETIRED, LATE)
    office.apply("stop", date(2024, 4, 15), "2024-05")
    office.apply("recover", date(2024, 4, 20))
    office.learn(retraction("death", date(2024, 5, 6)))
    office.apply("resume", date(2024, 5, 6))
    office.apply("pay-back", date(2024, 5, 6))
    assert office.open() == set()
    return office


def test_a_recovery_that_was_not_done_after_all_is_asked_for_once_more_after_all_was_paid_back() -> None:
    office = returned_and_paid_back()
    told = said(office.learn(taken_back("answer-2024-04-20-recover", AGENCY, date(2024, 5, 7))))
    assert told == [("recover", "correction", "2024-02", 0, "10370.34")]
    office.apply("recover", date(2024, 5, 8))
    assert office.open() == set()


def test_a_recovery_and_its_paying_back_that_were_both_not_done_leave_nothing() -> None:
    office = returned_and_paid_back()
    office.learn(taken_back("answer-2024-04-20-recover", AGENCY, date(2024, 5, 7)))
    told = said(office.learn(taken_back("answer-2024-05-06-pay-back", AGENCY, date(2024, 5, 8))))
    assert [one[2:] for one in told] == [("2024-05", 1, "3456.78")], "no pension went out in May"


def test_a_stop_that_was_not_done_after_all_is_asked_for_again_and_what_it_told_of_is_not_recovered() -> None:
    office = Office(RETIRED, LATE)
    office.apply("stop", date(2024, 7, 3), "2024-07")
    told = said(office.learn(taken_back("answer-2024-07-03-stop", AGENCY, date(2024, 7, 4))))
    assert told == [("stop", "death", "2024-02", 0, "0.00"), ("recover", "death", "2024-02", 3, "10370.34")]


def test_months_that_were_not_paid_back_after_all_are_owed_again() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    office.apply("resume", date(2024, 3, 6))
    office.apply("pay-back", date(2024, 3, 6))
    told = said(office.learn(taken_back("answer-2024-03-06-pay-back", AGENCY, date(2024, 3, 7))))
    assert [(action, *rest) for action, _, *rest in told] == [("pay-back", "2024-02", 2, "6913.56")]


def test_a_resumption_that_was_not_done_after_all_is_asked_for_again_from_its_month() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    first = office.named("resume")
    office.apply("resume", date(2024, 3, 6))
    office.apply("pay-back", date(2024, 3, 6))
    back = taken_back("answer-2024-03-06-resume", AGENCY, date(2024, 6, 3))
    assert said(office.learn(back)) == [("resume", "death-retracted", "2024-04", 0, "0.00")]
    assert list(office.alerts.values())[-1].replaces == (first,)
    assert said(office.apply("resume", date(2024, 6, 4), "2024-07"))[0][2:] == ("2024-04", 3, "10370.34")


def test_a_resumption_that_is_taken_back_after_the_next_stop_is_asked_for_no_more() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    office.apply("resume", date(2024, 3, 6))
    office.learn(death(date(2024, 4, 30), date(2024, 5, 6), "again", document="2号"))
    office.learn(taken_back("answer-2024-03-06-resume", AGENCY, date(2024, 5, 7)))
    assert "resume" not in {action for action, _ in office.open()}


def test_a_dismissal_that_is_taken_back_gives_the_alert_back() -> None:
    office = Office(RETIRED, LATE)
    office.answer(AlertDismissed, "recover", date(2024, 4, 15), reason="paid in cash")
    told = said(office.learn(taken_back("answer-2024-04-15-recover", AGENCY, date(2024, 4, 16))))
    assert told == [("recover", "death", "2024-02", 3, "10370.34")]


def test_a_settlement_that_is_taken_back_is_asked_for_again() -> None:
    office = Office(RETIRED, told_of(DuplicateBenefitFound, date(2024, 1, 10), scheme=Scheme.RESIDENT))
    office.apply("settle", date(2024, 2, 1))
    told = said(office.learn(taken_back("answer-2024-02-01-settle", AGENCY, date(2024, 2, 2))))
    assert told == [("settle", "duplicate-benefit", "2024-01", 0, "0.00")]


def test_the_month_of_a_stop_is_corrected_and_the_months_between_are_no_debt() -> None:
    office = Office(RETIRED, LATE)
    stop = office.named("stop")
    office.apply("stop", date(2024, 7, 3), "2024-07")
    again = told_of(
        AlertApplied, date(2024, 7, 4), id_="again", alert=stop, month="2024-05", corrects="answer-2024-07-03-stop"
    )
    assert said(office.learn(again)) == [("recover", "death", "2024-02", 3, "10370.34")]
    assert ("stop", "death") not in office.open()


@pytest.mark.parametrize(("month", "owed"), [("2024-06", 4), ("2024-04", 2)])
def test_the_month_of_a_resumption_is_corrected(month: str, owed: int) -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    resume = office.named("resume")
    office.apply("resume", date(2024, 5, 6), "2024-05")
    again = told_of(
        AlertApplied, date(2024, 6, 3), id_="again", alert=resume, month=month, corrects="answer-2024-05-06-resume"
    )
    assert [one[3] for one in said(office.learn(again))] == [owed]


def test_the_month_of_a_recovery_is_corrected_after_the_death_is_taken_back_and_all_is_owed_as_before() -> None:
    office = Office(RETIRED, LATE)
    recover = office.named("recover")
    office.apply("stop", date(2024, 4, 15), "2024-05")
    office.apply("recover", date(2024, 4, 20))
    told = said(office.learn(retraction("death", date(2024, 5, 6))))
    assert told[1] == ("pay-back", "death-retracted", "2024-02", 4, "13827.12")
    corrects = "answer-2024-04-20-recover"
    again = told_of(AlertApplied, date(2024, 5, 7), id_="again", alert=recover, month="2024-04", corrects=corrects)
    assert said(office.learn(again)) == []
    told = said(office.learn(taken_back("again", AGENCY, date(2024, 5, 8))))
    assert told == [("pay-back", "death-retracted", "2024-05", 1, "3456.78")]


def test_the_month_of_a_paying_back_is_corrected_after_the_next_death_and_all_is_to_be_recovered_as_before() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    office.apply("resume", date(2024, 3, 6))
    pay_back = office.named("pay-back")
    office.apply("pay-back", date(2024, 3, 6))
    told = said(office.learn(death(date(2024, 1, 31), date(2024, 3, 20), "again", document="2号")))
    assert told[1] == ("recover", "death", "2024-02", 2, "6913.56")
    corrects = "answer-2024-03-06-pay-back"
    again = told_of(AlertApplied, date(2024, 3, 21), id_="later", alert=pay_back, month="2024-03", corrects=corrects)
    assert said(office.learn(again)) == []
    assert office.open() == {("stop", "death"), ("recover", "death")}


def test_a_recovery_that_should_have_been_told_as_dismissed_moves_nothing() -> None:
    office = Office(RETIRED, LATE)
    recover = office.named("recover")
    office.apply("recover", date(2024, 4, 20))
    corrects = "answer-2024-04-20-recover"
    told = told_of(AlertDismissed, date(2024, 4, 22), id_="no", alert=recover, reason="in court", corrects=corrects)
    office.learn(told)
    assert office.state.dossier.payments == ()


def test_an_application_is_corrected_as_often_as_need_be() -> None:
    office = Office(RETIRED, LATE)
    recover, corrects = office.named("recover"), None
    for n in range(3):
        told = told_of(AlertApplied, date(2024, 4, 20), id_=f"{n}", alert=recover, month="2024-05", corrects=corrects)
        assert said(office.learn(told)) == []
        corrects = f"{n}"
    assert office.open() == {("stop", "death")}


def test_an_answer_that_should_have_been_to_another_alert_gives_the_first_one_back() -> None:
    office = Office(RETIRED, LATE)
    office.apply("stop", date(2024, 4, 20), "2024-05")
    meant = told_of(
        AlertApplied,
        date(2024, 4, 22),
        id_="meant",
        alert=office.named("recover"),
        month="2024-05",
        corrects="answer-2024-04-20-stop",
    )
    assert said(office.learn(meant)) == [("stop", "death", "2024-02", 0, "0.00")]
    assert office.open() == {("stop", "death")}


def test_an_answer_that_was_taken_back_before_it_came_closes_nothing() -> None:
    office = Office(RETIRED, LATE, taken_back("answer-2024-04-20-recover", AGENCY, date(2024, 4, 15)))
    office.apply("recover", date(2024, 4, 20))
    assert office.open() == {("stop", "death"), ("recover", "death")}


def test_what_a_publisher_takes_back_is_its_own() -> None:
    other = taken_back("pensionpaid", AGENCY, date(2024, 5, 7))
    other = msgspec.structs.replace(
        other, reference=msgspec.structs.replace(other.reference, source="/social-insurance/dalian")
    )
    office = Office(RETIRED, WITHHELD, other)
    assert office.open() == {("pay-back", "correction")}


@pytest.mark.parametrize("recovered_first", [False, True])
def test_months_that_were_paid_and_recovered_are_recovered_once(recovered_first: bool) -> None:
    report = told_of(PensionPaid, date(2024, 2, 1), date(2024, 4, 20), until="2024-04")
    office = Office(RETIRED, LATE)
    office.apply("stop", date(2024, 4, 15), "2024-05")
    if not recovered_first:
        office.learn(report)
    office.apply("recover", date(2024, 4, 20))
    if recovered_first:
        office.learn(report)
    assert office.open() == set()


def test_months_that_were_withheld_and_paid_back_are_paid_back_once() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    office.apply("resume", date(2024, 3, 6))
    office.apply("pay-back", date(2024, 3, 6))
    office.learn(told_of(PensionPaid, date(2024, 2, 1), date(2024, 3, 20), paid=False, until="2024-03"))
    assert office.open() == set()


def test_what_was_told_of_months_that_were_recovered_holds_once_they_were_not() -> None:
    office = Office(RETIRED, LATE)
    office.apply("stop", date(2024, 4, 15), "2024-05")
    office.apply("recover", date(2024, 4, 20))
    office.learn(told_of(PensionPaid, date(2024, 4, 1), date(2024, 4, 22), paid=False))
    told = said(office.learn(taken_back("answer-2024-04-20-recover", AGENCY, date(2024, 4, 23))))
    assert told == [("recover", "death", "2024-02", 2, "6913.56")]


# What will be


def test_a_stop_from_a_month_to_come_tells_that_those_before_it_are_paid() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 2, 5)))
    office.apply("stop", date(2024, 2, 6), "2024-06")
    assert said(office.day(date(2024, 7, 1))) == [("recover", "death", "2024-02", 4, "13827.12")]


def test_a_resumption_from_a_month_to_come_tells_that_those_before_it_are_not_paid() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)), retraction("death", date(2024, 3, 5)))
    office.apply("resume", date(2024, 3, 6), "2024-07")
    assert said(office.day(date(2024, 8, 1)))[0][2:] == ("2024-02", 5, "17283.90")


def test_a_report_of_the_coming_month_holds_once_that_is_paid() -> None:
    office = Office(RETIRED, told_of(PensionPaid, date(2024, 4, 20), date(2024, 4, 28), paid=False, until="2024-05"))
    assert said(office.day(date(2024, 6, 3))) == [("pay-back", "correction", "2024-04", 2, "6913.56")]


# What is kept of it


def test_what_the_agency_told_long_ago_stays_and_the_rest_can_be_taken_back() -> None:
    days = [date(2020 + n // 12, n % 12 + 1, 2) for n in range(1, 61)]
    office = Office(RETIRED)
    for n, day in enumerate(days):
        office.learn(told_of(PensionPaid, day, id_=f"paid-{n}", paid=n % 2 == 0))
    assert owed(office) == 30
    office.learn(taken_back("paid-59", AGENCY, date(2025, 12, 3)))
    assert owed(office) == 29
    office.learn(taken_back("paid-1", AGENCY, date(2025, 12, 3)))
    assert owed(office) == 29, "that was told long ago"


def test_a_state_does_not_grow_with_the_number_of_reports() -> None:
    office, sizes = Office(RETIRED), []
    for n in range(200):
        day = date(2024, 3, 1) + timedelta(days=n)
        office.learn(told_of(PensionPaid, date(2024, 2, 1), day, f"paid-{n}", paid=n % 2 == 0))
        sizes.append(len(msgspec.msgpack.encode(office.state)))
    assert len(office.state.dossier.payments) == KEEP + 1
    assert max(sizes) < 1.1 * max(sizes[:50])


def owed(office: Office) -> int:
    """Months that are owed."""
    found = review(office.state.dossier, LAW, date(2025, 12, 3)).owed
    return found.months if found else 0


def test_what_was_told_of_money_before_the_retiree_came_is_all_there_at_registration() -> None:
    reports = [
        told_of(PensionPaid, date(2021 + n // 12, 1 + n % 12, 1), date(2024, 5, 6), f"p{n}", paid=False)
        for n in range(KEEP + 6)
    ]
    office = Office(*reports, registered(date(2020, 1, 31), date(2024, 6, 3)))
    (owed,) = [one.terms for one in office.state.told.values() if one.is_open]
    assert (owed.action, owed.months) == ("pay-back", KEEP + 6)


def test_an_alert_that_is_open_again_after_its_day_is_escalated_on_the_next() -> None:
    office = Office(RETIRED, LATE)
    office.apply("recover", date(2024, 4, 20))
    late = date(2024, 9, 2)
    office.learn(taken_back("answer-2024-04-20-recover", AGENCY, late))
    due = office.state.on(late, LAW).due
    assert due is not None
    assert due > late
    told = office.state.told.values()
    assert all(one.escalated or one.act_by >= late or due == late + timedelta(days=1) for one in told if one.is_open)


def test_a_state_from_a_day_to_come_is_looked_at_anew() -> None:
    office = Office(RETIRED, LATE)
    state = office.state.on(date(2026, 1, 5), LAW)
    assert state.is_current(date(2026, 1, 5))
    assert not state.is_current(date(2024, 4, 12))


def test_a_resumption_told_for_a_month_to_come_is_made_up_for_when_that_has_come() -> None:
    office = Office(RETIRED, LATE, retraction("death", date(2024, 4, 12), "back"))
    for action in ("pay-back", "resume"):
        if any(one.terms.action == action for one in office.state.told.values() if one.is_open):
            office.apply(action, date(2024, 4, 15), "2024-07" if action == "resume" else None)
    due = office.state.on(date(2024, 4, 15), LAW).due
    assert due == date(2024, 7, 1)
    assert ("pay-back", "correction") in {(one[0], one[1]) for one in said(office.day(due))}
