"""Entitlement: what each month's pension is, and what was paid too much or too little meanwhile."""

from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from itertools import pairwise, permutations
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.entitlement import Assessment, Debt, last_paid_month
from domain.facts import (
    DeathReported,
    DeathRetracted,
    Department,
    FactRetracted,
    Known,
    RetirementRegistered,
)
from domain.kinds import Kind
from domain.law import Law, parse_law
from domain.money import fen
from domain.months import Month, first_day, month_of, plus
from domain.timeline import PAYS, Run, Status, Timeline
from infra.statutes import the_law
from tests.building import (
    LAST_DAY,
    PENSION,
    assess,
    compiled,
    death,
    histories,
    known,
    lives,
    on_one_day,
    registered,
    retraction,
    timeline,
)
from tests.unit import by_definition

LAW = the_law()
NATIONAL = files("domain.law").joinpath("national.toml").read_text("utf-8")
RETIRED = registered(date(2020, 1, 31), date(2020, 2, 3))


def pays(facts: Sequence[Known], law: Law = LAW) -> list[tuple[str, str | None, str]]:
    return [(span.first, span.last, span.status.value) for span in timeline(facts, law)]


def status(timeline: Timeline, month: Month) -> Status | None:
    return next((s.status for s in timeline if s.first <= month and (s.last is None or month <= s.last)), None)


def reports_of(facts: Sequence[Known]) -> list[Known]:
    return list(compiled(facts, LAW).deaths)


def debt(months: int, first: str, last: str, why: Kind = Kind.DEATH) -> Debt:
    return Debt(months, Month(first), Month(last), months * fen(PENSION), why)


def law_with(old: str, new: str) -> Law:
    """The shipped law with one text in it replaced."""
    assert NATIONAL.count(old) == 1
    return parse_law({"national.toml": NATIONAL.replace(old, new)}, {})


PAID_ON_THE_15TH = law_with("day_of_month = 1\n", "day_of_month = 15\n")


# The timeline


@pytest.mark.parametrize(
    ("retired", "first"),
    [
        (date(2024, 1, 1), "2024-02"),
        (date(2024, 1, 31), "2024-02"),
        (date(2024, 2, 29), "2024-03"),
        (date(2023, 12, 31), "2024-01"),
    ],
)
def test_the_pension_is_paid_from_the_month_after_retirement(retired: date, first: str) -> None:
    assert pays([registered(retired, date(2024, 6, 1))]) == [(first, None, "payable")]


@pytest.mark.parametrize(
    ("died", "last", "stop"),
    [
        (date(2024, 3, 1), "2024-03", "2024-04"),
        (date(2024, 3, 31), "2024-03", "2024-04"),
        (date(2024, 2, 29), "2024-02", "2024-03"),
        (date(2023, 2, 28), "2023-02", "2023-03"),
        (date(2023, 12, 31), "2023-12", "2024-01"),
        (date(2024, 1, 1), "2024-01", "2024-02"),
    ],
)
def test_the_month_of_death_is_paid_and_the_next_is_not(died: date, last: str, stop: str) -> None:
    facts = [RETIRED, death(died, date(2024, 4, 10))]
    assert pays(facts) == [("2020-02", last, "payable"), (stop, None, "stopped")]


@pytest.mark.parametrize("died", [date(2024, 2, 29), date(2024, 2, 1), date(2024, 1, 31), date(2023, 6, 1)])
def test_who_died_in_the_month_of_retirement_or_before_never_gets_a_pension(died: date) -> None:
    facts = [registered(date(2024, 2, 29), date(2024, 3, 4)), death(died, date(2024, 3, 5))]
    assert pays(facts) == [("2024-03", None, "stopped")]


