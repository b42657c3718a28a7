"""64 clients at once, each with one submission at a time, against the library's load-decide-save."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

from services.accepting.gather import Gatherer
from services.accepting.intake import accept
from services.application import Changqing
from tests.bench import ours, people, stock
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.stream import Sent

UNIT = "submissions/s"
CLIENTS = Figure("ours: 64 clients at once through the Gatherer, full work from raw JSON", UNIT)
STOCK_1 = Figure("stock: load, decide, save; 1 thread", UNIT)
STOCK_8 = Figure("stock: load, decide, save; 8 threads", UNIT)


def measure(bench: Bench) -> None:
    """One process on either side; of the library's figures the best counts."""
    told = people.told(bench)
    count, facts, clients = bench.sizes.people, people.FACTS, bench.sizes.clients
    bench.note(
        f"a sample: {len(told.sent):,} (stock: {len(told.work):,}) about {count:,} retirees with {facts} facts each"
    )

    def concurrent() -> Sample:
        with people.changqing(bench) as application:
            with bench.timed() as watch:
                asyncio.run(gathered(application, told.sent, clients))
            return {CLIENTS: len(told.sent) / watch.seconds}

    def load_decide_save(figure: Figure, threads: int) -> Sample:
        with people.stock_application(bench) as app:
            shares = [told.work[n::threads] for n in range(threads)]
            with ThreadPoolExecutor(threads) as pool, bench.timed() as watch:
                list(pool.map(partial(stock.load_decide_save, app), shares))
            return {figure: len(told.work) / watch.seconds}

    bench.compare(
        {
            "64 clients": concurrent,
            "stock, 1 thread": partial(load_decide_save, STOCK_1, 1),
            "stock, 8 threads": partial(load_decide_save, STOCK_8, 8),
        }
    )
    best = bench.best(STOCK_1, STOCK_8)
    bench.claim_ratio("64 clients / stock load-decide-save, the best", CLIENTS, best, at_least=8)
    bench.claim("submissions a second of 64 clients", CLIENTS, at_least=6_000)


async def gathered(application: Changqing, sent: Sequence[Sent], clients: int) -> None:
    """Submit through one Gatherer, as the API does: so many clients, each waiting for its answer before its next."""
    with closing(Gatherer(partial(accept, application))) as gatherer:
        waiting = iter(sent)
        await asyncio.gather(*(_client(gatherer, waiting) for _ in range(clients)))


async def _client(gatherer: Gatherer, waiting: Iterator[Sent]) -> None:
    for one in waiting:
        ours.check(await gatherer.submit([ours.received(one)]))
