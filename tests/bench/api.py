"""The API: each question by itself against an empty route and a bare select, and many who read and write at once.

One process of each server, and sixteen who ask without a pause; then as many processes as processors, two hundred who read and a
hundred who write, each with two seconds on average to think.
"""

import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter

from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.statutes import the_law
from projections.roster import SERVED_PAGE
from tests.bench.runner import Bench, Figure, Sample
from tests.crowding import Asker, Request, crowd, percentile, statuses, thinking
from tests.peopled import ACCOUNTS, COMMUNITIES, READERS, WRITERS, peopled, reading, writing
from tests.serving import Served, command, free_port, processes

KINDS = ("inbox", "alert", "retiree", "roster", "search")
RATES = {kind: Figure(f"ours: {kind}, one process, every look recorded first", "answers/s") for kind in KINDS}
EMPTY = Figure("FastAPI: a route that answers nothing, one process", "answers/s")
SELECT = Figure("PostgreSQL: the bare select of a page of the roster, one connection", "answers/s")
READS = Figure("ours: reads, 200 who read and 100 who write, 99th percentile", "ms")
WRITES = Figure("ours: writes of the same, 99th percentile", "ms")
_TOGETHER = 16
_THINK = 2.0
_SEED = 1


def measure(bench: Bench) -> None:
    """Rates turn by turn with the limits of server and database; then the crowd."""
    with bench.server.copy_of() as dsn, closing(Database(dsn)) as database, TemporaryDirectory() as folder:
        bench.say(f"registering {bench.sizes.api_people:,} people")
        peopled(Ledger(database, KeyRing(bytes(range(32))), the_law()), database, bench.sizes.api_people)
        bench.server.vacuum(dsn)
        port = free_port()
        empty = f"http://127.0.0.1:{port}"
        words = [sys.executable, "-m", "tests.bench.empty_api", str(port)]
        with command(words, os.environ, f"{empty}/healthz"), processes(dsn, Path(folder), ACCOUNTS) as served:
            asked: dict[str, Callable[[], Sample]] = {
                kind: lambda kind=kind: {RATES[kind]: _rate(bench, served.url, _askers(served, database, kind))}  # type: ignore[misc] # mypy knows no default of a lambda
                for kind in KINDS
            }
            nothing = [Asker(lambda: Request("empty", "GET", "/healthz", {}), lambda: 0.0)] * _TOGETHER
            asked["empty"] = lambda: {EMPTY: _rate(bench, empty, nothing)}
            asked["select"] = lambda: {SELECT: _selects(bench, database)}
            bench.compare(asked)
        with processes(dsn, Path(folder) / "many", ACCOUNTS, os.cpu_count() or 2) as served:
            bench.compare({"crowd": lambda: _crowd(bench, served, database)})
    bench.claim_ratio("an empty route / an inbox", EMPTY, RATES["inbox"], at_most=25)
    bench.claim_ratio("a bare select / a page of the roster", SELECT, RATES["roster"], at_most=40)
    bench.claim("reads of 200 beside 100 who write", READS, at_most=200)


def _askers(served: Served, database: Database, kind: str) -> list[Asker]:
    """Officers for what only they may ask."""
    readers = range(0, 2 * _TOGETHER, 2) if kind in {"inbox", "alert"} else range(_TOGETHER)
    return [Asker(reading(served, database, n, _SEED, kind), lambda: 0.0) for n in readers]


def _rate(bench: Bench, url: str, askers: list[Asker]) -> float:
    seconds = bench.sizes.api_seconds / 5
    with bench.timed(settle=False) as watch:
        answers = crowd(url, askers, seconds)
    assert set(statuses(answers)) == {200}, statuses(answers)
    return len(answers) / watch.seconds


def _selects(bench: Bench, database: Database) -> float:
    given = {"communities": COMMUNITIES[:1], "after": "00000000-0000-0000-0000-000000000000", "limit": 50}
    with database.transaction() as connection:
        done, end = 0, perf_counter() + bench.sizes.api_seconds / 5
        begun = perf_counter()
        while perf_counter() < end:
            connection.execute(SERVED_PAGE, given).fetchall()
            done += 1
        return done / (perf_counter() - begun)


def _crowd(bench: Bench, served: Served, database: Database) -> Sample:
    readers = [Asker(reading(served, database, n, _SEED), thinking(Random(n), _THINK)) for n in range(READERS)]
    writers = [Asker(writing(served, n, _SEED), thinking(Random(-n), _THINK)) for n in range(WRITERS)]
    answers = crowd(served.url, [*readers, *writers], bench.sizes.api_seconds)
    assert set(statuses(answers)) == {200}, statuses(answers)
    reads = [one for one in answers if one.kind != "write"]
    writes = [one for one in answers if one.kind == "write"]
    bench.note(f"{len(reads):,} reads and {len(writes):,} writes in {bench.sizes.api_seconds} s")
    return {READS: percentile(reads, 99), WRITES: percentile(writes, 99)}
