"""Handovers: how far each retiree's is, what is missing and who owes it, who serves, what was assessed and paid.

The row keeps what was told, folded by the domain itself; what the law makes of it is asked when it is read, as of a day.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.facts import (
    MAY_PUBLISH,
    ArchiveKind,
    ArchiveReceived,
    Category,
    Department,
    FeeAssessed,
    FeePaid,
    HandoverStepDone,
    Relocated,
    RetirementRegistered,
    taken_back,
)
from domain.handover import (
    Handover,
    Keeper,
    Owed,
    Proposal,
    Stage,
    evolve_handover,
    governing,
    kept_apart,
    missing,
    serving_office,
    stage,
    touches_handover,
)
from domain.history import Entry, FactMoved, FactPublished
from domain.law import CityLaw, Law
from domain.links import RecordsJoined, RecordsParted
from domain.money import fen
from projections.read_model import ReadModel, name


class Register(Struct, frozen=True):
    """What a register took in and nobody took back: `amount` in fen, or of `files` their number; `under`: the joined record it came from."""

    what: str
    source: str
    id: str
    amount: int
    under: UUID | None = None


class HandoverRow(Struct, frozen=True, kw_only=True):
    """What was told of somebody's handover and moves. JSON: `handover` the state of the domain, `registers` each a `Register`.

    `batches`: the numbers of the proposals that stand or were refused, the present one first, empty where none was given;
    none at all: only moved. `gone`: facts that were taken back, also those still to come.
    """

    retiree: UUID
    batches: list[str] = []
    handover: str = "{}"
    registers: list[str] = []
    gone: list[str] = []
    position: int


_TELLERS = frozenset().union(*(MAY_PUBLISH[fact] for fact in (HandoverStepDone, ArchiveReceived, FeePaid, Relocated)))
"""Who may tell of handovers and moves; nobody else can take any of it back."""


def keys(entry: Entry) -> tuple[UUID, ...]:
    """The retiree an entry is about, when it can touch a handover."""
    match entry.event:
        case RecordsJoined(handover=Handover()) | RecordsParted(handover=Handover()):
            return (entry.stream,)
        case FactPublished() | FactMoved() as event:
            told = event.published if isinstance(event, FactMoved) else event
            return (entry.stream,) if told.department in _TELLERS and touches_handover(told.known(None)) else ()
        case _:
            return ()


def fold(retiree: UUID, row: HandoverRow | None, entry: Entry) -> HandoverRow | None:
    """The row after an entry."""
    event = entry.event
    row = row or HandoverRow(retiree=retiree, position=entry.position)
    before = told(row)
    if isinstance(event, RecordsJoined | RecordsParted):
        if event.handover in (None, before):
            return None if before == Handover() and not row.registers else row
        left = [one for one in _registers(row) if isinstance(event, RecordsJoined) or one.under != event.other]
        return _with(row, event.handover, left, entry.position)
    if not isinstance(event, FactPublished | FactMoved):
        return row
    fact = event.published if isinstance(event, FactMoved) else event
    gone = name(fact.source, fact.id) in row.gone
    after = before
    if isinstance(event, FactPublished) or event.at_once:  # of others, what tells that the records are joined tells all
        after = evolve_handover(before, fact.known(None), gone=gone)
    back = [name(fact.source, id_) for id_ in taken_back(fact.fact)]
    held = [one for one in _registers(row) if name(one.source, one.id) not in back]
    if not gone:
        under = fact.under if isinstance(event, FactPublished) else None if event.of == retiree else event.of
        held += [replace(one, under=under) for one in _registered(fact)]
    row = replace(row, gone=list(dict.fromkeys((*row.gone, *back))))
    return _with(row, after, held, entry.position)


def _with(row: HandoverRow, after: Handover, held: Iterable[Register], position: int) -> HandoverRow:
    return replace(
        row,
        batches=[one.batch or "" for one in _proposals(after)],
        handover=msgspec.json.encode(after).decode(),
        registers=[msgspec.json.encode(one).decode() for one in held],
        position=position,
    )


def told(row: HandoverRow) -> Handover:
    """The handover as the domain knows it."""
    return msgspec.json.decode(row.handover, type=Handover)


def _proposals(handover: Handover) -> tuple[Proposal, ...]:
    both = handover.proposal, handover.earlier and handover.earlier.proposal
    return tuple(one for one in both if one)


def _registered(event: FactPublished) -> tuple[Register, ...]:
    match event.fact:
        case FeeAssessed(amount=amount) | FeePaid(amount=amount):
            what = "assessed" if isinstance(event.fact, FeeAssessed) else "paid"
            return (Register(what, event.source, event.id, fen(amount)),)
        case ArchiveReceived(kind=ArchiveKind.PERSONNEL, files=files):
            return (Register("files", event.source, event.id, files),)
        case _:
            return ()


def _registers(row: HandoverRow) -> list[Register]:
    return [msgspec.json.decode(one, type=Register) for one in row.registers]


HANDOVERS = ReadModel("handovers", HandoverRow, keys, fold)

PAGE = """
select h.*, r.registered, r.community, r.hukou_division, r.party_member, r.category, r.retired_on, r.monthly_pension
from handovers h left join roster r on r.retiree = h.retiree and r.registered
where h.batches <> '{}' and (%(batch)s::text is null or h.batches @> array[%(batch)s::text]) and h.retiree > %(after)s
order by h.retiree limit %(limit)s
"""
"""A page of the handovers of a batch (any when null), after a retiree, each with the registration that counts, if there is one."""

OF_RETIREE = """
select h.*, r.registered, r.community, r.hukou_division, r.party_member, r.category, r.retired_on, r.monthly_pension
from handovers h left join roster r on r.retiree = h.retiree and r.registered where h.retiree = %(retiree)s
"""
"""One retiree's, likewise."""


