"""Apache Kafka by kafka-python: reaching it and looking into it; topics are `topics.py`, producing is `producing.py`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import CoordinatorNotAvailableError, KafkaError
from msgspec import Struct

from infra.producing import BusError, Message, Producer

__all__ = ["Bus", "BusError", "Message", "Producer"]


class GroupLag(Struct, frozen=True, kw_only=True):
    """How many messages of a topic a consumer group has yet to take, by the offsets it committed. `state` is Kafka's word."""

    group: str
    state: str
    topic: str
    lag: int


class Bus:
    """How to reach Kafka: bootstrap servers and the security settings of kafka-python (`security_protocol`, ...)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """A client of the cluster's administration, closed afterwards. What Kafka says no to is a `BusError`."""
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                yield admin
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error

    def members(self, group: str) -> int:
        """How many workers a consumer group has that got their partitions; 0 while it shares them out."""
        with self.admin() as admin:
            try:
                described = admin.describe_groups([group])[group]
            except CoordinatorNotAvailableError:
                return 0  # a fresh cluster makes its coordinator when first asked
        return len(described["members"]) if described["group_state"] == "Stable" else 0

    def lag(self, group: str, topics: Iterable[str]) -> dict[str, int]:
        """How many messages of each topic wait for a consumer group that begins at the earliest. Raises `BusError`."""
        with self.admin() as admin:
            wanted = [
                TopicPartition(topic["name"], one["partition_index"])
                for topic in admin.describe_topics(list(topics))
                for one in topic["partitions"]
            ]
            taken = _committed(admin, group)
            begins = admin.list_partition_offsets(dict.fromkeys(wanted, OffsetSpec.EARLIEST)) if wanted else {}
            ends = admin.list_partition_offsets(dict.fromkeys(wanted, OffsetSpec.LATEST)) if wanted else {}
        waiting: dict[str, int] = {}
        for one in wanted:
            at = max(begins[one].offset, taken.get(one, 0))
            waiting[one.topic] = waiting.get(one.topic, 0) + max(0, ends[one].offset - at)
        return waiting

    def lags(self, ours: Callable[[str], bool] = lambda _: True) -> list[GroupLag]:
        """How far each consumer group is behind on each topic of ours that it has read. Raises `BusError`."""
        with self.admin() as admin:
            try:
                groups = admin.list_groups()
            except CoordinatorNotAvailableError:
                return []  # nobody has ever read
            states = {one["group_id"]: one.get("group_state", "") for one in groups}
            committed = {group: _committed(admin, group) for group in sorted(states)}
            wanted = {at for offsets in committed.values() for at in offsets if ours(at.topic)}
            ends = admin.list_partition_offsets(dict.fromkeys(wanted, OffsetSpec.LATEST)) if wanted else {}
        lags: dict[tuple[str, str], int] = {}
        for group, offsets in committed.items():
            for at, has in offsets.items():
                if at in ends:
                    lags[group, at.topic] = lags.get((group, at.topic), 0) + max(0, ends[at].offset - has)
        return [GroupLag(group=g, state=states[g], topic=topic, lag=lag) for (g, topic), lag in sorted(lags.items())]

    def producer(self) -> Producer:
        """A producer: idempotent, acknowledged by all replicas, in order per key. It connects when it first sends."""
        return Producer(self._settings)


def _committed(admin: Any, group: str) -> dict[TopicPartition, int]:
    """The offsets that a group committed; none where it never did."""
    found = admin.list_group_offsets([group]).get(group, {})
    return {at: has.offset for at, has in found.items() if has.offset >= 0}
