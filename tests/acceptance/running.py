"""A whole system for acceptance tests: `changqing run` as a subprocess, met from outside with foreign clients."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import psycopg
from cloudevents.core.bindings import http, kafka
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from jsonschema import Draft202012Validator, FormatChecker
from stdnum.cn import ric

from infra.embedded import Postgres

Json = dict[str, Any]
T = TypeVar("T")

CHANGQING = Path(sys.executable).with_name("changqing")
SHENZHEN_COMMUNITY = "440304901001"
PENSION = "3456.78"
ACCOUNTS = ("civil-affairs", "police", "enterprise", "officer", "community", "auditor")
_births = count()


class Somebody(NamedTuple):
    """An invented person with a valid check digit; the county 654321 exists nowhere, so the demo invents nobody of it."""

    identity_number: str
    name: str

    @property
    def data(self) -> Json:
        return {"identity_number": self.identity_number, "name": self.name}


USED: list[Somebody] = []
"""Everybody whom the tests of this session named; none of them may ever be read in a log, a key or a refusal."""


def somebody() -> Somebody:
    """A person nobody has mentioned before."""
    n = next(_births)
    stem = f"654321{date(1930, 1, 1) + timedelta(days=n % 10_000):%Y%m%d}{n // 10_000 + 1:03d}"
    given = "".join("甲乙丙丁戊己庚辛壬癸"[int(digit)] for digit in f"{n:05d}")
    USED.append(Somebody(stem + ric.calc_check_digit(stem + "0"), f"慕容{given}"))
    return USED[-1]


def serial(prefix: str) -> str:
    """An event id never used before."""
    return f"{prefix}-{time.time_ns():x}"


def event(type_: str, source: str, data: Json, *, id_: str | None = None) -> CloudEvent:
    """A CloudEvent of the official SDK."""
    attributes = {
        "specversion": "1.0",
        "type": type_,
        "source": source,
        "id": id_ or serial(type_.partition(".")[0]),
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes, data)


def retirement(who: Somebody, *, retired: str = "2015-06-30", **changes: Any) -> CloudEvent:
    data = {
        "person": who.data,
        "effective": retired,
        "monthly_pension": PENSION,
        "residence_division": SHENZHEN_COMMUNITY,
        "document": "深人社退示例〔2015〕1号",
    }
    return event("retirement-registered.v1", "/enterprise/shenzhen", data | changes)


def death(who: Somebody, *, on: str = "2024-03-12", source: str = "/civil-affairs/shenzhen") -> CloudEvent:
    return event("death-reported.v1", source, {"person": who.data, "effective": on})


def retraction(of: CloudEvent, who: Somebody, *, on: str = "2024-07-05") -> CloudEvent:
    data = {"person": who.data, "effective": on, "retracts": of.get_id()}
    return event("death-retracted.v1", of.get_source(), data)


def structured(sent: CloudEvent) -> Json:
    """The event as the JSON value of its structured mode."""
    body: Json = json.loads(http.to_structured_event(sent).body)
    return body


class Record(NamedTuple):
    """A message as a foreign consumer got it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    headers: dict[str, bytes]
    value: bytes

    @property
    def json(self) -> Json:
        value: Json = json.loads(self.value)
        return value


