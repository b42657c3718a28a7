"""Gaps of sources begin and end with what both sides were told, and stand on any day between."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.completeness import (
    BatchComplete,
    BatchIncomplete,
    Finding,
    SourceGapClosed,
    SourceGapFound,
    SourceHeard,
    SourceSilent,
)
from domain.facts import Department
from domain.history import Entry
from projections.source_gaps import SourceGapsRow, as_of, fold, keys

SOURCE, POLICE = "/police/shenzhen", Department.POLICE
NOON = datetime(2024, 3, 1, 4, tzinfo=UTC)


def at(days: int) -> datetime:
    return NOON + timedelta(days=days)


def row(*events: tuple[int, Finding]) -> SourceGapsRow:
    found: SourceGapsRow | None = None
    for number, (days, event) in enumerate(events, start=1):
        entry = Entry(number, at(days), UUID(int=1), number, str(event.__struct_config__.tag), event)
        assert keys(entry) == (SOURCE,)
        found = fold(SOURCE, found, entry)
    assert found
    return found


def kinds(of: SourceGapsRow, days: int) -> list[tuple[str, str]]:
    return [(one.kind, one.what) for one in as_of(of, at(days).date())]


SILENT = SourceSilent(source=SOURCE, department=POLICE, heard=None, expected=at(1))
HEARD = SourceHeard(source=SOURCE, department=POLICE, heard=at(5))
FOUND = SourceGapFound(source=SOURCE, department=POLICE, first=3, last=5, since=at(2))
CLOSED = SourceGapClosed(source=SOURCE, department=POLICE, first=3, last=5)
SHORT = BatchIncomplete(source=SOURCE, department=POLICE, batch="B", count=9, arrived=8)
WHOLE = BatchComplete(source=SOURCE, department=POLICE, batch="B", count=9)


@pytest.mark.parametrize(
    ("begins", "ends", "what"),
    [(SILENT, HEARD, ("silent", "")), (FOUND, CLOSED, ("numbers", "3-5")), (SHORT, WHOLE, ("batch", "B"))],
    ids=["silence", "numbers", "batch"],
)
def test_a_gap_is_open_from_its_beginning_until_it_is_closed(
    begins: Finding, ends: Finding, what: tuple[str, str]
) -> None:
    story = row((3, begins), (5, ends))
    assert [kinds(story, n) for n in (0, 3, 4, 5)] == [[], [what], [what], []]
    assert kinds(row((3, begins)), 400) == [what]


def test_gaps_that_stand_at_the_same_time_end_each_by_itself() -> None:
    story = row((2, SILENT), (3, FOUND), (3, FOUND), (4, SHORT), (5, CLOSED))
    assert kinds(story, 4) == [("silent", ""), ("numbers", "3-5"), ("batch", "B")]
    assert kinds(story, 6) == [("silent", ""), ("batch", "B")]


def test_a_source_that_falls_silent_again_has_a_second_gap() -> None:
    again = SourceSilent(source=SOURCE, department=POLICE, heard=at(5), expected=at(8))
    story = row((2, SILENT), (5, HEARD), (9, again))
    assert [kinds(story, n) for n in (4, 6, 9)] == [[("silent", "")], [], [("silent", "")]]
    assert len(story.gaps) == 2
