"""Following our log as the eventsourcing library does: subscriptions, projections, systems of applications."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from time import monotonic, sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    IntegrityError,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
)
from eventsourcing.projection import ApplicationSubscription, EventSourcedProjectionRunner, Projection, ProjectionRunner
from eventsourcing.system import (
    MultiThreadedRunner,
    NewMultiThreadedRunner,
    NewSingleThreadedRunner,
    Runner,
    SingleThreadedRunner,
    System,
)

from domain.disclosures import DataDisclosed
from domain.history import Entry
from domain.law import Law
from infra import subscription
from infra.database import Database
from infra.keys import KeyRing
from infra.recorder import LedgerRecorder
from infra.tracking import LedgerTrackingRecorder
from services.application import Changqing
from tests.dogs import Dog, DogSchool, Newspaper, RivalSchool


@pytest.fixture
def env(dsn: str) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "infra.recorder:LedgerFactory", "DATABASE_URL": dsn}


@pytest.fixture
def school(env: dict[str, str]) -> Iterator[DogSchool]:
    with DogSchool(env) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """What followed has ended when its test has; a pool's own threads end with the pool."""
    before = set(threading.enumerate())
    yield
    left = [t.name for t in set(threading.enumerate()) - before if not t.name.startswith("pool-")]
    assert not left


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """That what is done takes no longer."""
    begun = monotonic()
    yield
    assert monotonic() - begun < seconds


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not holds():
        assert monotonic() < deadline
        sleep(0.01)


def ids(following: Subscription[Any], count: int) -> list[int]:
    return [next(following).id for _ in range(count)]


def register(school: DogSchool, count: int) -> None:
    """So many dogs in one transaction."""
    school.save(*(Dog(f"dog {n}") for n in range(count)))


# Subscriptions


def test_a_subscription_sees_what_was_and_what_comes_in_order(school: DogSchool) -> None:
    register(school, 3)
    with school.recorder.subscribe() as following:
        seen = ids(following, 3)
        telling = Thread(target=register, args=(school, 3))
        telling.start()
        seen += ids(following, 3)
        telling.join()
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_subscription_begins_after_a_position_and_keeps_to_its_topics(school: DogSchool) -> None:
    fido = school.register("Fido")
    school.add_trick(fido, "sit")
    school.register("Rex")
    school.add_trick(fido, "roll over")
    topic = school.notification_log.select(1, 1)[0].topic
    with school.recorder.subscribe(gt=1, topics=[topic]) as following:
        assert ids(following, 1) == [3]
    with school.recorder.subscribe(gt=1) as following:
        assert ids(following, 3) == [2, 3, 4]


def test_a_subscription_that_begins_beyond_the_end_waits_for_what_comes_after(school: DogSchool) -> None:
    register(school, 2)
    with school.recorder.subscribe(gt=3) as following:
        register(school, 2)
        assert ids(following, 1) == [4]


def test_of_many_who_write_at_once_nothing_is_missed_doubled_or_out_of_order(
    school: DogSchool, env: dict[str, str]
) -> None:
    with RivalSchool(env) as rival, school.recorder.subscribe() as following:

        def write(to: DogSchool, count: int) -> None:
            for _ in range(15):
                register(to, count)

        writers = [Thread(target=write, args=given) for given in [(school, 1), (school, 70), (school, 9), (rival, 5)]]
        for writer in writers:
            writer.start()
        seen = ids(following, 15 * (1 + 70 + 9))
        for writer in writers:
            writer.join()
        ours = school.recorder.select_notifications(None, 10_000)
    assert seen == sorted(set(seen)) == [item.id for item in ours]


def test_whoever_is_slow_gets_everything_in_order_too(school: DogSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 0.02)
    register(school, 6_500)
    with school.recorder.subscribe() as following:
        seen = ids(following, 1)
        wait_until(following._notifications_queue.full)  # type: ignore[attr-defined]
        sleep(0.2)  # in which more is offered in vain
        register(school, 100)
        seen += ids(following, 6_599)
    assert seen == list(range(1, 6_601))


