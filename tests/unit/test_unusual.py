"""What is flagged as unusual reading, and what is not."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from domain import unusual
from domain.disclosures import AccessDenied, DataDisclosed, Look, Unusual, UnusualAccessFlagged
from domain.history import Entry
from domain.unusual import Habit, Readers, after, after_of, reading
from tests.docs import ROOT

WHOM = UUID(int=7)
MONDAY = datetime(2024, 4, 8, 2, 0, tzinfo=UTC)
"""Ten in the morning in Beijing."""


def look(
    at: datetime, people: int = 1, actor: str = "shequ-1", look: Look = Look.SHOWN, whom: UUID | None = None
) -> Entry:
    retirees = (whom,) if whom else tuple(UUID(int=n) for n in range(1, people + 1))
    event = DataDisclosed(
        department="community",
        actor=actor,
        purpose="p",
        legal_basis="b",
        fields=("name",),
        retirees=retirees,
        look=look,
    )
    return Entry(1, at, UUID(int=1), 1, "personal-data-disclosed.v2", event)


def refused(at: datetime, what: str, count: int = 1) -> Entry:
    event = AccessDenied(
        department="community", actor="shequ-1", act="GET /v1/roster", code="forbidden", what=what, count=count
    )
    return Entry(1, at, UUID(int=1), 1, "access-denied.v1", event)


def flagged(entries: Iterable[Entry]) -> list[UnusualAccessFlagged]:
    habit: Habit | None = None
    found: list[UnusualAccessFlagged] = []
    for one in filter(None, map(reading, entries)):
        habit, flags = after(habit, one)
        found += flags
    return found


def why(entries: Iterable[Entry]) -> list[Unusual]:
    return [one.why for one in flagged(entries)]


def test_a_day_far_above_ones_own_days_is_flagged_once_and_a_busy_counter_is_not() -> None:
    days = [MONDAY + timedelta(days=n) for n in (0, 1, 2, 3, 4)]
    usual = [look(day, 200) for day in days]
    later = MONDAY + timedelta(days=7)
    assert why([*usual, look(later, 1_000)]) == []
    (flag,) = flagged([*usual, look(later, 1_000), look(later, 1), look(later, 1)])
    assert (flag.why, flag.count, flag.usual, flag.day) == (Unusual.VOLUME, 1_001, 200, date(2024, 4, 15))


def test_who_never_read_before_is_flagged_by_the_floor_alone() -> None:
    assert why([look(MONDAY, unusual.PEOPLE_A_DAY)]) == []
    assert why([look(MONDAY, unusual.PEOPLE_A_DAY + 1)]) == [Unusual.VOLUME]


def test_what_was_long_ago_is_not_usual_any_more() -> None:
    before = [look(MONDAY + timedelta(days=n), 400) for n in (0, 1, 2)]
    later = MONDAY + timedelta(days=42)
    assert flagged([*before, look(later, 501)])[0].usual == 0


@pytest.mark.parametrize(
    ("at", "flags"),
    [
        (datetime(2024, 4, 8, 2, tzinfo=UTC), []),
        (datetime(2024, 4, 8, 11, 59, tzinfo=UTC), []),
        (datetime(2024, 4, 8, 12, tzinfo=UTC), [Unusual.HOURS]),
        (datetime(2024, 4, 8, 22, 59, tzinfo=UTC), [Unusual.HOURS]),
        (datetime(2024, 4, 13, 2, tzinfo=UTC), [Unusual.HOURS]),
    ],
    ids=["ten", "just before eight in the evening", "eight", "just before seven in the morning", "a Saturday"],
)
def test_reading_when_nobody_is_at_work_is_flagged(at: datetime, flags: list[Unusual]) -> None:
    assert why([look(at, unusual.OUTSIDE_HOURS)]) == flags


def test_another_division_tried_again_and_again_is_flagged_and_other_refusals_are_not() -> None:
    tries = [refused(MONDAY, "division")] * (unusual.ELSEWHERE - 1)
    assert why(tries) == []
    assert why([*tries, refused(MONDAY, "retiree")]) == [Unusual.ELSEWHERE]
    assert why([refused(MONDAY, "division", count=unusual.ELSEWHERE)]) == [Unusual.ELSEWHERE]
    assert why([refused(MONDAY, "", count=100)]) == []
    assert why([*tries, refused(MONDAY + timedelta(days=1), "division")]) == [], "each day counts by itself"


def test_one_person_looked_at_again_and_again_is_flagged_with_who_it_is() -> None:
    (flag,) = flagged([look(MONDAY, whom=WHOM)] * (unusual.ONE_PERSON + 3))
    assert (flag.why, flag.retiree, flag.count) == (Unusual.ONE_PERSON, WHOM, unusual.ONE_PERSON)
    assert why([look(MONDAY, 5)] * unusual.ONE_PERSON) == [], "on a page among others"


def test_much_unmasked_is_flagged_and_the_guardians_own_reading_of_looks_is_not() -> None:
    assert why([look(MONDAY, look=Look.UNMASKED, whom=UUID(int=n)) for n in range(1, unusual.UNMASKED + 1)]) == [
        Unusual.UNMASKING
    ]
    assert why([look(MONDAY, 10_000, look=Look.DEEDS)]) == []


def test_one_person_looked_at_by_many_is_flagged_once_a_day() -> None:
    readers: Readers | None = None
    found: list[UnusualAccessFlagged] = []
    for day in (MONDAY, MONDAY + timedelta(days=1)):
        for n in range(unusual.READERS + 2):
            one = reading(look(day, actor=f"shequ-{n}", whom=WHOM))
            assert one
            readers, flags = after_of(readers, one)
            found += flags
    assert [(flag.why, flag.retiree, flag.actor) for flag in found] == [(Unusual.MANY_READERS, WHOM, "shequ-4")] * 2


def test_what_is_remembered_of_a_day_is_bounded() -> None:
    habit: Habit | None = None
    for n in range(1, 2 * unusual.REMEMBERED):
        one = reading(look(MONDAY, whom=UUID(int=n)))
        assert one
        habit, _ = after(habit, one)
    assert habit
    assert len(habit.alone) == unusual.REMEMBERED


@pytest.mark.parametrize("page", ["docs/disclosures.md", "docs/disclosures.zh-CN.md"])
def test_the_floors_are_those_that_the_page_tells(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    told = {
        code: set(map(int, re.findall(r"\d+", said)))
        for code, said in re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", text, re.MULTILINE)
    }
    assert told["volume"] == {unusual.PEOPLE_A_DAY, unusual.TIMES_USUAL, unusual.DAYS.days}
    assert told["hours"] == {unusual.OUTSIDE_HOURS, unusual.OPEN.hour, unusual.SHUT.hour}
    assert told["elsewhere"] == {unusual.ELSEWHERE}
    assert told["one-person"] == {unusual.ONE_PERSON}
    assert told["many-readers"] == {unusual.READERS}
    assert told["unmasking"] == {unusual.UNMASKED}
    assert set(map(str, Unusual)) == {code for code in told if code in set(map(str, Unusual))}