class Topic:
    """A topic, read from its beginning by librdkafka."""

    def __init__(self, bootstrap: str, name: str) -> None:
        settings = {
            "bootstrap.servers": bootstrap,
            "group.id": "acceptance",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
            "topic.metadata.refresh.interval.ms": 2_000,
        }
        self.name = name
        self.records: list[Record] = []
        self._consumer = Consumer(settings)
        known = self._consumer.list_topics(name, timeout=20).topics[name].partitions
        assert known, f"the topic {name} is not there"
        self._partitions = [TopicPartition(name, number, OFFSET_BEGINNING) for number in known]
        self._consumer.assign(self._partitions)

    def read(self, seconds: float = 0.1) -> None:
        """Take what comes within some seconds."""
        self.records += map(_record, self._consumer.consume(1_000, timeout=seconds))

    def all(self) -> list[Record]:
        """Everything that is on the topic now."""
        ends = {}
        for partition in self._partitions:
            ends[partition.partition] = self._consumer.get_watermark_offsets(partition, timeout=20)[1]
        have = defaultdict(int, {record.partition: record.offset + 1 for record in self.records})

        def complete() -> bool:
            already = len(self.records)
            self.read()
            have.update({record.partition: record.offset + 1 for record in self.records[already:]})
            return all(have[partition] >= end for partition, end in ends.items())

        wait_until(complete, f"the end of {self.name}")
        return self.records

    def wait_for(self, wanted: Callable[[Record], bool], what: str, seconds: float = 30) -> Record:
        """The first record that is wanted."""
        seen = 0
        deadline = time.monotonic() + seconds
        while True:
            for record in self.records[seen:]:
                if wanted(record):
                    return record
            seen = len(self.records)
            assert time.monotonic() < deadline, f"{what} did not come on {self.name} within {seconds} s"
            self.read(0.05)

    def close(self) -> None:
        self._consumer.close()


def _record(message: Message) -> Record:
    error = message.error()
    assert error is None, error
    headers = dict(message.headers() or [])
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    key, value = message.key(), message.value()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    assert isinstance(value, bytes)
    assert isinstance(key, bytes | None)
    raw = {name: given.encode() if isinstance(given, str) else given or b"" for name, given in headers.items()}
    return Record(topic, partition, offset, key or b"", raw, value)


