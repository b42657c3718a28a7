"""Whose intake rests, by what operators said one after the other."""

from functools import reduce

from domain.facts import Department
from domain.pausing import IntakePaused, IntakeResumed, Pauses, after

POLICE, COURT = Department.POLICE, Department.COURT
FLOOD = IntakePaused(departments=(POLICE, COURT), by="Wang", reason="the same again and again")
AGAIN = IntakePaused(departments=(POLICE,), by="Li", reason="upgrade")


def told(*events: IntakePaused | IntakeResumed) -> Pauses:
    return reduce(after, events, Pauses())


def test_who_is_paused_rests_until_resumed() -> None:
    assert told(FLOOD) == {POLICE: FLOOD, COURT: FLOOD}
    assert told(FLOOD, IntakeResumed(departments=(COURT,), by="Li")) == {POLICE: FLOOD}


def test_who_is_paused_twice_rests_since_the_first_time_and_one_word_resumes_it() -> None:
    assert told(AGAIN, FLOOD) == {POLICE: AGAIN, COURT: FLOOD}
    assert told(AGAIN, FLOOD, IntakeResumed(departments=(POLICE,), by="Li")) == {COURT: FLOOD}


def test_resuming_who_never_rested_changes_nothing() -> None:
    assert told(IntakeResumed(departments=(POLICE,), by="Li"), AGAIN) == {POLICE: AGAIN}
