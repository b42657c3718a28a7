"""What registers keep of facts: each as it was told, for as long as nobody takes it back or corrects it.

The registers that stand on this keep facts of some kinds in a row a retiree. Every fact has its day, so a pure function of the
row says how it stood on any of them; what is taken back counts for no day.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.divisions import within
from domain.facts import MAY_PUBLISH, Department, LifeEvent, taken_back
from domain.handover import Reception
from domain.history import Entry, FactMoved, FactPublished
from domain.links import RecordsParted
from projections.candidates import page_of
from projections.read_model import ReadModel, is_of, name, under_of


class Kept(Struct, frozen=True, omit_defaults=True):
    """A fact that stands. `under`: the joined record it came from; `gone_by`: the one under which it was taken back, until they part."""

    source: str
    id: str
    department: Department
    learnt: date
    fact: LifeEvent
    under: UUID | None = None
    gone_by: UUID | None = None


class KeptRow(Struct, frozen=True, kw_only=True):
    """What a register keeps of a retiree. `told`: JSON, each a `Kept`; `gone`: facts that were taken back before they came."""

    retiree: UUID
    told: list[str] = []
    gone: list[str] = []
    position: int


_effective = attrgetter("fact.effective")
_DECODER = msgspec.json.Decoder(Kept)


def register(table: str, *facts: type[LifeEvent]) -> ReadModel:
    """A read model that keeps facts of these kinds."""
    tellers = frozenset().union(*(MAY_PUBLISH[fact] for fact in facts))
    return ReadModel(table, KeptRow, partial(_keys, frozenset(facts), tellers), partial(_fold, frozenset(facts)))


def standing(told: Iterable[str] | None, day: date) -> list[Kept]:
    """What stands of a row's facts on a day, the earliest first; of one day in the order in which they came. None: no row."""
    found = (_DECODER.decode(one) for one in told or ())
    there = [one for one in found if one.gone_by is None and one.fact.effective <= day]
    return sorted(there, key=_effective) if len(there) > 1 else there


def _keys(facts: frozenset[type], tellers: frozenset[Department], entry: Entry) -> tuple[UUID, ...]:
    event = entry.event
    if isinstance(event, FactMoved):
        event = event.published
    if isinstance(event, FactPublished):
        wanted = type(event.fact) in facts or (event.department in tellers and taken_back(event.fact))
        return (entry.stream,) if wanted else ()
    return (entry.stream,) if isinstance(event, RecordsParted) else ()


def _fold(facts: frozenset[type], retiree: UUID, row: KeptRow | None, entry: Entry) -> KeptRow | None:
    event = entry.event
    if isinstance(event, RecordsParted):
        return row and _parted(row, event.other, entry.position)
    if isinstance(event, FactMoved):
        event = replace(event.published, under=None if event.of == retiree else event.of)
    if not isinstance(event, FactPublished):
        return row
    row = row or KeptRow(retiree=retiree, position=entry.position)
    held, gone = _held(row), list(row.gone)
    for id_ in taken_back(event.fact):
        named = [one for one in held if (one.source, one.id) == (event.source, id_)]
        if not named:
            gone = list(dict.fromkeys((*gone, name(event.source, id_, event.under))))
        held = [one for one in held if one not in named]
        if event.under:  # of another record: they stand again if the two part
            held += [replace(one, gone_by=event.under) for one in named if not one.gone_by]
    if type(event.fact) in facts:
        one = Kept(event.source, event.id, event.department, event.learnt, event.fact, event.under)
        by = [under_of(name) for name in gone if is_of(name, event.source, event.id)]
        if None not in by:
            held.append(replace(one, gone_by=by[0]) if by else one)
    return _with(row, held, gone, entry.position)


def _parted(row: KeptRow, other: UUID, position: int) -> KeptRow:
    """The row without what came from another record, and with what was taken back from there."""
    again = [replace(one, gone_by=None) if one.gone_by == other else one for one in _held(row)]
    held = [one for one in again if one.under != other]
    return _with(row, held, [name for name in row.gone if under_of(name) != other], position)


