"""A log of millions: real people, and between them many copies of each under other identities, in every table."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString, NamedTuple

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from tests.bench import ours
from tests.bench.runner import Bench
from tests.bench.stream import Sent, Story

CHAPTERS = 10
"""Portions in which a log is made: a portion of real people, its copies, the next. So the real ones lie everywhere."""
MIX = {"registration": 60, "death": 15, "rumour": 12, "retraction": 5, "again": 8}
"""About 2.5 events a retiree."""

_WRITERS = 2
_WHO = "insert into of_portion select distinct stream from ledger.event where position > %s and position <= %s"
_TABLES = """
select c.oid::regclass::text, array_agg(a.attname::text order by a.attnum)
from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
where c.relnamespace = 'ledger'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
group by c.oid having array_agg(a.attname::text) && array['stream', 'retiree']
"""
_CHANGED = {
    "stream": "md5(t.stream::text || %(copy)s)::uuid",
    "retiree": "md5(t.retiree::text || %(copy)s)::uuid",
    "tag": "decode(md5(encode(t.tag, 'hex') || %(copy)s), 'hex')",
    "id": "t.id || '-' || %(copy)s",
    "position": "t.position + %(copy)s::bigint * %(count)s",
}
"""How a copy differs from the real row: in the columns that say who and where, wherever they stand."""
_TOLD: LiteralString = """
case when t.name = 'retirement-registered.v1'
     then convert_to(replace(convert_from(t.state, 'UTF8'), ',"sealed":"', ',"under":"' || t.stream || '","sealed":"'), 'UTF8')
     when t.name like 'pension-alert-%%'
     then convert_to(replace(convert_from(t.state, 'UTF8'), t.stream::text, md5(t.stream::text || %(copy)s)::uuid::text), 'UTF8')
     else t.state end
"""
"""And what an event says: an alert names whom it is about; who a copy is can be opened under the key of the real one."""


class Portion(NamedTuple):
    """Events of the log: after one position, up to another."""

    after: int
    until: int


def chapters(story: Story, submissions: int, mix: dict[str, int] = MIX) -> Iterator[list[Sent]]:
    """What fills a log; each chapter is about people of its own, so that its rows can be copied when it is told."""
    for _ in range(CHAPTERS):
        story.registered.clear()
        story.standing.clear()
        yield story.told(submissions // CHAPTERS, mix)


def fill(bench: Bench, dsn: str, chapters: list[list[Sent]], copies: int) -> None:
    """Tell the chapters through the real path, each followed by its copies."""
    after = 0
    with ours.changqing(dsn) as application, psycopg.connect(dsn, autocommit=True) as connection:
        for number, chapter in enumerate(chapters, start=1):
            ours.load(application, chapter, bench.sizes.batch)
            portion = Portion(after, ours.events(application))
            with ThreadPoolExecutor(_WRITERS) as pool:
                shares = [range(writer, copies + 1, _WRITERS) for writer in range(1, _WRITERS + 1)]
                list(pool.map(lambda share: _copy(dsn, portion, share), shares))  # noqa: B023 - done within the round
            after = portion.until + copies * (portion.until - portion.after)
            connection.execute("update ledger.head set position = %s", [after])
            bench.say(f"{after:,} events, chapter {number} of {len(chapters)}")
    bench.server.vacuum(dsn)


def _copy(dsn: str, portion: Portion, copies: Iterable[int]) -> None:
    """Repeat what a portion brought into each table, under other identities and the positions that follow."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create temp table of_portion (who uuid primary key)")
        connection.execute(_WHO, portion)
        connection.execute("analyze of_portion")
        statements = [_statement(table, columns) for table, columns in connection.execute(_TABLES).fetchall()]
        for copy in copies:
            given = {"copy": str(copy), "count": portion.until - portion.after, **portion._asdict()}
            with connection.transaction():
                for statement in statements:
                    connection.execute(statement, given)


def _statement(table: str, columns: list[str]) -> Composed:
    changed = {**_CHANGED, "state": _TOLD} if table == "ledger.event" else _CHANGED
    values = SQL(", ").join(SQL(changed[c]) if c in changed else SQL("t.") + Identifier(c) for c in columns)
    if table == "ledger.event":
        which = "where t.position > %(after)s and t.position <= %(until)s order by t.position"
    else:
        which = f"join of_portion on who = t.{'stream' if 'stream' in columns else 'retiree'}"
    statement = SQL("insert into {table} ({columns}) select {values} from {table} t {which}")
    names = SQL(", ").join(map(Identifier, columns))
    return statement.format(table=SQL(table), columns=names, values=values, which=SQL(which))
