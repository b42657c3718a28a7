"""Whoever may be of some communities, page by page: from indexes alone, whatever is asked of them and as of which time.

What was known at a time has no index of its own to be read in order. So whoever is, or ever was, of a community is a
candidate; what a read model says of each, now or then, is looked up by key, and decides.
"""

from typing import Literal

_STANDING = "select views.standing_in(%(communities)s::text[], %(after)s, %(limit)s, {registered}, {served}) as retiree"
_MOVED = "select views.ever_in(%(communities)s::text[], %(after)s, %(limit)s)"
"""`lives` never forgets a place, so one table has those of any time."""
_PAGE = """
with page as materialized (select distinct retiree from ({branches}) one order by retiree limit %(limit)s)
"""
# Functions: behind a policy no index of arrays is used, and none is enough.


def page_of(*columns: Literal["community", "serving"], moved: bool = False) -> str:
    """The beginning of a query whose `page` holds the next `limit` retirees after one, who stand in a column of the roster in some communities.

    `moved`: those who ever moved there, or whom an office there ever received, too. Fewer than `limit`: there are no more.
    """
    standing = _STANDING.format(registered="community" in columns, served="serving" in columns)
    return _PAGE.format(branches=f"{standing} union all {_MOVED}" if moved else standing)


_SAID = """
select p.retiree as candidate, p.retiree, r.community, r.serving, r.retired_on, r.monthly_pension, r.party_member,
       r.special_groups, r.status, r.stopped_from, r.verify_alert, r.under, {sealed}
       '[' || array_to_string(l.facts, ',') || ']' as facts, l.doubts, h.handover,
       coalesce(r.registered and r.led_by is null and k.wrapped is not null and {there}, false) as stands
from page p
left join lateral (select * from roster where retiree = p.retiree limit 1) r on true
left join lateral (
    select wrapped from ledger.retiree_key where retiree = case when r.under is null then r.retiree else r.under end and r.registered limit 1
) k on true
left join lateral (select facts, doubts from lives where retiree = p.retiree and r.registered limit 1) l on true
left join lateral (select handover from handovers where retiree = p.retiree and r.registered limit 1) h on true
order by p.retiree
"""


def people_of(page: str, there: str = "true", *, shown: bool = True) -> str:
    """All that a line says of the people of such a `page`, as the roster has them and as any day does (`on_a_day.py`), by one statement.

    `facts`: JSON, a list. Not `stands`: not registered, not `there`, another record goes on for it, or erased. `shown`: with what
    is sealed, and the wrapped key to it.
    """
    return page + _SAID.format(there=there, sealed="r.sealed, k.wrapped," if shown else "")


_STEPS = """
{name} as (
    select begins, (select {column} from {table} where {column} ~>=~ begins order by {column} using ~<~ limit 1) as code
    from unnest(%(begins)s::text[]) begins
    union all
    select begins, (select {column} from {table} where {column} ~>~ {name}.code order by {column} using ~<~ limit 1)
    from {name} where code ^@ begins
)"""
_CODES = """
with recursive {steps}
select distinct code as community from ({codes}) every where code <> '' and code ^@ begins order by community
"""
_INDEXES = {
    f"{table}_{column}": {"table": f"views.{table}", "column": column}
    for table in ("roster", "roster_past")
    for column in ("community", "serving")
}


BEGINNING = _CODES.format(
    steps=",".join(_STEPS.format(name=name, **of) for name, of in _INDEXES.items()),
    codes=" union ".join(map("select begins, code from {}".format, _INDEXES)),
)
"""Every code with one of some beginnings (none of them the beginning of another; '': of all) that somebody is or ever was registered or
served under: by as many steps of the index as there are codes, however many people, and so by the same plan always."""
