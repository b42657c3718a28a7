"""64 clients at once, each with one submission at a time, against the library's load-decide-save."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from uuid import UUID

from eventsourcing.application import Application

from services.accepting.gather import Gatherer
from services.accepting.intake import accept
from services.application import Changqing
from tests.bench import ours, people, stock
from tests.bench.apart import PROCESSES, apart
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.stream import Sent

UNIT = "submissions/s"
SERVING = PROCESSES + 1
"""One more than there are processors, as each waits for the disk at every commit."""
CLIENTS = Figure(
    f"ours: 64 clients at once, full work from raw JSON, {SERVING} processes as `api --workers {SERVING}`", UNIT
)
CLIENTS_1 = Figure("ours: 64 clients at once through the Gatherer of one process", UNIT)
STOCK_1 = Figure("stock: load, decide, save; 1 thread", UNIT)
STOCK_8 = Figure("stock: load, decide, save; 8 threads", UNIT)
STOCK_APART = Figure(f"stock: load, decide, save; {SERVING} processes of 3 threads", UNIT)


def measure(bench: Bench) -> None:
    """In one process, and in several, on either side."""
    told = people.told(bench)
    count, facts, clients = bench.sizes.people, people.FACTS, bench.sizes.clients
    bench.note(
        f"a sample: {len(told.sent):,} (stock: {len(told.work):,}) about {count:,} retirees with {facts} facts each"
    )

    def concurrent() -> Sample:
        with people.changqing(bench) as application:
            with bench.timed() as watch:
                asyncio.run(gathered(application, told.sent, clients))
            return {CLIENTS_1: len(told.sent) / watch.seconds}

    def concurrent_apart() -> Sample:
        with people.ledger(bench) as dsn:
            shares = [(dsn, told.sent[n::SERVING], len(range(n, clients, SERVING))) for n in range(SERVING)]
            with apart(_clients_apart, shares) as run, bench.timed() as watch:
                run()
            return {CLIENTS: len(told.sent) / watch.seconds}

    def load_decide_save(figure: Figure, threads: int) -> Sample:
        with people.stock_application(bench) as app:
            with bench.timed() as watch:
                _in_threads(app, told.work, threads)
            return {figure: len(told.work) / watch.seconds}

    def stock_apart() -> Sample:
        with people.stock_database(bench) as dsn:
            shares = [(dsn, told.work[n::SERVING], 3) for n in range(SERVING)]
            with apart(_stock_apart, shares) as run, bench.timed() as watch:
                run()
            return {STOCK_APART: len(told.work) / watch.seconds}

    bench.compare(
        {
            "64 clients": concurrent_apart,
            "64 clients, 1 process": concurrent,
            "stock, 1 thread": partial(load_decide_save, STOCK_1, 1),
            "stock, 8 threads": partial(load_decide_save, STOCK_8, 8),
            "stock, apart": stock_apart,
        }
    )
    best = bench.best(STOCK_1, STOCK_8, STOCK_APART)
    bench.claim_ratio("64 clients / stock load-decide-save, one after the other", CLIENTS, STOCK_1, at_least=8)
    bench.claim_ratio("64 clients / stock load-decide-save, the best of all", CLIENTS, best, at_least=8)
    bench.claim_ratio("64 clients of one process / stock load-decide-save, likewise", CLIENTS_1, STOCK_1, at_least=8)
    bench.claim("submissions a second of 64 clients", CLIENTS, at_least=6_000)


async def gathered(application: Changqing, sent: Sequence[Sent], clients: int) -> None:
    """Submit through one Gatherer, as the API does: so many clients, each waiting for its answer before its next."""
    with closing(Gatherer(partial(accept, application))) as gatherer:
        waiting = iter(sent)
        await asyncio.gather(*(_client(gatherer, waiting) for _ in range(clients)))


async def _client(gatherer: Gatherer, waiting: Iterator[Sent]) -> None:
    for one in waiting:
        ours.check(await gatherer.submit([ours.received(one)]))


def _clients_apart(dsn: str, sent: Sequence[Sent], clients: int) -> Iterator[None]:
    with ours.changqing(dsn) as application:
        yield
        asyncio.run(gathered(application, sent, clients))


def _in_threads(app: Application[UUID], work: Sequence[tuple[UUID, stock.Content]], threads: int) -> None:
    shares = [work[n::threads] for n in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(partial(stock.load_decide_save, app), shares))


def _stock_apart(dsn: str, work: Sequence[tuple[UUID, stock.Content]], threads: int) -> Iterator[None]:
    with stock.application(dsn) as app:
        yield
        _in_threads(app, work, threads)