class Done(Struct, frozen=True, kw_only=True):
    """A step that stands."""

    step: str
    on: date
    department: Department


class HandoverLine(Struct, frozen=True, kw_only=True):
    """How far somebody's handover is on a day, under the law of the city. `office`: the division that serves, None: not told.

    `law`: none for who is not registered, or where no city of ours governs. `apart`: stays as managed (离休人员).
    `assessed` and `paid` in fen; `files`: personnel files received.
    """

    retiree: UUID
    proposal: Proposal
    law: CityLaw | None
    stage: Stage
    apart: bool
    done: tuple[Done, ...]
    missing: tuple[Owed, ...]
    keeper: Keeper
    office: str | None
    assessed: int
    paid: int
    files: int


def lines(found: Mapping[str, Any], law: Law, today: date, batch: str | None = None) -> Iterable[HandoverLine]:
    """The lines of a row of `PAGE`, those of `batch` only (None: all): of the present proposal, and of one before it in another batch."""
    row = HandoverRow(**{field: found[field] for field in HandoverRow.__struct_fields__})
    handover, who = told(row), registration(found)
    if (
        len(row.batches) == 2
        and row.batches[0] != row.batches[1]
        and batch in (None, row.batches[1])
        and handover.earlier
    ):
        yield _line(row, handover.earlier, handover, who, law, today)
    if row.batches and batch in (None, row.batches[0]):
        yield _line(row, handover, handover, who, law, today)


def _line(
    row: HandoverRow, one: Handover, whole: Handover, who: RetirementRegistered | None, law: Law, today: date
) -> HandoverLine:
    """`one`: the handover told of; `whole`: with the moves, receptions and registers, which are the present one's."""
    assert one.proposal
    present = one is whole  # the other one was refused, and nothing more is done for it
    registers = _registers(row) if present else []
    serving = serving_office(whole, who, law, today) if who else None
    return HandoverLine(
        retiree=row.retiree,
        proposal=one.proposal,
        law=governing(one, who, law, today) if who else None,
        stage=stage(one, who, law, today) if who else Stage.PROPOSED,
        apart=kept_apart(one, who, law, today) if who else False,
        done=tuple(Done(step=it.step, on=it.on, department=it.department) for it in one.done),
        missing=missing(one, who, law, today) if who and present else (),
        keeper=serving.keeper if serving else Keeper.ENTERPRISE,
        office=serving.division if serving else one.proposal.division,
        assessed=sum(it.amount for it in registers if it.what == "assessed"),
        paid=sum(it.amount for it in registers if it.what == "paid"),
        files=sum(it.amount for it in registers if it.what == "files"),
    )


def told_of(found: Mapping[str, Any]) -> Handover:
    """The handover of a row of `PAGE`."""
    return msgspec.json.decode(found["handover"], type=Handover)


def registration(found: Mapping[str, Any]) -> RetirementRegistered | None:
    """The registration that counts, of a row of `PAGE`; None: there is none."""
    if not found["registered"]:
        return None
    return RetirementRegistered(
        effective=found["retired_on"],
        monthly_pension=found["monthly_pension"],
        residence_division=found["community"],
        hukou_division=found["hukou_division"],
        party_member=found["party_member"],
        category=Category(found["category"]),
    )
