"""64 clients at once, each with one submission at a time, against the library's load-decide-save."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from uuid import UUID

import uvloop
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
DEATHS = Figure(f"ours: 64 clients at once, {SERVING} processes, of deaths, rumours, retractions and corrections", UNIT)
STOCK_1 = Figure("stock: load, decide, save; 1 thread", UNIT)
STOCK_8 = Figure("stock: load, decide, save; 8 threads", UNIT)
STOCK_APART = Figure(f"stock: load, decide, save; {SERVING} processes of 3 threads", UNIT)


def measure(bench: Bench) -> None:
    """In one process, and in several, on either side."""
    sent = {mix: people.told(bench, mix) for mix in (people.YEARS, people.DYING)}
    work = people.work(bench)
    clients = bench.sizes.clients
    bench.note(
        f"a sample: {bench.sizes.concurrent:,} (stock: {len(work):,}) "
        f"about {bench.sizes.people:,} retirees with {people.FACTS} facts each"
    )

    def concurrent() -> Sample:
        with people.changqing(bench) as application:
            with bench.timed() as watch:
                uvloop.run(gathered(application, sent[people.YEARS], clients))
            return {CLIENTS_1: len(sent[people.YEARS]) / watch.seconds}

    def concurrent_apart(figure: Figure, mix: str) -> Sample:
        with people.ledger(bench, mix) as dsn:
            shares = [(dsn, sent[mix][n::SERVING], len(range(n, clients, SERVING))) for n in range(SERVING)]
            with apart(_clients_apart, shares) as run, bench.timed() as watch:
                run()
            return {figure: len(sent[mix]) / watch.seconds}

    def load_decide_save(figure: Figure, threads: int) -> Sample:
        with people.stock_application(bench) as app:
            with bench.timed() as watch:
                _in_threads(app, work, threads)
            return {figure: len(work) / watch.seconds}

    def stock_apart() -> Sample:
        with people.stock_database(bench) as dsn:
            shares = [(dsn, work[n::SERVING], 3) for n in range(SERVING)]
            with apart(_stock_apart, shares) as run, bench.timed() as watch:
                run()
            return {STOCK_APART: len(work) / watch.seconds}

    bench.compare(
        {
            "64 clients": partial(concurrent_apart, CLIENTS, people.YEARS),
            "64 clients, deaths": partial(concurrent_apart, DEATHS, people.DYING),
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
    bench.claim_ratio("64 clients, deaths and the like / stock load-decide-save, likewise", DEATHS, STOCK_1, at_least=8)
    bench.claim_ratio("64 clients, deaths and the like / the best of all", DEATHS, best, at_least=8)
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
        uvloop.run(gathered(application, sent, clients))


def _in_threads(app: Application[UUID], work: Sequence[tuple[UUID, stock.Content]], threads: int) -> None:
    shares = [work[n::threads] for n in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(partial(stock.load_decide_save, app), shares))


def _stock_apart(dsn: str, work: Sequence[tuple[UUID, stock.Content]], threads: int) -> Iterator[None]:
    with stock.application(dsn) as app:
        yield
        _in_threads(app, work, threads)
