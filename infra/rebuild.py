"""Folding read models anew beside those that answer, and letting them answer instead.

Each step is a transaction, and what is stored says which comes next: tables and a share of the keys for each process; when
the shares have come equally far, one line for the whole; then the indexes, the rest of the log, the exchange. Wherever this
is killed, the same command goes on from there, and those who read see nothing until the exchange commits.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import NamedTuple

from eventsourcing.persistence import IntegrityError, Tracking
from psycopg.errors import DeadlockDetected, LockNotAvailable

from infra import codec, log, versions
from infra.database import Database
from infra.folding import LIVE, Folding, share
from infra.recorder import LedgerRecorder
from infra.session import Session
from infra.versions import BEFORE, NEXT
from infra.views import APPLICATION
from projections import READ_MODELS, ReadModel

PAGE = 5_000
"""Events folded in one transaction."""
KEPT = 20_000
"""Rows of each read model that a process keeps in memory: those it touched last."""
NEAR = 5_000
"""Events that may be folded within the exchange, while the live views wait."""
LOCK_MILLISECONDS = 500
"""How long the exchange waits for readers before it lets those behind it pass: less than PostgreSQL takes to see a deadlock."""
_TRIES = 120


class RebuildError(Exception):
    """It cannot be done, or not now; what was folded stays. The message says why, in both languages."""


class Progress(NamedTuple):
    """How far a rebuild is: `step` (fold, index, catch-up, exchanged), events done of all, in how many seconds of this run."""

    step: str
    done: int
    of: int
    rate: float
    left: float | None


Say = Callable[[Progress], None]


class Rebuild:
    """The next version of some read models, all by default, on a `database` that acts as the owner."""

    def __init__(self, database: Database, say: Say, *, processes: int = 2, archive: Path | None = None) -> None:
        self._database = database
        self._say = say
        self._processes = processes
        self._archive = archive

    def run(self, names: Sequence[str] = ()) -> int:
        """Begin, or go on with, a rebuild, up to the exchange; the position the views then stand at. Raises `RebuildError`."""
        with self._alone():
            models = self._begun(names)
            self._fold_shares(models)
            self._index(models)
            while not self._came_near(models, NEXT):
                pass
            return self._exchange(models, NEXT)

    def roll_back(self) -> int:
        """Let the version before answer again, brought up to date; that which answered becomes the one before."""
        with self._alone():
            with self._database.transaction() as connection:
                models = versions.models_in(connection, BEFORE)
            if not models:
                raise RebuildError("没有可退回的上一版。There is no version before to go back to")
            while not self._came_near(models, BEFORE):
                pass
            return self._exchange(models, BEFORE)

    def forget(self) -> None:
        """Drop the version before, and what is folded of a next one."""
        with self._alone(), self._database.transaction() as connection:
            versions.clear(connection, NEXT)
            versions.clear(connection, BEFORE)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One rebuild at a time."""
        with self._database.alone("rebuild of views") as alone:
            if not alone:
                raise RebuildError("另一个重建正在进行。Another rebuild is under way")
            yield

    def _begun(self, names: Sequence[str]) -> tuple[ReadModel, ...]:
        wanted = read_models(names)
        with self._database.transaction() as connection:
            begun = versions.models_in(connection, NEXT)
            if not begun:
                versions.begin(connection, wanted, self._processes)
                return wanted
        if names and set(begun) != set(wanted):
            under_way = ", ".join(model.table for model in begun)
            raise RebuildError(
                f"另一次重建尚未完成（{under_way}）：先完成或以 --forget 放弃。A rebuild of others is not finished: finish it, or give it up by --forget"
            )
        return begun

    def _fold_shares(self, models: Sequence[ReadModel]) -> None:
        """Every share up to the end of the log, by processes of their own; then they are one."""
        with self._database.transaction() as connection:
            shares = versions.shares(connection)
            goal = self._goal(connection, models)
        if not shares:
            return  # they came together before
        context = get_context("spawn")
        tables = [model.table for model in models]
        workers = [
            context.Process(
                target=fold_share,
                args=(self._database.dsn, self._archive, tables, number, len(shares), goal),
                daemon=True,
            )
            for number in range(len(shares))
        ]
        watch = _Watch(self._say, goal, sum(shares.values()) / len(shares))
        for worker in workers:
            worker.start()
        try:
            while any(worker.is_alive() for worker in workers):
                for worker in workers:
                    worker.join(0.5 / len(workers))
                with self._database.transaction() as connection:
                    watch.at("fold", sum(versions.shares(connection).values()) / len(shares))
        finally:
            for worker in workers:
                if worker.is_alive():
                    worker.terminate()
                worker.join()
        if any(worker.exitcode for worker in workers):
            raise RebuildError(
                "一个进程中途结束；再次运行即从该处继续。A process ended half way; the same command goes on from there"
            )
        with self._database.transaction() as connection:
            (come,) = {max(at, goal) for at in versions.shares(connection).values()}
            versions.forget(connection, NEXT)
            versions.place(connection, NEXT, come)

    def _index(self, models: Sequence[ReadModel]) -> None:
        with self._database.transaction() as connection:
            missing = versions.missing_indexes(connection, models)
        for number, statement in enumerate(missing):
            self._say(Progress("index", number, len(missing), 0, None))
            with self._database.transaction() as connection:
                connection.execute("set local maintenance_work_mem = '256MB'")
                connection.execute(statement)
        with self._database.transaction() as connection:
            for table in versions.tables_of(models):
                connection.execute(b"analyze %b.%b" % (NEXT.encode(), table.encode()))

    def _came_near(self, models: Sequence[ReadModel], schema: str) -> bool:
        """Fold what came meanwhile; whether no more is left than the exchange may take upon itself."""
        with self._database.transaction() as connection:
            goal = self._goal(connection, models)
            come = versions.position(connection, schema) or 0
        if goal - come <= NEAR:
            return True
        foldings = [Folding(model, schema, keep=KEPT) for model in models]
        watch = _Watch(self._say, goal, come)
        while come < goal:
            with self._database.transaction() as connection:
                come = _fold_page(connection, foldings, come, goal)
                versions.place(connection, schema, come)
            watch.at("catch-up", come)
        return False

    def _exchange(self, models: Sequence[ReadModel], schema: str) -> int:
        for _ in range(_TRIES):
            try:
                return self._exchanged(models, schema)
            except (LockNotAvailable, DeadlockDetected):
                time.sleep(LOCK_MILLISECONDS / 1000)  # those who read go first
                while not self._came_near(models, schema):
                    pass
        raise RebuildError("读取者一直占用视图，请稍后再运行。Readers hold the views all the time: run it again later")

    def _exchanged(self, models: Sequence[ReadModel], schema: str) -> int:
        """In one transaction: hold the live position, fold what is left, let the tables change places."""
        with self._database.transaction() as connection:
            connection.execute("select set_config('lock_timeout', %s, true)", [f"{LOCK_MILLISECONDS}ms"])
            if versions.position(connection, LIVE) is None:
                versions.place(connection, LIVE, 0)
            live = versions.position(connection, LIVE, lock=True) or 0
            come = versions.position(connection, schema) or 0
            if come > live and len(models) < len(READ_MODELS):
                raise RebuildError(
                    "其余视图尚未读到此处，请在其跟上后再运行。The other read models have not come as far: run it again when they have"
                )
            goal = max(come, live)
            foldings = [Folding(model, schema) for model in models]
            while come < goal:
                come = _fold_page(connection, foldings, come, goal)
            versions.exchange(connection, models, schema)
            versions.forget(connection, schema)
            versions.place(connection, LIVE, goal)
            versions.place(connection, BEFORE, live)
        self._say(Progress("exchanged", goal, goal, 0, None))
        return goal

    def _goal(self, connection: Session, models: Sequence[ReadModel]) -> int:
        """Up to where to fold: some of the read models alone never further than the others stand."""
        if len(models) < len(READ_MODELS):
            return versions.position(connection, LIVE) or 0
        return log.last_position(connection)


