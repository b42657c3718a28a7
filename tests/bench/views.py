"""Read models: rebuilt at what rate and in how much memory, how far behind while events come, and how soon a page is there."""

import os
from collections.abc import Sequence
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from threading import Event as Flag
from threading import Thread
from time import perf_counter, sleep, time

from domain.history import Entry
from infra import log
from infra.database import Database
from infra.follower import follow
from infra.rebuild import Progress, Rebuild
from infra.views import Views
from tests.bench import bulk, crowd, ours, projecting, reading, stock
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.server import EMPTY
from tests.bench.years import LARGE_PEOPLE, MIX, Years

REBUILT = Figure("ours: `changqing rebuild` of all read models, indexes and exchange included")
FOLDED = Figure("ours: the same, until the log is folded")
MEMORY = Figure("ours: the same, memory of all its processes at most", "MB")
RUNNER = Figure("stock: ProjectionRunner, one narrow row a retiree")
LAG = Figure("ours: from recorded to in the views, 99th percentile, 1,000 events/s", "ms")

_A_SECOND, _TOGETHER = 1_000, 20


def measure(bench: Bench) -> None:
    """A rebuild is measured on a log of millions; the stock runner on as much as it does in a bearable time."""
    sizes = bench.sizes
    people = sizes.views_submissions * MIX["registration"] // 100
    story = Years(people, min(LARGE_PEOPLE // (sizes.views_copies + 1), people // 4))
    chapters = list(crowd.chapters(story, sizes.views_submissions, MIX))
    with bench.server.copy_of() as dsn:
        with bench.timed() as filling:
            crowd.fill(bench, dsn, chapters, sizes.views_copies)
        bench.note(f"the log was filled in {filling.seconds:,.0f} s")
        with ours.changqing(dsn) as application:
            ours.load(application, story.sparse(), sizes.batch)
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
        reading.measure(bench, dsn)
    bench.claim("events a second", REBUILT, at_least=200_000)
    bench.claim_ratio("rebuild / the library's ProjectionRunner", REBUILT, RUNNER, at_least=5)
    bench.claim("live lag", LAG, at_most=500)
    reading.claim(bench)


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
