"""A version of the read models beside the live one: folded by several, killed anywhere, exchanged, and rolled back."""

import os
import signal
from datetime import date
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError

from domain.facts import AlertAcknowledged, DeathReported, DeathRetracted, Department
from domain.law import Law
from infra import follower, rebuild, versions
from infra.database import Database
from infra.folding import Folding, share
from infra.follower import follow
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.rebuild import Progress, Rebuild, RebuildError
from infra.versions import BEFORE, NEXT
from infra.views import Views
from projections import READ_MODELS, ROSTER
from services.following.rebuilding import said
from tests.building import number_of, retirement, submission
from tests.viewing import entries, folded, stored

TODAY = date(2024, 4, 10)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
BACK = DeathRetracted(effective=TODAY, retracts="d1")
AGENCY, CIVIL = Department.AGENCY, Department.CIVIL_AFFAIRS


class Killed(BaseException):
    """The power is cut: nothing after this line happens."""


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    """Eight people; two died, of one it was taken back, and one alert was answered."""
    ledger = Ledger(database, keys, law)
    ledger.accept([submission(retirement(), f"r{n}", number=number_of(n)) for n in range(1, 9)], TODAY)
    ledger.accept([submission(DIED, f"d{n}", number=number_of(n), department=CIVIL) for n in (1, 2)], TODAY)
    ledger.accept([submission(BACK, "b1", department=CIVIL)], TODAY)
    raised = next(key for key in folded(entries(database))["alert_inbox"] if key.endswith("-1"))
    answer = AlertAcknowledged(effective=TODAY, alert=raised)
    ledger.accept([submission(answer, "a1", department=AGENCY)], TODAY)
    return ledger


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and pools of rows so small that these few events fill several."""
    monkeypatch.setattr(rebuild, "PAGE", 3)
    monkeypatch.setattr(rebuild, "KEPT", 2)
    monkeypatch.setattr(rebuild, "NEAR", 4)


def quiet(_: Progress) -> None:
    """Nobody listens."""


def live(database: Database) -> Views:
    kept = Views(database)
    kept.apply(entries(database))
    return kept


def more(ours: Ledger, n: int) -> None:
    ours.accept([submission(retirement(), f"r{n}", number=number_of(n))], TODAY)


def spoil(dsn: str) -> None:
    """A live view that says what does not follow from the log."""
    with psycopg.connect(dsn) as connection:
        connection.execute("update views.roster set status = 'stopped'")
        connection.execute("delete from views.alert_inbox")


def test_a_rebuild_replaces_what_was_wrong_by_what_follows_from_the_log(
    ours: Ledger, database: Database, owner: Database, dsn: str
) -> None:
    kept, history = live(database), entries(database)
    spoil(dsn)
    assert stored(database) != folded(history)
    assert Rebuild(owner, quiet).run() == kept.position() == len(history)
    assert stored(database) == folded(history)
    for position in range(len(history) + 1):
        assert stored(database, known=position) == folded(history[:position])


def test_the_live_follower_goes_on_where_the_rebuild_put_it(ours: Ledger, database: Database, owner: Database) -> None:
    kept, history = Views(database), entries(database)
    kept.apply(history[:2])
    Rebuild(owner, quiet).run()
    with pytest.raises(IntegrityError):
        kept.apply(history[2:])
    more(ours, 9)
    kept.apply(entries(database, after=kept.position()))
    assert stored(database) == folded(entries(database))


def test_one_read_model_alone_is_rebuilt_up_to_where_the_others_stand(
    ours: Ledger, database: Database, owner: Database, dsn: str
) -> None:
    history, kept = entries(database), Views(database)
    kept.apply(history[:7])
    with psycopg.connect(dsn) as connection:
        connection.execute("update views.roster set status = 'stopped'")
    assert Rebuild(owner, quiet).run(["roster"]) == 7
    assert stored(database) == folded(history[:7])
    kept.apply(history[7:])
    assert stored(database) == folded(history)
    with owner.transaction() as connection:
        assert versions.models_in(connection, BEFORE) == (ROSTER,)


def test_a_roll_back_brings_the_version_before_up_to_date_and_another_one_brings_the_newer_back(
    ours: Ledger, database: Database, owner: Database, dsn: str
) -> None:
    kept = live(database)
    with psycopg.connect(dsn) as connection:
        connection.execute("update views.audit_trail set actor = 'as it was before'")
    wrong = len(entries(database))
    Rebuild(owner, quiet).run()
    for n in range(9, 16):
        more(ours, n)
    kept.apply(entries(database, after=kept.position()))
    rightly = folded(entries(database))
    Rebuild(owner, quiet).roll_back()
    actors = [row["actor"] for row in stored(database)["audit_trail"].values() if row["position"] <= wrong]
    assert set(actors) == {"as it was before"}
    assert stored(database)["roster"] == rightly["roster"]
    Rebuild(owner, quiet).roll_back()
    assert stored(database) == rightly
    assert kept.position() == len(entries(database))


def test_what_is_forgotten_cannot_be_gone_back_to(ours: Ledger, database: Database, owner: Database) -> None:
    live(database)
    Rebuild(owner, quiet).run()
    Rebuild(owner, quiet).forget()
    with pytest.raises(RebuildError, match="no version before"):
        Rebuild(owner, quiet).roll_back()


_STEPS = [
    (Rebuild, "_fold_shares"),
    (versions, "place"),
    (Rebuild, "_index"),
    (Rebuild, "_came_near"),
    (Rebuild, "_exchange"),
    (Rebuild, "_exchanged"),
    (versions, "exchange"),
    (versions, "clear"),
    (versions, "_move"),
    (versions, "forget"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("place", "step"), _STEPS, ids=[step for _, step in _STEPS])
def test_killed_at_any_step_it_goes_on_and_ends_at_the_same_rows(
    ours: Ledger, database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch, place: Any, step: str, when: str
) -> None:
    """And until the exchange is committed those who read see what they saw."""
    live(database)
    before, real = stored(database), getattr(place, step)

    def killed(*given: Any, **named: Any) -> Any:
        if when == "after":
            real(*given, **named)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(place, step, killed)
        patched.setattr(Rebuild, "_fold_shares", _here if step != "_fold_shares" else killed)
        with pytest.raises(Killed):
            Rebuild(owner, quiet).run()
    assert stored(database) == before
    more(ours, 9)
    monkeypatch.setattr(Rebuild, "_fold_shares", _here)
    come = Rebuild(owner, quiet).run()
    assert stored(database) == folded(entries(database)[:come])
    if rest := entries(database, after=come):
        Views(database).apply(rest)
    assert stored(database) == folded(entries(database))


_fold_shares = Rebuild._fold_shares


def _here(made: Rebuild, models: Any) -> None:
    """The shares folded one after the other by this process, so that what is patched holds there too."""
    with made._database.transaction() as connection:
        shares, goal = versions.shares(connection), made._goal(connection, models)
    for number in range(len(shares)):
        rebuild.fold_share(made._database.dsn, None, [model.table for model in models], number, len(shares), goal)
    _fold_shares(made, models)


def test_a_process_that_is_killed_between_two_pages_leaves_its_rows_and_its_place(
    ours: Ledger, database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process ends its share; the same command goes on with what is left."""
    history = entries(database)
    with owner.transaction() as connection:
        versions.begin(connection, READ_MODELS, 2)
    fold, folds = Folding.fold, []

    def dying(folding: Folding, connection: Any, given: Any) -> None:
        folds.append(given)
        if len(folds) == 2 * len(READ_MODELS) + 2:
            raise Killed
        fold(folding, connection, given)

    with monkeypatch.context() as patched:
        patched.setattr(Folding, "fold", dying)
        with pytest.raises(Killed):
            rebuild.fold_share(owner.dsn, None, [model.table for model in READ_MODELS], 0, 2, len(history))
    with owner.transaction() as connection:
        assert versions.shares(connection) == {versions.share_name(0, 2): 6, versions.share_name(1, 2): 0}
    Rebuild(owner, quiet).run()
    assert stored(database) == folded(history)


