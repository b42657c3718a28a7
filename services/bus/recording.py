"""The record of what goes out to topics: one for each topic that something about people goes to, before it goes."""

from collections.abc import Callable, Iterable, Sequence

from domain.disclosures import DataDelivered
from domain.facts import Department
from domain.history import Entry, handing_over
from domain.told import AlertRaised
from services.bus.outgoing import RECEIPTS, contests, messages


def records(entries: Iterable[Entry], alert_of: Callable[[str], AlertRaised | None]) -> Sequence[DataDelivered]:
    """Of entries that follow on what was recorded. A topic that many read is the agency's; who else may read it, the cluster's rights say."""
    handed: dict[str, list[tuple[Entry, str]]] = {}
    for entry in entries:
        for message in messages(entry):
            handed.setdefault(message.topic, []).append((entry, str(entry.position)))
        for number, message in enumerate(contests(entry, alert_of), 1):
            handed.setdefault(message.topic, []).append((entry, f"{entry.position}-{number}"))
    made = (handing_over(_department(topic), topic, handed[topic]) for topic in sorted(handed))
    return [one for one in made if one is not None]


def _department(topic: str) -> Department:
    return Department(topic.removeprefix(RECEIPTS)) if topic.startswith(RECEIPTS) else Department.AGENCY
