"""Why an alert was raised: the facts, the rule, the months before and after, what became of it, and what it comes to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from domain.alerts import OFF, Action
from domain.dossier import Dossier
from domain.entitlement import review
from domain.facts import Answer, Reference
from domain.history import DayPassed, Entry, Event, FactPublished
from domain.law import Law
from domain.money import Yuan, fen, yuan
from domain.months import Month, first_day, month_of, plus
from domain.recalling import named
from domain.replaying import replayed
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.histories import published_of, records_of, told_of, wrapped_keys
from infra.keys import KeyRing
from infra.reading import Transactions
from services.application import BEIJING
from services.cases.accounting import MonthLine, month_lines

AROUND = 2
"""So many months are shown before the first that an alert touches, and after the last."""
SHOWN = 60
"""Months shown at most, the last."""


class FactLine(Struct, frozen=True, kw_only=True):
    """A fact that an alert follows from. `learnt`: the business day; `cause`: it came last, and the alert with it; `stands`: nobody took it back since."""

    source: str
    id: str
    name: str
    department: str
    effective: date
    learnt: date
    document: str | None
    position: int
    recorded_at: datetime
    cause: bool
    stands: bool


class RuleLine(Struct, frozen=True, kw_only=True):
    """The rule, and the days between which this version of it is in force; None: until further notice, or not known."""

    key: str
    document: str
    article: str
    zh: str
    en: str
    valid_from: date | None = None
    valid_to: date | None = None


class MonthPair(Struct, frozen=True, kw_only=True):
    """A month as it was reckoned before the alert and after; None: nothing was known of it."""

    month: Month
    before: MonthLine | None
    after: MonthLine | None
    differs: bool


class HistoryLine(Struct, frozen=True, kw_only=True):
    """What became of an alert, in order: raised, answered (the stored name of the answer), escalated, replaced, withdrawn."""

    position: int
    recorded_at: datetime
    what: str
    department: str | None = None
    actor: str | None = None
    note: str | None = None


class Exposure(Struct, frozen=True, kw_only=True):
    """Months and yuan paid, or not paid, against what is right: from the first month to the one it was applied from, or to today."""

    months: int
    amount: Yuan


class Why(Struct, frozen=True, kw_only=True):
    """All of it. `day`: the business day on which the alert was raised."""

    day: date
    facts: list[FactLine]
    rule: RuleLine
    months: list[MonthPair]
    history: list[HistoryLine]
    exposure: Exposure


class _Stream(NamedTuple):
    """A retiree's part of the log, as far as it was known, and the keys of the records it was told under."""

    retiree: UUID
    entries: list[Entry]
    wrapped: dict[UUID, bytes]


def why(database: Transactions, keys: KeyRing, law: Law, row: Mapping[str, Any], until: int, today: date) -> Why:
    """Why an alert of the inbox was raised, by the log up to a position. Raises `WrongKeyError`."""
    with database.transaction() as connection:
        rows = log.read_stream(connection, row["retiree"])
        entries = codec.entries([one for one in rows if one.position <= until])
        events = [one.event for one in entries]
        stream = _Stream(row["retiree"], entries, wrapped_keys(connection, {row["retiree"], *records_of(events)}))
        raised = next(n for n, one in enumerate(entries) if _is_raised(one, row["alert"]))
        cause = _cause(entries, raised)
        passed = log.read(connection, entries[raised].position, 1, until=until, names=["day-passed.v1"])
    day = _day_passed(passed, entries[raised]) if cause is None else _learnt(entries[cause])
    alert = entries[raised].event
    assert isinstance(alert, AlertRaised)
    before = _dossier(stream, keys, law, raised if cause is None else cause)
    after = _dossier(stream, keys, law, raised + 1)
    now = _dossier(stream, keys, law, len(entries))
    return Why(
        day=day,
        facts=list(_facts(entries, alert, entries[cause].position if cause is not None else 0)),
        rule=_rule(alert, law, day),
        months=_months(
            list(_lines(before, law, day if cause is not None else day - timedelta(days=1))),
            list(_lines(after, law, day)),
            alert,
        ),
        history=list(_history(entries, alert.alert)),
        exposure=_exposure(row, list(_lines(now, law, today)), today),
    )


def _is_raised(entry: Entry, alert: str) -> bool:
    return isinstance(entry.event, AlertRaised) and entry.event.alert == alert


def _cause(entries: Sequence[Entry], raised: int) -> int | None:
    """Where the fact stands that was recorded with an alert; None: a day that passed brought it."""
    same = takewhile(lambda n: entries[n].recorded_at == entries[raised].recorded_at, range(raised - 1, -1, -1))
    return next((n for n in same if published_of(entries[n].event)), None)


def _learnt(entry: Entry) -> date:
    fact = published_of(entry.event)
    assert fact
    return fact.learnt


def _day_passed(rows: Sequence[Any], raised: Entry) -> date:
    """The day that brought an alert: it is told of right after everything that fell due on it."""
    event = codec.entries(rows)[0].event if rows else None
    return event.day if isinstance(event, DayPassed) else raised.recorded_at.astimezone(BEIJING).date()


