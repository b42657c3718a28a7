"""Spans of months: cutting them, and finding where two timelines differ."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.facts import Reference
from domain.law import Citation
from domain.months import Month, count, plus
from domain.timeline import Run, Span, Status, Timeline, differences, joined

RULE = Citation("key", "document", "article", "中文", "English")
FACTS = (Reference("/civil-affairs/shenzhen", "1"),)
BEGIN = Month("2023-11")


def span(first: str, last: str | None, status: Status) -> Span:
    return Span(Month(first), Month(last) if last else None, status, RULE, FACTS)


def payable(first: str, last: str | None = None) -> Span:
    return span(first, last, Status.PAYABLE)


def stopped(first: str, last: str | None = None) -> Span:
    return span(first, last, Status.STOPPED)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Any timeline, also with more changes than the facts of today can make."""
    lengths = draw(st.lists(st.integers(1, 5), max_size=5))
    statuses = draw(st.lists(st.sampled_from(Status), min_size=len(lengths) + 1, max_size=len(lengths) + 1))
    first = plus(BEGIN, draw(st.integers(0, 3)))
    spans = []
    for length, status in zip(lengths, statuses, strict=False):
        spans.append(span(first, plus(first, length - 1), status))
        first = plus(first, length)
    return (*spans, span(first, None, statuses[-1]))


def pays(timeline: Timeline, month: Month) -> bool | None:
    """Whether a month is paid; None when the timeline does not speak of it."""
    for one in timeline:
        if one.first <= month and (one.last is None or month <= one.last):
            return one.pays
    return None


def test_the_part_of_a_run_within_months_ends_where_either_ends() -> None:
    run = Run(Month("2024-04"), Month("2024-06"), pays=False)
    assert run.within(Month("2024-05"), None) == Run(Month("2024-05"), Month("2024-06"), pays=False)
    assert run.within(None, Month("2024-04")) == Run(Month("2024-04"), Month("2024-04"), pays=False)
    assert run.within(Month("2024-07"), None) is None
    assert run.within(None, Month("2024-03")) is None
    assert Run(Month("2024-04"), None, pays=True).within(Month("2024-06"), None) == Run(
        Month("2024-06"), None, pays=True
    )


def test_runs_that_follow_and_say_the_same_are_joined() -> None:
    first, second = Run(Month("2024-01"), Month("2024-02"), pays=True), Run(Month("2024-03"), None, pays=True)
    assert joined([first, None, second]) == (Run(Month("2024-01"), None, pays=True),)
    apart = Run(Month("2024-04"), None, pays=True)
    assert joined([first, apart]) == (first, apart)


def test_the_months_after_a_stop_differ_without_end() -> None:
    before = (payable("2024-01"),)
    after = (payable("2024-01", "2024-03"), stopped("2024-04"))
    assert list(differences(before, after)) == [Run(Month("2024-04"), None, pays=False)]
    assert list(differences(after, before)) == [Run(Month("2024-04"), None, pays=True)]


def test_runs_that_touch_and_differ_alike_are_one() -> None:
    before = (payable("2024-01", "2024-02"), payable("2024-03", "2024-04"), stopped("2024-05"))
    after = (stopped("2024-01"),)
    assert list(differences(before, after)) == [Run(Month("2024-01"), Month("2024-04"), pays=False)]


def test_a_stop_that_moves_differs_only_between_the_two_months() -> None:
    before = (payable("2024-01", "2024-03"), stopped("2024-04"))
    after = (payable("2024-01", "2024-06"), stopped("2024-07"))
    assert list(differences(before, after)) == [Run(Month("2024-04"), Month("2024-06"), pays=True)]


def test_months_that_one_timeline_does_not_speak_of_differ_from_nothing() -> None:
    assert list(differences((), (payable("2024-01"),))) == []
    assert list(differences((payable("2024-01"),), ())) == []
    assert list(differences((payable("2024-05"),), (stopped("2024-01"),))) == [Run(Month("2024-05"), None, pays=False)]


@given(timelines(), timelines())
def test_a_month_is_in_a_run_exactly_when_the_two_timelines_disagree_on_it(one: Timeline, other: Timeline) -> None:
    runs = list(differences(one, other))
    for month in (plus(BEGIN, n) for n in range(60)):
        before, after = pays(one, month), pays(other, month)
        found = [run.pays for run in runs if run.first <= month and (run.last is None or month <= run.last)]
        assert found == ([after] if None not in (before, after) and before != after else [])


@given(timelines(), timelines())
def test_runs_are_in_order_and_as_long_as_can_be(one: Timeline, other: Timeline) -> None:
    for run, following in pairwise(differences(one, other)):
        assert run.last is not None
        assert count(run.first, run.last) > 0
        assert run.last < following.first
        assert run.pays != following.pays or plus(run.last, 1) < following.first


@given(timelines())
def test_a_timeline_does_not_differ_from_itself(timeline: Timeline) -> None:
    assert list(differences(timeline, timeline)) == []
