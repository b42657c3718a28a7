"""What happens to the pension (law.md): sentences served, and those on leniency."""

from datetime import date
from importlib.resources import files

import pytest

from domain.facts import (
    Acquitted,
    Department,
    Detained,
    Discharge,
    Known,
    Paroled,
    ParoleRevoked,
    Released,
    Sentence,
    Sentenced,
)
from domain.law import parse_law
from tests.building import death
from tests.unit.one_pension import RETIRED, Office, debts, months, said, taken_back, told_of
from tests.unit.test_entitlement import NATIONAL

SHENZHEN = files("domain.law").joinpath("cities", "shenzhen.toml").read_text("utf-8")
FIXED, SUSPENDED = Sentence.FIXED_TERM, Sentence.SUSPENDED
BAIL = Discharge.BAIL


# Sentences served


@pytest.mark.parametrize("sentence", [s for s in Sentence if s.custodial])
def test_a_sentence_that_is_served_stops_from_the_next_month(sentence: Sentence) -> None:
    office = Office(RETIRED)
    assert said(office.learn(told_of(Sentenced, date(2024, 2, 29), date(2024, 4, 30), sentence=sentence))) == [
        ("stop", "imprisonment", "2024-03", 0, "0.00"),
        ("recover", "imprisonment", "2024-03", 2, "6913.56"),
    ]
    stop = next(iter(office.alerts.values()))
    detention = sentence is Sentence.CRIMINAL_DETENTION
    assert stop.rule.key == ("criminal-detention-stops" if detention else "sentence-stops")
    assert (stop.rule.document, stop.act_by) == ("劳社厅函〔2001〕44号", date(2024, 5, 10))


@pytest.mark.parametrize("sentence", [s for s in Sentence if not s.custodial])
def test_a_sentence_that_is_not_served_in_prison_changes_no_payment(sentence: Sentence) -> None:
    facts = [RETIRED, told_of(Sentenced, date(2024, 2, 29), sentence=sentence, ends_on=date(2025, 2, 28))]
    assert months(facts) == [("2024-03", "2025-02", "leniency"), ("2025-03", None, "payable")]
    assert said(Office(RETIRED).learn(facts[1])) == []


def test_a_sentence_served_from_custody_suspends_then_stops_without_a_month_between() -> None:
    facts = [
        RETIRED,
        told_of(Detained, date(2023, 11, 5)),
        told_of(Sentenced, date(2024, 3, 31), sentence=FIXED, serves_from=date(2023, 11, 5), ends_on=date(2024, 11, 4)),
        told_of(Released, date(2024, 11, 4)),
    ]
    assert months(facts) == [
        ("2023-12", "2024-03", "custody"),
        ("2024-04", "2024-11", "imprisonment"),
        ("2024-12", None, "payable"),
    ]
    office = Office(*facts[:3])
    assert office.open() == {("stop", "imprisonment")}
    assert said(office.learn(facts[3])) == [("resume", "release", "2024-12", 0, "0.00")]


def test_a_term_that_began_before_anybody_told_us_of_custody_stops_from_its_beginning() -> None:
    sentenced = told_of(Sentenced, date(2024, 3, 31), sentence=FIXED, serves_from=date(2023, 11, 30))
    assert months([RETIRED, sentenced]) == [("2023-12", None, "imprisonment")]
    assert debts([RETIRED, sentenced], date(2024, 3, 31)) == ((4, "2023-12", "2024-03", 1382712), None)


def test_sentenced_while_on_bail_stops_when_the_term_begins() -> None:
    facts = [
        RETIRED,
        told_of(Detained, date(2024, 1, 10)),
        told_of(Released, date(2024, 2, 10), discharge=BAIL),
        told_of(Sentenced, date(2024, 5, 20), sentence=FIXED, serves_from=date(2024, 6, 3)),
    ]
    assert months(facts) == [
        ("2024-02", "2024-02", "custody"),
        ("2024-03", "2024-06", "payable"),
        ("2024-07", None, "imprisonment"),
    ]


def test_custody_then_a_suspended_sentence_is_not_paid_back() -> None:
    facts = [
        RETIRED,
        told_of(Detained, date(2024, 1, 31)),
        told_of(Sentenced, date(2024, 4, 30), sentence=SUSPENDED, ends_on=date(2025, 4, 29)),
    ]
    assert months(facts) == [
        ("2024-02", "2024-04", "custody"),
        ("2024-05", "2025-04", "leniency"),
        ("2025-05", None, "payable"),
    ]
    office = Office(*facts[:2])
    assert said(office.learn(facts[2])) == [("resume", "release", "2024-05", 0, "0.00")]


