"""When reading is far from usual: a pure fold of looks and refusals, by account and by retiree.

Each rule compares a day (Beijing) with a floor, and where there is one with the account's own median of the last 30 days, so that a
busy counter is not flagged for being busy. A flag is raised once a day for each reason: it asks somebody to look
(个人信息保护法 第五十一条、第五十四条), and accuses nobody. The floors are ours, no law gives them.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.disclosures import AccessDenied, DataDisclosed, Look, Unusual, UnusualAccessFlagged
from domain.history import Entry

BEIJING = timezone(timedelta(hours=8))
DAYS = timedelta(days=30)
"""What is usual is the median of the days of these on which the account read at all, today not among them."""
TIMES_USUAL = 5
PEOPLE_A_DAY = 500
"""Fewer people than these in a day are never flagged for their number."""
OUTSIDE_HOURS = 20
"""People looked at on a weekend or outside `OPEN` to `SHUT`, in a day."""
OPEN, SHUT = time(7), time(20)
ELSEWHERE = 5
"""Refusals in a day because a division, a retiree or an alert is not the account's."""
ONE_PERSON = 10
"""Looks of one account at one person alone, in a day."""
READERS = 5
"""Accounts that looked at one person alone, in a day."""
UNMASKED = 20
REMEMBERED = 200
"""Of so many people an account looked at alone it is known how often, in a day; the earliest are forgotten first."""
_SATURDAY = 5
_NOT_THEIRS = ("division", "retiree", "alert", "moving")


class Habit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account did on the last day it did anything, and how many people it looked at on the days before.

    `alone`: by the retiree, how often they were looked at alone. `flagged`: what was flagged on that day.
    """

    day: date
    people: int = 0
    outside: int = 0
    elsewhere: int = 0
    unmasked: int = 0
    before: dict[date, int] = {}
    alone: dict[UUID, int] = {}
    flagged: tuple[str, ...] = ()


class Readers(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who looked at one person alone on a day."""

    day: date
    accounts: tuple[str, ...] = ()
    flagged: bool = False


class Reading(Struct, frozen=True, kw_only=True):
    """A look, or a refusal, as it counts. `retiree`: where it was at one person alone; `refused`: so many times, as not theirs."""

    at: datetime
    position: int
    department: str
    actor: str
    people: int = 0
    retiree: UUID | None = None
    unmasked: bool = False
    refused: int = 0

    @property
    def day(self) -> date:
        """The day in Beijing."""
        return self.at.astimezone(BEIJING).date()

    @property
    def outside_hours(self) -> bool:
        """Whether nobody is at work then."""
        there = self.at.astimezone(BEIJING)
        return there.weekday() >= _SATURDAY or not OPEN <= there.time() < SHUT


def reading(entry: Entry) -> Reading | None:
    """What an entry of the log counts as; None: nothing. Looks at the trail of looks are the guardian's work and count for nothing."""
    match entry.event:
        case DataDisclosed(look=look, retirees=retirees) as event if look is not Look.DEEDS:
            return Reading(
                at=entry.recorded_at,
                position=entry.position,
                department=event.department,
                actor=event.actor,
                people=len(retirees),
                retiree=retirees[0] if len(retirees) == 1 else None,
                unmasked=look is Look.UNMASKED,
            )
        case AccessDenied(what=what) as event if what in _NOT_THEIRS and event.actor:
            return Reading(
                at=entry.recorded_at,
                position=entry.position,
                department=event.department,
                actor=event.actor,
                refused=event.count,
            )
        case _:
            return None


def usual(habit: Habit) -> int:
    """How many people an account looks at in a day; 0 where nothing is known of it yet."""
    days = sorted(people for day, people in habit.before.items() if people and day >= habit.day - DAYS)
    return (days[(len(days) - 1) // 2] + days[len(days) // 2]) // 2 if days else 0


def after(habit: Habit | None, one: Reading) -> tuple[Habit, list[UnusualAccessFlagged]]:
    """What is known of an account after a reading, and what that flags."""
    habit = _on(habit, one.day)
    alone = dict(habit.alone)
    if one.retiree:
        alone[one.retiree] = alone.pop(one.retiree, 0) + 1  # the latest come last
        while len(alone) > REMEMBERED:
            del alone[next(iter(alone))]
    habit = replace(
        habit,
        people=habit.people + one.people,
        outside=habit.outside + (one.people if one.outside_hours else 0),
        elsewhere=habit.elsewhere + one.refused,
        unmasked=habit.unmasked + (one.people if one.unmasked else 0),
        alone=alone,
    )
    found = [flag for flag in _found(habit, one) if _mark(flag) not in habit.flagged]
    return replace(habit, flagged=(*habit.flagged, *map(_mark, found))), found


def after_of(readers: Readers | None, one: Reading) -> tuple[Readers, list[UnusualAccessFlagged]]:
    """What is known of a retiree who was looked at alone, and whether that flags anything."""
    if readers is None or readers.day < one.day:
        readers = Readers(day=one.day)
    readers = replace(readers, accounts=tuple(dict.fromkeys((*readers.accounts, one.actor))))
    if readers.flagged or len(readers.accounts) < READERS:
        return readers, []
    return replace(readers, flagged=True), [_flag(Unusual.MANY_READERS, one, len(readers.accounts), READERS)]


def _on(habit: Habit | None, day: date) -> Habit:
    """The habit on a day: a new one begins with what was before; what comes late counts for the day that is."""
    if habit is None:
        return Habit(day=day)
    if habit.day >= day:
        return habit
    before = {then: people for then, people in habit.before.items() if then >= day - DAYS}
    return Habit(day=day, before=before | {habit.day: habit.people})


def _found(habit: Habit, one: Reading) -> Iterator[UnusualAccessFlagged]:
    most = max(PEOPLE_A_DAY, TIMES_USUAL * usual(habit))
    if habit.people > most:
        yield _flag(Unusual.VOLUME, one, habit.people, usual(habit))
    if habit.outside >= OUTSIDE_HOURS:
        yield _flag(Unusual.HOURS, one, habit.outside, OUTSIDE_HOURS)
    if habit.elsewhere >= ELSEWHERE:
        yield _flag(Unusual.ELSEWHERE, one, habit.elsewhere, ELSEWHERE)
    if habit.unmasked >= UNMASKED:
        yield _flag(Unusual.UNMASKING, one, habit.unmasked, UNMASKED)
    if one.retiree and habit.alone.get(one.retiree, 0) >= ONE_PERSON:
        yield _flag(Unusual.ONE_PERSON, one, habit.alone[one.retiree], ONE_PERSON)


def _flag(why: Unusual, one: Reading, count: int, usual_: int) -> UnusualAccessFlagged:
    return UnusualAccessFlagged(
        why=why,
        day=one.day,
        department=one.department,
        actor=one.actor,
        count=count,
        usual=usual_,
        position=one.position,
        retiree=one.retiree if why in {Unusual.ONE_PERSON, Unusual.MANY_READERS} else None,
    )


def _mark(flag: UnusualAccessFlagged) -> str:
    return f"{flag.why} {flag.retiree}" if flag.retiree else str(flag.why)
