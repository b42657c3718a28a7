"""What the section `bus` runs: an embedded Kafka, our processes, and Faust with an empty handler."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from confluent_kafka import Producer

from domain.facts import Department
from infra.bus import Bus
from infra.database import Database
from infra.embedded import Kafka
from infra.topics import Topic, declare
from services import bootstrap
from services.bus.outgoing import INTAKE_GROUP, intake_topic
from services.bus.pausing import pause, resume
from services.settings import Settings
from tests.bench import ours

_PATIENCE = 300.0  # seconds


class BusProcesses:
    """A broker with our topics, and processes of ours on one database."""

    def __init__(self, dsn: str, kafka: Kafka, home: Path) -> None:
        self.dsn = dsn
        self.bootstrap = kafka.bootstrap
        self._home = home
        self._numbers = count(1)
        self._alive: dict[str, list[int]] = {}
        (home / "key").write_text(ours.KEY.hex())
        (home / "accounts").write_text("{}")
        self._environment = {
            "DATABASE_URL": dsn,
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
            "CHANGQING_KEY_FILE": str(home / "key"),
            "TMPDIR": str(home),
        }
        self._bus: Bus = bootstrap.bus(Settings.of(self._environment))
        bootstrap.declare_topics(Settings.of(self._environment))

    def declare(self, topics: Sequence[str]) -> None:
        """Make topics of our own, with as many partitions as all have."""
        declare(self._bus, [Topic(name=name, partitions=4, replication=1) for name in topics])

    @contextmanager
    def running(self, command: str) -> Iterator[None]:
        """A process of ours, ended at the end."""
        with self._process([sys.executable, "-m", "services.cli", command], command):
            if command == "intake":
                self.wait_members(len(self._alive[command]))
            yield

    def wait_members(self, workers: int) -> None:
        """Until so many workers share the partitions."""
        self.wait(lambda: self._bus.members(INTAKE_GROUP) == workers, f"{workers} intake workers")

    def settle(self) -> None:
        """Until everything published is taken in, and all of the log relayed."""
        self.wait(
            lambda: not any(self._bus.lag(INTAKE_GROUP, map(intake_topic, Department)).values()),
            "the intake to have taken in everything",
        )
        query = """select position - coalesce((select min(position) from ledger.tracking where follower = 'relay'), 0)
                   from ledger.head"""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            self.wait(lambda: connection.execute(query).fetchall()[0][0] <= 1, "the relay to have come to the end")

    def pause(self) -> None:
        """Let the workers rest, and wait until they do."""
        with closing(Database(self.dsn)) as database:
            pause(database, list(Department), "bench", "so that messages gather")
        sleep(1.5)

    def resume(self) -> None:
        """Let the workers go on."""
        with closing(Database(self.dsn)) as database:
            resume(database, list(Department), "bench")

    def producer(self) -> Producer:
        """A foreign producer: everything acknowledged, nothing held back."""
        return Producer({"bootstrap.servers": self.bootstrap, "acks": "all", "linger.ms": 0})

    def publish(self, messages: Sequence[Any]) -> None:
        """Publish as fast as the broker takes it; returns when it has all."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all", "linger.ms": 20})
        for topic, key, value in messages:
            while True:
                try:
                    producer.produce(topic, value, key)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(60) == 0, "Kafka did not take everything"

    def processor_seconds(self, command: str) -> float:
        """What the living processes of a command took of the processor so far."""
        return sum(map(_processor_seconds, self._alive.get(command, ())))

    def empty_handler(self, topics: Sequence[str], messages: int) -> tuple[float, float]:
        """What Faust with an empty handler takes: messages a second, and microseconds of the processor a message."""
        file = self._home / f"empty-{next(self._numbers)}"
        group = f"empty-{next(self._numbers)}"
        command = [sys.executable, "-m", "tests.bench.empty_faust", self.bootstrap, group, str(file), *topics]

        def told() -> tuple[int, float]:
            number, seconds = file.read_text().split() if file.exists() else ("0", "0")
            return int(number), float(seconds)

        with self._process(command, "empty"):
            self.wait(lambda: told()[0] > 0, "Faust's first message")
            before, seen = self.processor_seconds("empty"), told()[0]
            self.wait(lambda: told()[0] >= messages, "Faust's last message")
            used = self.processor_seconds("empty") - before
        number, seconds = told()
        return (number - 1) / seconds, used / max(1, number - seen) * 1e6

    def wait(self, reached: Callable[[], bool], what: str) -> None:
        """Until something is so. A process of ours that ended meanwhile ends the measurement."""
        deadline = monotonic() + _PATIENCE
        while not reached():
            assert monotonic() < deadline, f"waited in vain for {what}; look at {self._said()}"
            sleep(0.1)

    @contextmanager
    def _process(self, command: Sequence[str], name: str) -> Iterator[None]:
        with (self._home / f"{name}-{next(self._numbers)}.log").open("wb") as log:
            process = subprocess.Popen(command, env=os.environ | self._environment, stdout=log, stderr=log)
        self._alive.setdefault(name, []).append(process.pid)
        try:
            yield
        finally:
            self._alive[name].remove(process.pid)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _said(self) -> str:
        return "\n".join(log.read_text(errors="replace")[-500:] for log in self._home.glob("*.log"))


@contextmanager
def served_bus(dsn: str, say: Callable[[str], None]) -> Iterator[BusProcesses]:
    """A broker and what runs on it; stopped, and its directory removed, however the run ends."""
    home = Path(tempfile.mkdtemp(prefix="cqk"))
    kafka = Kafka(home / "kafka", say=say)
    try:
        kafka.start()
        yield BusProcesses(dsn, kafka, home)
    finally:
        kafka.stop()
        shutil.rmtree(home, ignore_errors=True)


def _processor_seconds(pid: int) -> float:
    """Of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
