"""What was overpaid comes back by refund, instalments or offset (社会保险经办条例 Art. 46): what is still owed, and to whom."""

from datetime import date
from importlib.resources import files

import pytest

from domain.facts import (
    AlertApplied,
    AlertDismissed,
    OverpaymentReturned,
    Released,
    Return,
    Sentence,
    Sentenced,
)
from domain.law import Law, parse_law
from domain.money import fen, yuan
from domain.refusals import Refused
from domain.state import Decision
from domain.told import AlertEscalated
from tests.building import AGENCY, death, retraction
from tests.unit.one_pension import RETIRED, Office, ended, said, taken_back, told_of
from tests.unit.test_entitlement import NATIONAL

LATE = death(date(2024, 1, 31), date(2024, 4, 10))
"""Three months, 10,370.34 yuan, are paid too much when it is learned."""
SHENZHEN = files("domain.law").joinpath("cities", "shenzhen.toml").read_text("utf-8")


def dead() -> Office:
    office = Office(RETIRED, LATE)
    office.apply("stop", date(2024, 4, 15), "2024-05")
    return office


def part(office: Office, amount: str, on: date, kind: Return = Return.INSTALMENT, **rest: str) -> list[Decision]:
    """A part comes back on a day."""
    return office.answer(OverpaymentReturned, "recover", on, kind=kind, amount=amount, month=f"{on:%Y-%m}", **rest)


@pytest.mark.parametrize("kind", Return)
def test_a_part_that_comes_back_leaves_the_alert_open_with_what_is_still_owed(kind: Return) -> None:
    office = dead()
    alert = office.named("recover")
    assert said(part(office, "4000.00", date(2024, 4, 20), kind)) == []
    assert office.open() == {("recover", "death")}
    told = office.state.told["recover"]
    assert (told.alert, told.terms.amount) == (alert, "6370.34")


def test_the_last_part_closes_it() -> None:
    office = dead()
    for month, amount in ((5, "4000.00"), (6, "4000.00"), (7, "2370.34")):
        assert said(part(office, amount, date(2024, month, 6))) == []
    assert office.open() == set()
    assert said(office.day(date(2026, 1, 1))) == []
    with pytest.raises(Refused) as caught:
        part(office, "1.00", date(2024, 8, 6))
    assert caught.value.code == "alert-closed"


def test_the_rest_at_once_closes_it_too() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    assert said(office.apply("recover", date(2024, 5, 6))) == []
    assert office.open() == set()


def test_the_next_part_is_awaited_thirty_days_and_then_escalated() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 5, 6))
    passed = office.days(date(2024, 5, 7), date(2024, 7, 1))
    late = {day: one.alert for day, found in passed.items() for one in found if isinstance(one, AlertEscalated)}
    assert late[date(2024, 6, 6)] == office.named("recover")
    part(office, "4000.00", date(2024, 7, 1))
    assert not office.state.told["recover"].escalated


def test_more_months_that_went_out_are_added_to_what_is_still_owed() -> None:
    office = Office(RETIRED, LATE)
    part(office, "4000.00", date(2024, 4, 20))
    told = said(office.apply("stop", date(2024, 7, 3), "2024-07"))
    assert told == [("recover", "death", "2024-02", 5, "13283.90")]


def test_a_death_that_is_taken_back_gives_every_part_back() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    told = said(office.learn(retraction("death", date(2024, 6, 3))))
    assert told == [
        ("resume", "death-retracted", "2024-07", 0, "0.00"),
        ("pay-back", "death-retracted", "2024-05", 2, "10913.56"),
    ]
    office.apply("pay-back", date(2024, 6, 4))
    office.apply("resume", date(2024, 6, 4), "2024-07")
    assert office.open() == set()


@pytest.mark.parametrize("at_once", [False, True])
def test_a_death_taken_back_after_the_last_part_gives_back_the_months(at_once: bool) -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    if at_once:
        office.apply("recover", date(2024, 4, 22))
    else:
        part(office, "6370.34", date(2024, 4, 22))
    told = said(office.learn(retraction("death", date(2024, 6, 3))))
    assert told[1] == ("pay-back", "death-retracted", "2024-02", 5, "17283.90")


def test_when_fewer_months_are_owed_than_came_back_the_rest_is_given_back() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    told = said(office.learn(death(date(2024, 3, 31), date(2024, 5, 6), "later", document="2号")))
    assert told[-1][0] == "verify", "two days of death"
    told = said(office.learn(retraction("death", date(2024, 5, 7))))
    assert told[-1] == ("pay-back", "death-retracted", "2024-04", 0, "543.22"), (
        "one month is left, and 4,000.00 came back"
    )


