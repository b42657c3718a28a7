"""What a scan reads through the servers: every row of every table as text, every message of every topic."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from psycopg import sql

from infra.bus import Bus, BusError
from infra.database import Database

_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
order by 1, 2
"""


def rows_as_text(dsn: str) -> Iterator[tuple[str, bytes]]:
    """Each row of each table as PostgreSQL writes it, its bytes as hex digits, with the table's name. Raises `DatabaseError`."""
    with closing(Database(dsn, role=None)) as database, database.own("changqing-scan") as connection:
        for schema, table in connection.execute(_TABLES).fetchall():
            copying = sql.SQL("copy (select t::text from {} t) to stdout").format(sql.Identifier(schema, table))
            with connection.cursor().copy(copying) as copied:
                for row in copied:
                    yield f"{schema}.{table}", bytes(row)


def messages(bus: Bus) -> Iterator[tuple[str, bytes]]:
    """Each message of each topic from the first that is there: key, value and headers, with its partition. Raises `BusError`."""
    try:
        consumer = KafkaConsumer(**bus.settings, enable_auto_commit=False, isolation_level="read_uncommitted")
    except KafkaError as error:
        raise BusError(f"Kafka is not available: {type(error).__name__}") from error
    with closing(consumer):
        places = [
            TopicPartition(topic, partition)
            for topic in sorted(consumer.topics())
            for partition in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends: dict[Any, int] = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for place, found in consumer.poll(timeout_ms=1_000).items():
                for one in found:
                    parts = [
                        one.key,
                        one.value,
                        *(part for name, text in one.headers for part in (name.encode(), text)),
                    ]
                    yield f"{place.topic}-{place.partition}", b"\n".join(part for part in parts if part)
