"""Replay to decoded facts, against the stock library's; and plain iteration, against COPY out of the same columns."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import LiteralString

import psycopg

from infra.database import Database
from tests.bench import bulk, ours, stock
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.server import EMPTY

DECODED = Figure("ours: the log from its first event to decoded facts, one reader")
DECODED_STOCK = Figure("stock: select_notifications in pages of 5,000 and mapper.to_domain_event, one reader")
ROWS = Figure("ours: the log as rows, undecoded, as a rebuild reads it")
COPY_OUT = Figure("raw: binary COPY out of the same columns, received by psycopg, not parsed")
COPY_NULL = Figure("raw: the same COPY within the server, to /dev/null")

_LOT = 250
"""Events decoded at a time, on either side; whoever goes through them keeps none."""
_COPY: LiteralString = "copy (select position, recorded_at, stream, version, name, state from ledger.event) to"


def measure(bench: Bench) -> None:
    """Both logs hold the same facts; the stock one was written by its own Application, for its mapper to read."""
    log = bulk.sample_log(bench)
    told = stock.contents(log.rows)
    stock_dsn = bench.server.keep("replay_stock", EMPTY)
    with stock.application(stock_dsn) as app:
        stock.save_all(app, stock.retirees(told, 2), stock.BATCH)
    bench.server.vacuum(stock_dsn)
    bench.note(f"{len(log.rows):,} events of ours, {len(told):,} of the stock library; both just written, so in memory")

    def read(figure: Figure, reading: Callable[[Database], int]) -> Sample:
        with closing(Database(log.dsn)) as database:
            with database.transaction():
                pass  # the pool is open now
            with bench.timed() as watch:
                count = reading(database)
        assert count == len(log.rows)
        return {figure: count / watch.seconds}

    def stock_decoded() -> Sample:
        with stock.application(stock_dsn) as app, bench.timed() as watch:
            count = stock.replay(app, _LOT)
        assert count == len(told)
        return {DECODED_STOCK: count / watch.seconds}

    def copy_out() -> Sample:
        copying = _COPY + " stdout (format binary)"
        with psycopg.connect(log.dsn) as connection, bench.timed() as watch, connection.cursor().copy(copying) as copy:
            size = sum(len(data) for data in copy)
        assert size > sum(len(row.state) for row in log.rows)
        return {COPY_OUT: len(log.rows) / watch.seconds}

    def copy_null() -> Sample:
        with psycopg.connect(log.dsn) as connection, bench.timed() as watch:
            copied = connection.execute(_COPY + " '/dev/null' (format binary)").rowcount
        assert copied == len(log.rows)
        return {COPY_NULL: copied / watch.seconds}

    bench.compare(
        {
            "ours decoded": lambda: read(DECODED, partial(ours.replay, lot=_LOT)),
            "stock decoded": stock_decoded,
            "ours rows": lambda: read(ROWS, ours.iterate),
            "COPY out": copy_out,
            "COPY to /dev/null": copy_null,
        }
    )
    bench.claim_ratio("replay to decoded facts / stock replay", DECODED, DECODED_STOCK, at_least=4)
    bench.claim_ratio("iteration of rows / COPY out", ROWS, COPY_OUT, at_least=0.5)
