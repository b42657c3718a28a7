"""Apache Kafka: declaring and looking into it by kafka-python; producing is `producing.py`."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import CoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError

from infra.producing import BusError, Message, Producer

__all__ = ["Bus", "BusError", "Message", "Producer"]


class Bus:
    """How to reach Kafka: bootstrap servers and the security settings of kafka-python (`security_protocol`, ...)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

    def declare(self, topics: Iterable[str], *, partitions: int = 4, replication: int = 1) -> None:
        """Make the topics that do not exist yet. Raises `BusError`."""
        wanted = [NewTopic(topic, num_partitions=partitions, replication_factor=replication) for topic in topics]
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                existing = set(admin.list_topics())
                missing = [topic for topic in wanted if topic.name not in existing]
                if missing:
                    admin.create_topics(missing)
        except TopicAlreadyExistsError:
            pass  # another process declared them in the meantime
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error

    def members(self, group: str) -> int:
        """How many workers a consumer group has that got their partitions; 0 while it shares them out."""
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                described = admin.describe_groups([group])[group]
        except CoordinatorNotAvailableError:
            return 0  # a fresh cluster makes its coordinator when first asked
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error
        return len(described["members"]) if described["group_state"] == "Stable" else 0

    def lag(self, group: str, topics: Iterable[str]) -> dict[str, int]:
        """How many messages of each topic wait for a consumer group that begins at the earliest. Raises `BusError`."""
        try:
            with closing(KafkaAdminClient(**self._settings)) as admin:
                taken = admin.list_group_offsets(group)[group]
            with closing(KafkaConsumer(**self._settings, group_id=None, enable_auto_commit=False)) as reader:
                wanted = [TopicPartition(topic, number) for topic in topics for number in _partitions(reader, topic)]
                begins, ends = reader.beginning_offsets(wanted), reader.end_offsets(wanted)
        except (KafkaError, OSError) as error:
            raise BusError(f"Kafka is not available: {error}") from error
        waiting: dict[str, int] = {}
        for one in wanted:
            at = max(begins[one], taken[one].offset if one in taken else 0)
            waiting[one.topic] = waiting.get(one.topic, 0) + max(0, ends[one] - at)
        return waiting

    def producer(self) -> Producer:
        """A producer: idempotent, acknowledged by all replicas, in order per key. It connects when it first sends."""
        return Producer(self._settings)


def _partitions(reader: Any, topic: str) -> Iterable[int]:
    return sorted(reader.partitions_for_topic(topic) or ())