def test_each_span_names_its_article_and_the_fact_behind_it() -> None:
    reported = death(date(2024, 3, 10), date(2024, 3, 20))
    payable, stopped = timeline([RETIRED, reported], LAW)
    assert (payable.rule.document, payable.rule.article) == ("中华人民共和国社会保险法", "第十六条")
    assert payable.facts == (RETIRED.reference,)
    assert (stopped.rule.document, stopped.rule.article) == ("劳社厅发〔2001〕8号", "死亡次月停发")
    assert stopped.facts == (reported.reference,)


def test_a_new_version_of_the_rule_cuts_the_span_where_it_comes_into_force() -> None:
    old, new = timeline([registered(date(2010, 12, 31), date(2011, 1, 4))], LAW)
    assert (old.first, old.last, old.rule.document) == ("2011-01", "2011-06", "国发〔1978〕104号")
    assert (new.first, new.last, new.rule.document) == ("2011-07", None, "中华人民共和国社会保险法")


def test_a_death_before_the_new_version_leaves_no_span_under_it() -> None:
    facts = [registered(date(2010, 12, 31), date(2011, 1, 4)), death(date(2011, 5, 31), date(2011, 6, 2))]
    assert pays(facts) == [("2011-01", "2011-05", "payable"), ("2011-06", None, "stopped")]


@pytest.mark.parametrize(
    ("died", "document"), [(date(2001, 12, 31), "国发〔1978〕104号"), (date(2002, 1, 1), "劳社厅发〔2001〕8号")]
)
def test_the_law_of_the_day_of_death_applies(died: date, document: str) -> None:
    facts = [registered(date(1999, 12, 31), date(2000, 1, 5)), death(died, date(2002, 3, 5))]
    assert timeline(facts, LAW)[-1].rule.document == document


def test_under_the_law_of_one_day_nothing_is_cut() -> None:
    facts = [registered(date(2000, 12, 31), date(2001, 1, 4)), death(date(2024, 5, 31), date(2024, 6, 2))]
    payable, stopped = timeline(facts, LAW.pinned(date(2001, 6, 1)))
    assert {payable.rule.document, stopped.rule.document} == {"国发〔1978〕104号"}


def test_a_version_that_begins_within_the_first_month_leaves_no_empty_span() -> None:
    law = parse_law(
        {
            "national.toml": NATIONAL.replace("valid_to = 2011-06-30", "valid_to = 2011-07-14").replace(
                "valid_from = 2011-07-01", "valid_from = 2011-07-15"
            )
        },
        {},
    )
    spans = timeline([registered(date(2011, 6, 30), date(2011, 8, 1))], law)
    assert all(span.last is None or span.first <= span.last for span in spans)


def test_nobody_who_is_not_registered_has_a_timeline() -> None:
    facts = [death(date(2024, 3, 10), date(2024, 3, 20)), retraction("x", date(2024, 3, 21))]
    assert timeline(facts, LAW) == ()
    assert assess(facts, LAW, date(2024, 6, 1)) == Assessment(())


def test_the_earliest_of_two_confirmed_days_counts() -> None:
    facts = [
        RETIRED,
        death(date(2024, 3, 10), date(2024, 4, 2), "later"),
        death(date(2024, 1, 10), date(2024, 4, 3), "earlier", Department.POLICE),
    ]
    assert pays(facts)[-1] == ("2024-02", None, "stopped")


def test_the_registration_of_the_agency_counts_before_that_of_an_enterprise() -> None:
    enterprise = registered(date(2024, 3, 31), date(2024, 4, 8), "e", department=Department.ENTERPRISE)
    agency = registered(date(2024, 1, 31), date(2024, 4, 9), "a")
    assert pays([agency, enterprise]) == [("2024-02", None, "payable")]


# Weak sources, names, documents


@pytest.mark.parametrize("department", [Department.COMMUNITY, Department.FAMILY, Department.AGENCY])
def test_a_weak_source_never_stops_a_pension(department: Department) -> None:
    report = death(date(2024, 3, 10), date(2024, 3, 20), department=department)
    found = assess([RETIRED, report], LAW, date(2024, 5, 6))
    assert [span.status for span in found.timeline] == [Status.PAYABLE]
    assert (found.overpaid, found.owed) == (None, None)
    assert found.suspicion is not None
    assert (found.suspicion.first, found.suspicion.mismatch) == ("2024-04", False)
    assert found.suspicion.facts == (report.reference,)


