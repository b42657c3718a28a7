"""Ordinary applications of the eventsourcing library, as in its own tutorial, that know nothing of our log."""

from collections import Counter
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from eventsourcing.application import Application, ProcessingEvent
from eventsourcing.domain import (
    Aggregate,
    BaseAggregate,
    CanInitAggregate,
    CanMutateAggregate,
    CanSnapshotAggregate,
    DomainEventProtocol,
    MetaDomainEvent,
    event,
)
from eventsourcing.system import ProcessApplication


class Dog(Aggregate):
    @event("Registered")
    def __init__(self, name: str, parents: tuple[str, ...] = ()) -> None:
        self.name = name
        self.parents = parents
        self.tricks: list[str] = []

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        self.tricks.append(trick)


class DogSchool(Application[UUID]):
    name = "dog-school"

    def register(self, name: str, *parents: str) -> UUID:
        dog = Dog(name, parents)
        self.save(dog)
        return dog.id

    def add_trick(self, dog_id: UUID, trick: str) -> None:
        dog: Dog = self.repository.get(dog_id)
        dog.add_trick(trick)
        self.save(dog)

    def tricks(self, dog_id: UUID) -> list[str]:
        dog: Dog = self.repository.get(dog_id)
        return dog.tricks


class RivalSchool(DogSchool):
    name = "rival-school"


class ForgetfulSchool(DogSchool):
    """It keeps a snapshot of every second version."""

    name = "forgetful-school"
    snapshotting_intervals: ClassVar = {Dog: 2}


class NamedByText(BaseAggregate[str]):
    """An aggregate whose id is a text."""

    class Event(CanMutateAggregate[str], metaclass=MetaDomainEvent):
        originator_id: str
        originator_version: int
        timestamp: datetime

    class Created(Event, CanInitAggregate[str]):
        originator_topic: str

    class Snapshot(CanSnapshotAggregate[str], metaclass=MetaDomainEvent):
        originator_id: str
        originator_version: int
        timestamp: datetime
        topic: str
        state: dict[str, object]


class Kennel(NamedByText):
    @classmethod
    def create_id(cls, street: str) -> str:
        return f"犬舍/{street}"

    @event("Built")
    def __init__(self, street: str) -> None:
        self.street = street
        self.dogs: list[str] = []

    @event("DogMovedIn")
    def move_in(self, dog: str) -> None:
        self.dogs.append(dog)


class Kennels(Application[str]):
    name = "kennels"


class KennelsAbroad(Kennels):
    name = "kennels-abroad"


class Telling(Aggregate):
    """That a leader told of something."""

    def __init__(self, of: str) -> None:
        self.of = of


class Newspaper(ProcessApplication[UUID]):
    """Answers every event of its leaders, whatever it is, with an aggregate of its own."""

    name = "newspaper"

    def policy(self, domain_event: DomainEventProtocol[UUID], processing_event: ProcessingEvent[UUID]) -> None:
        processing_event.collect_events(Telling(type(domain_event).__name__))

    def told(self) -> Counter[str]:
        """What it was told of, from its own part of the log."""
        notifications = self.recorder.select_notifications(None, 10_000)
        return Counter(self.mapper.to_domain_event(n).of for n in notifications)  # type: ignore[attr-defined] # Telling's
