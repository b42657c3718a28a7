"""From publishing to the alert over Kafka, beside a bare echo through the same broker; and how much a worker takes in.

Everything as it runs: our processes as subprocesses, an embedded Kafka, foreign clients (librdkafka) that publish and read.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple
from zlib import crc32

import msgspec
import psycopg
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from domain.facts import Department
from services.accepting.cloudevents import Publisher
from services.bus.outgoing import ALERTS, intake_topic
from services.demo.sample import Event
from tests.bench import ours
from tests.bench.bus_processes import BusProcesses, served_bus
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.stream import Sent, Story

RATE = 500
"""Events a second that are published while latency is measured."""
MIX = {"registration": 85, "death": 6, "rumour": 6, "again": 3}
ECHO = "bench.echo"

ALERT_MEDIAN = Figure("ours: from publishing a death to its alert on Kafka, 500 events/s, the median", "ms")
ALERT_P99 = Figure("ours: the same, the 99th percentile", "ms")
ECHO_MEDIAN = Figure("bare: from producing to consuming through the same broker, 500 messages/s, the median", "ms")
ECHO_P99 = Figure("bare: the same, the 99th percentile", "ms")
ONE = Figure("ours: one intake worker, full work from raw JSON until it is on disk", "messages/s")
TWO = Figure("ours: two intake workers", "messages/s")
EMPTY = Figure("Faust: one worker with an empty handler", "messages/s")
ONE_TAKES = Figure("ours: processor time of one intake worker", "µs a message")
EMPTY_TAKES = Figure("Faust: processor time of one worker with an empty handler", "µs a message")

_PATIENCE = 240.0  # seconds


class Keyed(NamedTuple):
    """A message for a topic; the key stands for the person."""

    topic: str
    key: bytes
    value: bytes


def measure(bench: Bench) -> None:
    """Latency first, on a quiet system; then workers against the empty handler, turn by turn."""
    with bench.server.copy_of() as dsn, served_bus(dsn, bench.say) as bus:
        story = Story()
        _latency(bench, bus, story)
        _intake(bench, bus, dsn, story)
    bench.claim("publish to alert, median, ms", ALERT_MEDIAN, at_most=50)
    bench.claim("publish to alert, 99th percentile, ms", ALERT_P99, at_most=250)
    bench.claim_ratio("one intake worker / Faust with an empty handler", ONE, EMPTY, at_least=0.5)
    bench.claim_ratio("two intake workers / one", TWO, ONE, at_least=1.5)


# Latency


def _latency(bench: Bench, bus: BusProcesses, story: Story) -> None:
    total = RATE * bench.sizes.bus_seconds
    rounds = max(1, bench.repeats // 2)
    with ours.changqing(bus.dsn) as application:
        ours.load(application, story.told((total + RATE) * rounds, {"registration": 1}), bench.sizes.batch)
    bus.declare([ECHO])
    with bus.running("intake"), bus.running("relay"):
        bus.settle()
        people = iter(list(story.registered))
        for _ in range(rounds):
            _tell(bench, ECHO_MEDIAN, ECHO_P99, _echo(bus, total))
            _tell(bench, ALERT_MEDIAN, ALERT_P99, _alerts(bus, story, people, total))
            bus.settle()
    bench.note(
        f"latency: {total:,} events at {RATE} a second, each a death of somebody else that was registered before"
    )


def _tell(bench: Bench, middle: Figure, slow: Figure, seconds: Sequence[float]) -> None:
    took = sorted(1_000 * one for one in seconds)
    cuts = quantiles(took, n=100)
    for figure, value in ((middle, median(took)), (slow, cuts[98])):
        bench.samples.setdefault((bench.section, figure), []).append(value)
    bench.say(f"{middle.what}: {median(took):.1f} ms, 99th {cuts[98]:.1f} ms, most {took[-1]:.1f} ms")


def _alerts(bus: BusProcesses, story: Story, people: Iterator[Event], total: int) -> list[float]:
    warm = [_keyed(story.report(next(people), strong=True)) for _ in range(RATE)]
    deaths = [story.report(next(people), strong=True) for _ in range(total)]
    ids = [_id(death.body) for death in deaths]
    with _reading(bus, ALERTS) as alerts:
        bus.publish(warm)  # what is planned, connected and compiled once is so before it is measured
        bus.settle()
        return _timed(bus, alerts, [_keyed(death) for death in deaths], ids, _evidence)


def _echo(bus: BusProcesses, total: int) -> list[float]:
    padding = "x" * 400
    messages = [
        Keyed(ECHO, str(n % 97).encode(), msgspec.json.encode({"id": str(n), "padding": padding})) for n in range(total)
    ]
    with _reading(bus, ECHO) as echo:
        return _timed(bus, echo, messages, list(map(str, range(total))), lambda value: [_id(value)])


def _timed(
    bus: BusProcesses,
    consumer: Consumer,
    messages: Sequence[Keyed],
    ids: Sequence[str],
    named: Callable[[bytes], list[str]],
) -> list[float]:
    """Seconds from handing each message to the client until the first that names it is read."""
    sent: dict[str, float] = {}
    back: dict[str, float] = {}
    wanted = set(ids)
    with closing(_Pace(RATE)) as pace:
        producer = bus.producer()
        deadline = perf_counter() + len(messages) / RATE + _PATIENCE
        waiting = iter(zip(messages, ids, strict=True))
        while len(back) < len(ids):
            for (topic, key, value), id_ in pace.due(waiting):
                sent[id_] = perf_counter()
                producer.produce(topic, value, key)
            producer.poll(0)
            for message in consumer.consume(500, timeout=0.001):
                now = perf_counter()
                said = message.value()
                if message.error() is None and isinstance(said, bytes):
                    for id_ in named(said):
                        if id_ in wanted:
                            back.setdefault(id_, now)
            assert perf_counter() < deadline, f"{len(ids) - len(back)} of {len(ids)} did not come back"
        producer.flush(30)
    return [back[id_] - sent[id_] for id_ in ids]


class _Pace:
    """So many a second, evenly."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._begun = perf_counter()
        self._numbers = count()
        self._next = next(self._numbers)

    def due(self, waiting: Iterator[tuple[Keyed, str]]) -> Iterator[tuple[Keyed, str]]:
        while perf_counter() - self._begun >= self._next / self._rate:
            self._next = next(self._numbers)
            one = next(waiting, None)
            if one is None:
                return
            yield one

    def close(self) -> None:
        pass


