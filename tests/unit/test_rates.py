"""What a month comes to: adjustments, and those that are withheld while a sentence is served and on leniency."""

from collections.abc import Sequence
from datetime import date
from importlib.resources import files

import pytest

from domain.alerts import Action
from domain.entitlement import reasons
from domain.facts import (
    Department,
    Known,
    Paroled,
    PensionAdjusted,
    Released,
    RetirementRegistered,
    Sentence,
    Sentenced,
)
from domain.law import Law, LawError, parse_law
from domain.months import Month
from domain.rates import Rates
from tests.building import assess, compiled, known, registered
from tests.unit.one_pension import Office, taken_back

NATIONAL = files("domain.law").joinpath("national.toml").read_text("utf-8")
TODAY = date(2024, 12, 31)
POLICE = Department.POLICE
RETIRED = registered(date(2020, 12, 31), date(2021, 1, 4), pension="3000.00")


def adjustment(year: int, place: str = "44", what: str = 'fixed = "100.00"', from_day: str = "01-01") -> str:
    return (
        f'[[adjustment]]\nkey = "pension-adjusted"\nplace = "{place}"\nvalid_from = {year}-{from_day}\n{what}\n'
        'document = "文"\narticle = "一"\nzh = "中"\nen = "e"\nmark = "T"\n'
    )


def law_of(*adjustments: str) -> Law:
    return parse_law({"national.toml": "\n".join((NATIONAL, *adjustments))}, {})


EACH_YEAR = law_of(*map(adjustment, (2022, 2023, 2024)))


def rates(facts: Sequence[Known], law: Law = EACH_YEAR) -> Rates:
    dossier = compiled(facts, law)
    return Rates(dossier, law, reasons(dossier, law, TODAY))


