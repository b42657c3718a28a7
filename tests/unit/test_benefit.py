"""The funeral grant and survivor benefit after a death from illness or not at work: amounts to the cent."""

from datetime import date
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.benefit import LONGEST, Benefit, Claim, survivor_benefit
from domain.law.survivors import Rounding
from domain.money import fen, yuan
from domain.refusals import Refused
from infra.statutes import the_survivor_law

LAW = the_survivor_law()
DAY = date(2024, 3, 12)
SCHEME, EXACT = LAW.scheme(DAY), LAW.rounding(None, DAY)
B = "2818.50"
PLENTY = "9999999.99"


def asked(
    contributed: int, received: int | None = None, base: str = B, rounding: Rounding = EXACT, **more: object
) -> Benefit:
    """What follows for a retiree, or without months of pension for somebody in service."""
    claim = Claim(contributed=contributed, received=received or 0, in_service=received is None, base=base)
    return survivor_benefit(msgspec.structs.replace(claim, **more), SCHEME, rounding)


def rounding(**settings: object) -> Rounding:
    return msgspec.structs.replace(EXACT, **settings)


def test_the_worked_example_comes_out_to_the_cent() -> None:
    found = asked(345, 42)
    assert (found.months, found.grant, found.benefit, found.total) == ("19.25", "5637.00", "54256.13", "59893.13")
    assert [step.formula for step in found.steps] == [
        "B = 2818.50",
        "9 + (28.75 − 15) = 22.75",
        "22.75 − 3.5 = 19.25",
        "2 × 2818.50 = 5637.00",
        "19.25 × 2818.50 = 54256.125 ≈ 54256.13",
        "5637.00 + 54256.13 = 59893.13",
    ]
    assert (found.floor_applied, found.cap_applied, found.own_contributions_applied) == (False, False, False)


def test_a_published_example_of_somebody_in_service_comes_out_to_the_cent() -> None:
    found = asked(21 * 12 + 3)
    assert (found.months, found.grant, found.benefit, found.total) == ("15.25", "5637.00", "42982.13", "48619.13")


def test_the_least_of_2022_in_shandong_is_the_published_one() -> None:
    found = asked(300, 300, "47066.00", LAW.rounding(LAW.province("370481"), DAY), yearly=True)
    assert (found.floor_applied, found.total) == (True, "43143.83")
    assert "B = 47066.00 ÷ 12" in [step.formula for step in found.steps]


def test_the_least_of_2023_in_jiangsu_is_the_published_one() -> None:
    jiangsu = LAW.province("32")
    found = asked(300, 300, jiangsu.figure(2022).year_total, LAW.rounding(jiangsu, DAY), yearly=True)
    assert found.total == "55165.00"
    assert "B = 60178.00 ÷ 12 ≈ 5015.00" in [step.formula for step in found.steps]


def test_the_least_of_2024_in_guangdong_is_the_published_one() -> None:
    guangdong = LAW.province("440304901001")
    found = asked(300, 300, guangdong.figure(2023).year_total, LAW.rounding(guangdong, DAY), yearly=True)
    assert (found.grant, found.benefit, found.total) == ("9884.50", "44480.25", "54364.75")


@pytest.mark.parametrize(
    ("contributed", "months"),
    [
        (0, "3"),
        (59, "3"),
        (60, "6"),
        (119, "6"),
        (120, "9"),
        (179, "9"),
        (180, "9"),
        (181, "109/12"),
        (192, "10"),
        (359, "287/12"),
        (360, "24"),
        (361, "24"),
        (900, "24"),
    ],
)
def test_the_months_of_somebody_in_service_follow_the_tiers_of_contribution(contributed: int, months: str) -> None:
    found = asked(contributed, own_contributions=PLENTY)
    assert (found.months, found.cap_applied) == (months, contributed >= 360)


