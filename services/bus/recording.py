"""The record of what goes out to topics: one for each topic that something about people goes to, before it goes."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

from domain.disclosures import DataDelivered
from domain.facts import Department
from domain.history import Entry, handing_over
from domain.told import AlertRaised
from infra.bus import Message
from services.bus.outgoing import RECEIPTS, contests, messages


class Part(NamedTuple):
    """An entry with the messages that it becomes, but for its receipt. Each is an event by the entry's position, a contest by its number besides."""

    entry: Entry
    messages: list[Message]
    contests: list[Message]

    @classmethod
    def of(cls, entry: Entry, alert_of: Callable[[str], AlertRaised | None]) -> Self:
        """What becomes of an entry."""
        return cls(entry, [*messages(entry)], [*contests(entry, alert_of)])


def records(parts: Iterable[Part]) -> Sequence[DataDelivered]:
    """Of parts that follow on what was recorded. A topic that many read is the agency's; who else may read it, the cluster's rights say."""
    handed: dict[str, list[tuple[Entry, str]]] = {}
    for entry, told, contested in parts:
        for message in told:
            handed.setdefault(message.topic, []).append((entry, str(entry.position)))
        for number, message in enumerate(contested, 1):
            handed.setdefault(message.topic, []).append((entry, f"{entry.position}-{number}"))
    made = (handing_over(_department(topic), topic, handed[topic]) for topic in sorted(handed))
    return [one for one in made if one is not None]


def _department(topic: str) -> Department:
    return Department(topic.removeprefix(RECEIPTS)) if topic.startswith(RECEIPTS) else Department.AGENCY