def test_a_worker_killed_by_the_system_is_said_and_the_next_run_ends_the_work(
    ours: Ledger, database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "fold_share", _kills_itself)
    with pytest.raises(RebuildError, match="ended half way"):
        Rebuild(owner, quiet).run()
    monkeypatch.undo()
    Rebuild(owner, quiet).run()
    assert stored(database) == folded(entries(database))


def _kills_itself(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_unfinished_rebuild_of_others_is_finished_or_given_up_first(
    ours: Ledger, database: Database, owner: Database
) -> None:
    live(database)
    with owner.transaction() as connection:
        versions.begin(connection, [ROSTER], 1)
    with pytest.raises(RebuildError, match="not finished"):
        Rebuild(owner, quiet).run(["alert_inbox"])
    Rebuild(owner, quiet).forget()
    Rebuild(owner, quiet).run(["alert_inbox"])


def test_two_rebuilds_at_once_are_refused_and_so_is_a_read_model_that_is_none(owner: Database) -> None:
    with Rebuild(owner, quiet)._alone(), pytest.raises(RebuildError, match="under way"):
        Rebuild(owner, quiet).run()
    with pytest.raises(RebuildError, match="rosters"):
        Rebuild(owner, quiet).run(["rosters"])


def test_while_it_runs_the_live_views_are_folded_and_read(
    ours: Ledger, database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.05)
    kept, stop = Views(database), Event()
    seen: list[int] = []
    following = Thread(target=follow, args=(database, "views", kept.position, kept.apply, stop))
    reading = Thread(target=lambda: _read(kept, stop, seen))
    following.start()
    reading.start()
    try:
        for n in range(9, 12):
            more(ours, n)
            Rebuild(owner, quiet).run()
        more(ours, 12)
        last = len(entries(database))
        for _ in range(400):
            if kept.position() == last or stop.wait(0.05):
                break
    finally:
        stop.set()
        following.join(20)
        reading.join(20)
    assert stored(database) == folded(entries(database))
    assert seen == sorted(seen)  # nobody who read saw the roster shrink


def _read(kept: Views, stop: Event, seen: list[int]) -> None:
    while not stop.is_set():
        seen.append(kept.select("select count(*) as n from roster", {})[0]["n"])


def test_the_indexes_of_the_exchanged_tables_are_those_that_were_there(
    ours: Ledger, owner: Database, database: Database
) -> None:
    def indexes() -> list[Any]:
        with owner.transaction() as connection:
            return connection.execute(
                "select tablename, indexname, indexdef from pg_indexes where schemaname = 'views' order by 1, 2"
            ).fetchall()

    live(database)
    before = indexes()
    Rebuild(owner, quiet).run()
    assert indexes() == before
    with owner.transaction() as connection:
        assert versions.models_in(connection, NEXT) == ()


def test_every_key_belongs_to_one_process_and_always_to_the_same() -> None:
    keys = [number_of(n) for n in range(1, 200)]
    owners = [[share(number, 3)(key) for number in range(3)] for key in keys]
    assert {sum(one) for one in owners} == {1}
    assert all(sum(one[number] for one in owners) > 40 for number in range(3))


def test_how_far_it_is_is_one_line() -> None:
    assert said(Progress("fold", 250, 1_000, 50.4, 75.2)) == (
        "重新归集 folding 250 / 1,000 (25 %)，每秒 50 条 events/s，尚需 left 1 min 15 s"
    )
    assert said(Progress("index", 0, 17, 0, None)) == "建立索引 indexing 0 / 17 (0 %)"
