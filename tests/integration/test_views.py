"""The read models after a story, and the follower that keeps them, through crashes and successions."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from eventsourcing.persistence import IntegrityError
from psycopg.sql import SQL, Identifier

from domain.disclosures import DataDelivered, DataDisclosed
from domain.facts import (
    AlertAcknowledged,
    AlertApplied,
    DeathReported,
    DeathRetracted,
    Department,
    EnterpriseKind,
    FactRetracted,
    HandoverProposed,
    SpecialGroup,
)
from domain.history import Entry
from domain.law import Law
from infra import follower, log
from infra.database import Database, DatabaseError
from infra.folding import Folding
from infra.follower import follow
from infra.followers import StoppedError
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.sql import script
from infra.submissions import Submission
from infra.views import Views
from projections import READ_MODELS, alert_inbox, audit_trail, candidates, roster
from tests.building import number_of, retirement, submission
from tests.viewing import entries, folded, stored

TODAY = date(2024, 4, 10)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
NEXT_DOOR = "440304901002"
HERE = "440304901001"


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers look again soon, so that no test waits for the poll of a quiet night."""
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(follower, "RETRY_SECONDS", 0.05)


def tell(ours: Ledger, *submissions: Submission, today: date = TODAY) -> UUID:
    receipt = ours.accept(submissions, today)[-1]
    assert not isinstance(receipt, Exception)
    return receipt.retiree


def story(ours: Ledger) -> dict[str, UUID]:
    """Four people: one dead, one suspected dead, one whose death was taken back, who is handed over, one registered later."""
    special = msgspec.structs.replace(
        retirement(), party_member=True, special_groups=(SpecialGroup.ALONE, SpecialGroup.DISABLED)
    )
    moved = msgspec.structs.replace(retirement(), residence_division=NEXT_DOOR)
    weak, strong = Department.COMMUNITY, Department.CIVIL_AFFAIRS
    people = {
        "dead": tell(ours, submission(special, "r1")),
        "suspected": tell(ours, submission(moved, "r2", number=number_of(2))),
        "back": tell(ours, submission(retirement(), "r3", number=number_of(3))),
    }
    tell(ours, submission(DIED, "d1", department=weak))
    tell(ours, submission(DIED, "d2", department=strong))
    tell(ours, submission(DIED, "d3", number=number_of(2), department=weak))
    tell(ours, submission(DIED, "d4", number=number_of(3)))
    taken_back = DeathRetracted(effective=date(2024, 7, 2), retracts="d4")
    tell(ours, submission(taken_back, "b4", number=number_of(3)), today=date(2024, 7, 2))
    proposed = HandoverProposed(effective=TODAY, enterprise_kind=EnterpriseKind.OTHER, batch="2024-1")
    handed = submission(proposed, "h3", number=number_of(3), department=Department.ENTERPRISE)
    tell(ours, handed, today=date(2024, 7, 2))
    tell(ours, submission(DIED, "d5", number=number_of(4)), today=date(2024, 7, 2))
    people["parked"] = tell(ours, submission(retirement(), "r4", number=number_of(4)), today=date(2024, 7, 3))
    both = (people["dead"], people["back"])
    ours.append(
        uuid4(),
        DataDisclosed(
            department="community",
            actor="officer-7",
            purpose="visit",
            legal_basis="个人信息保护法 34",
            fields=("name", "phone"),
            retirees=both,
        ),
    )
    ours.append(uuid4(), DataDelivered(department="agency", outlet="alerts.pension", alerts=("x",), retirees=both))
    return people


def page(shown: Views, query: str, **given: Any) -> list[dict[str, Any]]:
    return [row for row in shown.select(query, {"limit": 100, **given}) if row.get("stands", True)]


@pytest.fixture
def people(ours: Ledger) -> dict[str, UUID]:
    return story(ours)


@pytest.fixture
def shown(database: Database, people: dict[str, UUID]) -> Views:
    """The views after the whole story."""
    kept = Views(database)
    kept.apply(entries(database))
    return kept


# The rows


