"""Invented retirees and what happens to them."""

from collections import Counter
from datetime import date, timedelta
from itertools import repeat
from pathlib import Path

import msgspec
import pytest
from stdnum.cn import uscc

from domain.divisions import Divisions, Level, level, parse_divisions
from domain.facts import LIFE_EVENTS, MAY_PUBLISH, STRONG, Department, LifeEvent, Person, RetirementRegistered
from domain.identity import born, normal
from services.demo.people import invented_retirees
from services.demo.sample import Event, sample_areas
from services.demo.trickle import trickle

TODAY = date(2026, 11, 22)
DAYS = [TODAY + timedelta(days=n) for n in range(200)]
DIVISIONS = Path(__file__).parents[2] / "domain" / "divisions.toml"


@pytest.fixture(scope="module")
def divisions() -> Divisions:
    return parse_divisions(DIVISIONS.read_text("utf-8"))


@pytest.fixture(scope="module")
def retirees(divisions: Divisions) -> list[Event]:
    return list(invented_retirees(12_000, 7, divisions, TODAY))


@pytest.fixture(scope="module")
def happened(retirees: list[Event]) -> list[Event]:
    return list(trickle(retirees, 7, DAYS))


def fact(event: Event) -> LifeEvent:
    return msgspec.convert({k: v for k, v in event["data"].items() if k != "person"}, LIFE_EVENTS[event["type"]])


def registered(event: Event) -> RetirementRegistered:
    found = fact(event)
    assert isinstance(found, RetirementRegistered)
    return found


def person(event: Event) -> Person:
    return msgspec.convert(event["data"]["person"], Person)


def department(event: Event) -> Department:
    return Department(event["source"].split("/")[1])


def day(event: Event) -> date:
    return date.fromisoformat(event["time"][:10])


def test_decode(retirees: list[Event], happened: list[Event]) -> None:
    """Every event decodes into its fact and its person, and comes from a department that may publish it."""
    for event in [*retirees, *happened]:
        assert person(event).name
        assert department(event) in MAY_PUBLISH[type(fact(event))]


def test_json(retirees: list[Event]) -> None:
    """An event is plain JSON: writing it and reading it again gives the same."""
    assert msgspec.json.decode(msgspec.json.encode(retirees[0])) == retirees[0]


def test_identity_numbers(retirees: list[Event], divisions: Divisions) -> None:
    """Identity numbers are normal, with a fitting check digit and a real county, and nobody shares one."""
    numbers = [person(event).identity_number for event in retirees]
    assert [normal(number) for number in numbers] == numbers
    assert len(set(numbers)) == 12_000
    counties = {area.code[:6] for area in divisions if level(area.code) is Level.COUNTY}
    assert {number[:6] for number in numbers} <= counties


def test_employers(retirees: list[Event]) -> None:
    """Employers have a fitting check character, publish their own people, and an organisation code issued to nobody."""
    for event in retirees:
        employer = registered(event).employer
        assert employer
        assert uscc.is_valid(employer)
        assert employer[8:10] == "YY"
        assert event["source"] == f"/enterprise/{employer}"


def test_same_seed(divisions: Divisions, retirees: list[Event]) -> None:
    """The same seed gives the same people, however many one asks for; another seed gives others."""
    assert list(invented_retirees(50, 7, divisions, TODAY)) == retirees[:50]
    assert next(invented_retirees(1, 8, divisions, TODAY))["data"] != retirees[0]["data"]


def test_communities(retirees: list[Event], divisions: Divisions) -> None:
    """12,000 people make communities of 100 to 300, each invented, saying so, and under a real district."""
    named = divisions.extended(sample_areas())
    crowds = Counter(registered(event).residence_division for event in retirees)
    assert all(100 <= crowd <= 300 for crowd in crowds.values())
    for code in crowds:
        assert divisions.find(f"{code[:6]}000000")
        assert "示例街道" in named.full_name(code)
        assert "Sample Community" in named.full_name(code, "en")


def test_invented(retirees: list[Event]) -> None:
    """What could be taken for real says that it is not: addresses, documents, telephone numbers."""
    for event in retirees:
        who = person(event)
        assert "示例" in (who.address or "")
        assert "示例" in event["data"]["document"]
        assert (who.phone or "").startswith("15400")


def test_lives(retirees: list[Event]) -> None:
    """Men retired at 60 and women at 50 or 55, at the end of a month gone by; all were born from 1935 to 1975."""
    for event in retirees:
        number, retired = person(event).identity_number, registered(event).effective
        assert 1935 <= born(number).year <= 1975
        assert retired < TODAY
        assert (retired + timedelta(days=1)).day == 1
        assert retired.year - born(number).year in ({60} if int(number[16]) % 2 else {50, 55})


def test_proportions(retirees: list[Event]) -> None:
    """A fifth are party members, everybody from 80 on is of advanced age, and pensions lie where they do in life."""
    assert 0.18 < sum(registered(event).party_member for event in retirees) / 12_000 < 0.22
    for event in retirees:
        old = born(person(event).identity_number) <= date(TODAY.year - 80, TODAY.month, TODAY.day)
        assert old == ("advanced-age" in event["data"]["special_groups"])
        assert 1_000 < float(event["data"]["monthly_pension"]) < 15_000


def test_ids(retirees: list[Event], happened: list[Event]) -> None:
    """An id is said once, or again to the letter; it holds no identity number."""
    events = [*retirees, *happened]
    by_id: dict[tuple[str, str], Event] = {}
    for event in events:
        assert by_id.setdefault((event["source"], event["id"]), event) == event
        assert person(event).identity_number not in event["id"]
    assert len(by_id) < len(events)


def test_kinds(happened: list[Event]) -> None:
    """Most reports of a death are strong, some weak; a few are retracted."""
    deaths = [event for event in happened if event["type"] == "death-reported.v1"]
    weak = [event for event in deaths if department(event) not in STRONG]
    retracted = [event for event in happened if event["type"] == "death-retracted.v1"]
    assert 0 < len(retracted) < len(weak) < len(deaths) / 4


def test_retractions(happened: list[Event]) -> None:
    """A retraction names an earlier report of the same source about the same person."""
    said: dict[tuple[str, str], Event] = {}
    for event in happened:
        if event["type"] == "death-retracted.v1":
            report = said[event["source"], event["data"]["retracts"]]
            assert report["data"]["person"] == event["data"]["person"]
        said[event["source"], event["id"]] = event


def test_days(happened: list[Event], retirees: list[Event]) -> None:
    """Nobody dies before retiring or is reported before dying; about four events come a day."""
    retired = {person(event).identity_number: registered(event).effective for event in retirees}
    for event in happened:
        assert retired[person(event).identity_number] <= fact(event).effective <= day(event)
    assert 700 < len(happened) < 900


def test_same_story(retirees: list[Event], happened: list[Event]) -> None:
    """The same seed tells the same story, and more days only go on with it."""
    beginning = list(trickle(retirees, 7, DAYS[:20]))
    assert beginning
    assert beginning == happened[: len(beginning)]


def test_the_last(retirees: list[Event]) -> None:
    """A day that never ends goes on until nobody is left, and everybody was reported by civil affairs."""
    few = retirees[:30]
    story = list(trickle(few, 7, repeat(TODAY)))
    dead = {person(event).identity_number for event in story if event["source"].startswith("/civil-affairs/")}
    assert dead == {person(event).identity_number for event in few}