def _dossier(stream: _Stream, keys: KeyRing, law: Law, so_many: int) -> Dossier:
    """What was known after so many entries."""
    events = [one.event for one in stream.entries[:so_many]]
    return replayed(told_of(keys, stream.retiree, stream.wrapped, events), law).dossier


def _lines(dossier: Dossier, law: Law, day: date) -> Iterator[MonthLine]:
    return month_lines(review(dossier, law, day), dossier, law, day)


def _facts(entries: Iterable[Entry], alert: AlertRaised, cause: int) -> Iterator[FactLine]:
    """The facts that an alert names, and the one that it came with."""
    told = [(one, fact) for one in entries if (fact := published_of(one.event))]
    gone = {target for _, fact in told for target in named(fact.known(None))}
    for one, fact in told:
        reference = Reference(fact.source, fact.id)
        if reference in alert.evidence or one.position == cause:
            yield FactLine(
                source=fact.source,
                id=fact.id,
                name=str(fact.fact.__struct_config__.tag),
                department=fact.department,
                effective=fact.fact.effective,
                learnt=fact.learnt,
                document=fact.fact.document,
                position=one.position,
                recorded_at=one.recorded_at,
                cause=one.position == cause,
                stands=reference not in gone,
            )


def _rule(alert: AlertRaised, law: Law, day: date) -> RuleLine:
    """The rule that an alert cites, in the version in force on its first month or on its day."""
    cited = alert.rule
    try:
        versions = [law.rule(cited.key, on) for on in (first_day(alert.first_month), day)]
    except KeyError:  # one of a city, or of a law that is no longer shipped
        versions = []
    rule = next((one for one in versions if one.citation == cited), None)
    return RuleLine(
        key=cited.key,
        document=cited.document,
        article=cited.article,
        zh=cited.zh,
        en=cited.en,
        valid_from=rule.valid_from if rule else None,
        valid_to=rule.valid_to if rule else None,
    )


def _months(before: Iterable[MonthLine], after: Iterable[MonthLine], alert: AlertRaised) -> list[MonthPair]:
    was = {line.month: line for line in before}
    now = {line.month: line for line in after}
    every = sorted(was.keys() | now.keys())
    if not every:
        return []
    pairs = [
        MonthPair(month=m, before=was.get(m), after=now.get(m), differs=_differ(was.get(m), now.get(m))) for m in every
    ]
    touched = [pair.month for pair in pairs if pair.differs and pair.before and pair.after]
    first = min([alert.first_month, *touched])
    last = max([alert.last_month or alert.first_month, *touched])
    shown = [pair for pair in pairs if plus(first, -AROUND) <= pair.month <= plus(last, AROUND)]
    return shown[-SHOWN:]


def _differ(before: MonthLine | None, after: MonthLine | None) -> bool:
    if before is None or after is None:
        return before is not after
    return (before.status, before.due, before.settlement) != (after.status, after.due, after.settlement)


def _history(entries: Iterable[Entry], alert: str) -> Iterator[HistoryLine]:
    for one in entries:
        if told := _became(one.event, alert):
            what, department, actor, note = told
            yield HistoryLine(
                position=one.position,
                recorded_at=one.recorded_at,
                what=what,
                department=department,
                actor=actor,
                note=note,
            )


def _became(event: Event, alert: str) -> tuple[str, str | None, str | None, str | None] | None:
    """What an event says of an alert, by whom, and why or by what; None: nothing."""
    match event:
        case AlertRaised(alert=name, replaces=replaces):
            if name == alert:
                return "raised", None, None, None
            return ("replaced", None, None, name) if alert in replaces else None
        case AlertWithdrawn(alert=name) if name == alert:
            return "withdrawn", None, None, None
        case AlertEscalated(alert=name) if name == alert:
            return "escalated", None, None, None
        case FactPublished(fact=Answer(alert=name) as answer) if name == alert:
            tag = str(answer.__struct_config__.tag)
            return tag, str(event.department), event.published_by, getattr(answer, "reason", None)
        case _:
            return None


def _exposure(row: Mapping[str, Any], lines: Iterable[MonthLine], today: date) -> Exposure:
    """What was paid that should not have been, or the other way round, by what is known now."""
    action, first, applied = row["action"], row["first_month"], row["applied_month"]
    if row["state"] in {"replaced", "withdrawn"} or action not in _MONEY:
        return Exposure(months=row["months"], amount=row["amount"])
    until = plus(applied, -1) if applied else month_of(today)
    found = [line for line in lines if first <= line.month <= until and line.paid is not None]
    if action in _OFF:
        asked = action != Action.VERIFY  # while something is verified all that is paid is at risk
        amounts = [fen(line.paid or "0.00") - (fen(line.due) if asked else 0) for line in found]
        amounts = [amount for amount in amounts if amount > 0]
    else:
        amounts = [fen(line.due) - fen(line.paid or "0.00") for line in found if line.settlement == "owed"]
    return Exposure(months=len(amounts), amount=yuan(sum(amounts)))


_OFF = frozenset({*OFF, Action.RECOVER, Action.VERIFY})
_MONEY = frozenset({*_OFF, Action.RESUME, Action.PAY_BACK})
