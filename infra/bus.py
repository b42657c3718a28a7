"""Apache Kafka by kafka-python: reaching it and looking into it; topics are `topics.py`, producing is `producing.py`."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import CoordinatorNotAvailableError, KafkaError
from msgspec import Struct

from infra.producing import BusError, Message, Producer, TooLargeError

__all__ = ["Bus", "BusError", "Message", "Producer", "TooLargeError"]

_KNOCK_SECONDS = 5


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

    @property
    def settings(self) -> dict[str, Any]:
        """What a client of kafka-python is made with."""
        return dict(self._settings)

    def let_go(self, group: str, topics: Iterable[str]) -> dict[str, int]:
        """Delete what a consumer group has taken from topics; how many messages of each there were. Raises `BusError`.

        Nobody can read them from now on. Their bytes go with their segment, at the latest a day and some minutes later.
        """
        with self.admin() as admin:
            extents, committed = _extents(admin, topics), _committed(admin, group)
            taken = {place: committed[place] for place in extents if committed.get(place, 0) > extents[place][0]}
            if taken:
                admin.delete_records(taken)
        gone: dict[str, int] = {}
        for place, offset in taken.items():
            gone[place.topic] = gone.get(place.topic, 0) + offset - extents[place][0]
        return gone

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """A client of the cluster's administration, closed afterwards. What Kafka says no to is a `BusError`."""
        _knock(self._settings["bootstrap_servers"])
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
            return _waiting(_extents(admin, topics), _committed(admin, group))

    def lags(self, ours: Callable[[str], bool] = lambda _: True) -> list[GroupLag]:
        """How far each consumer group is behind on each topic of ours that it has read. Raises `BusError`."""
        with self.admin() as admin:
            try:
                groups = admin.list_groups()
            except CoordinatorNotAvailableError:
                return []  # nobody has ever read
            states = {one["group_id"]: one.get("group_state", "") for one in groups}
            committed = {group: _committed(admin, group) for group in sorted(states)}
            read = {group: {at.topic for at in has if ours(at.topic)} for group, has in committed.items()}
            extents = _extents(admin, sorted(set().union(*read.values())))
        return [
            GroupLag(group=group, state=states[group], topic=topic, lag=lag)
            for group, has in committed.items()
            for topic, lag in sorted(_waiting(extents, has).items())
            if topic in read[group]
        ]

    def producer(self) -> Producer:
        """A producer: idempotent, acknowledged by all replicas, in order per key. It connects when it first sends."""
        return Producer(self._settings)


Extents = dict[TopicPartition, tuple[int, int]]
"""Of each partition the first offset that is there, and the one after the last."""


def _extents(admin: Any, topics: Iterable[str]) -> Extents:
    names = list(topics)
    if not names:
        return {}
    wanted = [
        TopicPartition(topic["name"], one["partition_index"])
        for topic in admin.describe_topics(names)
        for one in topic["partitions"]
    ]
    begins = admin.list_partition_offsets(dict.fromkeys(wanted, OffsetSpec.EARLIEST))
    ends = admin.list_partition_offsets(dict.fromkeys(wanted, OffsetSpec.LATEST))
    return {at: (begins[at].offset, ends[at].offset) for at in wanted}


def _waiting(extents: Extents, committed: Mapping[TopicPartition, int]) -> dict[str, int]:
    """What waits of each topic: of a partition that nothing was committed of, everything."""
    waiting: dict[str, int] = {}
    for at, (begin, end) in extents.items():
        waiting[at.topic] = waiting.get(at.topic, 0) + max(0, end - max(begin, committed.get(at, 0)))
    return waiting


def _knock(servers: Sequence[str]) -> None:
    """Raise `BusError` unless a broker is there: a client of kafka-python that finds none leaves a socket and a thread behind."""
    for server in servers:
        host, _, port = server.rpartition(":")
        with suppress(OSError, ValueError), socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS):
            return
    raise BusError("Kafka is not available: no broker answers")


def _committed(admin: Any, group: str) -> dict[TopicPartition, int]:
    """The offsets that a group committed; none where it never did."""
    found = admin.list_group_offsets([group]).get(group, {})
    return {at: has.offset for at, has in found.items() if has.offset >= 0}