def test_a_part_that_is_taken_back_is_owed_again() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    told = said(office.learn(taken_back("answer-2024-04-20-recover", AGENCY, date(2024, 4, 22))))
    assert told == [("recover", "death", "2024-02", 3, "10370.34")]


def test_a_last_part_that_is_taken_back_is_owed_again_alone() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    part(office, "6370.34", date(2024, 4, 21))
    told = said(office.learn(taken_back("answer-2024-04-21-recover", AGENCY, date(2024, 4, 22))))
    assert told == [("recover", "death", "2024-02", 3, "6370.34")]


def test_a_last_part_taken_back_after_the_months_were_paid_back_is_owed_alone() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    part(office, "6370.34", date(2024, 4, 21))
    office.learn(retraction("death", date(2024, 5, 6)))
    office.apply("resume", date(2024, 5, 6))
    office.apply("pay-back", date(2024, 5, 6))
    told = said(office.learn(taken_back("answer-2024-04-21-recover", AGENCY, date(2024, 5, 7))))
    assert told == [("recover", "correction", "2024-02", 0, "6370.34")]


def test_a_part_taken_back_after_all_was_recovered_is_owed_alone_and_can_be_recovered() -> None:
    office = dead()
    part(office, "4000.00", date(2024, 4, 20))
    office.apply("recover", date(2024, 4, 22))
    told = said(office.learn(taken_back("answer-2024-04-20-recover", AGENCY, date(2024, 5, 6))))
    assert told == [("recover", "correction", "2024-02", 0, "4000.00")]
    office.apply("recover", date(2024, 5, 7))
    assert office.open() == set()


def test_a_part_is_corrected_by_another_amount() -> None:
    office = dead()
    part(office, "9000.00", date(2024, 4, 20))
    told = said(part(office, "9900.00", date(2024, 4, 22), corrects="answer-2024-04-20-recover"))
    assert told == [("recover", "death", "2024-02", 3, "470.34")]


@pytest.mark.parametrize(("amount", "path"), [("0.00", "data.amount"), ("10370.35", "data.amount")])
def test_nothing_and_more_than_is_owed_cannot_come_back(amount: str, path: str) -> None:
    with pytest.raises(Refused) as caught:
        part(dead(), amount, date(2024, 4, 20))
    assert (caught.value.code, caught.value.path) == ("invalid-field", path)


def test_a_part_of_what_is_not_to_be_recovered_is_refused() -> None:
    office = Office(RETIRED, LATE)
    with pytest.raises(Refused) as caught:
        office.answer(
            OverpaymentReturned, "stop", date(2024, 4, 20), kind=Return.REFUND, amount="1.00", month="2024-04"
        )
    assert (caught.value.code, caught.value.path) == ("invalid-field", "data.alert")


def test_survivors_return_a_grant_in_parts_too() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)))
    office.apply("stop", date(2024, 2, 1), "2024-02")
    office.answer(AlertApplied, "grant", date(2024, 2, 5), month="2024-02", amount="9000.00")
    office.learn(retraction("death", date(2024, 2, 6)))
    part(office, "5000.00", date(2024, 3, 4))
    assert office.state.told["recover:grant"].terms.amount == "4000.00"
    part(office, "4000.00", date(2024, 4, 4))
    assert ("recover", "death-retracted") not in office.open()


def granted_in_error() -> Office:
    """20,000 yuan were granted after a death that is taken back."""
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 1, 31)))
    office.apply("stop", date(2024, 2, 1), "2024-02")
    office.answer(AlertApplied, "grant", date(2024, 2, 5), month="2024-02", amount="20000.00")
    office.learn(retraction("death", date(2024, 2, 6)))
    assert asked(office) == "20000.00"
    return office


def asked(office: Office) -> str | None:
    """What survivors are still to return."""
    told = office.state.told.get("recover:grant")
    return told.terms.amount if told and told.is_open else None


@pytest.mark.parametrize("answer", [AlertApplied, AlertDismissed])
def test_what_survivors_did_not_return_after_all_is_asked_for_again(
    answer: type[AlertApplied | AlertDismissed],
) -> None:
    office = granted_in_error()
    part(office, "5000.00", date(2024, 3, 4))
    rest = {"month": "2024-03"} if answer is AlertApplied else {"reason": "poor"}
    office.answer(answer, "recover", date(2024, 3, 5), **rest)
    assert asked(office) is None
    told = said(office.learn(taken_back("answer-2024-03-05-recover", AGENCY, date(2024, 3, 6))))
    assert told == [("recover", "death-retracted", "2024-01", 0, "15000.00")]
    assert asked(office) == "15000.00"


