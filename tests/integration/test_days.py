"""Days pass in the log: what falls due by a day alone is found, once, in the order of the days, whatever is killed."""

from collections.abc import Callable
from datetime import date, timedelta
from threading import Event as Flag
from threading import Thread
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.decide import decide, pass_day
from domain.facts import (
    ActivityAttended,
    DeathReported,
    DeclaredMissing,
    Department,
    GoneMissing,
    LifeEvent,
    PensionPaid,
    Sentence,
    Sentenced,
    SurvivalVerified,
)
from domain.history import DayPassed
from domain.kinds import Kind
from domain.law import Law
from domain.refusals import Refused
from domain.told import AlertEscalated, AlertRaised
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.submissions import Submission
from tests.building import number_of, retirement, submission
from tests.wholeness import receipts, whole_log

REGISTERED, BEGINS = date(2024, 1, 8), date(2024, 1, 8)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def pass_days(ledger: Ledger, until: date) -> dict[date, int]:
    """Let the days pass; how many retirees were dealt with on those on which something fell due."""
    passed: dict[date, int] = {}
    ledger.pass_days(until, Flag(), passed.__setitem__)
    return {day: count for day, count in passed.items() if count}


def happened(database: Database) -> list[tuple[str, str]]:
    """What followed from days alone: the month an alert speaks of and its kind, escalations by their day."""
    found: list[tuple[str, str]] = []
    for entry in whole_log(database):
        match entry.event:
            case AlertRaised():
                found.append((entry.event.first_month, str(entry.event.kind)))
            case AlertEscalated():
                found.append((str(entry.event.act_by), "escalated"))
            case _:
                pass
    return found


def days(database: Database) -> list[date]:
    return [entry.event.day for entry in whole_log(database) if isinstance(entry.event, DayPassed)]


def missing(n: int, on: date = date(2024, 1, 20)) -> Submission:
    return submission(GoneMissing(effective=on), f"missing-{n}", number=number_of(n), department=Department.POLICE)


def test_the_first_day_is_today_and_each_later_one_passes_once(ours: Ledger, database: Database) -> None:
    pass_days(ours, BEGINS)
    pass_days(ours, BEGINS)
    assert days(database) == [BEGINS]
    pass_days(ours, BEGINS + timedelta(days=3))
    assert days(database) == [BEGINS + timedelta(days=n) for n in range(4)]


