"""Clocks that are wrong, days that passed too early, and a law that is no longer the same."""

from datetime import UTC, date, datetime, timedelta
from threading import Event as Flag
from threading import Thread

import pytest
from structlog.testing import capture_logs

from domain.facts import Aspect, Department, GoneMissing, Reappeared, Relocated
from domain.history import DayPassed
from domain.law import Law, parse_law
from domain.proposals import Act, Wish
from domain.refusals import Refused
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra.changed_law import changed
from infra.clocks import ClocksApartError, GapError
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.proposals import Proposals
from infra.statutes import national_text
from infra.submissions import Submission
from services.application import Changqing, today
from services.clock import LONGEST, Clock
from tests.building import SHENZHEN, number_of, retirement, submission
from tests.importing_runs import wait_until
from tests.wholeness import receipts, whole_log

FIRST = date(2024, 1, 8)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def pass_days(ledger: Ledger, until: date) -> None:
    ledger.pass_days(until, Flag(), lambda *_: None)


def of_police(fact: GoneMissing | Reappeared | Relocated, n: int = 1) -> Submission:
    name = f"{type(fact).__name__}-{n}-{fact.effective}"
    return submission(fact, name, number=number_of(n), department=Department.POLICE)


MISSING = of_police(GoneMissing(effective=date(2024, 1, 20)))
"""Suspended from July, which the agency is told in June."""


def told(database: Database) -> list[tuple[str, str]]:
    """What became of alerts: the action and first month of those raised, what happened to others."""
    found: list[tuple[str, str]] = []
    for entry in whole_log(database):
        match entry.event:
            case AlertRaised() as alert:
                found.append((str(alert.action), alert.first_month))
            case AlertWithdrawn() | AlertEscalated() as ended:
                found.append((type(ended).__name__, ""))
            case _:
                pass
    return found


def last_passed(database: Database) -> DayPassed:
    return [entry.event for entry in whole_log(database) if isinstance(entry.event, DayPassed)][-1]


# A clock that is wrong


class _Ahead(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override] # with a zone always
        return datetime.now(UTC) + timedelta(days=60)