@pytest.mark.parametrize(
    "department",
    [
        Department.CIVIL_AFFAIRS,
        Department.POLICE,
        Department.HEALTH,
        Department.FUNERAL_HOME,
        Department.COURT,
    ],
)
def test_a_strong_source_stops_it(department: Department) -> None:
    facts = [RETIRED, death(date(2024, 3, 10), date(2024, 3, 20), department=department)]
    assert pays(facts)[-1] == ("2024-04", None, "stopped")


def test_a_strong_report_settles_the_suspicion_of_a_weak_one_and_its_day_counts() -> None:
    weak = death(date(2024, 1, 10), date(2024, 1, 20), "weak", Department.COMMUNITY)
    strong = death(date(2024, 2, 10), date(2024, 2, 20), "strong")
    found = assess([RETIRED, weak, strong], LAW, date(2024, 3, 4))
    assert found.timeline[-1].first == "2024-03"
    assert found.timeline[-1].facts == (strong.reference,)
    assert found.suspicion is None


def test_a_name_that_does_not_fit_never_stops_a_pension() -> None:
    facts = [
        registered(date(2020, 1, 31), date(2020, 2, 3), name="one"),
        death(date(2024, 3, 10), date(2024, 3, 20), name="other"),
    ]
    found = assess(facts, LAW, date(2024, 5, 6))
    assert [span.status for span in found.timeline] == [Status.PAYABLE]
    assert found.suspicion is not None
    assert found.suspicion.mismatch


@pytest.mark.parametrize(("ours", "theirs"), [("one", None), (None, "one"), (None, None), ("one", "one")])
def test_a_name_that_was_not_given_says_nothing(ours: str | None, theirs: str | None) -> None:
    facts = [
        registered(date(2020, 1, 31), date(2020, 2, 3), name=ours),
        death(date(2024, 3, 10), date(2024, 3, 20), name=theirs),
    ]
    assert pays(facts)[-1] == ("2024-04", None, "stopped")


def test_one_name_that_fits_confirms_whatever_the_others_say() -> None:
    facts = [
        registered(date(2020, 1, 31), date(2020, 2, 3), name="one"),
        death(date(2024, 1, 10), date(2024, 3, 20), "mismatch", name="other"),
        death(date(2024, 3, 10), date(2024, 3, 20), "fits", Department.POLICE, name="one"),
    ]
    assert pays(facts)[-1] == ("2024-04", None, "stopped")
    assert assess(facts, LAW, date(2024, 5, 6)).suspicion is None


def test_the_same_document_cannot_stop_twice_and_a_new_one_can() -> None:
    first = death(date(2024, 3, 10), date(2024, 3, 20), "1", document="民政〔2024〕1号")
    back = retraction("1", date(2024, 4, 2), "2")
    again = death(date(2024, 3, 10), date(2024, 4, 8), "3", document="民政〔2024〕1号")
    new = death(date(2024, 3, 12), date(2024, 5, 8), "4", document="民政〔2024〕2号")
    assert reports_of([first, back, again]) == []
    assert pays([RETIRED, first, back, again]) == [("2020-02", None, "payable")]
    assert reports_of([first, back, again, new]) == [new]
    assert pays([RETIRED, first, back, again, new])[-1] == ("2024-04", None, "stopped")


@pytest.mark.parametrize("document", ["民政〔2024〕1号", None], ids=["first with a document", "first without"])
def test_a_retracted_death_does_not_come_back_without_any_document(document: str | None) -> None:
    """law.md: the same death cannot come back without a new document."""
    first = death(date(2024, 3, 10), date(2024, 3, 20), "1", document=document)
    back = retraction("1", date(2024, 4, 2), "2")
    again = death(date(2024, 3, 10), date(2024, 4, 8), "3")
    assert pays([RETIRED, first, back, again]) == [("2020-02", None, "payable")]


