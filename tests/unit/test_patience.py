"""What becomes of an event that a receiver does not take: tried again, given up, or the end of the receiver."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.webhooks import Answer
from services.consumers.patience import Patience, Verdict

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PATIENCE = Patience()
DAY = timedelta(days=1)


def answer(status: int) -> Answer:
    return Answer(f"http-{status}", status)


def after(given: Answer, refusals: int = 1, failing: timedelta = timedelta(), old: timedelta = timedelta()) -> Verdict:
    return PATIENCE.verdict(given, refusals, NOW - failing, NOW - old, NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_answer_of_success_is_a_delivery(status: int) -> None:
    assert after(answer(status)) is Verdict.DELIVERED


def test_a_receiver_that_is_gone_is_sent_nothing_more() -> None:
    assert after(answer(410)) is Verdict.ENDED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 451])
def test_what_a_receiver_will_not_have_is_given_up_after_some_tries(status: int) -> None:
    assert after(answer(status), refusals=7) is Verdict.AGAIN
    assert after(answer(status), refusals=8) is Verdict.DEAD


@pytest.mark.parametrize(
    "given",
    [*map(answer, (301, 307, 408, 425, 429, 500, 502, 503, 504)), Answer("timeout"), Answer("address-refused")],
    ids=lambda given: given.code,
)
def test_a_receiver_that_is_not_well_is_waited_for_three_days(given: Answer) -> None:
    assert after(given, refusals=2_000, failing=3 * DAY - timedelta(seconds=1), old=9 * DAY) is Verdict.AGAIN
    assert after(given, refusals=2_000, failing=3 * DAY, old=9 * DAY) is Verdict.DEAD


def test_what_was_recorded_while_a_receiver_was_away_waits_its_own_three_days() -> None:
    assert after(answer(503), failing=9 * DAY, old=3 * DAY - timedelta(seconds=1)) is Verdict.AGAIN
    assert after(answer(503), failing=9 * DAY, old=3 * DAY) is Verdict.DEAD


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_wait_doubles_up_to_five_minutes_and_half_of_it_is_left_to_the_lot(tries: int, lot: float) -> None:
    wait = (PATIENCE.next_try(answer(503), tries, NOW, lot) - NOW).total_seconds()
    whole = min(300, 2 ** min(tries - 1, 20))
    assert whole / 2 <= wait <= whole


def test_tries_of_what_a_receiver_will_not_have_last_longer_than_a_minute() -> None:
    waits = [PATIENCE.next_try(answer(404), tries, NOW, 0) - NOW for tries in range(1, 8)]
    assert sum(waits, timedelta()) > timedelta(minutes=1)


@pytest.mark.parametrize(("asked", "waited"), [(0, 1), (120, 120), (3_600, 3_600), (10**8, 86_400)])
def test_a_receiver_that_asks_to_be_left_alone_is_left_alone_for_a_day_at_most(asked: float, waited: float) -> None:
    at = PATIENCE.next_try(Answer("http-503", 503, asked), 1, NOW, 1)
    assert (at - NOW).total_seconds() == waited