def test_where_the_setting_says_so_custody_before_a_suspended_sentence_is_paid_back() -> None:
    assert NATIONAL.count("pays_back = false") == 1
    law = parse_law({"national.toml": NATIONAL.replace("pays_back = false", "pays_back = true")}, {})
    facts = [
        RETIRED,
        told_of(Detained, date(2024, 1, 31)),
        told_of(Sentenced, date(2024, 4, 30), sentence=SUSPENDED),
    ]
    assert debts(facts, date(2024, 4, 30), law)[1] == (3, "2024-02", "2024-04", 1037034)


def test_sentenced_and_released_on_one_day_is_free_whatever_the_events_are_called() -> None:
    """The term was served in custody."""
    for judgment, release in (("1", "2"), ("2", "1")):
        facts = [
            RETIRED,
            told_of(Detained, date(2024, 1, 31), id_="0"),
            told_of(Sentenced, date(2024, 4, 30), id_=judgment, by=Department.POLICE, sentence=FIXED),
            told_of(Released, date(2024, 4, 30), id_=release, by=Department.POLICE),
        ]
        assert months(facts) == [("2024-02", "2024-04", "custody"), ("2024-05", None, "payable")]


def test_a_term_that_has_ended_with_no_word_of_a_release_is_asked_about_and_stays_stopped() -> None:
    office = Office(
        RETIRED, told_of(Sentenced, date(2024, 1, 10), sentence=FIXED, ends_on=date(2024, 6, 30), serves_from=None)
    )
    assert said(office.day(date(2024, 6, 30))) == []
    assert said(office.day(date(2024, 7, 1))) == [("verify", "release-due", "2024-06", 0, "0.00")]
    assert office.open() == {("stop", "imprisonment"), ("verify", "release-due")}
    assert said(office.day(date(2024, 7, 1))) == []
    told = said(office.learn(told_of(Released, date(2024, 6, 30), date(2024, 7, 8))))
    assert told == [("resume", "release", "2024-08", 0, "0.00"), ("pay-back", "release", "2024-07", 1, "3456.78")]
    assert office.open() == {("resume", "release"), ("pay-back", "release")}


def test_serving_then_dead_the_month_of_death_stays_unpaid() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2023, 1, 10), sentence=FIXED),
        death(date(2024, 5, 31), date(2024, 6, 20)),
    ]
    assert months(facts) == [("2023-02", "2024-05", "imprisonment"), ("2024-06", None, "death")]
    office = Office(*facts[:2])
    assert said(office.learn(facts[2])) == [
        ("stop", "death", "2024-06", 0, "0.00"),
        ("settle", "death", "2024-05", 0, "0.00"),  # what was paid in personally is inherited
    ]
    assert office.open() == {("stop", "death"), ("settle", "death")}


def test_a_sentence_of_the_dead_is_a_conflict_for_a_person_to_settle() -> None:
    facts = [RETIRED, death(date(2024, 1, 31), date(2024, 2, 5))]
    office = Office(*facts)
    told = said(office.learn(told_of(Sentenced, date(2024, 3, 5), sentence=FIXED)))
    assert told == [("verify", "conflicting-facts", "2024-01", 0, "0.00")]


def test_a_case_that_is_closed_because_its_accused_died_is_no_conflict() -> None:
    office = Office(RETIRED, told_of(Detained, date(2024, 1, 10)), death(date(2024, 2, 20), date(2024, 2, 21)))
    office.learn(told_of(Acquitted, date(2024, 4, 5)))
    assert ("verify", "conflicting-facts") not in office.open()


# Criminal detention that is recovered in part

TWO_MONTHS = """
[[rule]]
key = "criminal-detention-stops"
valid_from = 2010-01-01
document = "某市规定"
article = "一"
zh = "拘役期间已发的，只追回前两个月"
en = "of what was paid during criminal detention the first two months are recovered"
mark = "C"
act_within_days = 10
recovers_months = 2
"""
PLACE = parse_law({"national.toml": NATIONAL}, {"shenzhen.toml": SHENZHEN + TWO_MONTHS})
SHORT = told_of(
    Sentenced, date(2024, 1, 10), date(2024, 8, 5), sentence=Sentence.CRIMINAL_DETENTION, ends_on=date(2024, 6, 9)
)


def test_by_default_every_month_of_criminal_detention_is_recovered() -> None:
    assert said(Office(RETIRED).learn(SHORT))[1] == ("recover", "imprisonment", "2024-02", 7, "24197.46")


def test_where_the_place_says_so_only_the_first_months_of_criminal_detention_are_recovered() -> None:
    office = Office(RETIRED, law=PLACE)
    assert said(office.learn(SHORT)) == [
        ("stop", "imprisonment", "2024-02", 0, "0.00"),
        ("recover", "imprisonment", "2024-02", 2, "6913.56"),
        ("verify", "release-due", "2024-06", 0, "0.00"),
    ]
    assert {alert.rule.document for alert in office.alerts.values() if alert.action == "stop"} == {"某市规定"}
    office.apply("recover", date(2024, 8, 6))
    told = said(office.learn(taken_back("sentenced", Department.COURT, date(2024, 8, 7))))
    assert [one for one in told if one[0] == "pay-back"] == [("pay-back", "correction", "2024-02", 2, "6913.56")]