def test_a_document_of_another_department_is_another_document() -> None:
    first = death(date(2024, 3, 10), date(2024, 3, 20), "1", document="1号")
    back = retraction("1", date(2024, 4, 2), "2")
    police = death(date(2024, 3, 10), date(2024, 4, 8), "3", Department.POLICE, document="1号")
    assert reports_of([first, back, police]) == [police]


def test_nobody_takes_back_the_report_of_another_source() -> None:
    reported = death(date(2024, 3, 10), date(2024, 3, 20), "1")
    foreign = retraction("1", date(2024, 4, 2), "1", Department.POLICE)
    assert reports_of([reported, foreign]) == [reported]


# What was paid meanwhile


def test_a_late_report_makes_every_month_paid_since_too_much() -> None:
    facts = [RETIRED, death(date(2024, 1, 31), date(2024, 4, 10))]
    found = assess(facts, LAW, date(2024, 4, 10))
    assert (found.overpaid, found.owed) == (debt(3, "2024-02", "2024-04"), None)
    assert found.paid == (Run(Month("2020-02"), Month("2024-04"), pays=True),)


def test_what_was_paid_ends_with_today_however_long_ago_the_stop() -> None:
    found = assess([RETIRED, death(date(2024, 1, 31), date(2024, 4, 10))], LAW, date(2024, 9, 2))
    assert found.paid == (
        Run(Month("2020-02"), Month("2024-04"), pays=True),
        Run(Month("2024-05"), Month("2024-09"), pays=False, why=Kind.DEATH),
    )


def test_a_report_in_the_month_of_death_finds_nothing_paid_too_much() -> None:
    found = assess([RETIRED, death(date(2024, 2, 29), date(2024, 2, 29))], LAW, date(2024, 2, 29))
    assert (found.overpaid, found.owed) == (None, None)


@pytest.mark.parametrize(
    ("learnt", "overpaid"),
    [(date(2024, 3, 14), None), (date(2024, 3, 15), debt(1, "2024-03", "2024-03"))],
    ids=["the day before payment", "the day of payment"],
)
def test_until_the_payment_day_a_report_still_stops_the_month(learnt: date, overpaid: Debt | None) -> None:
    facts = [RETIRED, death(date(2024, 2, 29), learnt)]
    assert assess(facts, PAID_ON_THE_15TH, learnt).overpaid == overpaid
    assert assess(facts, PAID_ON_THE_15TH, date(2024, 8, 20)).overpaid == overpaid


@pytest.mark.parametrize(
    ("today", "month"),
    [(date(2024, 3, 14), "2024-02"), (date(2024, 3, 15), "2024-03"), (date(2024, 1, 1), "2023-12")],
)
def test_a_month_counts_as_paid_from_its_payment_day_on(today: date, month: str) -> None:
    assert last_paid_month(PAID_ON_THE_15TH, today) == month


@pytest.mark.parametrize("learnt", [date(2024, 2, 10), date(2024, 2, 29), date(2023, 2, 28), date(2024, 4, 30)])
def test_a_payment_day_that_a_month_lacks_harms_nobody(learnt: date) -> None:
    law = law_with("day_of_month = 1\n", "day_of_month = 31\n")
    assert assess([RETIRED, death(date(2023, 1, 15), learnt)], law, learnt).timeline


def test_the_debt_does_not_grow_after_the_report() -> None:
    facts = [RETIRED, death(date(2024, 1, 31), date(2024, 4, 10))]
    assert assess(facts, LAW, date(2025, 12, 31)).overpaid == debt(3, "2024-02", "2024-04")


def test_after_a_retraction_the_stopped_months_are_owed_and_nothing_is_recovered() -> None:
    facts = [RETIRED, death(date(2024, 1, 31), date(2024, 4, 10)), retraction("death", date(2024, 7, 2))]
    found = assess(facts, LAW, date(2024, 7, 2))
    assert [span.status for span in found.timeline] == [Status.PAYABLE]
    assert (found.overpaid, found.owed) == (None, debt(3, "2024-05", "2024-07"))