class Deaf(Database):
    """Whom no notification reaches."""

    @contextmanager
    def listen(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            yield connection


def test_a_subscription_that_missed_its_wake_up_looks_again(
    dsn: str, school: DogSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 0.05)
    deaf = Deaf(dsn)
    with LedgerRecorder(deaf, "", school.name).subscribe() as following:
        register(school, 1)
        assert ids(following, 1) == [1]
        register(school, 1)
        assert ids(following, 1) == [2]
    deaf.close()


def test_a_subscription_is_woken_by_notification_long_before_its_poll(
    school: DogSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 60)
    with school.recorder.subscribe() as following:
        for position in range(1, 6):
            with patience(5):
                register(school, 1)
                assert ids(following, 1) == [position]


def test_what_is_not_for_a_subscription_is_passed_over_once(school: DogSchool, env: dict[str, str]) -> None:
    with school.recorder.subscribe(topics=["rare"]) as following, RivalSchool(env) as rival:
        register(school, 10)
        register(rival, 10)
        school.recorder.insert_events([StoredEvent(uuid4(), 1, "rare", b"{}")])
        assert ids(following, 1) == [21]
        register(rival, 10)
        wait_until(lambda: following._last_notification_id == 31)


def test_stopping_is_quick_while_somebody_waits(school: DogSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 60)
    register(school, 1)
    seen: list[int] = []
    with school.recorder.subscribe() as following:
        reading = Thread(target=lambda: seen.extend(item.id for item in following))
        reading.start()
        wait_until(lambda: bool(seen))
        with patience(2):
            following.stop()
            reading.join()
            following.stop()  # again, when all is over
    assert seen == [1]


def test_a_subscription_that_nobody_entered_can_be_stopped(school: DogSchool) -> None:
    following = school.recorder.subscribe()
    following.stop()
    assert list(following) == []
    following._pull_thread.join(5)  # type: ignore[attr-defined]


def test_a_lost_connection_is_made_again_and_nothing_is_missed(
    dsn: str, school: DogSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 60)
    monkeypatch.setattr(subscription, "RETRY_SECONDS", 0.05)
    query = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'listen ledger'"
    with school.recorder.subscribe() as following, psycopg.connect(dsn, autocommit=True) as admin:
        register(school, 1)
        assert ids(following, 1) == [1]
        for position in (2, 3):
            wait_until(lambda: bool(admin.execute(query).fetchall()))
            register(school, 1)
            with patience(5):
                assert ids(following, 1) == [position]


def test_closing_an_application_ends_its_subscriptions_with_an_error(
    school: DogSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 0.05)
    with school.recorder.subscribe() as following:
        register(school, 1)
        assert ids(following, 1) == [1]
        school.close()
        with pytest.raises(OperationalError, match="closed"):
            next(following)


def test_an_application_subscription_gives_domain_events_and_where_they_stand(school: DogSchool) -> None:
    fido = school.register("Fido")
    school.add_trick(fido, "sit")
    with ApplicationSubscription(school, gt=1) as following:
        told, tracking = next(following)
    assert (told.trick, tracking) == ("sit", Tracking("dog-school", 2))  # type: ignore[attr-defined] # its own


def test_an_application_subscription_follows_the_service_itself(dsn: str, keys: KeyRing, law: Law) -> None:
    service, reader = Changqing(dsn, keys, law), uuid4()
    disclosed = DataDisclosed(department="d", actor="a", purpose="p", legal_basis="b", fields=("name",), retirees=())
    try:
        with ApplicationSubscription(service) as following:
            for _ in range(2):
                service.ledger.append(reader, disclosed)
            entries = [next(following) for _ in range(2)]
    finally:
        service.close()
    assert [tracking for _, tracking in entries] == [Tracking("changqing", 1), Tracking("changqing", 2)]
    for position, (entry, _) in enumerate(entries, start=1):
        assert isinstance(entry, Entry)
        assert (entry.position, entry.stream, entry.version, entry.event) == (position, reader, position, disclosed)
        assert entry.recorded_at <= datetime.now(UTC)


# Projections


class Names(LedgerTrackingRecorder):
    """A view in the ledger's database."""

    def __init__(self, database: Database, follower: str) -> None:
        super().__init__(database, follower)
        with self.transaction() as connection:
            connection.execute("create table if not exists views.dog (n bigserial, name text unique)")

    def add(self, name: str, tracking: Tracking) -> None:
        with self.transaction() as connection:
            self.track(connection, tracking)
            connection.execute("insert into views.dog (name) values (%s)", [name])

    def all(self) -> list[str]:
        with self.transaction() as connection:
            return [name for (name,) in connection.execute("select name from views.dog order by n").fetchall()]


class Register(Projection[Names]):
    name = "register"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.add(domain_event.name, tracking)


def projecting(env: dict[str, str]) -> ProjectionRunner[DogSchool, Names]:
    return ProjectionRunner(application_class=DogSchool, projection_class=Register, view_class=Names, env=env)


def test_a_projection_goes_on_where_it_stopped(env: dict[str, str], school: DogSchool) -> None:
    names = [f"dog {n}" for n in range(30)]
    for begin in range(0, 30, 10):
        for name in names[begin : begin + 10]:
            school.register(name)
        with projecting(env) as runner:
            runner.wait(school.recorder.max_notification_id(), timeout=10)
            assert runner.view.all() == names[: begin + 10]


def test_a_row_that_fails_leaves_the_position_and_ends_the_projection(env: dict[str, str], school: DogSchool) -> None:
    for name in ("Fido", "Rex", "Fido"):
        school.register(name)
    with pytest.raises(IntegrityError, match="duplicate key"), projecting(env) as runner:
        runner.run_forever(timeout=10)
    assert runner.view.all() == ["Fido", "Rex"]
    assert runner.view.max_tracking_id("dog-school") == 2


def test_a_projection_stops_quickly(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 60)
    with projecting(env) as runner:
        runner.app.register("Fido")
        runner.wait(1, timeout=10)
        begun = monotonic()
    assert monotonic() - begun < 2


def test_an_event_sourced_projection_does_not_follow_itself(env: dict[str, str], school: DogSchool) -> None:
    """Though its events stand in the very log it follows."""
    register(school, 3)
    with EventSourcedProjectionRunner(application_class=DogSchool, projection_class=Newspaper, env=env) as runner:
        runner.wait(3, timeout=10)
        register(school, 2)
        runner.wait(school.recorder.max_notification_id(), timeout=10)
        assert runner.projection.told() == {"Registered": 5}


# Systems


@pytest.mark.parametrize(
    "kind", [SingleThreadedRunner, NewSingleThreadedRunner, MultiThreadedRunner, NewMultiThreadedRunner]
)
def test_a_system_handles_every_event_of_every_leader_once(env: dict[str, str], kind: type[Runner[UUID]]) -> None:
    """In one log, with a follower that answers whatever it sees."""
    system = System(pipes=[[DogSchool, Newspaper], [RivalSchool, Newspaper]])
    with kind(system, env) as runner:
        for school in (runner.get(DogSchool), runner.get(RivalSchool)):
            fido = school.register("Fido")
            school.add_trick(fido, "sit")
            last = school.recorder.max_notification_id()
            told = runner.get(Newspaper).recorder
            assert isinstance(told, ProcessRecorder)
            told.wait(school.name, last, timeout=10)
        assert runner.get(Newspaper).told() == {"Registered": 2, "TrickAdded": 2}


def test_a_system_that_was_stopped_goes_on_with_what_came_meanwhile(env: dict[str, str], school: DogSchool) -> None:
    system = System(pipes=[[DogSchool, Newspaper]])
    for told in (4, 8):
        register(school, 3)
        with SingleThreadedRunner[UUID](system, env) as runner:
            runner.get(DogSchool).register("Fido")
            assert runner.get(Newspaper).told() == {"Registered": told}


class Echo(Newspaper):
    """Follows the newspaper, which follows it: each answers the other's answers, to a depth."""

    name = "echo"

    def policy(self, domain_event: DomainEventProtocol[UUID], processing_event: Any) -> None:
        if self.recorder.max_notification_id() is None:
            super().policy(domain_event, processing_event)


def test_a_system_may_go_round(env: dict[str, str]) -> None:
    system = System(pipes=[[DogSchool, Newspaper, Echo, Newspaper]])
    with SingleThreadedRunner[UUID](system, env) as runner:
        runner.get(DogSchool).register("Fido")
        assert runner.get(Echo).told() == {"Created": 1}
        assert runner.get(Newspaper).told() == {"Registered": 1, "Created": 1}


def test_applications_without_a_name_of_their_own_work_too(env: dict[str, str]) -> None:
    with Application[UUID](env) as app, ApplicationSubscription(app) as following:
        app.save(Dog("Fido"))
        assert next(following)[1] == Tracking("Application", 1)
