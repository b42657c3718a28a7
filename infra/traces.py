"""Which trace an event belongs to, as whoever published it said (the CloudEvents extension `traceparent`, W3C Trace Context)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.history import Entry
from infra.copying import INT4, TEXT, array, int4
from infra.copying import UUID as UUID_TYPE
from infra.database import Database
from infra.session import Asked
from infra.sql import statements

SQL = statements("traces")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def traceparent(given: object) -> str:
    """What was given, if it is one; empty: it is none, and does no harm."""
    return given if isinstance(given, str) and _TRACEPARENT(given) else ""


def saved(written: Iterable[tuple[bytes, int, int, str]]) -> Iterator[Asked]:
    """The statement that keeps traces: of each the stream, the first and the last version, and the trace."""
    rows = list(written)
    if rows:
        streams, firsts, lasts, traces = zip(*rows, strict=True)
        yield (
            SQL["traces_save"],
            (
                array(UUID_TYPE, streams),
                array(INT4, list(map(int4, firsts))),
                array(INT4, list(map(int4, lasts))),
                array(TEXT, [one.encode() for one in traces]),
            ),
        )


def traces_of(database: Database, entries: Sequence[Entry]) -> Mapping[int, str]:
    """The traces that entries belong to, by position; most belong to none. Raises `DatabaseError`."""
    with database.transaction() as connection:
        rows = connection.execute(SQL["traces_of"], {"streams": list({one.stream for one in entries})}).fetchall()
    if not rows:
        return {}
    return {
        one.position: trace
        for one in entries
        for stream, first, last, trace in rows
        if stream == one.stream and first <= one.version <= last
    }
