"""What is said of most lives in one pass is what the domain says of them."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.facts import (
    CareFlagged,
    Category,
    ContactCardIssued,
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    Department,
    FactRetracted,
    GoneMissing,
    HealthFileKept,
    Known,
    LifeEvent,
    PensionAdjusted,
    Relocated,
    RetirementRegistered,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.facts.handover import Aspect
from domain.handover import Handover
from infra.statutes import the_law
from projections.on_a_day import _place, _placed, by_the_domain
from projections.ordinary import ordinary
from tests.building import known
from tests.building import lives as lived_lives
from tests.handing import DL, SZ, SZ_OTHER, XN, ZZ
from tests.unit.test_on_a_day import nameless
from tests.unit.test_rates import adjustment, law_of

LAW = the_law()
FIRST = date(2016, 1, 1)
DAYS = st.integers(0, 10 * 365).map(lambda n: FIRST + timedelta(days=n))
FEW_DAYS = st.sampled_from([date(2021, 3, 31), date(2021, 4, 1), date(2022, 3, 31), date(2022, 4, 30)]) | DAYS
"""Some of them again and again, so that facts meet on a day or in a month."""
DIVISIONS = st.sampled_from([SZ, SZ_OTHER, DL, XN, ZZ, "110101001001"])
GROUPS = st.sampled_from(list(SpecialGroup))
REGISTRATIONS = st.builds(
    RetirementRegistered,
    effective=FEW_DAYS,
    monthly_pension=st.sampled_from(["3000.00", "0.05", "12345.67"]),
    residence_division=DIVISIONS,
    hukou_division=st.none() | DIVISIONS,
    contribution_months=st.none() | st.integers(180, 480),
    party_member=st.booleans(),
    special_groups=st.lists(GROUPS, max_size=3).map(tuple),
    category=st.sampled_from(list(Category)),
)
USUAL: list[st.SearchStrategy[LifeEvent]] = [
    st.builds(SurvivalVerified, effective=FEW_DAYS),
    st.builds(PensionAdjusted, effective=FEW_DAYS, monthly_pension=st.sampled_from(["3100.00", "3200.50", "3300.00"])),
    st.builds(DeathReported, effective=FEW_DAYS, document=st.none() | st.just("1号")),
    st.builds(VisitMade, effective=FEW_DAYS),
    st.builds(CareFlagged, effective=FEW_DAYS, group=GROUPS, holds=st.booleans()),
    st.builds(HealthFileKept, effective=FEW_DAYS),
    st.builds(ContactCardIssued, effective=FEW_DAYS),
    st.builds(Relocated, effective=FEW_DAYS, aspect=st.sampled_from(list(Aspect)), division=DIVISIONS),
]
ODD: list[st.SearchStrategy[LifeEvent]] = [
    REGISTRATIONS,
    st.builds(DeathDeclared, effective=FEW_DAYS),
    st.builds(DeathRetracted, effective=FEW_DAYS, retracts=st.sampled_from(["1", "2", "3"])),
    st.builds(FactRetracted, effective=FEW_DAYS, retracts=st.sampled_from(["1", "2", "3"])),
    st.builds(GoneMissing, effective=FEW_DAYS),
    st.builds(SurvivalVerified, effective=FEW_DAYS, corrects=st.sampled_from(["1", "2", "3"])),
]


@st.composite
def told(draw: st.DrawFn, *kinds: st.SearchStrategy[LifeEvent]) -> list[Known]:
    """A registration and up to nine facts of some kinds, from any department, in any order."""
    facts = [draw(REGISTRATIONS), *draw(st.lists(st.one_of(*kinds), max_size=9))]
    departments = st.sampled_from(list(Department))
    whole = [known(str(n), fact, fact.effective, draw(departments)) for n, fact in enumerate(facts, start=1)]
    return draw(st.permutations(whole))


@given(told(*USUAL), FEW_DAYS)
def test_an_ordinary_life_is_read_as_the_domain_reads_it(facts: list[Known], day: date) -> None:
    found = ordinary(facts, LAW, day)
    assert found is not None
    assert found == by_the_domain(facts, (), LAW, day)


@given(told(*USUAL, *ODD) | lived_lives().map(nameless), FEW_DAYS)
def test_of_no_other_life_anything_else_is_said(facts: list[Known], day: date) -> None:
    found = ordinary(facts, LAW, day)
    assert found in (None, by_the_domain(facts, (), LAW, day))


@given(told(*USUAL), FEW_DAYS, FEW_DAYS)
def test_under_the_law_of_one_day_as_well(facts: list[Known], day: date, pinned: date) -> None:
    law = LAW.pinned(pinned)
    assert ordinary(facts, law, day) == by_the_domain(facts, (), law, day)


@given(told(*USUAL), FEW_DAYS)
def test_where_a_name_may_not_fit_or_the_law_itself_adjusts_pensions_nothing_is_said(
    facts: list[Known], day: date
) -> None:
    one, *others = facts
    assert ordinary([replace(one, name_tag="another"), *others], LAW, day) is None
    assert ordinary(facts, law_of(*(adjustment(2022, place) for place in ("11", "21", "41", "42", "44"))), day) is None


@given(REGISTRATIONS, FEW_DAYS)
def test_whoever_was_never_handed_over_is_where_the_domain_has_them(who: RetirementRegistered, day: date) -> None:
    assert _placed(None, who, LAW, day) == _place(Handover(), who, LAW, day)