def test_while_the_clocks_are_apart_no_day_passes_and_nothing_is_decided(
    dsn: str, database: Database, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = Changqing(dsn, keys, law)
    monkeypatch.setattr("infra.clocks.datetime", _Ahead)
    with pytest.raises(ClocksApartError, match=r"^clocks-apart: "):
        pass_days(application.ledger, FIRST)
    with pytest.raises(ClocksApartError):
        application.accept([submission(retirement())])
    assert whole_log(database) == []
    monkeypatch.undo()
    receipts(application.accept([submission(retirement())]))
    pass_days(application.ledger, FIRST)
    assert last_passed(database).day == FIRST
    application.close()


def test_the_clock_says_why_no_day_passes_and_goes_on_as_soon_as_it_may(
    dsn: str, database: Database, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, stop = Changqing(dsn, keys, law), Flag()
    monkeypatch.setattr("services.clock._LONGEST_WAIT_SECONDS", 0.05)
    with monkeypatch.context() as ahead, capture_logs() as said:
        ahead.setattr("infra.clocks.datetime", _Ahead)
        clock = Thread(target=Clock(application, stop).run)
        clock.start()
        wait_until(lambda: len(said) > 1, "the clock to say it twice")
        assert whole_log(database) == []
        ahead.undo()
        wait_until(lambda: bool(whole_log(database)), "the day to pass")
        stop.set()
        clock.join()
    assert said[0]["log_level"] == "error"
    assert said[0]["why"].startswith("clocks-apart: ")
    assert said[-1]["event"] == "day passed"
    assert last_passed(database).day == today()
    application.close()


def test_more_than_a_month_at_once_passes_only_when_somebody_says_so(ours: Ledger, database: Database) -> None:
    pass_days(ours, FIRST)
    with pytest.raises(GapError, match=r"^clock-gap: .*2024-01-08"):
        ours.pass_days(FIRST + LONGEST + timedelta(days=1), Flag(), lambda *_: None, LONGEST)
    assert last_passed(database).day == FIRST
    ours.pass_days(FIRST + LONGEST, Flag(), lambda *_: None, LONGEST)
    assert last_passed(database).day == FIRST + LONGEST
    pass_days(ours, date(2024, 6, 1))
    assert last_passed(database).day == date(2024, 6, 1)


# Days that passed before they came


def test_what_falls_due_on_a_day_that_passed_too_early_is_told_when_the_day_comes(
    ours: Ledger, database: Database
) -> None:
    receipts(ours.accept([submission(retirement(), number=number_of(1))], FIRST))
    pass_days(ours, date(2024, 9, 1))
    receipts(ours.accept([MISSING], date(2024, 1, 22)))
    pass_days(ours, date(2024, 5, 31))
    assert told(database) == []
    pass_days(ours, date(2024, 6, 1))
    assert told(database) == [("suspend", "2024-07")]
    assert last_passed(database).day == date(2024, 9, 1)


def test_what_becomes_due_on_a_day_that_has_passed_does_not_wait_for_the_next(ours: Ledger, database: Database) -> None:
    """Midnight passes at the clock before it does where the fact is taken in."""
    receipts(ours.accept([submission(retirement(), number=number_of(1))], FIRST))
    pass_days(ours, date(2024, 6, 1))
    receipts(ours.accept([MISSING], date(2024, 5, 31)))
    pass_days(ours, date(2024, 6, 1))
    assert told(database) == [("suspend", "2024-07")]


def test_who_was_decided_on_by_a_day_that_had_not_come_is_decided_on_by_the_real_one_next(
    ours: Ledger, database: Database
) -> None:
    """The clock was in June already, so the suspension from July was told. Then in February somebody comes back."""
    receipts(ours.accept([submission(retirement(), number=number_of(1))], FIRST))
    receipts(ours.accept([MISSING], date(2024, 1, 22)))
    pass_days(ours, date(2024, 6, 1))
    receipts(ours.accept([of_police(Reappeared(effective=date(2024, 2, 9)))], date(2024, 2, 10)))
    assert told(database) == [("suspend", "2024-07"), ("resume", "2024-03")]
    pass_days(ours, date(2024, 6, 2))
    assert told(database)[2:] == [("AlertEscalated", "")], "nobody answered the resumption by its day"


def test_looking_at_everybody_withdraws_what_was_told_too_early(ours: Ledger, database: Database) -> None:
    receipts(ours.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in (1, 2)], FIRST))
    receipts(ours.accept([MISSING], date(2024, 1, 22)))
    pass_days(ours, date(2024, 6, 1))
    assert ours.look_at_everybody(date(2024, 2, 10)) == 2
    assert told(database)[0] == ("suspend", "2024-07")
    assert [action for action, _ in told(database)[1:]] == ["resume"]
    pass_days(ours, date(2024, 6, 1))
    assert ("suspend", "2024-07") in told(database)[2:], "told again when its day comes"


# Another law


LATER = """
[[rule]]
key = "missing-suspends"
valid_from = 1978-06-02
document = "试行规定"
article = "失踪当月不计"
zh = "下落不明的自次月起发给六个月，第八个月起暂停"
en = "missing: paid six months from the next, suspended from the eighth"
mark = "C"
months_after = 7
act_within_days = 15
"""


def test_under_another_law_everybody_is_looked_at_on_the_next_day_once(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    receipts(ours.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in (1, 2)], FIRST))
    receipts(ours.accept([MISSING], date(2024, 1, 22)))
    pass_days(ours, date(2024, 5, 31))
    another = Ledger(database, keys, changed({"later.toml": LATER}))
    seen: list[int] = []
    approve_law(database, another, date(2024, 6, 1))
    another.pass_days(date(2024, 6, 3), Flag(), lambda _, count: seen.append(count))
    assert seen == [1, 0, 2], "by the day as the old law had it, and everybody by the new law on the last of three"
    assert told(database) == [], "under the new law the suspension begins in August"
    assert last_passed(database).law != law.digest
    another.pass_days(date(2024, 7, 1), Flag(), lambda _, count: seen.append(count))
    assert told(database) == [("suspend", "2024-08")]
    assert sum(seen[3:]) == 1


def approve_law(database: Database, ledger: Ledger, on: date) -> Proposals:
    """Two people want what follows from the law of a ledger."""
    proposals = Proposals(database)
    law = ledger.law_to_follow()
    assert law
    wish = Wish(act=Act.LAW, reason="the new rule is in force", basis="试行规定", subject=law)
    proposals.approve(proposals.make(wish, "wang", on).id, "li", on)
    return proposals