@pytest.mark.parametrize(
    ("contributed", "received", "months", "floored"),
    [
        (360, 0, "24", False),
        (480, 12, "23", False),
        (360, 179, "109/12", False),
        (360, 180, "9", False),
        (360, 181, "9", True),
        (180, 0, "9", False),
        (180, 1, "9", True),
        (345, 900, "9", True),
    ],
)
def test_a_retiree_loses_a_month_for_each_year_of_pension_down_to_nine(
    contributed: int, received: int, months: str, floored: bool
) -> None:
    found = asked(contributed, received)
    assert (found.months, found.floor_applied) == (months, floored)


def test_forty_years_of_contributions_count_as_thirty_before_the_years_of_pension_are_taken_off() -> None:
    assert asked(480, 60).months == "19"


def test_nine_months_for_a_retiree_whose_contributions_alone_give_less_are_marked_as_unsettled() -> None:
    found = asked(96, 12)
    assert (found.months, found.floor_applied) == ("9", True)
    (step,) = [step for step in found.steps if step.mark == "C"]
    assert step.rule.article == "抚恤金标准（二）退休人员"


def test_under_five_years_both_together_do_not_exceed_what_the_person_paid_in() -> None:
    found = asked(48, own_contributions="10000.00")
    assert (found.grant, found.benefit, found.total) == ("5637.00", "4363.00", "10000.00")
    assert found.own_contributions_applied
    assert "min(14092.50, 10000.00) = 10000.00" in [step.formula for step in found.steps]


def test_own_contributions_under_the_grant_leave_no_survivor_benefit() -> None:
    found = asked(48, own_contributions="5000.00")
    assert (found.grant, found.benefit, found.total) == ("5000.00", "0.00", "5000.00")


def test_nothing_paid_in_leaves_nothing() -> None:
    assert asked(0, own_contributions="0.00").total == "0.00"


def test_enough_paid_in_leaves_the_amounts_alone() -> None:
    found = asked(48, own_contributions="14092.50")
    assert (found.total, found.own_contributions_applied) == ("14092.50", False)


def test_from_five_years_on_own_contributions_do_not_matter() -> None:
    assert asked(60, own_contributions="0.00").total == "22548.00"


def test_a_retiree_too_with_under_five_years_does_not_leave_more_than_was_paid_in() -> None:
    assert asked(48, 12, own_contributions="10000.00").total == "10000.00"


def test_without_own_contributions_an_amount_under_five_years_is_refused_not_guessed() -> None:
    with pytest.raises(Refused) as caught:
        asked(59)
    assert (caught.value.code, caught.value.path, caught.value.detail) == (
        "own-contributions-missing",
        "own-contributions",
        "14092.50",
    )


def test_a_province_may_round_both_times_to_two_decimals_of_a_year_first() -> None:
    found = asked(343, 41, rounding=rounding(duration_decimals=2))
    assert asked(343, 41).months == "115/6"
    assert (found.months, found.benefit) == ("19.16", "54002.46")
    assert "343 ÷ 12 → 28.58, 41 ÷ 12 → 3.42" in [step.formula for step in found.steps]


def test_the_tier_is_that_of_the_months_not_of_rounded_years() -> None:
    settings = rounding(duration_decimals=0)
    assert asked(59, rounding=settings, own_contributions=PLENTY).months == "3"
    assert asked(359, rounding=settings).months == "24"
    assert not asked(359, rounding=settings).cap_applied


@pytest.mark.parametrize(
    ("month_base", "total"), [("cent", "47000.04"), ("yuan", "47004.00"), ("year-last", "47000.00")]
)
def test_a_year_of_income_becomes_a_month_as_the_province_rounds(month_base: str, total: str) -> None:
    assert asked(192, base="47000.00", rounding=rounding(month_base=month_base), yearly=True).total == total


@pytest.mark.parametrize(
    ("code", "path", "claim"),
    [
        ("duration-invalid", "contributed", Claim(contributed=-1, base=B)),
        ("duration-invalid", "contributed", Claim(contributed=LONGEST + 1, base=B)),
        ("duration-invalid", "received", Claim(contributed=300, received=LONGEST + 1, base=B)),
        ("received-in-service", "received", Claim(contributed=300, received=12, in_service=True, base=B)),
        ("base-invalid", "base", Claim(contributed=300, base="0.00")),
    ],
    ids=["negative", "too long", "pension too long", "pension in service", "no base"],
)
def test_what_cannot_be_computed_is_refused_by_code_and_place(code: str, path: str, claim: Claim) -> None:
    with pytest.raises(Refused) as caught:
        survivor_benefit(claim, SCHEME, EXACT)
    assert (caught.value.code, caught.value.path) == (code, path)


