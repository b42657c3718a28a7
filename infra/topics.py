"""Topics of Kafka: what they are like, what they shall be like, and making the one the other. Nothing is ever reduced."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError
from msgspec import Struct

from infra.bus import Bus

_UNKNOWN_TOPIC = 3  # the error code of Kafka's protocol


class Topic(Struct, frozen=True, kw_only=True):
    """A topic. `configs`: settings by Kafka's names (`retention.ms`), all as text."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str] = {}


class Difference(Struct, frozen=True, kw_only=True):
    """Something about a topic that is not as wanted. `found` is empty when the topic is missing.

    `mendable`: `declare` makes it so; otherwise it takes an operator (fewer partitions, another number of copies).
    """

    topic: str
    what: str
    wanted: str
    found: str
    mendable: bool


def differences(wanted: Topic, found: Topic | None) -> list[Difference]:
    """What is not as wanted."""
    if found is None:
        return [Difference(topic=wanted.name, what="topic", wanted="there", found="", mendable=True)]
    told = [
        Difference(topic=wanted.name, what=what, wanted=str(want), found=str(have), mendable=mendable)
        for what, want, have, mendable in (
            ("partitions", wanted.partitions, found.partitions, found.partitions < wanted.partitions),
            ("replication", wanted.replication, found.replication, False),
        )
        if want != have
    ]
    for name, want in wanted.configs.items():
        have = found.configs.get(name, "")
        if _normal(want) != _normal(have):
            told.append(Difference(topic=wanted.name, what=name, wanted=want, found=have, mendable=True))
    return told


def found(bus: Bus, wanted: Sequence[Topic]) -> dict[str, Topic]:
    """The topics as they are, by name, with the settings that are asked of them; those not there are left out.

    Raises `BusError`.
    """
    with bus.admin() as admin:
        return _found(admin, wanted)


def declare(bus: Bus, wanted: Sequence[Topic]) -> list[Difference]:
    """Make missing topics, add partitions, alter settings; what was not as wanted, mended or not.

    Each step is safe to repeat, so a crash between two leaves nothing to clear up. Raises `BusError`.
    """
    with bus.admin() as admin:
        there = _found(admin, wanted)
        told = [one for topic in wanted for one in differences(topic, there.get(topic.name))]
        _create(admin, [topic for topic in wanted if topic.name not in there])
        wanting = {one.topic: one for one in told if one.what == "partitions" and one.mendable}
        if wanting:
            admin.create_partitions({name: int(one.wanted) for name, one in wanting.items()})
        changed: dict[str, dict[str, str]] = {}
        for one in told:
            if one.mendable and one.what not in {"topic", "partitions"}:
                changed.setdefault(one.topic, {})[one.what] = one.wanted
        if changed:
            admin.alter_configs([_resource(name, configs) for name, configs in changed.items()])
    return told


def _found(admin: Any, wanted: Sequence[Topic]) -> dict[str, Topic]:
    names = [topic.name for topic in wanted]
    described = [one for one in admin.describe_topics(names) if one["error_code"] != _UNKNOWN_TOPIC]
    asked = {topic.name: topic.configs for topic in wanted}
    resources = [_resource(one["name"], dict.fromkeys(asked[one["name"]])) for one in described]
    configs = admin.describe_configs(resources, config_filter="all") if resources else {}
    return {
        one["name"]: Topic(
            name=one["name"],
            partitions=len(one["partitions"]),
            replication=min((len(p["replica_nodes"]) for p in one["partitions"]), default=0),
            configs={key: str(it["value"]) for key, it in configs["topic"].get(one["name"], {}).items()},
        )
        for one in described
    }


def _create(admin: Any, topics: Iterable[Topic]) -> None:
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication,
            "configs": dict(topic.configs),
        }
        for topic in topics
    }
    if not wanted:
        return
    with suppress(TopicAlreadyExistsError):  # another process declared them in the meantime, with the same settings
        admin.create_topics(wanted)


def _resource(name: str, configs: Mapping[str, str | None]) -> Any:
    return ConfigResource(ConfigResourceType.TOPIC, name, dict(configs))


def _normal(value: str) -> str:
    """Lists in one order: Kafka gives `compact,delete` as it likes."""
    return ",".join(sorted(value.split(",")))