def _held(row: KeptRow) -> list[Kept]:
    return [_DECODER.decode(one) for one in row.told]


def _with(row: KeptRow, held: Iterable[Kept], gone: list[str], position: int) -> KeptRow:
    told = [msgspec.json.encode(one).decode() for one in held]
    if (told, gone) == (row.told, row.gone):
        return row
    return replace(row, told=told, gone=gone, position=position)


_PAGE = """
select p.retiree as candidate, r.retiree, r.community, r.serving, r.hukou_division, r.receptions, r.retired_on, r.employer,
       r.party_member, r.special_groups, r.category, r.status, r.stopped_from, r.sealed, r.under,
       k.told,
       coalesce(r.registered and r.led_by is null
                and exists (select from ledger.retiree_key e where e.retiree = case when r.under is null then r.retiree else r.under end), false) as stands,
       {more} as more
from page p
left join lateral (select told from {table} where retiree = p.retiree limit 1) k on true
left join lateral (select * from roster where retiree = p.retiree and {whom} limit 1) r on true
order by p.retiree
"""


class Whom(NamedTuple):
    """Whom a register may have a line of: a condition on the roster's row and what is kept, and what it is given.

    `unverified`: those last verified long ago, as `long_ago` gives it, whom indexes know as they are today.
    """

    condition: str
    given: Mapping[str, Any] = MappingProxyType({})
    unverified: bool = False


ANYBODY, NOBODY, TOLD = Whom("true"), Whom("false"), Whom("k.told is not null")
"""Anybody; nobody, who need not be asked for; of whom anything was ever told."""
_LAST = """
(select max(one ->> 'effective') from (select t::jsonb -> 'fact' from unnest(k.told) t where not t::jsonb ? 'gone_by') kept(one)
 where one ->> 'effective' <= %(day)s) <= %(long_ago)s
"""


def long_ago(day: date, ago: timedelta) -> Whom:
    """Of whom something stands on a day, the last of it so long ago or longer."""
    since = day - ago if day - date.min > ago else date.min
    return Whom(_LAST, {"day": day.isoformat(), "long_ago": since.isoformat()}, unverified=True)


_UNVERIFIED = """
with page as materialized (
    select retiree, more
    from views.unverified_in(%(communities)s::text[], %(after)s, %(limit)s, {looked}, {registered}, {served}, %(day)s, %(long_ago)s)
)
"""
AT_ONCE = 4_000
"""People looked at in indexes for a page of those last verified long ago."""


def page(model: ReadModel, *, serving: bool, now: bool, then: bool, whom: Whom = ANYBODY) -> str:
    """The query of a page of those who may be of some communities, registered or served there, each with what a register keeps.

    `now`: as they are today and by all that is known; `then`: on an earlier day too. Not `stands`: not registered, not of `whom` is
    asked, another record goes on for it, or erased. `more`: of the last, whether there may be more after it.
    """
    if now and whom.unverified:
        begin, more = _UNVERIFIED.format(looked=AT_ONCE, registered=not serving, served=serving), "p.more"
    else:
        columns = ("serving", "community") if serving and then else ("serving",) if serving else ("community",)
        begin, more = page_of(*columns, moved=then), "(select count(*) from page) = %(limit)s"
    return begin + _PAGE.format(table=model.table, whom=f"({whom.condition})", more=more)


def served(found: Mapping[str, Any], day: date) -> str:
    """The division that serves somebody of `PAGE` on a day: that of the last reception up to it, of the registration before any."""
    told = (msgspec.json.decode(one, type=Reception) for one in found["receptions"])
    offices = [one.division for one in told if one.on <= day]
    community: str = found["community"]
    return community if not offices or within(community, offices[-1]) else offices[-1]