def test_the_roster_says_who_is_served_where_and_how_the_pension_stands(shown: Views, people: dict[str, UUID]) -> None:
    start = UUID(int=0)
    rows = {row["retiree"]: row for row in page(shown, roster.PAGE, communities=[HERE, NEXT_DOOR], after=start)}
    found = {name: (rows[id_]["status"], rows[id_]["stopped_from"]) for name, id_ in people.items()}
    assert found == {
        "dead": ("stopped", "2024-02"),
        "suspected": ("payable", None),
        "back": ("payable", None),
        "parked": ("stopped", "2024-02"),
    }
    assert rows[people["dead"]]["special_groups"] == ["alone", "disabled"]
    assert rows[people["dead"]]["verify_alert"] is None
    assert rows[people["suspected"]]["verify_alert"] == f"{people['suspected']}-1"


def test_the_roster_is_shown_by_division_page_after_page(shown: Views, people: dict[str, UUID]) -> None:
    start, both = UUID(int=0), [HERE, NEXT_DOOR]
    assert [row["community"] for row in shown.select(candidates.BEGINNING, {"begins": [""]})] == both
    (only,) = page(shown, roster.PAGE, communities=[NEXT_DOOR], after=start)
    assert only["retiree"] == people["suspected"]
    assert page(shown, roster.PAGE, communities=[], after=start) == []
    whole = [row["retiree"] for row in page(shown, roster.PAGE, communities=both, after=start)]
    assert whole == sorted(people.values())
    by_one: list[UUID] = []
    while rows := shown.select(
        roster.PAGE, {"communities": both, "after": by_one[-1] if by_one else start, "limit": 1}
    ):
        by_one += [row["retiree"] for row in rows]
    assert by_one == whole


def test_each_community_is_counted(shown: Views) -> None:
    here = {"community": HERE, "people": 3, "stopped": 2, "suspended": 0, "party_members": 1, "special": 1}
    there = {"community": NEXT_DOOR, "people": 1, "stopped": 0, "suspended": 0, "party_members": 0, "special": 0}
    assert shown.select(roster.COUNTS, {"communities": [HERE, NEXT_DOOR]}) == [here, there]


def test_the_alert_inbox_says_what_is_to_be_done_and_what_became_of_it(shown: Views, people: dict[str, UUID]) -> None:
    rows = page(shown, alert_inbox.PAGE, office="social-insurance/", state="", before=log.LAST)
    assert [row["position"] for row in rows] == sorted((row["position"] for row in rows), reverse=True)

    def of(name: str) -> list[tuple[str, str, str]]:
        mine = [row for row in reversed(rows) if row["retiree"] == people[name]]
        return [(row["action"], row["amount"], row["state"]) for row in mine]

    assert of("dead") == [
        ("verify", "10370.34", "replaced"),
        ("stop", "0.00", "open"),
        ("recover", "10370.34", "open"),
        ("grant", "0.00", "open"),
    ]
    assert of("suspected") == [("verify", "10370.34", "open")]
    assert of("back") == [
        ("stop", "0.00", "replaced"),
        ("recover", "10370.34", "replaced"),
        ("grant", "0.00", "replaced"),
        ("resume", "0.00", "open"),
        ("pay-back", "10370.34", "open"),
    ]
    assert of("parked") == [("stop", "0.00", "open"), ("recover", "20740.68", "open"), ("grant", "0.00", "open")]
    replaced = next(row for row in rows if row["alert"] == f"{people['dead']}-1")
    assert replaced["replaced_by"] == f"{people['dead']}-2"
    assert replaced["evidence"] == ["/community/shenzhen d1"]


def test_the_alert_inbox_is_shown_by_office_state_and_page(shown: Views) -> None:
    def shows(office: str, state: str, before: int = log.LAST, limit: int = 100) -> list[int]:
        given = {"office": office, "state": state, "before": before, "limit": limit}
        return [row["position"] for row in shown.select(alert_inbox.PAGE, given)]

    still_open = shows("social-insurance/440300000000", "open")
    assert len(still_open) == 9
    assert shows("social-insurance/440300000000", "open", before=still_open[2]) == still_open[3:]
    assert shows("", "open", limit=2) == still_open[:2]
    assert shows("social-insurance/210200000000", "") == []
    assert shows("", "withdrawn") == []


def test_the_audit_trail_says_who_published_received_and_read_what_about_whom(
    shown: Views, people: dict[str, UUID]
) -> None:
    rows = page(shown, audit_trail.PAGE, department="", actor="", retiree=people["dead"], position=log.LAST, deed_id="")
    assert [(row["deed"], row["department"], row["actor"], row["what"]) for row in rows] == [
        ("received", "agency", "alerts.pension", "alerts"),
        ("read", "community", "officer-7", "name, phone"),
        ("published", "civil-affairs", "civil-affairs-gateway", "death-reported.v1"),
        ("published", "community", "community-gateway", "death-reported.v1"),
        ("published", "social-insurance", "social-insurance-gateway", "retirement-registered.v1"),
    ]
    assert (rows[1]["purpose"], rows[1]["legal_basis"]) == ("visit", "个人信息保护法 34")
    read = page(shown, audit_trail.PAGE, department="agency", actor="", retiree=None, position=log.LAST, deed_id="")
    assert {row["retiree"] for row in read} == {people["dead"], people["back"]}


