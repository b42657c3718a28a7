"""Read models: rebuilt at what rate and in how much memory, how far behind while events come, and how soon a page is there."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import quantiles
from threading import Event as Flag
from threading import Thread
from time import perf_counter, sleep, time
from uuid import UUID

from domain.history import Entry
from infra import log
from infra.database import Database
from infra.follower import follow
from infra.rebuild import Progress, Rebuild
from infra.views import Views
from projections import alert_inbox, audit_trail, roster
from tests.bench import bulk, crowd, ours, projecting, stock
from tests.bench.lives import LIFE
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.server import EMPTY
from tests.bench.stream import SEED, Sent, Story, sent

REBUILT = Figure("ours: `changqing rebuild` of all read models, indexes and exchange included")
FOLDED = Figure("ours: the same, until the log is folded")
MEMORY = Figure("ours: the same, memory of all its processes at most", "MB")
RUNNER = Figure("stock: ProjectionRunner, one narrow row a retiree")
LAG = Figure("ours: from recorded to in the views, 99th percentile, 1,000 events/s", "ms")
PAGE = Figure("ours: first page of a roster, inbox, trail, 99th percentile", "ms")

MIX = {"registration": 22, "verification": 28, "adjustment": 24, "visit": 10, "care": 4, "health": 6} | {
    "death": 3,
    "rumour": 1,
    "retraction": 1,
    "again": 1,
}
"""About five events a retiree, in percent of what is told; what is raised comes to it."""
_A_SECOND, _TOGETHER = 1_000, 20
_LOOKS = 200
Question = tuple[str, dict[str, object]]


class Years(Story):
    """People as `Story` has them, and what comes in the years: verifications, adjustments, visits."""

    def _next(self, kind: str) -> Sent:
        if kind not in LIFE or not self.registered:
            return super()._next(kind)
        type_, by, what = LIFE[kind]
        retiree = self._rng.choice(self.registered)
        home = str(retiree["data"]["residence_division"])
        place = home if by == "community" else self._sample.city_of(home).slug
        if kind == "adjustment":
            what = {"monthly_pension": f"{self._rng.randrange(2_000, 9_000)}.{self._rng.randrange(100):02d}"}
        effective = max(self._day.isoformat(), retiree["data"]["effective"])
        said = self._event(type_, f"/{by}/{place}", retiree, {"effective": effective, **what})
        return sent(said)


def measure(bench: Bench) -> None:
    """A rebuild is measured on a log of millions; the stock runner on as much as it does in a bearable time."""
    sizes = bench.sizes
    story = Years()
    chapters = list(crowd.chapters(story, sizes.views_submissions, MIX))
    with bench.server.copy_of() as dsn:
        crowd.fill(bench, dsn, chapters, sizes.views_copies)
        told = stock.contents(bulk.sample_log(bench).rows)[: sizes.views_stock]
        stock_dsn = bench.server.keep("views_stock", EMPTY)
        with stock.application(stock_dsn) as app:
            stock.save_all(app, stock.retirees(told, 2), stock.BATCH)

        def runner() -> Sample:
            with bench.server.copy_of("views_stock") as copied, bench.timed() as watch:
                projecting.project(copied, len(told))
            return {RUNNER: len(told) / watch.seconds}

        bench.compare({"rebuild": lambda: _rebuild(bench, dsn), "ProjectionRunner": runner})
        bench.compare({"live": lambda: _lag(bench, dsn, story)})
        bench.compare({"pages": lambda: _pages(dsn)})
    bench.claim("events a second", REBUILT, at_least=200_000)
    bench.claim_ratio("rebuild / the library's ProjectionRunner", REBUILT, RUNNER, at_least=5)
    bench.claim("live lag", LAG, at_most=500)
    bench.claim("first page", PAGE, at_most=50)


def _rebuild(bench: Bench, dsn: str) -> Sample:
    with closing(Database(dsn, role=None)) as database:
        with database.transaction() as connection:
            events = log.last_position(connection)
        folded: list[float] = []
        begun = perf_counter()

        def say(progress: Progress) -> None:
            if progress.step == "fold":
                folded[:] = [perf_counter() - begun]

        most = _Most()
        with bench.timed() as watch:
            begun = perf_counter()
            Rebuild(database, say, processes=os.cpu_count() or 2).run()
        Rebuild(database, say).forget()
    return {REBUILT: events / watch.seconds, FOLDED: events / folded[0], MEMORY: most.megabytes()}


class _Most(Thread):
    """The memory of this process's children at most, added up; and of itself what it took besides."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most, self._ended = 0, Flag()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self._most = max(self._most, sum(map(_resident, _children())))

    def megabytes(self) -> float:
        self._ended.set()
        self.join()
        return self._most / (1 << 20)


