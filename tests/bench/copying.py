"""The raw limit of writing: binary COPY of our very rows into a table like ledger.event, with its indexes."""

from typing import LiteralString

import psycopg

from tests.bench import bulk
from tests.bench.runner import Bench, Figure, Sample

BATCHED = Figure("raw: binary COPY in of the bulk stream's events, a commit every 2,000")
WHOLE = Figure("raw: the same in one transaction")

_BATCH = 2_000
_TABLE = "create table raw_event (like ledger.event including all)"
_OUT: LiteralString = (
    "copy (select * from ledger.event where position > {} and position <= {} order by position) "
    "to stdout (format binary)"
)
_IN = "copy raw_event from stdin (format binary)"


def measure(bench: Bench) -> None:
    """One connection; the bytes are ready, so the client only sends them."""
    log = bulk.sample_log(bench)
    batches = _chunks(log, _BATCH)
    whole = _chunks(log, len(log.rows))

    def batched() -> Sample:
        return {BATCHED: len(log.rows) / _copy_in(bench, batches)}

    def at_once() -> Sample:
        return {WHOLE: len(log.rows) / _copy_in(bench, whole)}

    bench.compare({"COPY in, batches": batched, "COPY in, whole": at_once})


def _chunks(log: bulk.Log, size: int) -> list[list[bytes]]:
    """The log as COPY's own bytes, `size` events in each."""
    chunks = []
    with psycopg.connect(log.dsn) as connection:
        for begin in range(0, len(log.rows), size):
            with connection.cursor().copy(_OUT.format(begin, begin + size)) as copy:
                chunks.append([bytes(data) for data in copy])
    return chunks


def _copy_in(bench: Bench, chunks: list[list[bytes]]) -> float:
    """Seconds that it takes to copy each chunk in a transaction of its own."""
    with bench.server.copy_of() as dsn, psycopg.connect(dsn) as connection:
        connection.execute(_TABLE)
        connection.commit()
        with bench.timed() as watch:
            for chunk in chunks:
                with connection.cursor().copy(_IN) as copy:
                    for data in chunk:
                        copy.write(data)
                connection.commit()
        return watch.seconds