@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
def test_rows_folded_live_are_the_rows_of_a_fold_from_scratch(
    database: Database, people: dict[str, UUID], size: int
) -> None:
    history = entries(database)
    kept = Views(database)
    for begin in range(0, len(history), size):
        kept.apply(history[begin : begin + size])
    assert kept.position() == len(history)
    assert stored(database) == folded(history)
    assert [len(rows) for rows in stored(database).values()][:5] == [4, 13, 15, 1, 4]


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_what_was_known_at_any_position_is_a_fold_of_the_log_up_to_it(
    database: Database, people: dict[str, UUID], size: int
) -> None:
    history, kept = entries(database), Views(database)
    for begin in range(0, len(history), size):
        kept.apply(history[begin : begin + size])
    for position in range(len(history) + 1):
        assert stored(database, known=position) == folded(history[:position])


def test_a_second_registration_keeps_status_and_open_request(ours: Ledger) -> None:
    from_enterprise = Department.ENTERPRISE
    retiree = tell(ours, submission(retirement(), "e", department=from_enterprise), submission(DIED))
    tell(ours, submission(msgspec.structs.replace(retirement(), residence_division=NEXT_DOOR), "a"))
    tell(ours, submission(retirement(date(2020, 3, 31)), "late", department=from_enterprise))
    kept = Views(ours.database)
    kept.apply(entries(ours.database))
    (row,) = kept.select(roster.ONE, {"retiree": retiree})
    assert (row["retiree"], row["community"], row["source_id"]) == (retiree, NEXT_DOOR, "a")
    assert (row["status"], row["stopped_from"]) == ("stopped", "2024-02")


def test_answers_are_in_the_inbox_and_on_the_trail(ours: Ledger, people: dict[str, UUID], database: Database) -> None:
    stop = f"{people['dead']}-2"
    day = date(2024, 4, 12)
    in_hand = AlertAcknowledged(effective=day, alert=stop)
    done = AlertApplied(effective=day, alert=stop, month="2024-05")
    tell(ours, submission(in_hand, "a1", department=Department.AGENCY), today=day)
    tell(ours, submission(done, "a2", department=Department.AGENCY), today=day)
    kept = Views(database)
    kept.apply(entries(database))
    closed = page(kept, alert_inbox.PAGE, office="", state="closed", before=log.LAST)
    assert [(row["alert"], row["stage"], row["applied_month"]) for row in closed] == [(stop, "applied", "2024-05")]
    trail = page(kept, audit_trail.PAGE, department="", actor="", retiree=people["dead"], position=log.LAST, deed_id="")
    assert [row["what"] for row in trail[:2]] == ["alert-applied.v1", "alert-acknowledged.v1"]
    assert stored(database) == folded(entries(database))


def test_a_registration_that_is_corrected_moves_and_one_taken_back_is_on_no_roster(
    ours: Ledger, people: dict[str, UUID], database: Database
) -> None:
    moved = msgspec.structs.replace(retirement(), residence_division=NEXT_DOOR, corrects="r3")
    tell(ours, submission(moved, "r3-new", number=number_of(3)))
    gone = FactRetracted(effective=TODAY, retracts="r1")
    tell(ours, submission(gone, "r1-gone", department=Department.AGENCY))
    kept = Views(database)
    kept.apply(entries(database))
    rows = {
        row["retiree"]: row["community"]
        for row in page(kept, roster.PAGE, communities=[HERE, NEXT_DOOR], after=UUID(int=0))
    }
    assert people["dead"] not in rows
    assert rows[people["back"]] == NEXT_DOOR
    assert kept.select(roster.ONE, {"retiree": people["dead"]}) == []
    assert stored(database) == folded(entries(database))