def test_a_retraction_before_anything_was_stopped_owes_nothing() -> None:
    facts = [RETIRED, death(date(2024, 3, 31), date(2024, 4, 10)), retraction("death", date(2024, 4, 30))]
    found = assess(facts, LAW, date(2024, 5, 6))
    assert (found.overpaid, found.owed) == (None, None)


def test_a_retraction_that_comes_before_its_report_leaves_nothing_to_stop() -> None:
    facts = [RETIRED, retraction("death", date(2024, 4, 1)), death(date(2024, 1, 31), date(2024, 4, 10))]
    found = assess(facts, LAW, date(2024, 9, 2))
    assert found.timeline == timeline([RETIRED], LAW)
    assert (found.overpaid, found.owed, found.suspicion) == (None, None, None)


def test_months_stopped_for_the_wrong_day_are_owed_and_those_paid_after_the_right_one_are_not() -> None:
    facts = [
        RETIRED,
        death(date(2024, 1, 10), date(2024, 2, 5), "wrong", document="1号"),
        retraction("wrong", date(2024, 4, 8)),
        death(date(2024, 3, 20), date(2024, 6, 11), "right", document="2号"),
    ]
    found = assess(facts, LAW, date(2024, 6, 11))
    assert found.timeline[-1].first == "2024-04"
    assert found.owed == debt(1, "2024-03", "2024-03")
    assert found.overpaid == debt(2, "2024-05", "2024-06")


def test_a_parked_death_takes_effect_at_registration() -> None:
    parked = death(date(2023, 5, 20), date(2023, 6, 1))
    late = registered(date(2023, 1, 31), date(2023, 9, 12))
    found = assess([parked, late], LAW, date(2023, 9, 12))
    assert found.timeline[-1].first == "2023-06"
    assert found.overpaid == debt(4, "2023-06", "2023-09")


def test_a_second_registration_makes_no_debt_of_months_that_were_long_stopped() -> None:
    facts = [
        registered(date(2020, 1, 31), date(2020, 2, 3), "e", department=Department.ENTERPRISE),
        death(date(2023, 3, 10), date(2023, 3, 20)),
        registered(date(2020, 1, 31), date(2024, 6, 5), "a"),
    ]
    assert assess(facts[:2], LAW, date(2024, 6, 5)).overpaid is None
    assert assess(facts, LAW, date(2024, 6, 5)).overpaid is None


# What always holds


@given(histories(registrations=2))
@settings(max_examples=60)
def test_every_order_gives_the_same_timeline(facts: list[Known]) -> None:
    same_day = on_one_day(facts)
    expected = timeline(same_day, LAW)
    for order in permutations(same_day):
        assert timeline(order, LAW) == expected


@given(st.one_of(histories(registrations=2), lives()), st.randoms(use_true_random=False))
def test_every_order_of_facts_of_one_day_gives_the_same_assessment(facts: list[Known], random: Random) -> None:
    same_day = on_one_day(facts)
    expected = assess(same_day, LAW, LAST_DAY)
    for _ in range(10):
        random.shuffle(same_day)
        assert assess(same_day, LAW, LAST_DAY) == expected


@given(st.one_of(histories(registrations=2), lives()))
def test_spans_follow_on_each_other_without_gap_or_overlap_and_without_end(facts: list[Known]) -> None:
    found = timeline(facts, LAW)
    assert bool(found) == bool(by_definition.registration(facts))
    for span, following in pairwise(found):
        assert span.last is not None
        assert span.first <= span.last
        assert plus(span.last, 1) == following.first
    assert all(span.last is None for span in found[-1:])


