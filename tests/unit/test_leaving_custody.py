"""Who is let out of custody on a suspended sentence still has it; what a file gets wrong about a term is refused."""

from datetime import date
from typing import Any

import msgspec
import pytest

from domain.alerts import Action
from domain.decide import check, decide
from domain.facts import (
    Acquitted,
    Department,
    Detained,
    Discharge,
    DuplicateBenefitFound,
    Known,
    Released,
    Scheme,
    Sentence,
    Sentenced,
)
from domain.kinds import Kind
from domain.refusals import Refused
from domain.state import RetireeState
from infra.statutes import the_law
from tests.building import RETIREE, known, registered, timeline, told
from tests.unit.one_pension import Office, told_of

LAW = the_law()
POLICE = Department.POLICE
RETIRED = registered(date(2020, 1, 31), date(2020, 2, 3))
CUSTODY = known("in", Detained(effective=date(2023, 2, 10)), date(2023, 2, 10), POLICE)


def suspended(ends_on: date | None = date(2025, 6, 19)) -> Known:
    fact = Sentenced(effective=date(2023, 6, 20), sentence=Sentence.SUSPENDED, ends_on=ends_on)
    return known("judged", fact, date(2023, 6, 20), POLICE)


@pytest.mark.parametrize("discharge", Discharge)
@pytest.mark.parametrize("day", [date(2023, 6, 20), date(2023, 6, 21)])
@pytest.mark.parametrize("ends_on", [date(2025, 6, 19), None])
def test_a_release_from_custody_leaves_the_suspended_sentence(
    discharge: Discharge, day: date, ends_on: date | None
) -> None:
    out = known("out", Released(effective=day, discharge=discharge), day, POLICE)
    spans = timeline([RETIRED, CUSTODY, suspended(ends_on), out], LAW, date(2024, 1, 8))
    statuses = [(span.first, span.status.value) for span in spans]
    assert statuses[1:3] == [("2023-03", "suspended"), ("2023-07", "payable-unadjusted")]
    assert statuses[3:] == ([("2025-07", "payable")] if ends_on else [])


def test_leniency_without_a_stated_end_is_over_when_somebody_says_that_it_was_served() -> None:
    out = known("out", Released(effective=date(2024, 3, 5)), date(2024, 3, 5), POLICE)
    spans = timeline([RETIRED, suspended(None), out], LAW)
    assert [(span.first, span.status.value) for span in spans][1:] == [
        ("2023-07", "payable-unadjusted"),
        ("2024-04", "payable"),
    ]


@pytest.mark.parametrize(("serves_from", "ends_on"), [(None, date(2023, 6, 19)), (date(2023, 7, 1), date(2023, 6, 30))])
def test_a_sentence_that_ends_before_it_begins_is_refused(serves_from: date | None, ends_on: date) -> None:
    fact = Sentenced(
        effective=date(2023, 6, 20), sentence=Sentence.FIXED_TERM, serves_from=serves_from, ends_on=ends_on
    )
    with pytest.raises(Refused) as caught:
        check(known("judged", fact, date(2023, 6, 20), POLICE), date(2023, 6, 20))
    assert (caught.value.code, caught.value.path) == ("invalid-field", "data.ends_on")


def test_a_term_that_custody_had_served_before_the_judgment_is_no_error() -> None:
    fact = Sentenced(
        effective=date(2023, 6, 20),
        sentence=Sentence.CRIMINAL_DETENTION,
        serves_from=date(2023, 2, 10),
        ends_on=date(2023, 6, 9),
    )
    assert decide(RETIREE, RetireeState(), known("judged", fact, date(2023, 6, 20), POLICE), LAW, date(2023, 6, 20))


def test_a_second_pension_that_a_community_found_is_settled_by_the_agency() -> None:
    found = DuplicateBenefitFound(effective=date(2023, 1, 1), scheme=Scheme.RESIDENT, basic_received="300.00")
    *_, step = told([RETIRED, known("two", found, date(2024, 1, 8), Department.COMMUNITY)], LAW)
    (alert,) = step.alerts
    assert (alert.action, alert.kind, alert.amount) == ("settle", Kind.DUPLICATE_BENEFIT, "300.00")


@pytest.mark.parametrize(
    ("custody", "release", "case"),
    [({"case": "1"}, None, "2"), ({}, Released(effective=date(2023, 4, 5)), None)],
    ids=["another number of the case", "let out on bail, and that not said"],
)
def test_an_acquittal_that_fits_no_custody_is_looked_into_until_it_is_told_right(
    custody: dict[str, Any], release: Released | None, case: str | None
) -> None:
    office = Office(RETIRED, told_of(Detained, date(2023, 2, 10), **custody))
    if release:
        office.learn(known("out", release, release.effective, POLICE))
    office.learn(told_of(Acquitted, date(2023, 6, 20), case=case))
    asked = [one.terms for one in office.state.told.values() if one.is_open]
    assert (Action.VERIFY, Kind.ACQUITTAL) in [(terms.action, terms.kind) for terms in asked]
    right = msgspec.structs.replace(told_of(Acquitted, date(2023, 6, 20)).fact, corrects="acquitted", **custody)
    if release:
        bail = msgspec.structs.replace(release, corrects="out", discharge=Discharge.BAIL)
        office.learn(known("bail", bail, date(2023, 6, 21), POLICE))
    office.learn(known("right", right, date(2023, 6, 21), told_of(Acquitted, date(2023, 6, 20)).department))
    terms = [one.terms for one in office.state.told.values() if one.is_open]
    assert Action.VERIFY not in [one.action for one in terms]
    assert [one.months for one in terms if one.action is Action.PAY_BACK] == [2 if release else 4]