@contextmanager
def _reading(bus: BusProcesses, topic: str) -> Iterator[Consumer]:
    """A consumer at the end of a topic, that has read nothing yet and is connected."""
    consumer = Consumer(
        {"bootstrap.servers": bus.bootstrap, "group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 50}
    )
    try:
        known = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in known])
        until = perf_counter() + 1.0
        while perf_counter() < until:
            consumer.consume(500, timeout=0.1)
        yield consumer
    finally:
        consumer.close()


def _evidence(value: bytes) -> list[str]:
    return [one["id"] for one in msgspec.json.decode(value)["data"].get("evidence", ())]


# Intake


def _intake(bench: Bench, bus: BusProcesses, dsn: str, story: Story) -> None:
    size = bench.sizes.bus_messages
    numbers = count(1)

    def taken(workers: int, figure: Figure) -> Sample:
        messages = [_keyed(sent) for sent in story.told(size, MIX)]
        with ExitStack() as stack:
            for _ in range(workers):
                stack.enter_context(bus.running("intake"))
            bus.wait_members(workers)
            bus.pause()
            bus.publish(messages)
            before, used = _stored(dsn), bus.processor_seconds("intake")
            bench.server.checkpoint()
            bus.resume()
            bus.wait(lambda: _stored(dsn) >= before + size, f"{size} messages to be taken in")
            used = bus.processor_seconds("intake") - used
        rate = _rate(dsn, before)
        return {figure: rate} | ({ONE_TAKES: used / size * 1e6} if workers == 1 else {})

    def empty() -> Sample:
        messages = [_keyed(sent) for sent in story.told(size, MIX)]
        topics = sorted({message.topic for message in messages})
        renamed = {topic: f"{topic}.empty-{next(numbers)}" for topic in topics}
        bus.declare(list(renamed.values()))
        bus.publish([message._replace(topic=renamed[message.topic]) for message in messages])
        rate, used = bus.empty_handler(list(renamed.values()), size)
        return {EMPTY: rate, EMPTY_TAKES: used}

    bench.compare({"one worker": lambda: taken(1, ONE), "Faust, empty": empty, "two workers": lambda: taken(2, TWO)})
    bench.note(
        f"intake: {size:,} messages that wait in Kafka, most of them new people; from the first commit to the last"
    )


def _stored(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return int(connection.execute("select count(*) from ledger.inbox").fetchall()[0][0])


def _rate(dsn: str, before: int) -> float:
    """Messages a second between the first commit and the last; those of the first are not counted."""
    query = """with taken as (select recorded_at from ledger.inbox order by position offset %s)
               select count(*) - count(*) filter (where recorded_at = f), extract(epoch from max(recorded_at) - f)
               from taken, (select min(recorded_at) as f from taken) as first group by f"""
    with psycopg.connect(dsn) as connection:
        ((messages, seconds),) = connection.execute(query, [before]).fetchall()
    return float(messages) / float(seconds)


def _keyed(sent: Sent) -> Keyed:
    event = msgspec.json.decode(sent.body)
    key = crc32(event["data"]["person"]["identity_number"].encode())
    return Keyed(intake_topic(_department(sent.publisher)), str(key).encode(), sent.body)


def _department(publisher: Publisher) -> Department:
    return publisher.department


def _id(value: bytes) -> str:
    return str(msgspec.json.decode(value)["id"])