@given(st.one_of(histories(registrations=2), lives()))
def test_no_month_is_both_owed_and_paid_too_much_and_each_debt_lies_where_the_timeline_says(facts: list[Known]) -> None:
    found = assess(facts, LAW, LAST_DAY)
    if found.overpaid:
        assert status(found.timeline, found.overpaid.first) not in PAYS
        assert status(found.timeline, found.overpaid.last) not in PAYS
    if found.owed:
        assert status(found.timeline, found.owed.first) in PAYS
        assert status(found.timeline, found.owed.last) in PAYS
    for one in filter(None, (found.owed, found.overpaid)):
        assert one.months > 0
        assert one.last <= last_paid_month(LAW, LAST_DAY)


@given(histories())
def test_only_a_confirmed_death_stops_and_the_month_of_death_is_paid(facts: list[Known]) -> None:
    found = timeline(facts, LAW)
    for span in found:
        if span.status is Status.STOPPED:
            (behind,) = [known for known in facts if known.reference in span.facts]
            assert isinstance(behind.fact, DeathReported)
            assert behind.department != Department.COMMUNITY
            assert span.first > month_of(behind.fact.effective)


@given(lives())
def test_after_everything_but_registrations_is_taken_back_on_that_day_nobody_owes_anything(facts: list[Known]) -> None:
    facts = [msgspec.structs.replace(one, fact=msgspec.structs.replace(one.fact, corrects=None)) for one in facts]
    facts = [one for one in facts if not isinstance(one.fact, FactRetracted | DeathRetracted)]
    taken_back = [
        known(
            f"back-{one.reference.id}",
            FactRetracted(effective=LAST_DAY, retracts=one.reference.id),
            LAST_DAY,
            one.department,
        )
        for one in facts
        if not isinstance(one.fact, RetirementRegistered)
    ]
    found = assess(on_one_day([*facts, *taken_back]), LAW, LAST_DAY)
    assert (found.overpaid, found.owed, found.suspicion) == (None, None, None)
    assert all(span.status is Status.PAYABLE and not span.also for span in found.timeline)


@given(lives())
def test_after_everything_is_taken_back_nothing_is_left(facts: list[Known]) -> None:
    taken_back = [
        known(f"back-{n}", FactRetracted(effective=LAST_DAY, retracts=one.reference.id), LAST_DAY, one.department)
        for n, one in enumerate(facts)
    ]
    assert assess([*facts, *taken_back], LAW, LAST_DAY) == Assessment(())


@given(histories(registrations=2))
def test_after_every_death_of_one_day_is_retracted_on_that_day_nobody_owes_anything(facts: list[Known]) -> None:
    taken_back = [
        retraction(known.reference.id, LAST_DAY, f"back-{known.reference.id}", known.department)
        for known in facts
        if isinstance(known.fact, DeathReported)
    ]
    found = assess(on_one_day([*facts, *taken_back]), LAW, LAST_DAY)
    assert (found.overpaid, found.owed, found.suspicion) == (None, None, None)
    assert all(span.status is Status.PAYABLE for span in found.timeline)


@given(histories())
def test_what_is_paid_and_owed_adds_up_to_what_is_due(facts: list[Known]) -> None:
    """Month by month: an independent, slower reckoning of what was paid gives the same numbers."""
    found = assess(facts, LAW, LAST_DAY)
    if not found.timeline:
        return
    registration = next(known for known in facts if isinstance(known.fact, RetirementRegistered))
    overpaid, owed = 0, 0
    month = found.timeline[0].first
    while month <= month_of(LAST_DAY):
        payment = first_day(month)
        told = [k for k in facts if k is registration or max(k.learnt, registration.learnt) < payment]
        paid = status(timeline(told, LAW), month) is Status.PAYABLE
        assert any(run.pays for run in found.paid if run.first <= month <= (run.last or month)) == paid
        due = status(found.timeline, month) is Status.PAYABLE
        overpaid += paid and not due
        owed += due and not paid
        month = plus(month, 1)
    assert overpaid == (found.overpaid.months if found.overpaid else 0)
    assert owed == (found.owed.months if found.owed else 0)