def wait_until(reached: Callable[[], T], what: str, seconds: float = 60, pause: float = 0.1) -> T:
    """What `reached` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(pause)
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_of(home: Path) -> dict[int, str]:
    """The living processes that have to do with a directory: by command line, environment or working directory."""
    found = {}
    for proc in Path("/proc").iterdir():
        if not proc.name.isdecimal() or int(proc.name) == os.getpid():
            continue
        try:
            command = (proc / "cmdline").read_bytes().replace(b"\0", b" ")
            told = command + (proc / "environ").read_bytes() + os.fsencode((proc / "cwd").readlink())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if os.fsencode(home) in told and alive(int(proc.name)):
            found[int(proc.name)] = command.decode(errors="replace")
    return found


class System:
    """One `changqing run` on a data directory; it may be started again on the same one."""

    def __init__(self, *, options: Sequence[str] = ("--people", "300"), environment: Mapping[str, str] = {}) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="cqa"))
        self.data = self.home / "d"
        self.told = self.home / "told.txt"
        self._options = list(options)
        self._environment = {"COLUMNS": "200", "PYTHONUNBUFFERED": "1", **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._secrets: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._topics: dict[str, Topic] = {}
        self._producer: Producer | None = None

    # --- its life

    def start(self, *, kept: bool = True) -> None:
        """Begin to come up. `kept`: on `self.data`, otherwise on a directory that is thrown away."""
        where = ["--data", str(self.data)] if kept else []
        for stale in (self.told, self.data / "status.json"):
            stale.unlink(missing_ok=True)
        inherited = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "KAFKA_BOOTSTRAP"}}
        with self.told.open("wb") as told:
            self._process = subprocess.Popen(
                [CHANGQING, "run", *where, "--port", "0", "--no-trickle", *self._options],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                env=inherited | {"TMPDIR": str(self.home)} | self._environment,
                start_new_session=True,
            )

    def wait_ready(self, seconds: float = 120) -> None:
        """Until `status.json` says ready and the accounts are told."""

        def ready() -> bool:
            assert self.code is None, f"ended with {self.code}: {self.output}"
            return self.status.get("ready") is True and "Ctrl-C" in self.output

        wait_until(ready, f"the system to be ready, it says {self.output}", seconds)
        if "accounts: name" in self.output:  # at the first start on its data, and at no later one
            for account in ACCOUNTS:
                self.secret(account)

    @property
    def supervisor(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    @property
    def output(self) -> str:
        return self.told.read_text("utf-8") if self.told.exists() else ""

    @property
    def status(self) -> Json:
        file = self.data / "status.json"
        status: Json = json.loads(file.read_text("utf-8")) if file.exists() else {}
        return status

    def signal(self, sent: signal.Signals) -> None:
        os.kill(self.supervisor, sent)

    def wait_end(self, seconds: float = 60) -> int:
        assert self._process is not None
        return self._process.wait(seconds)

    def pid(self, process: str) -> int:
        """The process id of one of its processes or servers, as it was written down; 0 while there is none."""
        if process == "supervisor":
            return self.supervisor
        server = {"postgres": "postgres", "kafka": "kafka"}.get(process)
        file = self.data / server / "server.lock" if server else self.data / "logs" / f"{process}.pid"
        text = file.read_text()  # empty for a moment while a server is started anew
        return int(text) if text else 0

    def close(self) -> None:
        """End it and everything that it may have left, and remove its directory."""
        for topic in self._topics.values():
            topic.close()
        self._topics.clear()
        self.__dict__.pop("producer", None)
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        deadline = time.monotonic() + 15
        while left := processes_of(self.home):
            if time.monotonic() > deadline - 10:  # five seconds to end by themselves
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, f"these do not end: {left}"
            time.sleep(0.1)
        shutil.rmtree(self.home)

    # --- HTTP

    @property
    def address(self) -> str:
        found = re.search(r"the page is up while the rest starts.*?(http://127\.0\.0\.1:\d+)", self.output)
        assert found, f"no address was told: {self.output}"
        return found.group(1)

    def secret(self, account: str) -> str:
        """An account's secret, which is told at the first start on its data and at no later one."""
        found = re.search(rf"^{account}\s+([\w-]{{16,}})\s", self.output, re.MULTILINE)
        if found:
            self._secrets[account] = found.group(1)
        assert account in self._secrets, f"no whole secret of {account} was told: {self.output}"
        return self._secrets[account]

    def token(self, account: str, *, fresh: bool = False) -> str:
        """An access token of an account; the one that was got before, unless a fresh one is wanted."""
        if fresh or account not in self._tokens:
            asked = {"grant_type": "client_credentials"}
            auth = (account, self.secret(account))
            answer = httpx.post(f"{self.address}/oauth/token", data=asked, auth=auth, timeout=30, trust_env=False)
            assert answer.status_code == 200, answer.text
            self._tokens[account] = answer.json()["access_token"]
        return self._tokens[account]

    def client(self, account: str | None = None) -> httpx.Client:
        """A client that asks as an account, and gets another token when one is over."""
        auth = _Bearer(self, account) if account else None
        return httpx.Client(base_url=self.address, auth=auth, timeout=30, trust_env=False)

    def get(self, path: str, account: str | None = None, **parameters: Any) -> httpx.Response:
        with self.client(account) as client:
            return client.get(path, params=parameters or None)

    def post(self, sent: CloudEvent, *, mode: str = "structured", account: str | None = None) -> httpx.Response:
        """Publish a well-formed event over HTTP, as the account of its department unless another is named."""
        self.check(structured(sent))
        message = {"structured": http.to_structured_event, "binary": http.to_binary_event}[mode](sent)
        return self.post_raw(account or _department(sent), message.body, message.headers)

    def post_raw(self, account: str | None, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        with self.client(account) as client:
            return client.post("/v1/events", content=body, headers=dict(headers))

    def accept(self, sent: CloudEvent, **how: Any) -> Json:
        """Publish over HTTP what must be accepted; its receipt."""
        answer = self.post(sent, **how)
        assert answer.status_code == 200, answer.text
        receipt: Json = answer.json()
        return receipt

    # --- Kafka

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{json.loads((self.data / 'kafka' / 'identity.json').read_text())['port']}"

    @cached_property
    def producer(self) -> Producer:
        settings = {"bootstrap.servers": self.bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 0}
        return Producer(settings)

    def publish(self, sent: CloudEvent, *, mode: str = "structured", topic: str | None = None) -> None:
        """Publish a well-formed event to its department's topic; returns when the broker has it."""
        self.check(structured(sent))
        message = {"structured": kafka.to_structured_event, "binary": kafka.to_binary_event}[mode](sent)
        self.publish_raw(topic or f"intake.{_department(sent)}", message.value, message.headers)

    def publish_raw(
        self, topic: str, value: bytes | None, headers: Mapping[str, bytes] | None = None, key: bytes = b"test"
    ) -> tuple[int, int]:
        """Publish bytes as they are; returns partition and offset when the broker has them."""
        delivered: list[tuple[KafkaError | None, Message]] = []
        self.producer.produce(
            topic,
            value,
            key,
            headers=list((headers or {}).items()),
            on_delivery=lambda error, message: delivered.append((error, message)),
        )
        assert self.producer.flush(30) == 0, "Kafka did not take the message within 30 s"
        ((error, message),) = delivered
        partition, offset = message.partition(), message.offset()
        assert error is None, error
        assert partition is not None
        assert offset is not None
        return partition, offset

    def topic(self, name: str) -> Topic:
        if name not in self._topics:
            self._topics[name] = Topic(self.bootstrap, name)
        return self._topics[name]

    def fresh_topic(self, name: str) -> list[Record]:
        """Everything on a topic, by a consumer that was not there before."""
        topic = Topic(self.bootstrap, name)
        try:
            return topic.all()
        finally:
            topic.close()

    def receipts(self, sent: CloudEvent) -> Iterator[Json]:
        """The receipts of an event on its department's topic, as they come."""
        seen = 0
        topic = self.topic(f"receipts.{_department(sent)}")
        while True:

            def fresh(record: Record) -> bool:
                data = record.json["data"]
                return (data.get("source"), data.get("id")) == (sent.get_source(), sent.get_id())

            matching = [record for record in topic.records if fresh(record)]
            if len(matching) > seen:
                yield matching[seen].json["data"]
                seen += 1
            else:
                known = {(r.partition, r.offset) for r in matching}
                topic.wait_for(
                    lambda r, known=known: fresh(r) and (r.partition, r.offset) not in known,  # type: ignore[misc] # no default seen
                    f"a receipt of {sent.get_id()}",
                )

    def alert(self, wanted: Callable[[Json], bool], what: str, seconds: float = 30) -> Json:
        """The alert on `alerts.pension` that is wanted, as the whole CloudEvent."""
        return self.topic("alerts.pension").wait_for(lambda record: wanted(record.json), what, seconds).json

    # --- the ledger, and the documents

    @cached_property
    def dsn(self) -> str:
        return Postgres(self.data / "postgres").dsn("changqing")

    def query(self, statement: str, given: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a statement; a PostgreSQL that is just recovering is waited for."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(self.dsn) as connection:
                    return connection.execute(statement.encode(), given or {}).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def position(self) -> int:
        """The last position of the log."""
        return int(self.query("select position from ledger.head")[0][0])

    def facts(self) -> int:
        """How many facts the log holds: reading, delivering and the like do not change this."""
        return int(self.query("select count(*) from ledger.inbox")[0][0])

    def settled(self) -> None:
        """Wait until the views and the relay have come to the end of the log."""

        def caught_up() -> bool:
            ((head, behind),) = self.query(
                "select position, (select count(*) from ledger.tracking where position < ledger.head.position)"
                " from ledger.head"
            )
            return bool(head) and not behind

        wait_until(caught_up, "the followers to catch up")

    @cached_property
    def asyncapi(self) -> Json:
        document: Json = self.get("/asyncapi.json", "officer").json()
        return document

    @cached_property
    def openapi(self) -> Json:
        document: Json = self.get("/openapi.json", "officer").json()
        return document

    def check(self, sent: Json) -> None:
        """That an event fits its schema in the AsyncAPI document."""
        conforms(self.asyncapi, f"event.{sent['type']}", sent)


class _Bearer(httpx.Auth):
    """An account's token in each request; a fresh one when it is refused."""

    def __init__(self, system: System, account: str) -> None:
        self._system = system
        self._account = account

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._system.token(self._account)}"
        answer = yield request
        if answer.status_code == 401:
            request.headers["Authorization"] = f"Bearer {self._system.token(self._account, fresh=True)}"
            yield request


def conforms(document: Json, schema: str, value: Any) -> None:
    """Raise `jsonschema.ValidationError` unless a value fits a schema among a document's components."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def _department(sent: CloudEvent) -> str:
    return sent.get_source().split("/")[1]
