"""Bulk: a realistic stream with the full work, against the stock recorder that decides nothing."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

from infra.row import Row
from tests.bench import ours, stock
from tests.bench.apart import PROCESSES, apart
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.server import EMPTY
from tests.bench.stream import LOAD, Sent, Story

SUBMISSIONS = Figure("ours: full work from raw JSON, submissions accepted", "submissions/s")
EVENTS = Figure("ours: the same work, events written")
INSERT = Figure("stock: recorder.insert_events of our very events, 100 a call")
SAVE = Figure("stock: new aggregates made and saved by Application.save, 100 events a call")
SAVE_MADE = Figure("stock: the same of aggregates that were made before: mapped and inserted alone")
SAVE_APART = Figure("stock: the same, made before, in a process for each processor")


@cache
def stream(count: int) -> list[Sent]:
    """The raw events, the same in every section."""
    return Story().told(count, LOAD)


class Log(NamedTuple):
    """A log to work on: where it is, and its rows."""

    dsn: str
    rows: list[Row]


@cache
def sample_log(bench: Bench) -> Log:
    """The log that the stream makes, made once; replay and COPY work on it too."""
    bench.say("making the log of the bulk stream")
    dsn = bench.server.keep("sample_log")
    with ours.changqing(dsn) as application:
        ours.load(application, stream(bench.sizes.submissions), bench.sizes.batch)
        rows = ours.stored(application.database)
    bench.server.vacuum(dsn)
    return Log(dsn, rows)


def stock_insert(bench: Bench) -> Sample:
    """The library inserts what the stream made, ready as it is."""
    inserted = stock.stored_events(sample_log(bench).rows)
    with bench.server.copy_of(EMPTY) as dsn, stock.application(dsn) as app:
        with bench.timed() as watch:
            stock.insert_all(app, inserted)
        return {INSERT: len(inserted) / watch.seconds}


def stock_save(bench: Bench) -> Sample:
    """The library saves aggregates with the contents of the stream, two events each: its events are made, mapped, inserted."""
    told = stock.contents(sample_log(bench).rows)
    with bench.server.copy_of(EMPTY) as dsn, stock.application(dsn) as app:
        with bench.timed() as watch:
            for begin in range(0, len(told), stock.BATCH):
                app.save(*stock.retirees(told[begin : begin + stock.BATCH], 2))
        return {SAVE: len(told) / watch.seconds}


def stock_save_made(bench: Bench) -> Sample:
    """The same, but its events are made before: they are mapped and inserted alone."""
    told = stock.contents(sample_log(bench).rows)
    with bench.server.copy_of(EMPTY) as dsn, stock.application(dsn) as app:
        aggregates = stock.retirees(told, 2)
        with bench.timed() as watch:
            stock.save_all(app, aggregates, stock.BATCH // 2)
        return {SAVE_MADE: len(told) / watch.seconds}


def stock_save_apart(bench: Bench) -> Sample:
    """The same by several processes, each with aggregates of its own: they map events at once, and insert in turn."""
    told = stock.contents(sample_log(bench).rows)
    with bench.server.copy_of(EMPTY) as dsn:
        with stock.application(dsn):  # makes the tables, which two at once cannot
            pass
        shares = [(dsn, told[n::PROCESSES]) for n in range(PROCESSES)]
        with apart(_save, shares) as run, bench.timed() as watch:
            run()
        return {SAVE_APART: len(told) / watch.seconds}


def _save(dsn: str, told: Sequence[stock.Content]) -> Iterator[None]:
    with stock.application(dsn) as app:
        aggregates = stock.retirees(told, 2)
        yield
        stock.save_all(app, aggregates, stock.BATCH // 2)


def measure(bench: Bench) -> None:
    """One process and one thread on either side: the stock recorder's table lock admits one writer at a time."""
    sent, rows = stream(bench.sizes.submissions), sample_log(bench).rows
    sizes = sorted(len(row.state) for row in rows)
    bench.note(
        f"{len(sent):,} submissions make {len(rows):,} events, the median event has {sizes[len(sizes) // 2]} bytes; "
        f"transactions of {bench.sizes.batch:,} (ours) and {stock.BATCH} (stock)"
    )

    def full() -> Sample:
        with bench.server.copy_of() as dsn, ours.changqing(dsn) as application:
            with bench.timed() as watch:
                ours.load(application, sent, bench.sizes.batch)
            return {SUBMISSIONS: len(sent) / watch.seconds, EVENTS: ours.events(application) / watch.seconds}

    bench.compare(
        {
            "ours": full,
            "stock insert": partial(stock_insert, bench),
            "stock save": partial(stock_save, bench),
            "stock save, made": partial(stock_save_made, bench),
        }
    )
    bench.claim_ratio("events with the full work / stock batched save", EVENTS, SAVE, at_least=2.5)
    bench.claim_ratio("the same / stock batched save of what was made before", EVENTS, SAVE_MADE, at_least=2.5)
    bench.claim_ratio("events with the full work / stock batched insert, ready made", EVENTS, INSERT, at_least=1)
    bench.claim("events a second", EVENTS, at_least=25_000)