def read_models(names: Sequence[str]) -> tuple[ReadModel, ...]:
    """The read models of some tables, all when none is named. Raises `RebuildError` for a name that is of none."""
    if unknown := set(names) - {model.table for model in READ_MODELS}:
        there = ", ".join(model.table for model in READ_MODELS)
        raise RebuildError(f"没有此视图 There is no read model {', '.join(sorted(unknown))}; there are {there}")
    return tuple(model for model in READ_MODELS if not names or model.table in names)


def fold_share(dsn: str, archive: Path | None, tables: Sequence[str], number: int, of: int, goal: int) -> None:
    """The work of one process: the keys that are its own, to the goal, a transaction a page with its position."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    models = [model for model in READ_MODELS if model.table in tables]
    foldings = [Folding(model, NEXT, owns=share(number, of) if of > 1 else None, keep=KEPT) for model in models]
    with closing(Database(dsn, archive=archive, max_size=2)) as database, database.listen() as alone:
        name = versions.share_name(number, of)
        alone.execute(
            "select pg_advisory_lock(hashtext(%s))", [name]
        )  # one whose parent was killed may still end its page
        recorder = LedgerRecorder(database, name)
        come = recorder.max_tracking_id(APPLICATION) or 0
        while come < goal and _has_parent():
            with database.transaction() as connection:
                connection.execute("set local synchronous_commit = off")  # rows and position are lost together, or not
                reached = _fold_page(connection, foldings, come, goal)
                recorder.track(connection, Tracking(APPLICATION, reached), after=come)
            come = reached


def _has_parent() -> bool:
    parent = parent_process()
    return parent is None or parent.is_alive()


def _fold_page(connection: Session, foldings: Sequence[Folding], after: int, until: int) -> int:
    """Fold the next page of the log; the position come to."""
    rows = log.read(connection, after, PAGE, until=until)
    if not rows:
        raise IntegrityError(f"the log ends before {until}")
    entries = codec.entries(rows)
    for folding in foldings:
        folding.fold(connection, entries)
    return entries[-1].position


class _Watch:
    """How fast it goes, and how long it will take."""

    def __init__(self, say: Say, goal: int, begun: float) -> None:
        self._say = say
        self._goal = goal
        self._begun = begun
        self._since = time.monotonic()

    def at(self, step: str, come: float) -> None:
        rate = (come - self._begun) / max(time.monotonic() - self._since, 0.001)
        left = (self._goal - come) / rate if rate > 0 else None
        self._say(Progress(step, int(come), self._goal, rate, left))
