"""The rules that `bus-access` writes, applied by Kafka's own tools to a broker that enforces them, and met by foreign clients."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from infra.database import Database
from infra.embedded import Kafka, kafka
from infra.embedded.kafka import VERSION, _free_ports
from infra.keys import KeyRing
from infra.recorder import LedgerRecorder
from services import bootstrap
from services.settings import Settings
from tests.acceptance.running import wait_until
from tests.acceptance.test_secured_bus import DEATH, _certificate
from tests.kafka_tools import kafka_tools
from tests.samples import LANGUAGES, run

ADMINISTRATOR = "administrator"
DEPARTMENTS = ("police", "civil-affairs", "social-insurance")
EVENT = DEATH.replace(b'"id":', b'"time": "2024-03-11T09:00:00Z", "id":')
TOPICS = "[kinds.intake]\nretention_days = 3\n"


class Secured(NamedTuple):
    """A broker that lets nobody do what was not granted, and the users' passwords."""

    home: Path
    broker: Kafka
    address: str
    certificate: Path
    passwords: Path

    def client(self, user: str) -> dict[str, str]:
        """Settings of librdkafka for a user."""
        return {
            "bootstrap.servers": self.address,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": (self.passwords / user).read_text(),
            "ssl.ca.location": str(self.certificate),
        }

    def settings(self, user: str) -> Settings:
        """Our own settings for one of our processes."""
        return Settings(
            database_url="postgresql://unused",
            kafka_bootstrap=self.address,
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_username=user,
            kafka_sasl_password=(self.passwords / user).read_text(),
            kafka_ssl_cafile=str(self.certificate),
            changqing_topics_file=self.home / "topics.toml",
            changqing_key_file=self.home / "key",
        )


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The rules applied, and the topics declared by the operator's user, who may do no more than that."""
    home = tmp_path_factory.mktemp("secured")
    (home / "topics.toml").write_text(TOPICS)
    KeyRing.from_file(home / "key", create=True)
    certificate = _certificate(home)
    port, _ = _free_ports((0, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka, "_PROPERTIES", _enforcing(port, certificate))
        broker = Kafka(home / "kafka")
        try:
            broker.start()
            made = Secured(home, broker, f"127.0.0.1:{port}", certificate, home / "passwords")
            _apply(home, broker, DEPARTMENTS)
            bootstrap.declare_topics(made.settings("changqing-operator"))
            yield made
        finally:
            broker.stop()


def _enforcing(port: int, certificate: Path) -> str:
    """The broker's settings with an authorizer, and a listener with TLS for everybody who is no administrator."""
    listener = "listener.name.sasl_ssl"
    return (
        kafka._PROPERTIES.replace("\nadvertised", f",SASL_SSL://127.0.0.1:{port}\nadvertised", 1)
        .replace("BROKER:PLAINTEXT", "BROKER:PLAINTEXT,SASL_SSL:SASL_SSL")
        .replace("\nlistener.security", f",SASL_SSL://127.0.0.1:{port}\nlistener.security", 1)
        + f"""\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
sasl.enabled.mechanisms=SCRAM-SHA-512
{listener}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
{listener}.ssl.keystore.type=PEM
{listener}.ssl.keystore.location={certificate.with_suffix(".both")}
"""
    )


def _apply(home: Path, broker: Kafka, departments: Sequence[str], *options: str) -> None:
    """Write the script by the command and run it, as the administrator does."""
    script, administrator, tools = home / "access.sh", home / "administrator.properties", home / "bin"
    only = [word for department in departments for word in ("--department", department)]
    command = [sys.executable, "-m", "services.cli", "bus-access", str(script), *only, *options]
    subprocess.run(command, check=True, env=os.environ | {"CHANGQING_TOPICS_FILE": str(home / "topics.toml")})
    administrator.write_text("security.protocol=PLAINTEXT\n")
    given = {
        "BOOTSTRAP": broker.bootstrap,
        "ADMIN_CONFIG": str(administrator),
        "KAFKA_BIN": str(tools if tools.exists() else kafka_tools(tools, broker._cache / f"kafka-{VERSION}")),
        "PASSWORDS": str(home / "passwords"),
    }
    ran = subprocess.run([script], env=os.environ | given, capture_output=True, encoding="utf-8", check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def write(secured: Secured, user: str, topic: str) -> KafkaError | None:
    """What the broker says to a message."""
    said: list[KafkaError | None] = []
    producer = Producer(secured.client(user) | {"enable.idempotence": True})
    headers: dict[str, str | bytes | None] = {"content-type": b"application/cloudevents+json"}
    producer.produce(topic, EVENT, b"one", headers=headers, on_delivery=lambda error, _: said.append(error))
    assert producer.flush(30) == 0
    return said[0]


def read(secured: Secured, user: str, topic: str, group: str) -> Message:
    """The first message on a topic, or the broker's refusal."""
    consumer = Consumer(secured.client(user) | {"group.id": group, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = wait_until(lambda: consumer.poll(0.5), f"a message or a refusal on {topic}")
        assert message is not None
        return message
    finally:
        consumer.close()


def refused(message: Message) -> bool:
    error = message.error()
    codes = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
    return error is not None and error.code() in codes


def test_a_department_writes_where_it_publishes(secured: Secured) -> None:
    assert write(secured, "police", "intake.police") is None


@pytest.mark.parametrize(
    "topic", ["intake.civil-affairs", "receipts.police", "receipts.civil-affairs", "alerts.pension", "dead-letters"]
)
def test_a_department_writes_nowhere_else(secured: Secured, topic: str) -> None:
    error = write(secured, "police", topic)
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize(
    "topic",
    [
        "intake.police",
        "intake.civil-affairs",
        "receipts.civil-affairs",
        "alerts.pension",
        "life-events",
        "dead-letters",
    ],
)
def test_a_department_reads_neither_another_s_nor_the_agency_s(secured: Secured, topic: str) -> None:
    assert refused(read(secured, "police", topic, "police.foreign"))


def test_a_department_reads_its_receipts_in_groups_of_its_own_and_in_no_other_s(secured: Secured) -> None:
    assert write(secured, "changqing-relay", "receipts.police") is None
    assert read(secured, "police", "receipts.police", "police.receipts").value() == EVENT
    assert refused(read(secured, "police", "receipts.police", "civil-affairs.receipts"))
    assert refused(read(secured, "police", "receipts.police", "changqing-intake"))


@pytest.mark.parametrize("topic", ["alerts.pension", "alerts.sources"])
def test_the_agency_reads_the_alerts(secured: Secured, topic: str) -> None:
    assert write(secured, "changqing-relay", topic) is None
    assert read(secured, "social-insurance", topic, "social-insurance.alerts").value() == EVENT
    assert refused(read(secured, "civil-affairs", topic, "civil-affairs.alerts"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_agency_s_sample_takes_alerts_there_in_each_language(
    secured: Secured, tmp_path: Path, language: str
) -> None:
    assert write(secured, "changqing-relay", "alerts.pension") is None
    environment = {
        "KAFKA_BOOTSTRAP": secured.address,
        "KAFKA_USER": "social-insurance",
        "KAFKA_PASSWORD": (secured.passwords / "social-insurance").read_text(),
        "KAFKA_CA": str(secured.certificate),
    }
    (event,) = run(language, "consume", ["kafka", tmp_path / "place.json", "1"], environment)
    assert (event["type"], event["id"]) == ("death-reported.v1", "1")


def test_the_relay_reads_nothing_and_writes_no_intake(secured: Secured) -> None:
    assert refused(read(secured, "changqing-relay", "intake.police", "changqing-intake"))
    error = write(secured, "changqing-relay", "intake.police")
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_the_siem_reads_who_was_shown_what_and_nothing_else_and_no_department_reads_that(secured: Secured) -> None:
    topic = "security.disclosures"
    assert write(secured, "changqing-relay", topic) is None
    assert read(secured, "changqing-siem", topic, "changqing-siem.one").value() == EVENT
    assert refused(read(secured, "changqing-siem", "alerts.pension", "changqing-siem.one"))
    assert refused(read(secured, "social-insurance", topic, "social-insurance.one"))


def test_a_wrong_password_opens_nothing(secured: Secured) -> None:
    wrong = secured.client("police") | {"sasl.password": "guessed"}
    said: list[KafkaError] = []
    producer = Producer(wrong | {"error_cb": said.append})
    wait_until(lambda: producer.poll(0.2) or said, "the broker's word")
    assert said[0].code() == KafkaError._AUTHENTICATION
    with pytest.raises(KafkaException):
        producer.list_topics(timeout=2)


def test_rights_are_taken_away_from_all_though_one_of_them_has_none(secured: Secured) -> None:
    _apply(secured.home, secured.broker, ["community"], "--no-services")
    assert write(secured, "community", "intake.community") is None
    assert rules(secured, "community") > 0
    _apply(secured.home, secured.broker, ["court", "community"], "--no-services", "--revoke")
    assert rules(secured, "community") == 0
    with pytest.raises(KafkaException):
        Producer(secured.client("community")).list_topics(timeout=2)
    assert write(secured, "police", "intake.police") is None


def rules(secured: Secured, user: str) -> int:
    """How many rules name a user."""
    asked = [str(secured.home / "bin" / "kafka-acls.sh"), "--bootstrap-server", secured.broker.bootstrap, "--list"]
    ran = subprocess.run([*asked, "--principal", f"User:{user}"], capture_output=True, encoding="utf-8", check=True)
    return ran.stdout.count("operation=")


def test_our_intake_takes_in_and_answers_with_the_rights_of_its_user(
    secured: Secured, dsn: str, database: Database
) -> None:
    settings = secured.settings("changqing-intake")
    environment = os.environ | {name.upper(): str(value) for name, value in settings if value is not None}
    environment["DATABASE_URL"] = dsn
    log = secured.home / "intake.log"
    with log.open("wb") as told:
        intake = subprocess.Popen([sys.executable, "-m", "services.cli", "intake"], env=environment, stderr=told)
    try:
        assert write(secured, "civil-affairs", "intake.civil-affairs") is None
        recorder = LedgerRecorder(database, "test")
        wait_until(lambda: recorder.max_notification_id() or 0, "the event in the log")
        assert write(secured, "civil-affairs", "intake.civil-affairs") is None  # known now: intake itself answers
        answer = read(secured, "civil-affairs", "receipts.civil-affairs", "civil-affairs.receipts")
        assert b'"status":"parked"' in (answer.value() or b"")
    finally:
        intake.terminate()
        intake.wait(20)
    assert "Authorization" not in log.read_text("utf-8")


def test_the_topics_are_as_the_operator_s_file_wants_them_and_a_second_declaration_changes_nothing(
    secured: Secured, run_topics: Callable[[str], tuple[int, str]]
) -> None:
    bootstrap.declare_topics(secured.settings("changqing-operator"))
    code, told = run_topics(TOPICS)
    assert code == 0, told
    assert "intake.police" in told
    assert "3 d" in told


def test_what_differs_is_shown_and_the_next_declaration_mends_it_but_never_takes_partitions_away(
    secured: Secured, run_topics: Callable[[str], tuple[int, str]]
) -> None:
    changed = '[kinds.receipts]\nretention_days = 60\n[topics."life-events"]\npartitions = 6\n'
    code, told = run_topics(TOPICS + changed)
    assert code == 3
    assert "4 → 6" in told
    (secured.home / "topics.toml").write_text(TOPICS + changed)
    bootstrap.declare_topics(secured.settings("changqing-operator"))
    code, told = run_topics(TOPICS + changed)
    assert code == 0, told

    (secured.home / "topics.toml").write_text(TOPICS)
    bootstrap.declare_topics(secured.settings("changqing-operator"))
    code, told = run_topics(TOPICS)
    assert code == 3
    assert "life-events: partitions" in told
    assert "receipts" not in told.partition("life-events: partitions")[2]
    assert len(partitions(secured, "life-events")) == 6


def partitions(secured: Secured, topic: str) -> list[TopicPartition]:
    consumer = Consumer(secured.client("social-insurance") | {"group.id": "social-insurance.look"})
    try:
        return [
            TopicPartition(topic, number) for number in consumer.list_topics(topic, timeout=20).topics[topic].partitions
        ]
    finally:
        consumer.close()


@pytest.fixture
def run_topics(secured: Secured) -> Callable[[str], tuple[int, str]]:
    """`changqing topics` as the operator's user, with such a file of topics: its exit code and what it says."""

    def run(text: str) -> tuple[int, str]:
        file = secured.home / "asked.toml"
        file.write_text(text)
        settings = secured.settings("changqing-operator").model_copy(update={"changqing_topics_file": file})
        environment = os.environ | {name.upper(): str(value) for name, value in settings if value is not None}
        ran = subprocess.run(
            [sys.executable, "-m", "services.cli", "topics"],
            env=environment | {"COLUMNS": "200"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr

    return run