def test_a_sentence_of_prison_is_recovered_whole_there_too() -> None:
    prison = told_of(Sentenced, date(2024, 1, 10), date(2024, 8, 5), sentence=FIXED)
    assert said(Office(RETIRED, law=PLACE).learn(prison))[1][3] == 7


def test_another_reason_for_a_month_lets_it_be_recovered() -> None:
    office = Office(RETIRED, SHORT, law=PLACE)
    told = said(office.learn(death(date(2024, 4, 30), date(2024, 8, 6))))
    assert ("recover", "imprisonment", "2024-02", 6, "20740.68") in told, "May to August by the death"


# Leniency


def test_parole_pays_again_and_a_completed_one_ends_with_its_term() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), sentence=FIXED, ends_on=date(2025, 1, 9)),
        told_of(Paroled, date(2024, 2, 29), ends_on=date(2025, 1, 9)),
    ]
    assert months(facts) == [
        ("2022-02", "2024-02", "imprisonment"),
        ("2024-03", "2025-01", "leniency"),
        ("2025-02", None, "payable"),
    ]
    office = Office(*facts[:2])
    assert said(office.learn(facts[2])) == [("resume", "release", "2024-03", 0, "0.00")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            told_of(Sentenced, date(2022, 1, 10), sentence=FIXED), told_of(Paroled, date(2024, 2, 29)), id="parole"
        ),
        pytest.param(
            told_of(Detained, date(2024, 1, 31)),
            told_of(Sentenced, date(2024, 2, 29), sentence=SUSPENDED),
            id="suspended sentence",
        ),
    ],
)
def test_a_resumption_on_leniency_cites_the_rule_that_resumes_and_its_days(before: Known, after: Known) -> None:
    office = Office(RETIRED, before)
    office.learn(after)
    (resume,) = [alert for alert in office.alerts.values() if alert.action == "resume"]
    assert (resume.rule.key, resume.act_by) == ("leniency-resumes", date(2024, 3, 5))


def test_parole_of_which_nobody_tells_the_end_ends_with_the_term_of_the_judgment() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), sentence=FIXED, ends_on=date(2025, 1, 9)),
        told_of(Paroled, date(2024, 2, 29)),
    ]
    assert months(facts)[-2:] == [("2024-03", "2025-01", "leniency"), ("2025-02", None, "payable")]


def test_parole_revoked_stops_that_very_month_and_what_it_paid_is_recovered() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), sentence=FIXED),
        told_of(Paroled, date(2023, 2, 28)),
        told_of(ParoleRevoked, date(2024, 5, 31)),
    ]
    assert months(facts)[-2:] == [("2023-03", "2024-04", "leniency"), ("2024-05", None, "imprisonment")]
    office = Office(*facts[:3])
    assert said(office.learn(facts[3])) == [
        ("stop", "imprisonment", "2024-05", 0, "0.00"),
        ("recover", "imprisonment", "2024-05", 1, "3456.78"),
    ]
    assert list(office.alerts.values())[-2].rule.document == "劳社厅函〔2003〕315号"


def test_parole_revoked_in_the_month_it_began_never_paid() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), sentence=FIXED),
        told_of(Paroled, date(2024, 5, 6)),
        told_of(ParoleRevoked, date(2024, 5, 28)),
    ]
    assert {kind for _, _, kind in months(facts)} == {"imprisonment"}


def test_detained_on_parole_then_revoked_stops_from_the_month_of_the_revocation() -> None:
    facts = [
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), sentence=FIXED),
        told_of(Paroled, date(2023, 2, 28)),
        told_of(Detained, date(2024, 3, 20)),
        told_of(ParoleRevoked, date(2024, 5, 31)),
    ]
    assert months(facts)[-3:] == [
        ("2023-03", "2024-03", "leniency"),
        ("2024-04", "2024-04", "custody"),
        ("2024-05", None, "imprisonment"),
    ]


def test_a_revocation_that_is_taken_back_gives_the_month_back() -> None:
    office = Office(
        RETIRED,
        told_of(Sentenced, date(2022, 1, 10), sentence=FIXED),
        told_of(Paroled, date(2023, 2, 28)),
        told_of(ParoleRevoked, date(2024, 5, 31)),
    )
    told = said(office.learn(taken_back("parolerevoked", Department.JUSTICE, date(2024, 7, 1))))
    assert told == [("resume", "correction", "2024-08", 0, "0.00"), ("pay-back", "correction", "2024-06", 2, "6913.56")]
