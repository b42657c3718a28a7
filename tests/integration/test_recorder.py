"""The eventsourcing library on our log: an ordinary application of its own, and the library's own reusable suites."""

from collections.abc import Iterator
from threading import Thread
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError, NotSupportedError, StoredEvent, Tracking
from eventsourcing.tests import persistence as suites

from infra import log, recorder
from infra.database import Database
from infra.recorder import LedgerRecorder


class Dog(Aggregate):
    """As in the library's own tutorial."""

    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        self.tricks.append(trick)


class DogSchool(Application[UUID]):
    name = "dog-school"

    def register(self, name: str) -> UUID:
        dog = Dog(name)
        self.save(dog)
        return dog.id

    def add_trick(self, dog_id: UUID, trick: str) -> None:
        dog: Dog = self.repository.get(dog_id)
        dog.add_trick(trick)
        self.save(dog)

    def tricks(self, dog_id: UUID) -> list[str]:
        dog: Dog = self.repository.get(dog_id)
        return dog.tricks


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription that ends waits for its poll, which is short here."""
    monkeypatch.setattr(recorder, "POLL_SECONDS", 0.05)


@pytest.fixture
def env(dsn: str) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "infra.recorder:LedgerFactory",
        "MAPPER_TOPIC": "eventsourcing.persistence:Mapper",
        "DATABASE_URL": dsn,
    }


@pytest.fixture
def school(env: dict[str, str]) -> Iterator[DogSchool]:
    with DogSchool(env) as opened:
        yield opened


def test_an_application_saves_and_loads_on_our_log(school: DogSchool) -> None:
    fido = school.register("Fido")
    school.add_trick(fido, "roll over")
    school.add_trick(fido, "play dead")
    assert school.tricks(fido) == ["roll over", "play dead"]


def test_another_process_loads_what_was_saved(school: DogSchool, env: dict[str, str]) -> None:
    fido = school.register("Fido")
    school.add_trick(fido, "roll over")
    with DogSchool(env) as other:
        assert other.tricks(fido) == ["roll over"]
        other.add_trick(fido, "play dead")
    assert school.tricks(fido) == ["roll over", "play dead"]


def test_what_was_never_saved_is_not_found(school: DogSchool) -> None:
    with pytest.raises(AggregateNotFoundError):
        school.tricks(uuid4())


def test_an_aggregate_is_had_as_it_was_at_a_version(school: DogSchool) -> None:
    fido = school.register("Fido")
    for trick in ("sit", "roll over", "play dead"):
        school.add_trick(fido, trick)
    assert school.repository.get(fido, version=3).tricks == ["sit", "roll over"]


def test_snapshots_are_refused_as_they_are_no_part_of_the_log(env: dict[str, str]) -> None:
    with pytest.raises(NotSupportedError, match="snapshots"):
        DogSchool({**env, "IS_SNAPSHOTTING_ENABLED": "y"})


def test_the_notification_log_gives_pages_in_order(school: DogSchool) -> None:
    for n in range(12):
        school.register(f"dog {n}")
    first, second = school.notification_log["1,10"], school.notification_log["11,20"]
    assert [item.id for item in first.items] == list(range(1, 11))
    assert (first.id, first.next_id) == ("1,10", "11,20")
    assert [item.id for item in second.items] == [11, 12]
    assert second.next_id is None
    assert [item.id for item in school.notification_log.select(5, 3)] == [5, 6, 7]
    names = [school.mapper.to_domain_event(item).name for item in second.items]  # type: ignore[attr-defined] # its own
    assert names == ["dog 10", "dog 11"]


def test_two_who_change_the_same_version_conflict_and_the_first_stands(school: DogSchool) -> None:
    fido = school.register("Fido")
    one: Dog = school.repository.get(fido)
    other: Dog = school.repository.get(fido)
    one.add_trick("sit")
    other.add_trick("roll over")
    school.save(one)
    with pytest.raises(IntegrityError):
        school.save(other)
    assert school.tricks(fido) == ["sit"]
    assert school.recorder.max_notification_id() == 2


def test_a_conflict_takes_no_position(school: DogSchool) -> None:
    fido = school.register("Fido")
    stale: Dog = school.repository.get(fido)
    school.add_trick(fido, "sit")
    stale.add_trick("roll over")
    with pytest.raises(IntegrityError):
        school.save(stale, Dog("Rex"))
    school.register("Bella")
    assert [item.id for item in school.notification_log.select(1, 10)] == [1, 2, 3]


def test_a_subscription_sees_what_was_and_what_comes_in_order(school: DogSchool) -> None:
    for n in range(3):
        school.register(f"dog {n}")

    def more() -> None:
        for n in range(3, 6):
            school.register(f"dog {n}")

    with school.recorder.subscribe() as subscription:
        seen = [next(subscription).id for _ in range(3)]
        telling = Thread(target=more)
        telling.start()
        seen += [next(subscription).id for _ in range(3)]
        telling.join()
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_subscription_begins_after_a_position_and_keeps_to_its_topics(school: DogSchool) -> None:
    fido = school.register("Fido")
    school.add_trick(fido, "sit")
    school.register("Rex")
    school.add_trick(fido, "roll over")
    topic = school.notification_log.select(1, 1)[0].topic
    with school.recorder.subscribe(gt=1, topics=[topic]) as subscription:
        assert next(subscription).id == 3
    with school.recorder.subscribe(gt=1) as subscription:
        assert [next(subscription).id for _ in range(3)] == [2, 3, 4]


def test_a_subscription_that_missed_its_wake_up_looks_again(school: DogSchool, database: Database) -> None:
    with school.recorder.subscribe() as subscription, database.transaction() as connection:
        placed = log.take_positions(connection, 1)
        state = b"{}"
        with connection.cursor().copy(log.SQL["event_copy"]) as copy:  # as copy_events does, without telling anybody
            copy.set_types(["int8", "uuid", "int4", "text", "timestamptz", "bytea"])
            copy.write_row((placed.first, uuid4(), 1, "silent", placed.recorded_at, state))
        connection.commit()
        assert next(subscription).topic == "silent"


def test_events_and_their_tracking_are_stored_together_or_not_at_all(database: Database) -> None:
    ours = LedgerRecorder(database, "follower")

    def stored(version: int) -> StoredEvent:
        return StoredEvent(originator_id=dog, originator_version=version, topic="topic", state=b"state")

    dog = uuid4()
    ours.insert_events([stored(1)], tracking=Tracking("upstream", 21))
    with pytest.raises(IntegrityError):
        ours.insert_events([stored(2)], tracking=Tracking("upstream", 21))
    with pytest.raises(IntegrityError):
        ours.insert_events([stored(1)], tracking=Tracking("upstream", 22))
    assert len(ours.select_events(dog)) == 1
    assert ours.max_tracking_id("upstream") == 21
    assert LedgerRecorder(database, "another follower").max_tracking_id("upstream") is None


# The library's own suites. Each test of theirs gets a database of its own.


class OnOurLog:
    """What every suite asks for: a recorder, which stands on the test's own database."""

    _database: Database

    @pytest.fixture(autouse=True)
    def _its_database(self, database: Database) -> None:
        self._database = database

    def create_recorder(self) -> LedgerRecorder:
        return LedgerRecorder(self._database, "suite")


class TestApplicationRecorder(OnOurLog, suites.ApplicationRecorderTestCase[LedgerRecorder]):
    def test_insert_subscribe(self) -> None:
        super().optional_test_insert_subscribe()

    def test_performance(self) -> None:
        """Left out: it only prints."""

    def test_concurrent_throughput(self) -> None:
        """Left out: as the one without conflicts, and it only prints."""


class TestTrackingRecorder(OnOurLog, suites.TrackingRecorderTestCase):
    pass


class TestProcessRecorder(OnOurLog, suites.ProcessRecorderTestCase):
    def test_performance(self) -> None:
        """Left out: it only prints."""


class TestPositions(OnOurLog, suites.NonInterleavingNotificationIDsBaseCase):
    pass