def test_a_monthly_base_is_refused_where_the_province_divides_the_year_at_the_end() -> None:
    with pytest.raises(Refused, match=r"^base-yearly-needed at base$"):
        asked(300, rounding=rounding(month_base="year-last"))


MONTHS = st.integers(0, LONGEST)
BASES = st.integers(1, 2_000_000).map(yuan)
RECEIVED = st.none() | MONTHS
ROUNDINGS = st.builds(
    rounding, duration_decimals=st.none() | st.integers(0, 4), month_base=st.sampled_from(["cent", "yuan"])
)


def by_the_text(contributed: int, received: int | None, base: str) -> tuple[Fraction, int, int]:
    """Months, grant and benefit (fen) once more, straight from the text."""
    tiers = [(60, 3), (120, 6), (181, 9)]
    months = next((Fraction(tier) for below, tier in tiers if contributed < below), None)
    if months is None:
        months = 9 + Fraction(min(contributed, 360) - 180, 12)
    if received is not None:
        months = max(Fraction(9), months - Fraction(received, 12))
    exact = months * Fraction(base) * 100
    return months, 2 * int(Fraction(base) * 100), (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


@given(MONTHS, RECEIVED, BASES)
def test_the_amounts_are_those_of_an_independent_computation(contributed: int, received: int | None, base: str) -> None:
    found = asked(contributed, received, base, own_contributions="9999999999.99")
    assert (Fraction(found.months), fen(found.grant), fen(found.benefit)) == by_the_text(contributed, received, base)


@given(MONTHS, MONTHS, RECEIVED, ROUNDINGS)
def test_more_contributions_never_give_less(one: int, other: int, received: int | None, settings: Rounding) -> None:
    less, more = (
        asked(months, received, rounding=settings, own_contributions=PLENTY) for months in sorted((one, other))
    )
    assert Fraction(less.months) <= Fraction(more.months)
    assert fen(less.total) <= fen(more.total)


@given(MONTHS, MONTHS, MONTHS, ROUNDINGS)
def test_more_pension_received_never_gives_more(contributed: int, one: int, other: int, settings: Rounding) -> None:
    less, more = (asked(contributed, got, rounding=settings, own_contributions=PLENTY) for got in sorted((one, other)))
    assert Fraction(less.months) >= Fraction(more.months)


@given(MONTHS, RECEIVED, ROUNDINGS)
def test_the_months_lie_between_the_least_and_twenty_four(
    contributed: int, received: int | None, settings: Rounding
) -> None:
    found = asked(contributed, received, rounding=settings, own_contributions=PLENTY)
    assert (3 if received is None else 9) <= Fraction(found.months) <= 24


@given(MONTHS, RECEIVED, BASES, st.integers(0, 10_000_000).map(yuan))
def test_the_total_is_the_sum_to_the_cent_and_under_five_years_not_over_what_was_paid_in(
    contributed: int, received: int | None, base: str, own: str
) -> None:
    found = asked(contributed, received, base, own_contributions=own)
    assert fen(found.total) == fen(found.grant) + fen(found.benefit)
    assert contributed >= 60 or fen(found.total) <= fen(own)


@given(MONTHS, RECEIVED, BASES, ROUNDINGS)
def test_every_step_is_said_in_both_languages_with_its_figures_and_its_rule(
    contributed: int, received: int | None, base: str, settings: Rounding
) -> None:
    for step in asked(contributed, received, base, settings, own_contributions="100.00").steps:
        assert step.formula
        assert step.en.isascii()
        assert not step.zh.isascii()
        assert all([step.rule.document, step.rule.article, step.rule.zh, step.rule.en])
