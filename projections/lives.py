"""What was told of each retiree that holds from a day on: the pension, where somebody lives and who serves, care and visits.

The row keeps the facts as dated values; what they and the law make of a day is asked when it is read (`on_a_day.py`).
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.dossier import bears
from domain.facts import (
    CareFlagged,
    ContactCardIssued,
    HandoverCompleted,
    HealthFileKept,
    Known,
    ReceptionAccepted,
    Reference,
    Relocated,
    SurvivalVerified,
    VisitMade,
    taken_back,
)
from domain.history import Entry, FactMoved, FactPublished
from domain.joining import left_with
from domain.kinds import Kind
from domain.links import RecordsParted
from domain.told import AlertRaised, AlertWithdrawn
from projections.candidates import page_of, people_of
from projections.read_model import ReadModel

KEEP = 12
"""Of each kind that comes again and again so many are kept, the latest: an older one can hardly be what counts again."""
_AGAIN = (SurvivalVerified, VisitMade, HealthFileKept, ContactCardIssued)
_PLACED = (HandoverCompleted, ReceptionAccepted, Relocated)
_KEPT = (CareFlagged, ContactCardIssued, HealthFileKept, VisitMade, *_PLACED)
_decode = msgspec.json.Decoder(Known).decode


class Doubt(Struct, frozen=True):
    """An alert that asks who it is, and the facts whose names do not fit."""

    alert: str
    facts: tuple[Reference, ...]


class LifeRow(Struct, frozen=True, kw_only=True):
    """What was told of a retiree. JSON: `facts` each a `Known`, in the order in which they came; `doubts` each a `Doubt`.

    Names are in the log under the person's key alone; that one does not fit is known by the alert that asks who it is.
    `places`: where somebody ever moved to, and the divisions of the offices that ever received, also of facts that were taken back.
    """

    retiree: UUID
    facts: list[str] = []
    doubts: list[str] = []
    places: list[str] = []
    position: int


def keys(entry: Entry) -> tuple[UUID, ...]:
    """The retiree an entry is about, when it tells of something that holds from a day on."""
    match entry.event:
        case FactPublished() | FactMoved() as event:
            known = _known(event, entry.stream)
            kept = bears(known) or isinstance(known.fact, _KEPT) or taken_back(known.fact)
            return (entry.stream,) if kept else ()
        case AlertRaised() as alert if alert.replaces or alert.kind is Kind.IDENTITY_MISMATCH:
            return (entry.stream,)
        case AlertWithdrawn() | RecordsParted():
            return (entry.stream,)
        case _:
            return ()


def fold(retiree: UUID, row: LifeRow | None, entry: Entry) -> LifeRow | None:
    """The row after an entry."""
    match entry.event:
        case FactPublished() | FactMoved() as event:
            row = row or LifeRow(retiree=retiree, position=entry.position)
            known = _known(event, retiree)
            place = known.fact.division if isinstance(known.fact, _PLACED) else None
            places = [*row.places, place] if place and place not in row.places else row.places
            facts = _kept([*row.facts, msgspec.json.encode(known).decode()], known)
            return replace(row, facts=facts, places=places, position=entry.position)
        case RecordsParted(other=other) if row:
            left = [msgspec.json.encode(known).decode() for known in left_with(facts_of(row.facts), other)]
            return replace(row, facts=left, position=entry.position)
        case AlertRaised() as alert if row:
            doubts = _without(row.doubts, alert.replaces)
            if alert.kind is Kind.IDENTITY_MISMATCH:
                doubts.append(msgspec.json.encode(Doubt(alert.alert, alert.evidence)).decode())
            return _doubting(row, doubts, entry.position)
        case AlertWithdrawn(alert=gone) if row:
            return _doubting(row, _without(row.doubts, (gone,)), entry.position)
        case _:
            return row


def facts_of(texts: Iterable[str]) -> list[Known]:
    """The facts of a row."""
    return [_decode(text) for text in texts]


def _known(event: FactPublished | FactMoved, retiree: UUID) -> Known:
    if isinstance(event, FactPublished):
        return event.known(None)
    return replace(event.published.known(None), under=None if event.of == retiree else event.of)


def _kept(facts: list[str], new: Known) -> list[str]:
    """The facts without the oldest of the new one's kind, where there are too many."""
    if not isinstance(new.fact, _AGAIN) or len(facts) <= KEEP:
        return facts
    same = [(known.fact.effective, n) for n, known in enumerate(facts_of(facts)) if type(known.fact) is type(new.fact)]
    if len(same) <= KEEP:
        return facts
    _, oldest = min(same)
    return [*facts[:oldest], *facts[oldest + 1 :]]


def _without(doubts: Iterable[str], alerts: Iterable[str]) -> list[str]:
    gone = frozenset(alerts)
    return [text for text in doubts if msgspec.json.decode(text, type=Doubt).alert not in gone]


def _doubting(row: LifeRow, doubts: list[str], position: int) -> LifeRow:
    return row if doubts == row.doubts else replace(row, doubts=doubts, position=position)


LIVES = ReadModel("lives", LifeRow, keys, fold)

_EVER = page_of("serving", "community", moved=True)
CANDIDATES = people_of(_EVER)
"""Whoever may have been registered in, served by or moved to some communities by any day, after a retiree."""
COUNTED = people_of(_EVER, shown=False)
"""The same, of whom nobody is shown."""

OF_RETIREES = """
select r.*, '[' || array_to_string(l.facts, ',') || ']' as facts, l.doubts, h.handover
from (select distinct unnest(%(retirees)s::uuid[]) as retiree) p
cross join lateral (select * from roster where retiree = p.retiree limit 1) r
left join lateral (select facts, doubts from lives where retiree = p.retiree limit 1) l on true
left join lateral (select handover from handovers where retiree = p.retiree limit 1) h on true
where r.registered order by p.retiree
"""
"""Some retirees as the roster has them, and what is known of any day; each looked up by key, also as it was known at a time."""