def _children() -> list[int]:
    """Python processes that this one began: PostgreSQL's have other parents."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in _command(int(pid))]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


def _lag(bench: Bench, dsn: str, story: Years) -> Sample:
    """Events come at an even rate; the follower, a process of its own as always, says when each was in the views."""
    count = _A_SECOND * bench.sizes.views_seconds
    coming = story.told(count, MIX)
    context = get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_follow, args=(dsn, theirs), daemon=True)
    process.start()
    assert mine.recv() == "ready"
    with ours.changqing(dsn) as application:
        begun, before = perf_counter(), ours.events(application)
        for number in range(0, count, _TOGETHER):
            sleep(max(0.0, begun + number / _A_SECOND - perf_counter()))
            ours.load(application, coming[number : number + _TOGETHER], _TOGETHER)
        took, last = perf_counter() - begun, ours.events(application)
    mine.send(last)
    lags = mine.recv()
    process.join()
    bench.note(f"{(last - before) / took:,.0f} events/s were recorded while the lag was measured")
    return {LAG: quantiles(lags, n=100)[98] * 1000}


def _follow(dsn: str, told: Connection) -> None:
    """What `changqing project` does, with a note of how long after its recording each event is in the views."""
    lags: list[float] = []
    last: list[int] = []
    stop = Flag()
    with closing(Database(dsn)) as database:
        views = Views(database)

        def handle(entries: Sequence[Entry]) -> None:
            views.apply(entries)
            now = time()
            lags.extend(now - entry.recorded_at.timestamp() for entry in entries)

        def rest() -> None:
            if told.poll():
                last.append(told.recv())
            if last and views.position() >= last[0]:
                stop.set()

        with database.transaction() as connection:
            behind = log.last_position(connection) - views.position()
        assert not behind, "the rebuild before left nothing to fold"
        told.send("ready")
        follow(database, "views", views.position, handle, stop, rest)
    told.send(lags)


QUESTIONS: list[Callable[[Random, list[str]], Question]] = [
    lambda rng, places: (
        roster.SERVED_PAGE,
        {"communities": [rng.choice(places)], "after": UUID(int=0), "limit": 50},
    ),
    lambda rng, places: (
        alert_inbox.PAGE,
        {"office": f"social-insurance/{rng.choice(places)[:4]}", "state": "open", "before": log.LAST, "limit": 50},
    ),
    lambda _, __: (
        audit_trail.PAGE,
        {"department": "", "retiree": None, "position": log.LAST, "deed_id": "", "limit": 50},
    ),
]
"""First pages, each a query with what is given to it: a new page adds its own."""


def _pages(dsn: str) -> Sample:
    rng, times = Random(SEED), []
    with closing(Database(dsn)) as database:
        views = Views(database)
        places = [str(row["community"]) for row in views.select(roster.COMMUNITIES, {})]
        for number in range(_LOOKS):
            query, given = QUESTIONS[number % len(QUESTIONS)](rng, places)
            begun = perf_counter()
            views.select(query, given)
            times.append(perf_counter() - begun)
    return {PAGE: quantiles(times, n=100)[98] * 1000}
