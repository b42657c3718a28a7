"""Whoever may be of some communities, page by page: from indexes alone, whatever is asked of them and as of which time.

What was known at a time has no index of its own to be read in order. So whoever is, or ever was, of a community is a
candidate; what a read model says of each, now or then, is looked up by key, and decides.
"""

_OF_A_CODE = """
(select distinct retiree from views.{table} where {column} = c.code and retiree > %(after)s order by retiree limit %(limit)s)
"""
_MOVED = """
(select views.ever_in(array[c.code], %(after)s, %(limit)s))
"""
"""`lives` never forgets a place, so one table has those of any time. A function: behind a policy no index of arrays is used."""
_PAGE = """
with there as (
    select one.retiree from unnest(%(communities)s::text[]) c(code), lateral ({branches}) one
), page as materialized (select distinct retiree from there order by retiree limit %(limit)s)
"""


def page_of(*columns: str, moved: bool = False) -> str:
    """The beginning of a query whose `page` holds the next `limit` retirees after one, who stand in a column of the roster in some communities.

    `moved`: those who ever moved there, or whom an office there ever received, too. Fewer than `limit`: there are no more.
    """
    branches = [
        _OF_A_CODE.format(table=table, column=column) for table in ("roster", "roster_past") for column in columns
    ]
    return _PAGE.format(branches=" union all ".join([*branches, _MOVED] if moved else branches))


_STEPS = """
{name} as (
    (select {column} as code from {table} order by {column} using ~<~ limit 1)
    union all
    select (select {column} from {table} where {column} ~>~ {name}.code order by {column} using ~<~ limit 1)
    from {name} where code is not null
)"""
_CODES = """
with recursive {steps}
select code as community from ({codes}) every where code <> '' order by community
"""
_INDEXES = {
    f"{table}_{column}": {"table": f"views.{table}", "column": column}
    for table in ("roster", "roster_past")
    for column in ("community", "serving")
}
COMMUNITIES = _CODES.format(
    steps=",".join(_STEPS.format(name=name, **of) for name, of in _INDEXES.items()),
    codes=" union ".join(map("select code from {}".format, _INDEXES)),
)
"""Every code that somebody is or ever was registered or served under, by as many steps of the index as there are codes, however many people."""