def yearly(facts: Sequence[Known], law: Law = EACH_YEAR) -> list[int]:
    """The amounts of the Decembers 2021 to 2024, in yuan."""
    return [rates(facts, law).of(Month(f"{year}-12")) // 100 for year in (2021, 2022, 2023, 2024)]


def sentenced(kind: Sentence, on: date, learnt: date | None = None, ends_on: date | None = None) -> Known:
    return known("sentence", Sentenced(effective=on, sentence=kind, ends_on=ends_on), learnt or on, POLICE)


def test_each_adjustment_comes_on_top_from_its_month_on() -> None:
    assert yearly([RETIRED]) == [3000, 3100, 3200, 3300]
    assert rates([RETIRED]).of(Month("2021-12")) == 300_000
    assert rates([RETIRED]).of(Month("2022-01")) == 310_000


def test_an_adjustment_before_the_pension_began_is_in_it_already() -> None:
    assert yearly([registered(date(2023, 1, 31), date(2023, 2, 3), pension="3000.00")])[-1] == 3100


def test_an_adjustment_of_another_place_concerns_nobody_here() -> None:
    assert yearly([RETIRED], law_of(adjustment(2022, place="21"), adjustment(2023, place="440305"))) == [3000] * 4


@pytest.mark.parametrize(
    ("what", "fen"),
    [
        ('percent = "1.5"', 304_500),
        ('per_year = "1.10"', 303_300),
        ('fixed = "20.00"\nper_year = "1.10"\npercent = "1.5"', 309_800),
        ('percent = "1.333"', 303_999),
        ('percent = "1.333"\nround_up = 10', 304_000),
    ],
)
def test_an_adjustment_adds_a_sum_something_for_each_year_and_a_share(what: str, fen: int) -> None:
    """Thirty years and eleven months of contributions are thirty whole years."""
    fact = RetirementRegistered(
        effective=date(2020, 12, 31),
        monthly_pension="3000.00",
        residence_division="440304901001",
        contribution_months=371,
    )
    person = known("registration", fact, date(2021, 1, 4), Department.AGENCY)
    assert rates([person], law_of(adjustment(2022, what=what))).of(Month("2022-01")) == fen


def test_what_the_agency_computed_takes_the_place_of_our_reckoning() -> None:
    told = known(
        "a", PensionAdjusted(effective=date(2023, 1, 1), monthly_pension="3500.00"), date(2023, 2, 1), Department.AGENCY
    )
    assert yearly([RETIRED, told]) == [3000, 3100, 3500, 3600]


def test_a_sentence_served_out_goes_on_at_the_old_rate_with_later_adjustments_only() -> None:
    """Served from March 2022 to June 2023: the adjustment of 2023 is lost, that of 2024 is not."""
    facts = [
        RETIRED,
        sentenced(Sentence.FIXED_TERM, date(2022, 3, 10)),
        known("out", Released(effective=date(2023, 6, 9)), date(2023, 6, 12), POLICE),
    ]
    assert yearly(facts) == [3000, 3100, 3100, 3200]


def test_after_parole_adjustments_begin_with_the_next_year() -> None:
    """Adjusted on 1 July: whoever served out on 30 June gets it, whose parole ended then waits for the next year."""
    law = law_of(*(adjustment(year, from_day="07-01") for year in (2022, 2023, 2024)))
    served = [
        RETIRED,
        sentenced(Sentence.FIXED_TERM, date(2022, 3, 10)),
        known("out", Released(effective=date(2023, 6, 30)), date(2023, 6, 30), POLICE),
    ]
    paroled = [
        *served[:2],
        known("parole", Paroled(effective=date(2022, 11, 1), ends_on=date(2023, 6, 30)), date(2022, 11, 1), POLICE),
    ]
    assert yearly(served, law) == [3000, 3000, 3100, 3200]
    assert yearly(paroled, law) == [3000, 3000, 3000, 3100]


def test_leniency_learned_late_makes_the_adjustment_paid_meanwhile_too_much() -> None:
    """A suspended sentence of 2022, known in May 2024: 100 yuan a month of 2023 and 200 of 2024 were too much."""
    facts = [RETIRED, sentenced(Sentence.SUSPENDED, date(2022, 3, 10), date(2024, 5, 6), date(2025, 3, 9))]
    found = assess(facts, EACH_YEAR, date(2024, 5, 6))
    assert found.overpaid is not None
    assert (found.overpaid.first, found.overpaid.last) == ("2023-01", "2024-05")
    assert found.overpaid.amount == (12 * 100 + 5 * 200) * 100
    assert found.owed is None


def test_leniency_known_in_time_leaves_nothing_to_recover() -> None:
    facts = [RETIRED, sentenced(Sentence.SURVEILLANCE, date(2022, 3, 10), ends_on=date(2023, 3, 9))]
    found = assess(facts, EACH_YEAR, TODAY)
    assert (found.overpaid, found.owed) == (None, None)


@pytest.mark.parametrize(
    "wrong", ['place = "4"', 'percent = "-1"', 'fixed = "1"', "round_up = 0", 'per_year = "x"', "more = 1"]
)
def test_an_adjustment_that_cannot_be_used_is_named(wrong: str) -> None:
    key = wrong.split(" ", maxsplit=1)[0]
    text = "\n".join(line for line in adjustment(2022).splitlines() if not line.startswith(f"{key} ")) + f"\n{wrong}\n"
    with pytest.raises(LawError, match=r"national\.toml"):
        law_of(text)


def test_what_leniency_withheld_is_owed_at_once_when_the_sentence_is_taken_back() -> None:
    office = Office(RETIRED, sentenced(Sentence.SUSPENDED, date(2021, 6, 1), ends_on=date(2025, 6, 1)), law=EACH_YEAR)
    office.learn(taken_back("sentence", POLICE, TODAY))
    (owed,) = [one.terms for one in office.state.told.values() if one.is_open]
    assert (owed.action, owed.first_month, owed.amount) == (Action.PAY_BACK, "2022-01", "7200.00")
