"""Whose word counts (law.md, Facts): weak sources, wrong names, corrections, facts that contradict each other."""

from datetime import date

import pytest

from domain.facts import (
    DeathReported,
    Department,
    Detained,
    DuplicateBenefitSettled,
    FactRetracted,
    GoneMissing,
    Known,
    LifeEvent,
    PensionAdjusted,
    Reappeared,
    RetirementRegistered,
    SurvivalVerified,
)
from tests.building import AGENCY, CIVIL_AFFAIRS, SHENZHEN, death, known, registered
from tests.unit.one_pension import RETIRED, Office, months, said, taken_back, told_of

COMMUNITY = Department.COMMUNITY

# Weak sources, wrong names


@pytest.mark.parametrize("by", [Department.COMMUNITY, Department.FAMILY])
def test_the_word_of_a_community_or_a_family_only_asks_to_verify(by: Department) -> None:
    office = Office(RETIRED)
    facts: list[tuple[type[LifeEvent], tuple[str, str]]] = [
        (DeathReported, ("verify", "suspected-death")),
        (GoneMissing, ("verify", "missing")),
    ]
    for kind, asked in facts:
        found = said(office.learn(told_of(kind, date(2022, 1, 10), date(2024, 6, 3), by=by)))
        assert [(action, why) for action, why, *_ in found] == [asked]
    assert {told.terms.strength for told in office.state.told.values()} == {"suspected"}
    assert not {action for action, _ in office.open()} & {"stop", "suspend", "recover"}


def test_a_return_seen_by_the_community_alone_resumes_nothing() -> None:
    office = Office(RETIRED, told_of(GoneMissing, date(2022, 1, 10)))
    office.day(date(2022, 6, 1))
    told = said(office.learn(told_of(Reappeared, date(2024, 1, 10), by=COMMUNITY)))
    assert told == [("verify", "reappearance", "2024-01", 0, "0.00")]
    assert ("suspend", "missing") in office.open()
    assert ("resume", "reappearance", "2024-03", 0, "0.00") in said(
        office.learn(told_of(Reappeared, date(2024, 1, 12), date(2024, 2, 1), id_="police"))
    )
    assert ("verify", "reappearance") not in office.open()


def test_what_the_police_said_of_an_earlier_absence_does_not_silence_a_new_word() -> None:
    office = Office(
        RETIRED,
        told_of(GoneMissing, date(2021, 1, 10), id_="1"),
        told_of(Reappeared, date(2021, 2, 10)),
    )
    told = said(office.learn(told_of(GoneMissing, date(2024, 3, 4), id_="2", by=COMMUNITY)))
    assert told == [("verify", "missing", "2024-03", 0, "0.00")]


def test_a_doubt_about_an_absence_and_one_about_a_name_stand_beside_a_suspected_death() -> None:
    office = Office(
        registered(date(2020, 1, 31), date(2020, 2, 3), name="one"),
        death(date(2024, 1, 10), date(2024, 1, 20), department=COMMUNITY),
        known("2", Detained(effective=date(2024, 1, 5)), date(2024, 1, 21), Department.POLICE, "other"),
        told_of(GoneMissing, date(2024, 1, 2), date(2024, 1, 22), by=COMMUNITY),
    )
    assert office.open() == {("verify", "suspected-death"), ("verify", "identity-mismatch"), ("verify", "missing")}


@pytest.mark.parametrize(
    "fact",
    [
        death(date(2023, 1, 10), date(2024, 1, 20), name="other"),
        known("1", Detained(effective=date(2023, 1, 10)), date(2024, 1, 20), Department.POLICE, "other"),
        known("1", GoneMissing(effective=date(2023, 1, 10)), date(2024, 1, 20), Department.POLICE, "other"),
        known(
            "1", DuplicateBenefitSettled(effective=date(2023, 1, 10), keeps_ours=False), date(2024, 1, 20), AGENCY, "x"
        ),
    ],
    ids=lambda known: type(known.fact).__name__,
)
def test_a_name_that_does_not_fit_never_acts_and_is_settled_by_a_person(fact: Known) -> None:
    ours = registered(date(2020, 1, 31), date(2020, 2, 3), name="one")
    assert months([ours, fact]) == []
    told = [(action, kind) for action, kind, *_ in said(Office(ours).learn(fact))]
    assert told == [("verify", "identity-mismatch")]


