"""Which topics there are, and what each is like: the shipped table, changed by the operator's own file."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from domain.facts import Department
from infra.topics import Topic
from services.bus.disclosing import DISCLOSURES
from services.bus.outgoing import ALERTS, DEAD_LETTERS, LIFE_EVENTS, SOURCE_ALERTS, intake_topic, receipts_topic
from services.settings import Settings, SettingsError

_DAY_MS = 24 * 60 * 60 * 1_000
_NAME = "CHANGQING_TOPICS_FILE"

Kind = Literal["intake", "receipts", "alerts", "life-events", "dead-letters", "security"]


class Wanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a topic shall be like; `services/bus/topics.toml` explains each member."""

    partitions: Annotated[int, Meta(ge=1, le=1_000)]
    retention_days: Annotated[int, Meta(ge=1, le=3_650)]
    cleanup: Literal["delete", "compact", "compact,delete"]
    readers: tuple[Department, ...]


class Declared(NamedTuple):
    """A topic of ours. `department`: whose own it is, of intake and receipts."""

    name: str
    kind: Kind
    wanted: Wanted
    department: Department | None = None

    def topic(self, replication: int) -> Topic:
        """As Kafka has it, with so many copies.

        When a message of the intake came, the broker says: whether the key that it is signed with was good then hangs on it.
        With three copies two must have a message before it counts as sent, so that one broker may be away or be lost.
        """
        return Topic(
            name=self.name,
            partitions=self.wanted.partitions,
            replication=replication,
            configs={
                "cleanup.policy": self.wanted.cleanup,
                "retention.ms": str(self.wanted.retention_days * _DAY_MS),
                "segment.ms": str(_DAY_MS),  # only a segment that ended is dropped: a week longer without this
                "min.insync.replicas": str(max(1, replication - 1)),
                **({"message.timestamp.type": "LogAppendTime"} if self.kind == "intake" else {}),
            },
        )


def topics(file: Path | None = None) -> list[Declared]:
    """Every topic of ours. Raises `SettingsError` naming the file's member that is wrong."""
    shipped = tomllib.loads((files("services.bus") / "topics.toml").read_text("utf-8"))
    own = _read(file) if file else {}
    named = _topics()
    _only(own, ("kinds", "topics"), "")
    _only(own.get("kinds", {}), shipped["kinds"], "kinds.")
    _only(own.get("topics", {}), [name for name, _, _ in named], "topics.")
    made = []
    for name, kind, department in named:
        given = own.get("kinds", {}).get(kind, {}) | own.get("topics", {}).get(name, {})
        made.append(Declared(name, kind, _wanted(shipped["kinds"][kind] | given, name), department))
    return made


def wanted_topics(settings: Settings) -> list[Topic]:
    """Every topic of ours as Kafka shall have it. Raises `SettingsError`."""
    return [one.topic(settings.kafka_replication) for one in topics(settings.changqing_topics_file)]


def learners(file: Path | None = None) -> frozenset[Department]:
    """The departments that may learn of life events, on whatever way: the readers of that topic. Raises `SettingsError`."""
    (told,) = (one for one in topics(file) if one.name == LIFE_EVENTS)
    return frozenset(told.wanted.readers)


def _topics() -> list[tuple[str, Kind, Department | None]]:
    made: list[tuple[str, Kind, Department | None]] = []
    for department in Department:
        made += [
            (intake_topic(department), "intake", department),
            (receipts_topic(department), "receipts", department),
        ]
    made += [(ALERTS, "alerts", None), (SOURCE_ALERTS, "alerts", None)]
    return [
        *made,
        (LIFE_EVENTS, "life-events", None),
        (DEAD_LETTERS, "dead-letters", None),
        (DISCLOSURES, "security", None),
    ]


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{_NAME} must name a TOML file of topics: {error}") from error


def _only(given: Any, known: Any, where: str) -> None:
    if not isinstance(given, Mapping):
        raise SettingsError(f"{_NAME}: {where.rstrip('.')} must be a table")
    for name in given:
        if name not in known:
            raise SettingsError(f"{_NAME}: {where}{name} is unknown; there are {', '.join(known)}")
        if where and not isinstance(given[name], Mapping):
            raise SettingsError(f"{_NAME}: {where}{name} must be a table")


def _wanted(given: Mapping[str, Any], name: str) -> Wanted:
    try:
        return msgspec.convert(given, Wanted)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{_NAME}: what it says of {name} is wrong: {error}") from None
