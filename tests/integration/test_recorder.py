"""Ordinary applications of the eventsourcing library on our log: their aggregates, snapshots and names."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import (
    DataError,
    InfrastructureFactoryError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    StoredEvent,
    Tracking,
)
from eventsourcing.popo import POPOApplicationRecorder, POPOTrackingRecorder
from eventsourcing.utils import get_topic

from infra.database import Database
from infra.recorder import LedgerFactory, LedgerRecorder
from tests.dogs import Dog, DogSchool, ForgetfulSchool, Kennel, Kennels, KennelsAbroad, RivalSchool


@pytest.fixture
def env(dsn: str) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "infra.recorder:LedgerFactory", "DATABASE_URL": dsn}


@pytest.fixture
def school(env: dict[str, str]) -> Iterator[DogSchool]:
    with DogSchool(env) as opened:
        yield opened


@pytest.fixture
def forgetful(env: dict[str, str]) -> Iterator[ForgetfulSchool]:
    with ForgetfulSchool(env) as opened:
        yield opened


def snapshots(school: DogSchool, dog: UUID) -> list[int]:
    """The versions there are snapshots of."""
    assert school.snapshots is not None
    return [snapshot.originator_version for snapshot in school.snapshots.get(dog)]


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


# Snapshots


def test_an_aggregate_is_loaded_from_its_snapshot_and_the_events_after_it(env: dict[str, str]) -> None:
    with DogSchool({**env, "IS_SNAPSHOTTING_ENABLED": "y"}) as school:
        fido = school.register("Fido", "Bella", "Rex")
        dog: Dog = school.repository.get(fido)
        dog.tricks = ["said by the snapshot only"]
        assert school.snapshots is not None
        school.snapshots.put([Dog.Snapshot.take(dog)])
        school.add_trick(fido, "sit")
        found: Dog = school.repository.get(fido)
    assert found.tricks == ["said by the snapshot only", "sit"]
    assert found.parents == ("Bella", "Rex"), "a tuple before, a tuple after"


def test_snapshots_are_taken_at_intervals(forgetful: ForgetfulSchool) -> None:
    fido = forgetful.register("Fido")
    for trick in ("sit", "roll over", "play dead", "fetch"):
        forgetful.add_trick(fido, trick)
    assert snapshots(forgetful, fido) == [2, 4]
    assert forgetful.tricks(fido) == ["sit", "roll over", "play dead", "fetch"]
    assert forgetful.repository.get(fido, version=3).tricks == ["sit", "roll over"]


def test_snapshots_take_no_position(forgetful: ForgetfulSchool) -> None:
    fido = forgetful.register("Fido")
    forgetful.add_trick(fido, "sit")
    forgetful.take_snapshot(fido, version=1)
    forgetful.add_trick(fido, "roll over")
    assert snapshots(forgetful, fido) == [1, 2]
    assert [item.id for item in forgetful.notification_log.select(1, 10)] == [1, 2, 3]


def test_snapshots_can_be_deleted_and_taken_again(forgetful: ForgetfulSchool, database: Database) -> None:
    fido = forgetful.register("Fido")
    forgetful.add_trick(fido, "sit")
    with database.transaction() as connection:
        connection.execute("delete from ledger.snapshot")
    assert snapshots(forgetful, fido) == []
    assert forgetful.tricks(fido) == ["sit"]
    forgetful.take_snapshot(fido)
    assert snapshots(forgetful, fido) == [2]


def test_a_version_has_one_snapshot(forgetful: ForgetfulSchool) -> None:
    fido = forgetful.register("Fido")
    forgetful.take_snapshot(fido)
    with pytest.raises(IntegrityError):
        forgetful.take_snapshot(fido)


# Names


def test_applications_share_the_log_and_each_sees_its_own_part(school: DogSchool, env: dict[str, str]) -> None:
    with RivalSchool(env) as rival:
        for n in range(3):
            school.register(f"dog {n}")
            rival.register(f"rival dog {n}")
        assert [item.id for item in school.notification_log.select(1, 10)] == [1, 3, 5]
        assert [item.id for item in rival.notification_log.select(1, 10)] == [2, 4, 6]
        assert [item.id for item in rival.notification_log.select(1, 2)] == [2, 4]
        assert (school.recorder.max_notification_id(), rival.recorder.max_notification_id()) == (5, 6)
        assert DogSchool(env).recorder.select_notifications(6, 10) == []


def test_applications_may_give_one_id_to_two_aggregates(env: dict[str, str]) -> None:
    settings = {**env, "IS_SNAPSHOTTING_ENABLED": "y"}
    with Kennels(settings) as here, KennelsAbroad(settings) as abroad:
        for kennels, dog in ((here, "Fido"), (abroad, "Rex")):
            kennel = Kennel("长青街")
            with pytest.raises(AggregateNotFoundError):
                kennels.repository.get(kennel.id)
            kennel.move_in(dog)
            kennels.save(kennel)
            kennels.take_snapshot(kennel.id)
        assert here.repository.get("犬舍/长青街").dogs == ["Fido"]
        assert abroad.repository.get("犬舍/长青街").dogs == ["Rex"]


def test_what_applications_recorded_is_no_part_of_the_ledger_itself(school: DogSchool, database: Database) -> None:
    ledger = LedgerRecorder(database, "ledger")
    ledger.insert_events([StoredEvent(uuid4(), 1, "of the ledger", b"{}")])
    school.register("Fido")
    ledger.insert_events([StoredEvent(uuid4(), 1, "of the ledger", b"{}")])
    assert [item.id for item in ledger.select_notifications(None, 10)] == [1, 3]
    assert [item.id for item in school.notification_log.select(1, 10)] == [2]


def test_aggregates_may_be_named_by_text(env: dict[str, str]) -> None:
    with Kennels({**env, "IS_SNAPSHOTTING_ENABLED": "y"}) as kennels:
        kennel = Kennel("长青街")
        kennel.move_in("Fido")
        kennels.save(kennel)
        kennels.take_snapshot(kennel.id)
        kennel.move_in("Rex")
        kennels.save(kennel)
        assert kennels.repository.get("犬舍/长青街").dogs == ["Fido", "Rex"]
        assert {item.originator_id for item in kennels.notification_log.select(1, 10)} == {"犬舍/长青街"}


def test_a_uuid_and_its_text_are_one_aggregate(school: DogSchool) -> None:
    fido = school.register("Fido")
    assert len(school.recorder.select_events(str(fido))) == 1


def test_the_ledgers_own_streams_are_named_by_uuids(database: Database) -> None:
    ledger = LedgerRecorder(database, "ledger")
    with pytest.raises(NotSupportedError, match="not by 'Fido'"):
        ledger.insert_events([StoredEvent("Fido", 1, "topic", b"{}")])


# What is refused, in the library's words


def test_a_database_must_be_named() -> None:
    with pytest.raises(InfrastructureFactoryError, match="DATABASE_URL"):
        DogSchool({"PERSISTENCE_MODULE": "infra.recorder:LedgerFactory"})


def test_the_module_is_enough_to_name_the_factory(env: dict[str, str]) -> None:
    with Application[UUID]({**env, "PERSISTENCE_MODULE": "infra.recorder"}) as app:
        assert isinstance(app.factory, LedgerFactory)


class OwnRecorder(LedgerRecorder):
    pass


def test_recorders_may_be_named(env: dict[str, str]) -> None:
    topic = get_topic(OwnRecorder)
    factory = LedgerFactory({**env, "APPLICATION_RECORDER_TOPIC": topic, "PROCESS_RECORDER_TOPIC": topic})
    assert type(factory.application_recorder()) is type(factory.process_recorder()) is OwnRecorder


def test_recorders_in_the_ledgers_database_derive_from_ours(env: dict[str, str]) -> None:
    with pytest.raises(NotSupportedError, match="LedgerTrackingRecorder"):
        LedgerFactory(env).tracking_recorder(POPOTrackingRecorder)  # type: ignore[arg-type] # which is what is tested
    factory = LedgerFactory({**env, "APPLICATION_RECORDER_TOPIC": get_topic(POPOApplicationRecorder)})
    with pytest.raises(NotSupportedError, match="LedgerRecorder"):
        factory.application_recorder()


def test_there_are_recorders_of_events_and_of_snapshots(env: dict[str, str]) -> None:
    with pytest.raises(NotSupportedError, match="no sketches"):
        LedgerFactory(env).aggregate_recorder("sketches")


def test_what_does_not_fit_is_an_error_of_the_library(school: DogSchool) -> None:
    with pytest.raises(DataError):
        school.recorder.insert_events([StoredEvent(uuid4(), 2**40, "topic", b"{}")])


def test_a_closed_application_says_so_in_an_error_of_the_library(school: DogSchool) -> None:
    fido = school.register("Fido")
    school.close()
    with pytest.raises(OperationalError, match="closed"):
        school.tricks(fido)