def test_what_follows_from_another_law_waits_for_a_second_person(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    receipts(ours.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in (1, 2)], FIRST))
    receipts(ours.accept([MISSING], date(2024, 1, 22)))
    pass_days(ours, date(2024, 6, 1))
    assert told(database) == [("suspend", "2024-07")]
    another = Ledger(database, keys, changed({"later.toml": LATER}))
    for _ in range(2):
        another.pass_days(date(2024, 6, 3), Flag(), lambda *_: None)
    assert told(database) == [("suspend", "2024-07")], "nobody is looked at for the new law"
    assert last_passed(database) == DayPassed(day=date(2024, 6, 3), law=law.digest)
    with pytest.raises(Refused, match="needs-approval"):
        another.look_at_everybody(date(2024, 6, 3))
    proposals = approve_law(database, another, date(2024, 6, 3))
    with pytest.raises(Refused, match="already-proposed"):
        approve_law(database, another, date(2024, 6, 3))
    another.pass_days(date(2024, 6, 4), Flag(), lambda *_: None)
    assert [action for action, _ in told(database)[1:]] == ["resume"], "the suspension begins in August only"
    assert (last_passed(database).law, another.law_to_follow()) != (law.digest, None)
    assert [(one.state, one.done_by) for one in proposals.page()] == [("done", "clock")]
    assert another.look_at_everybody(date(2024, 6, 4)) == 2


def test_an_approval_that_is_over_or_of_another_law_lets_nothing_follow(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    receipts(ours.accept([submission(retirement())], FIRST))
    pass_days(ours, FIRST)
    another = Ledger(database, keys, changed({"later.toml": LATER}))
    approve_law(database, another, FIRST)
    third = Ledger(database, keys, changed({"later.toml": LATER.replace("months_after = 7", "months_after = 8")}))
    third.pass_days(FIRST + timedelta(days=1), Flag(), lambda *_: None)
    assert last_passed(database).law == law.digest
    another.pass_days(FIRST + timedelta(days=31), Flag(), lambda *_: None)
    assert last_passed(database).law == law.digest
    approve_law(database, another, FIRST + timedelta(days=31))
    another.pass_days(FIRST + timedelta(days=32), Flag(), lambda *_: None)
    assert another.law_to_follow() is None


def placed(by: str, valid_from: str, valid_to: str = "") -> str:
    ends = f"valid_to = {valid_to}\n" if valid_to else ""
    return (
        f'[[placement]]\nkey = "placement"\nvalid_from = {valid_from}\n{ends}document = "文"\narticle = "一"\n'
        f'zh = "中"\nen = "e"\nmark = "P"\nby = ["{by}"]\n'
    )


CITY = f"""
code = "440300000000"
zh = "某市"
en = "Somewhere"
document = "文"
agency_zh = "某市社保"
agency_en = "agency"
{placed("residence", "2020-01-01", "2024-03-31")}
{placed("hukou", "2024-04-01")}
[[step]]
key = "handover-completed"
valid_from = 2020-01-01
document = "文"
article = "二"
zh = "中"
en = "e"
mark = "P"
name_zh = "收"
name_en = "in"
by = ["community"]
"""


def test_the_day_on_which_the_law_turns_is_due_for_whom_it_may_touch(database: Database, keys: KeyRing) -> None:
    """Until March the residence decides who serves, from April on the household, which had moved in January."""
    law = parse_law({"national.toml": national_text()}, {"city.toml": CITY})
    ledger = Ledger(database, keys, law)
    receipts(ledger.accept([submission(retirement(), f"r-{n}", number=number_of(n)) for n in (1, 2)], FIRST))
    moved = Relocated(effective=date(2024, 1, 15), aspect=Aspect.HUKOU, division=SHENZHEN[:6] + "902002")
    receipts(ledger.accept([of_police(moved)], date(2024, 1, 16)))
    counts: dict[date, int] = {}
    ledger.pass_days(date(2024, 3, 31), Flag(), counts.__setitem__)
    assert told(database) == []
    ledger.pass_days(date(2024, 4, 2), Flag(), counts.__setitem__)
    assert told(database) == [("assign", "2024-01")]
    assert {day: count for day, count in counts.items() if count} == {date(2024, 4, 1): 1}