def test_a_wrong_name_elsewhere_is_no_reason_why_a_pension_is_paid_again() -> None:
    office = Office(
        registered(date(2020, 1, 31), date(2020, 2, 3), name="one"),
        known("1", SurvivalVerified(effective=date(2024, 1, 2)), date(2024, 1, 2), AGENCY, "other"),
        told_of(GoneMissing, date(2023, 1, 10), date(2024, 1, 10)),
    )
    told = said(office.learn(told_of(Reappeared, date(2024, 1, 15))))
    assert told[0] == ("resume", "reappearance", "2024-02", 0, "0.00")


# Corrections of the pension itself, conflicts


def test_another_retirement_day_corrects_the_first_month() -> None:
    right = RetirementRegistered(
        effective=date(2020, 3, 31), monthly_pension="3456.78", residence_division=SHENZHEN, corrects="registration"
    )
    office = Office(RETIRED)
    office.learn(known("right", right, date(2024, 5, 6), AGENCY))
    assert next(iter(office.state.dossier.registrations)).reference.id == "right"


def test_a_registration_that_is_taken_back_withdraws_everything() -> None:
    office = Office(RETIRED, death(date(2024, 1, 10), date(2024, 5, 6)))
    office.learn(taken_back("registration", AGENCY, date(2024, 6, 3)))
    assert office.open() == set()
    assert not office.state.registered


def test_an_adjustment_sets_what_a_month_comes_to_and_contradicts_no_death() -> None:
    office = Office(RETIRED, told_of(PensionAdjusted, date(2024, 3, 1), monthly_pension="4000.00"))
    office.learn(told_of(PensionAdjusted, date(2024, 4, 15), id_="2", monthly_pension="4100.00"))
    assert said(office.learn(death(date(2024, 1, 31), date(2024, 4, 30)))) == [
        ("stop", "death", "2024-02", 0, "0.00"),
        ("recover", "death", "2024-02", 3, "11556.78"),
    ]


def test_life_after_death_is_for_a_person_to_settle() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 2, 5)))
    told = said(office.learn(told_of(SurvivalVerified, date(2024, 3, 5))))
    assert told == [("verify", "conflicting-facts", "2024-01", 0, "0.00")]
    assert ("stop", "death") in office.open()


def test_two_days_of_death_are_for_a_person_to_settle_and_the_earlier_counts_until_then() -> None:
    office = Office(RETIRED, death(date(2024, 3, 10), date(2024, 5, 6), "1"))
    office.learn(death(date(2024, 1, 10), date(2024, 5, 20), "2", Department.POLICE))
    assert office.open() == {("stop", "death"), ("recover", "death"), ("verify", "conflicting-facts")}
    assert said(office.learn(taken_back("2", Department.POLICE, date(2024, 5, 21)))) == [
        ("stop", "death", "2024-04", 0, "0.00"),
        ("recover", "death", "2024-04", 2, "6913.56"),
    ]
    assert office.open() == {("stop", "death"), ("recover", "death")}


def test_nobody_takes_back_what_another_source_has_told() -> None:
    gone = told_of(GoneMissing, date(2023, 1, 10))
    for by in (Department.COURT, CIVIL_AFFAIRS, AGENCY):
        foreign = told_of(FactRetracted, date(2024, 1, 10), id_="back", by=by, retracts=gone.reference.id)
        assert months([RETIRED, gone, foreign]) == [("2023-07", None, "missing")]
