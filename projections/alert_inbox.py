"""The alert inbox of the agency: what is to be done, by whom and by when, and what became of it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.alerts import Action
from domain.answering import STAGES
from domain.facts import (
    AlertApplied,
    Answer,
    OverpaymentReturned,
)
from domain.history import Entry, Event, FactPublished
from domain.kinds import Kind
from domain.money import fen, yuan
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn, Stage
from projections.read_model import ReadModel, columns


class AlertRow(Struct, frozen=True, kw_only=True):
    """An alert. `amount` in yuan, less what came back in parts; `evidence` names published facts as `source id`.

    `state`: open, closed (applied or dismissed), replaced, withdrawn. `stage`: how far its answers have come; `reason`: why
    it was contested or dismissed; `applied_month`: the first month paid, or not paid, accordingly. `escalated`: its day passed.
    """

    alert: str
    retiree: UUID
    kind: str
    action: str
    first_month: str
    last_month: str | None
    months: int
    amount: str
    strength: str
    document: str
    article: str
    rule_zh: str
    rule_en: str
    evidence: list[str]
    office: str
    act_by: date
    state: str = "open"
    replaced_by: str | None = None
    position: int
    recorded_at: datetime
    stage: str = Stage.RAISED
    escalated: bool = False
    reason: str | None = None
    applied_month: str | None = None


_CLOSING = frozenset({Stage.DISMISSED, Stage.APPLIED})


def keys(entry: Entry) -> tuple[str, ...]:
    """The alert itself and those it replaces."""
    match entry.event:
        case AlertRaised(alert=alert, replaces=replaces):
            return (alert, *replaces)
        case AlertWithdrawn(alert=alert) | AlertEscalated(alert=alert):
            return (alert,)
        case FactPublished(fact=Answer(alert=alert)):
            return (alert,)
        case _:
            return ()


def fold(alert: str, row: AlertRow | None, entry: Entry) -> AlertRow | None:
    """The row of `alert` after an entry."""
    event = entry.event
    if isinstance(event, AlertRaised) and event.alert == alert:
        return _raised(event, entry)
    return row and _after(row, event)


def _after(row: AlertRow, event: Event) -> AlertRow:
    match event:
        case AlertRaised():
            return replace(row, state="replaced", replaced_by=event.alert)
        case AlertWithdrawn():
            return replace(row, state="withdrawn")
        case AlertEscalated():
            return replace(row, escalated=True)
        case FactPublished(fact=Answer() as answer):
            return _answered(row, answer)
        case _:
            return row


def _answered(row: AlertRow, answer: Answer) -> AlertRow:
    amount = row.amount
    if isinstance(answer, OverpaymentReturned):
        left = max(0, fen(row.amount) - fen(answer.amount))
        amount, stage = yuan(left), Stage(row.stage) if left else Stage.APPLIED
    else:
        stage = STAGES[type(answer)]
    return replace(
        row,
        stage=stage,
        amount=amount,
        escalated=row.escalated and not isinstance(answer, OverpaymentReturned),  # the next part has days of its own
        state="closed"
        if stage in _CLOSING
        else "open",  # what was closed takes no answer but one that corrects another
        reason=getattr(answer, "reason", row.reason),
        applied_month=answer.month if isinstance(answer, AlertApplied) else row.applied_month,
    )


def _raised(event: AlertRaised, entry: Entry) -> AlertRow:
    return AlertRow(
        alert=event.alert,
        retiree=event.retiree,
        kind=event.kind,
        action=event.action,
        first_month=event.first_month,
        last_month=event.last_month,
        months=event.months,
        amount=event.amount,
        strength=event.strength,
        document=event.rule.document,
        article=event.rule.article,
        rule_zh=event.rule.zh,
        rule_en=event.rule.en,
        evidence=[f"{reference.source} {reference.id}" for reference in event.evidence],
        office=event.office,
        act_by=event.act_by,
        position=entry.position,
        recorded_at=entry.recorded_at,
    )


ALERT_INBOX = ReadModel("alert_inbox", AlertRow, keys, fold)

PAGE = f"""
select a.* from views.alert_inbox p
cross join lateral (select {columns(AlertRow)} from alert_inbox where alert = p.alert limit 1) a
where p.office ^@ %(office)s and p.position < %(before)s and (%(state)s = '' or a.state = %(state)s)
order by p.position desc limit %(limit)s
"""  # noqa: S608 - the columns are our own
"""The newest alerts of an office in a state (any when empty), before a position; each as it is, or was known to be, by its key.

An alert has its position and its office for good, so those that answer now have the order of any time.
"""

OF_RETIREE = f"select {columns(AlertRow)} from alert_inbox where retiree = %(retiree)s order by position desc"  # noqa: S608 - likewise
"""All alerts about a retiree, the newest first."""

ONE = f"select {columns(AlertRow)} from alert_inbox where alert = %(alert)s"  # noqa: S608 - likewise
"""One alert."""

LIKE_IT = f"""
select {columns(AlertRow)} from alert_inbox
where office = %(office)s and kind = %(kind)s and alert <> %(alert)s and recorded_at > %(recorded_at)s - interval '90 days'
order by position desc limit 10
"""  # noqa: S608 - likewise
"""The newest others of the same kind in the same office, since ninety days before an alert."""

OF_SOURCES = f"""
select {columns(AlertRow)} from (select * from alert_inbox where office ^@ %(office)s order by position desc limit 1000) one
where alert <> %(alert)s and retiree <> %(retiree)s
  and exists (select from unnest(evidence) e where split_part(e, ' ', 1) = any(%(sources)s::text[]))
order by position desc limit 10
"""  # noqa: S608 - likewise
"""Of the newest thousand of an office those that follow from facts of some sources, but those of one retiree."""

SOON_DAYS = 3
_URGENT = frozenset({Action.STOP, Action.SUSPEND, Action.RECOVER})


class Priority(StrEnum):
    """What is to be done first: what is late; what lets money go out, or is due within `SOON_DAYS` days; the rest."""

    OVERDUE = "overdue"
    HIGH = "high"
    NORMAL = "normal"


def priority(row: Mapping[str, Any], day: date) -> Priority | None:
    """How urgent an alert of the inbox is on a day; None: nothing is to be done."""
    if row["state"] != "open":
        return None
    if row["escalated"] or row["act_by"] < day:
        return Priority.OVERDUE
    goes_out = row["action"] in _URGENT or row["kind"] == Kind.SUSPECTED_DEATH
    return Priority.HIGH if goes_out or row["act_by"] <= day + timedelta(days=SOON_DAYS) else Priority.NORMAL