def test_a_machine_that_was_off_for_half_a_year_catches_up_day_by_day(
    ours: Ledger, database: Database, law: Law
) -> None:
    """Missing in January: suspended from July, which the agency is told in June, and reminded of when it does nothing."""
    receipts(ours.accept([submission(retirement(), number=number_of(1))], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    receipts(ours.accept([missing(1)], date(2024, 1, 22)))
    assert happened(database) == []

    dealt_with = pass_days(ours, date(2024, 8, 1))
    assert happened(database) == [("2024-07", "missing"), ("2024-06-16", "escalated")]
    assert dealt_with == {date(2024, 6, 1): 1, date(2024, 6, 17): 1}
    entries = [entry.event for entry in whole_log(database)]
    at = next(n for n, event in enumerate(entries) if isinstance(event, AlertRaised))
    assert entries[at + 1] == DayPassed(day=date(2024, 6, 1), law=law.digest), (
        "the alert is in the log before its day is over"
    )


def test_a_verification_that_is_due_is_reminded_of_then_suspends_and_pays_back(
    ours: Ledger, database: Database
) -> None:
    verified = SurvivalVerified(effective=date(2024, 1, 15))
    agency = Department.AGENCY
    receipts(ours.accept([submission(retirement(), number=number_of(1))], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    receipts(ours.accept([submission(verified, "v1", number=number_of(1), department=agency)], date(2024, 1, 22)))
    pass_days(ours, date(2025, 1, 16))
    assert happened(database) == [
        ("2025-01", "verification-due"),
        ("2025-02", "verification-overdue"),
    ]
    late = SurvivalVerified(effective=date(2025, 3, 3))
    receipts(ours.accept([submission(late, "v2", number=number_of(1), department=agency)], date(2025, 3, 3)))
    assert happened(database)[2:] == [("2025-04", "survival-verified"), ("2025-02", "survival-verified")]


def test_what_falls_due_is_found_by_its_index_among_many(ours: Ledger, database: Database) -> None:
    people = range(1, 201)
    receipts(ours.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in people], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    receipts(ours.accept([missing(n) for n in (7, 9)], date(2024, 1, 22)))
    with database.transaction() as connection:
        (rows,) = connection.execute("select count(*) from ledger.due").fetchone() or (0,)
    assert rows == 2, "who waits for nothing is in no list"
    assert pass_days(ours, date(2024, 6, 1)) == {date(2024, 6, 1): 2}


@pytest.mark.parametrize("where", ["before anything", "after some"])
def test_a_clock_that_dies_in_a_day_finishes_it_before_the_next(
    ours: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    people = range(1, 21)
    receipts(ours.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in people], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    receipts(ours.accept([missing(n) for n in people], date(2024, 1, 22)))
    monkeypatch.setattr("infra.days.AT_A_TIME", 8)
    dies_at(monkeypatch, 1 if where == "before anything" else 3)
    with pytest.raises(Killed):
        pass_days(ours, date(2024, 6, 5))
    monkeypatch.undo()
    pass_days(ours, date(2024, 6, 5))
    assert happened(database) == [("2024-07", "missing")] * 20
    assert days(database)[-1] == date(2024, 6, 5)
    assert len(set(days(database))) == len(days(database))


class Killed(Exception):  # noqa: N818 - what a test does, no error
    pass


def dies_at(monkeypatch: pytest.MonkeyPatch, transaction: int) -> None:
    """The clock dies in the middle of one of the transactions of the first day on which something falls due."""
    left = [transaction]
    real: Callable[..., object] = codec.encode_state

    def dying(*given: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return real(*given)

    monkeypatch.setattr("infra.codec.encode_state", dying)


def test_two_clocks_and_an_intake_at_once_tell_everybody_once(
    ours: Ledger, database: Database, dsn: str, keys: KeyRing, law: Law
) -> None:
    people = range(1, 101)
    receipts(ours.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in people], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    receipts(ours.accept([missing(n) for n in people], date(2024, 1, 22)))
    others = [Ledger(Database(dsn), keys, law) for _ in range(2)]
    died = DeathReported(effective=date(2024, 5, 20))

    def take_in() -> None:
        for n in people:
            ours.accept([submission(died, f"d-{n}", number=number_of(n))], date(2024, 6, 1))

    threads = [Thread(target=pass_days, args=(one, date(2024, 6, 1))) for one in others] + [Thread(target=take_in)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.database.close()
    told = happened(database)
    assert len(set(days(database))) == len(days(database)), "a day passes once, however many clocks there are"
    assert sum(kind == Kind.DEATH for _, kind in told) == 300, (
        "each death stops, recovers the month paid that day, and grants"
    )
    assert sum(kind == Kind.MISSING for _, kind in told) <= 100
    versions = [(entry.stream, entry.version) for entry in whole_log(database)]
    assert len(set(versions)) == len(versions)


def test_nobody_may_take_back_that_a_day_has_passed(ours: Ledger, database: Database) -> None:
    pass_days(ours, BEGINS)
    with pytest.raises(psycopg.DatabaseError, match=r"refused|denied"), database.transaction() as connection:
        connection.execute("delete from ledger.event where stream = %s", [log.stream_of("clock")])


def test_what_fell_due_before_the_clock_came_is_dealt_with_by_whatever_is_learned_first(
    ours: Ledger, database: Database
) -> None:
    """Half a minute after midnight somebody attends an activity; the clock has not come to that day yet."""
    receipts(ours.accept([submission(retirement(), number=number_of(1))], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    receipts(ours.accept([missing(1)], date(2024, 1, 22)))
    seen = ActivityAttended(effective=date(2024, 5, 30), activity="合唱")
    receipts(
        ours.accept([submission(seen, "a", number=number_of(1), department=Department.COMMUNITY)], date(2024, 6, 1))
    )
    assert happened(database) == [("2024-07", "missing")]
    pass_days(ours, date(2024, 6, 20))
    assert happened(database) == [("2024-07", "missing"), ("2024-06-16", "escalated")]


def test_a_clock_that_is_behind_does_not_decide_by_an_old_day_on_what_was_decided_since(
    ours: Ledger, database: Database
) -> None:
    receipts(ours.accept([submission(retirement(), number=number_of(1))], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    receipts(ours.accept([missing(1)], date(2024, 1, 22)))
    died = submission(DeathReported(effective=date(2024, 5, 31)), "d", number=number_of(1))
    receipts(ours.accept([died], date(2024, 6, 20)))
    before = happened(database)
    pass_days(ours, date(2024, 6, 20))
    assert happened(database) == before
    assert not any(kind == Kind.REAPPEARANCE for _, kind in before)


def test_one_whom_nobody_can_decide_on_holds_up_neither_the_clock_nor_the_neighbours(
    ours: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts(ours.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in (1, 2)], REGISTERED))
    pass_days(ours, date(2024, 1, 21))
    (first, _) = receipts(ours.accept([missing(n) for n in (1, 2)], date(2024, 1, 22)))
    real = pass_day

    def faulty(retiree: UUID, *given: Any) -> Any:
        if retiree == first.retiree:
            raise KeyError("no such rule")
        return real(retiree, *given)

    monkeypatch.setattr("infra.days.pass_day", faulty)
    pass_days(ours, date(2024, 6, 5))
    assert happened(database) == [("2024-07", "missing")]
    monkeypatch.undo()
    pass_days(ours, date(2024, 6, 6))
    assert happened(database) == [("2024-07", "missing")] * 2, "told as soon as it can be"


def test_a_fact_that_breaks_the_decision_is_refused_alone(
    ours: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decide

    def faulty(retiree: UUID, state: Any, known: Any, *given: Any) -> Any:
        if known.reference.id == "bad":
            raise OverflowError
        return real(retiree, state, known, *given)

    monkeypatch.setattr("infra.batch.decide", faulty)
    good, bad = (submission(retirement(), id_, number=number_of(n)) for n, id_ in ((1, "good"), (2, "bad")))
    accepted, refused = ours.accept([good, bad], REGISTERED)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail) == ("internal", "OverflowError")
    assert receipts([accepted])
    assert len(whole_log(database)) == 1


@pytest.mark.parametrize(
    ("fact", "path"),
    [
        (Sentenced(effective=date(2024, 1, 2), sentence=Sentence.LIFE, ends_on=date(9999, 12, 31)), "data.ends_on"),
        (
            Sentenced(effective=date(2024, 1, 2), sentence=Sentence.LIFE, serves_from=date(9999, 12, 1)),
            "data.serves_from",
        ),
        (DeclaredMissing(effective=date(2024, 1, 2), since=date(9999, 12, 1)), "data.since"),
        (PensionPaid(effective=date(2023, 12, 1), until="2023-03"), "data.until"),
        (PensionPaid(effective=date(2023, 12, 1), until="9999-12"), "data.until"),
    ],
)
def test_a_day_that_cannot_be_meant_is_refused(ours: Ledger, fact: LifeEvent, path: str) -> None:
    department = Department.AGENCY if isinstance(fact, PensionPaid) else Department.COURT
    (refused,) = ours.accept([submission(fact, department=department)], REGISTERED)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.path) == ("invalid-field", path)
