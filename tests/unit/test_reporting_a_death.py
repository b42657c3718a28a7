"""By when a death is to be reported (社会保险经办条例 Art. 25, before it 劳社厅发〔2001〕8号), and what is said when it was not."""

from datetime import date
from importlib.resources import files

import pytest

from domain.bounding import bounded
from domain.facts import DeathDeclared, Department
from domain.law import Law, LawError, parse_law
from domain.law.calendar import Calendar, parse_calendar
from domain.reporting import LateReport, late_report
from infra.statutes import the_calendar
from tests.building import compiled, death, registered
from tests.unit.one_pension import LAW, RETIRED, Office, taken_back, told_of
from tests.unit.test_entitlement import NATIONAL

SHENZHEN = files("domain.law").joinpath("cities", "shenzhen.toml").read_text("utf-8")
THIRTY_DAYS = """
[[rule]]
key = "death-report"
valid_from = 2010-01-01
document = "某市规定"
article = "一"
zh = "三十日内报告"
en = "reported within thirty days"
mark = "C"
report_within_days = 30
"""


def late(died: date, told: date, law: Law = LAW) -> LateReport | None:
    return late_report(compiled([RETIRED, death(died, told)], law), law)


@pytest.mark.parametrize(
    ("died", "due"),
    [
        pytest.param(date(2023, 11, 24), date(2023, 12, 1), id="seven days"),
        pytest.param(date(2023, 11, 25), date(2023, 12, 4), id="seven days that end on a Saturday"),
        pytest.param(date(2023, 11, 30), date(2023, 12, 7), id="the last day of the old rule"),
        pytest.param(date(2023, 12, 1), date(2023, 12, 29), id="twenty working days"),
        pytest.param(date(2024, 1, 31), date(2024, 3, 4), id="over the spring festival"),
        pytest.param(date(2024, 9, 14), date(2024, 10, 18), id="over two holidays and the days worked for them"),
        pytest.param(date(2025, 12, 31), date(2026, 1, 29), id="into a year of other holidays"),
    ],
)
def test_a_death_is_late_from_the_day_after_the_last_on_which_it_is_to_be_reported(died: date, due: date) -> None:
    assert late(died, due) is None
    found = late(died, date.fromordinal(due.toordinal() + 1))
    assert found is not None
    assert (found.due, found.by_weekday) == (due, False)
    document = "社会保险经办条例（国务院令第765号）" if died >= date(2023, 12, 1) else "劳社厅发〔2001〕8号"
    assert found.rule.document == document


def test_of_a_year_whose_holidays_are_not_recorded_monday_to_friday_count_and_it_is_said() -> None:
    law = parse_law({"national.toml": NATIONAL}, {})
    found = late(date(2024, 1, 31), date(2024, 3, 1), law)
    assert found == LateReport(
        date(2024, 2, 28), date(2024, 3, 1), law.rule("death-report", date(2024, 1, 31)).citation, True
    )
    assert late(date(2024, 1, 31), date(2024, 3, 1)) is None, "with the spring festival in the calendar"


def test_a_city_may_give_other_days_than_the_nation() -> None:
    law = parse_law({"national.toml": NATIONAL}, {"shenzhen.toml": SHENZHEN + THIRTY_DAYS}, calendar=the_calendar())
    found = late(date(2024, 1, 31), date(2024, 3, 5), law)
    assert found is not None
    assert (found.due, found.rule.document) == (date(2024, 3, 1), "某市规定")


def test_who_stops_and_who_recovers_is_told_that_a_death_was_reported_late() -> None:
    office = Office(RETIRED, death(date(2024, 1, 31), date(2024, 4, 10)))
    told = {str(alert.action): alert.late for alert in office.alerts.values()}
    assert told["stop"] == told["recover"] == late(date(2024, 1, 31), date(2024, 4, 10))
    assert told["grant"] is None
    in_time = Office(RETIRED, death(date(2024, 1, 31), date(2024, 3, 4)))
    assert [alert.late for alert in in_time.alerts.values()] == [None, None, None]


def test_the_family_that_told_in_time_is_not_late_because_an_office_confirms_it_later() -> None:
    mistaken = death(date(2023, 12, 1), date(2023, 12, 4), "mistaken", Department.FAMILY)
    facts = [RETIRED, mistaken, death(date(2024, 1, 31), date(2024, 4, 10))]
    assert late_report(compiled(facts, LAW), LAW) is not None, "what was told before the death was of none"
    facts = [RETIRED, death(date(2024, 1, 31), date(2024, 2, 2), "family", Department.FAMILY), facts[2]]
    assert late_report(compiled(facts, LAW), LAW) is None
    facts.append(taken_back("family", Department.FAMILY, date(2024, 4, 11)))
    assert late_report(compiled(facts, LAW), LAW) is not None, "what was taken back was never told"


def test_where_more_told_of_it_than_is_kept_nobody_says_that_it_was_late() -> None:
    days = [date(2024, 1, n) for n in range(20, 27)]
    facts = [RETIRED, *(death(day, date(2024, 4, 10), f"{day}", document=f"{day}") for day in days)]
    assert late_report(bounded(compiled(facts[:6], LAW)), LAW) is not None
    assert late_report(bounded(compiled(facts, LAW)), LAW) is None


def test_of_a_death_that_was_known_no_later_than_its_retiree_nobody_says_that_it_was_late() -> None:
    facts = [registered(date(2020, 1, 31), date(2024, 6, 3)), death(date(2022, 1, 31), date(2024, 6, 3))]
    assert late_report(compiled(facts, LAW), LAW) is None


def test_a_declaration_of_death_is_reported_from_its_judgment_whatever_day_it_names() -> None:
    declared = told_of(DeathDeclared, date(2023, 5, 31), date(2024, 3, 4), judged_on=date(2024, 2, 29))
    assert late_report(compiled([RETIRED, declared], LAW), LAW) is None
    heard = told_of(DeathDeclared, date(2023, 5, 31), date(2024, 4, 1), judged_on=date(2024, 2, 29))
    found = late_report(compiled([RETIRED, heard], LAW), LAW)
    assert found is not None
    assert found.due == date(2024, 3, 28)


# The calendar


def test_a_working_day_is_one_of_the_week_but_for_holidays_and_the_days_worked_for_them() -> None:
    calendar = the_calendar()
    days = {date(2024, 2, 9): True, date(2024, 2, 12): False, date(2024, 2, 18): True, date(2024, 2, 24): False}
    assert {day: calendar.works(day) for day in days} == days
    assert Calendar().works(date(2024, 2, 12))
    assert not Calendar().works(date(2024, 2, 18))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[year]]\nyear = 2024\n", "calendar.toml: "),
        ('[[year]]\nyear = 2024\ndocument = "文"\nmark = "S"\noff = [2024-02-10]\n', "2024-02-10"),
        ('[[year]]\nyear = 2024\ndocument = "文"\nmark = "S"\noff = [2023-12-29]\n', "2023-12-29"),
        ('[[year]]\nyear = 2024\ndocument = "文"\nmark = "S"\noff = []\non = [2024-02-09]\n', "2024-02-09"),
        ('[[year]]\nyear = 2024\ndocument = "文"\nmark = "S"\noff = []\n' * 2, "twice"),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused_by_file_and_day(text: str, named: str) -> None:
    with pytest.raises(LawError, match=f"calendar.toml.*{named}|{named}"):
        parse_calendar("calendar.toml", text)