def test_the_views_of_an_older_schema_are_folded_again(database: Database, people: dict[str, UUID], dsn: str) -> None:
    """The migration that widens them throws their rows away, and the follower begins at the first position."""
    kept = Views(database)
    kept.apply(entries(database))
    with psycopg.connect(dsn) as owner:
        for (table,) in owner.execute("select tablename from pg_policies where schemaname = 'views'").fetchall():
            owner.execute(SQL("drop policy seen on views.{}").format(Identifier(table)))
        owner.execute("drop schema known cascade")
        owner.execute("drop function views.remember")
        owner.execute(
            "drop table views.roster_past, views.alert_inbox_past, views.audit_trail_past, views.handovers_past"
        )
        owner.execute(
            "drop table views.lives, views.lives_past, views.search; drop function views.forget_search cascade; drop index views.alert_inbox_office_kind_position_idx"
        )
        owner.execute(
            "alter table views.roster drop column registered, drop column off_alert, drop column verify_alerts"
        )
        owner.execute("alter table views.roster drop column others, drop column gone")
        owner.execute("alter table views.alert_inbox drop column stage, drop column escalated, drop column reason")
        owner.execute("alter table views.alert_inbox drop column applied_month")
        owner.execute("alter table views.roster drop column category, drop column serving, drop column receptions")
        owner.execute("drop table views.handovers")
        owner.execute(script("0006_views_stages"))
        owner.execute(script("0010_handovers"))
        owner.execute(script("0015_views_past"))
        owner.execute(script("0018_lives"))
    assert kept.position() == 0
    kept.apply(entries(database))
    assert stored(database) == folded(entries(database))


# Rows and position are one


def test_a_batch_that_fails_half_way_leaves_rows_and_position_as_they_were(
    database: Database, people: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    history, kept, fold = entries(database), Views(database), Folding.fold
    kept.apply(history[:5])
    before = stored(database)

    def failing(folding: Folding, connection: Any, given: Any) -> None:
        fold(folding, connection, given)
        if folding._model is READ_MODELS[-1]:
            raise RuntimeError("power cut")

    monkeypatch.setattr(Folding, "fold", failing)
    with pytest.raises(RuntimeError):
        kept.apply(history[5:])
    monkeypatch.undo()
    assert (kept.position(), stored(database)) == (5, before)
    kept.apply(history[5:])
    assert stored(database) == folded(history)


def test_entries_that_somebody_else_folded_are_refused(database: Database, people: dict[str, UUID]) -> None:
    history = entries(database)
    Views(database).apply(history[:5])
    with pytest.raises(IntegrityError):
        Views(database).apply(history[:5])
    with pytest.raises(IntegrityError):
        Views(database).apply(history[:3])
    assert Views(database).position() == 5


@pytest.mark.parametrize("begin", [3, 6], ids=["some twice", "one left out"])
def test_entries_that_do_not_follow_on_the_position_are_refused(
    database: Database, people: dict[str, UUID], begin: int
) -> None:
    """A leader that lost its lock without noticing must not fold what its successor did, nor skip what neither did."""
    history = entries(database)
    Views(database).apply(history[:5])
    with pytest.raises(IntegrityError):
        Views(database).apply(history[begin:])


def test_two_followers_that_fold_the_same_at_once_fold_it_once(database: Database, people: dict[str, UUID]) -> None:
    history = entries(database)

    def fold(_: int) -> bool:
        try:
            Views(database).apply(history)
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(fold, range(4))) == [False, False, False, True]
    assert stored(database) == folded(history)


# Following


class Follower:
    """A follower in a thread of its own, with what it was handed."""

    def __init__(self, database: Database, position: Callable[[], int], handle: Callable[[Any], None]) -> None:
        self.batches: list[list[int]] = []
        self.error: BaseException | None = None
        self.seen = Event()
        self.stop = Event()
        self._handle = handle
        self._thread = Thread(target=self._run, args=(database, position))
        self._thread.start()

    def _run(self, database: Database, position: Callable[[], int]) -> None:
        try:
            follow(database, "test", position, self._took, self.stop)
        except RuntimeError as error:
            self.error = error
        finally:
            self.seen.set()

    def _took(self, given: Sequence[Entry]) -> None:
        self._handle(given)
        self.batches.append([entry.position for entry in given])
        self.seen.set()

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextmanager
def following(database: Database, kept: Views, handle: Callable[[Any], None] | None = None) -> Iterator[Follower]:
    one = Follower(database, kept.position, handle or kept.apply)
    try:
        yield one
    finally:
        one.stop.set()
        one.join()


