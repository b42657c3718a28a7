"""An external, secured Kafka: TLS and SASL by the settings alone, for kafka-python and for Faust alike."""

import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.database import Database
from infra.embedded import Kafka, kafka
from infra.embedded.kafka import _free_ports
from infra.keys import KeyRing
from infra.recorder import LedgerRecorder
from services import bootstrap
from services.settings import Settings, SettingsError
from tests.acceptance.running import wait_until

USER, PASSWORD = "changqing", "a secret of the test"
DEATH = b"""{"specversion": "1.0", "type": "death-reported.v1", "source": "/civil-affairs/secured", "id": "1",
"data": {"person": {"identity_number": "11010519491231002X"}, "effective": "2024-03-10"}}"""


@pytest.fixture
def secured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A broker with a second listener that wants TLS and a password, and settings that name it."""
    certificate = _certificate(tmp_path)
    port, _ = _free_ports((0, 0))
    listener = "listener.name.sasl_ssl"
    monkeypatch.setattr(
        kafka,
        "_PROPERTIES",
        kafka._PROPERTIES.replace("\nadvertised", f",SASL_SSL://127.0.0.1:{port}\nadvertised", 1)
        .replace("BROKER:PLAINTEXT", "BROKER:PLAINTEXT,SASL_SSL:SASL_SSL")
        .replace("\nlistener.security", f",SASL_SSL://127.0.0.1:{port}\nlistener.security", 1)
        + f"""\
sasl.enabled.mechanisms=PLAIN
{listener}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";
{listener}.ssl.keystore.type=PEM
{listener}.ssl.keystore.location={certificate.with_suffix(".both")}
""",
    )
    broker = Kafka(tmp_path / "kafka")
    try:
        broker.start()
        yield _settings(tmp_path, port, certificate)
    finally:
        broker.stop()


def test_intake_and_topics_work_with_tls_and_a_password(
    secured: Settings, dsn: str, database: Database, tmp_path: Path
) -> None:
    bootstrap.declare_topics(secured)
    environment = os.environ | {name.upper(): str(value) for name, value in secured if value is not None}
    environment["DATABASE_URL"] = dsn
    with (tmp_path / "intake.log").open("wb") as log:
        intake = subprocess.Popen([sys.executable, "-m", "services.cli", "intake"], env=environment, stderr=log)
    try:
        _publish(secured)
        recorder = LedgerRecorder(database, "test")
        wait_until(lambda: recorder.max_notification_id() == 1, "the event in the log")
    finally:
        intake.terminate()
        intake.wait(20)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "CHANGQING_KEY_FILE"):
        monkeypatch.setenv(name, "postgresql:///x")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "TLS")
    with pytest.raises(SettingsError, match="KAFKA_SECURITY_PROTOCOL"):
        Settings.read()


def _settings(home: Path, port: int, certificate: Path) -> Settings:
    KeyRing.from_file(home / "key", create=True)
    return Settings(
        database_url="postgresql://unused",
        kafka_bootstrap=f"127.0.0.1:{port}",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="PLAIN",
        kafka_sasl_username=USER,
        kafka_sasl_password=PASSWORD,
        kafka_ssl_cafile=str(certificate),
        changqing_key_file=home / "key",
    )


def _publish(settings: Settings) -> None:
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": settings.kafka_ssl_cafile,
        }
    )
    producer.produce("intake.civil-affairs", value=DEATH, key=b"one")
    assert producer.flush(30) == 0


def _certificate(home: Path) -> Path:
    """A certificate of 127.0.0.1 that is its own authority, and beside it the same with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = home / "authority.pem"
    path.write_bytes(pem)
    path.with_suffix(".both").write_bytes(secret + pem)
    return path