@pytest.mark.parametrize(("all_came_back", "left"), [(False, "20000.00"), (True, "5000.00")])
def test_a_part_of_a_grant_that_did_not_come_back_after_all_is_asked_for_again(all_came_back: bool, left: str) -> None:
    office = granted_in_error()
    part(office, "5000.00", date(2024, 3, 4))
    if all_came_back:
        office.apply("recover", date(2024, 3, 5))
    told = said(office.learn(taken_back("answer-2024-03-04-recover", AGENCY, date(2024, 3, 6))))
    assert told == [("recover", "death-retracted", "2024-01", 0, left)]
    part(office, left, date(2024, 3, 7))
    assert asked(office) is None


def test_a_part_of_a_grant_is_corrected_by_another_amount() -> None:
    office = granted_in_error()
    part(office, "5000.00", date(2024, 3, 4))
    assert said(part(office, "4000.00", date(2024, 3, 5), corrects="answer-2024-03-04-recover")) == []
    assert asked(office) == "16000.00"


def test_when_a_grant_was_not_paid_after_all_nobody_is_to_return_it() -> None:
    office = granted_in_error()
    told = office.learn(taken_back("answer-2024-02-05-grant", AGENCY, date(2024, 2, 7)))
    assert (said(told), ended(told)) == ([], ["AlertWithdrawn"])
    assert "20000.00" not in {one.terms.amount for one in office.state.told.values()}


@pytest.mark.parametrize(("amount", "asked_for"), [("3000.00", ["1000.00"]), ("4000.00", [])])
def test_each_part_can_be_corrected_once_all_came_back(amount: str, asked_for: list[str]) -> None:
    office = dead()
    alert = office.named("recover")
    part(office, "4000.00", date(2024, 4, 20))
    part(office, "6370.34", date(2024, 4, 21))

    def correct(id_: str, on: date) -> list[str]:
        told = told_of(
            OverpaymentReturned,
            on,
            id_=id_,
            alert=alert,
            kind=Return.REFUND,
            amount=amount,
            month="2024-04",
            corrects=f"answer-{id_}-recover",
        )
        return [one[4] for one in said(office.learn(told))]

    assert correct("2024-04-20", date(2024, 4, 22)) == asked_for
    assert correct("2024-04-21", date(2024, 4, 23)) == [yuan(1037034 - 2 * fen(amount))]


# What an offset leaves to live on

MINIMUM = """
[[rule]]
key = "offset-minimum"
valid_from = 2010-01-01
document = "某市规定"
article = "一"
zh = "抵扣后每月至少保留1000元"
en = "an offset leaves 1,000 yuan a month"
mark = "C"
minimum = "1000.00"
"""
WITH_MINIMUM = parse_law({"national.toml": NATIONAL}, {"shenzhen.toml": SHENZHEN + MINIMUM})


def imprisoned(law: Law) -> Office:
    """Ten months went out while a term was served that nobody told of; the pension is paid again."""
    served = told_of(Sentenced, date(2023, 1, 31), date(2024, 2, 5), sentence=Sentence.FIXED_TERM)
    office = Office(RETIRED, told_of(Released, date(2023, 11, 30), date(2024, 2, 5)), law=law)
    assert said(office.learn(served)) == [("recover", "imprisonment", "2023-02", 10, "34567.80")]
    return office


def test_an_offset_leaves_the_minimum_of_the_place_in_each_month() -> None:
    office = imprisoned(WITH_MINIMUM)
    part(office, "2000.00", date(2024, 3, 4), Return.OFFSET)
    part(office, "456.78", date(2024, 3, 5), Return.OFFSET)
    with pytest.raises(Refused) as caught:
        part(office, "0.01", date(2024, 3, 6), Return.OFFSET)
    assert caught.value.code == "offset-below-minimum"
    part(office, "0.01", date(2024, 3, 6), Return.REFUND)
    part(office, "2456.78", date(2024, 4, 5), Return.OFFSET)


def test_where_no_minimum_is_set_an_offset_takes_no_more_than_the_pension_of_the_month() -> None:
    office = imprisoned(parse_law({"national.toml": NATIONAL}, {}))
    part(office, "3456.78", date(2024, 3, 4), Return.OFFSET)
    with pytest.raises(Refused) as caught:
        part(office, "0.01", date(2024, 3, 5), Return.OFFSET)
    assert caught.value.code == "offset-below-minimum"


def test_a_corrected_offset_is_held_against_the_minimum_once() -> None:
    office = imprisoned(WITH_MINIMUM)
    part(office, "2000.00", date(2024, 3, 4), Return.OFFSET)
    part(office, "2456.78", date(2024, 3, 5), Return.OFFSET, corrects="answer-2024-03-04-recover")
    assert office.state.told["recover"].terms.amount == "32111.02"


def test_what_is_taken_off_a_grant_is_no_matter_of_the_minimum() -> None:
    office = dead()
    part(office, "10000.00", date(2024, 4, 20), Return.OFFSET)
    assert office.state.told["recover"].terms.amount == "370.34"