def until(kept: Views, position: int, *running: Follower) -> None:
    """Wait until the views are complete up to a position; whoever ends meanwhile says why."""
    pause = Event()
    for _ in range(2_000):
        if kept.position() >= position:
            return
        for one in running:
            if one.error:
                raise one.error
        pause.wait(0.01)
    raise AssertionError(f"the views stay at {kept.position()}")


def test_a_follower_takes_what_is_there_and_what_comes_in_order_and_once(
    ours: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BATCH", 3)
    tell(ours, *(submission(retirement(), str(n), number=number_of(n)) for n in range(1, 6)))
    kept = Views(database)
    with following(database, kept) as one:
        until(kept, 5, one)
        tell(ours, submission(DIED))
        last = len(entries(database))
        until(kept, last, one)
    assert [position for batch in one.batches for position in batch] == list(range(1, last + 1))
    assert one.batches[:2] == [[1, 2, 3], [4, 5]]
    assert stored(database) == folded(entries(database))


def test_a_follower_that_crashed_between_batches_goes_on_where_it_was(
    database: Database, people: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BATCH", 4)
    kept = Views(database)

    def crashing(given: Sequence[Entry]) -> None:
        if given[0].position > 4:
            raise RuntimeError("crash")
        kept.apply(given)

    with following(database, kept, crashing) as crashed:
        assert crashed.seen.wait(20)
        crashed.join()
    assert str(crashed.error).endswith("RuntimeError: crash")
    assert (crashed.batches, kept.position()) == ([[1, 2, 3, 4]], 4)

    last = len(entries(database))
    with following(database, kept) as successor:
        until(kept, last, successor)
    assert successor.batches[0] == [5, 6, 7, 8]
    assert stored(database) == folded(entries(database))


def test_of_two_followers_of_one_name_one_works_and_the_other_takes_over(ours: Ledger, database: Database) -> None:
    kept = Views(database)
    tell(ours, submission(retirement()))
    with following(database, kept) as first:
        until(kept, 1, first)
        with following(database, kept) as second:
            tell(ours, submission(retirement(), "2", number=number_of(2)))
            until(kept, 2, first, second)
            tell(ours, submission(retirement(), "3", number=number_of(3)))
            until(kept, 3, first, second)
            assert second.batches == []
            first.stop.set()
            first.join()
            tell(ours, submission(retirement(), "4", number=number_of(4)))
            until(kept, 4, second)
    assert first.batches == [[1], [2], [3]]
    assert second.batches == [[4]]


def test_a_follower_outlives_the_loss_of_its_connections(ours: Ledger, database: Database, dsn: str) -> None:
    kept = Views(database)
    tell(ours, submission(retirement()))
    with following(database, kept) as one:
        until(kept, 1, one)
        with psycopg.connect(dsn, autocommit=True) as admin:
            others = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database()"
            admin.execute(f"{others} and pid <> pg_backend_pid() and backend_type = 'client backend'")
        _again(lambda: tell(ours, submission(retirement(), "2", number=number_of(2))))
        _again(lambda: until(kept, 2, one))
    assert [position for batch in one.batches for position in batch] == [1, 2]


def test_followers_of_other_names_do_not_wait_for_each_other(ours: Ledger, database: Database) -> None:
    tell(ours, submission(retirement()))
    handed: list[str] = []
    done, stop = Event(), Event()

    def run(name: str) -> None:
        def handle(given: Sequence[Entry]) -> None:
            handed.append(name)
            if len(handed) == 2:
                done.set()

        follow(database, name, lambda: 0, handle, stop)

    threads = [Thread(target=run, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    try:
        assert done.wait(20)
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert sorted(handed) == ["one", "other"]


def test_a_name_this_version_does_not_know_stops_the_follower_before_it(ours: Ledger, database: Database) -> None:
    tell(ours, submission(retirement()))
    with database.transaction() as connection:
        placed = log.take_positions(connection, 1)
        log.copy_events(connection, placed, [log.Unplaced(uuid4(), 1, "from-the-future.v9", b"{}")])
    kept, stop = Views(database), Event()
    with pytest.raises(StoppedError, match="before position 2, from-the-future"):
        follow(database, "test", kept.position, kept.apply, stop)
    assert kept.position() == 1


def _again(do: Callable[[], Any]) -> None:
    """Do it until the pool has thrown away its dead connections."""
    for _ in range(20):
        try:
            do()
        except DatabaseError:
            continue
        return
    raise AssertionError("the database does not come back")
