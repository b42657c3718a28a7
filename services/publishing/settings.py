"""What `changqing publish` is told by the environment. It runs at a department's, where there is no ledger to set up."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, Field, FilePath, ValidationError

from services.client import ClientError, HttpChannel, KafkaChannel, LedgerKeys, Retrying, Signer
from services.client.channel import Channel
from services.settings import SettingsError

Way = Literal["http", "kafka"]


class PublishingSettings(BaseModel):
    """Where the ledger is, and who publishes. The names of the variables are the fields' names in capitals."""

    model_config = ConfigDict(extra="ignore")

    changqing_url: str = Field(default="", description="the ledger's address, https://host")
    changqing_account: str = Field(default="", description="the account as name:secret", repr=False)
    changqing_account_file: Path | None = Field(
        default=None, description="a file that holds the account as name:secret"
    )
    changqing_token_url: str = Field(
        default="", description="where tokens are got, when not at the ledger, https://..."
    )
    changqing_certificate_file: FilePath | None = Field(
        default=None, description="the file of the client's certificate and its key, PEM"
    )
    changqing_plain_http: bool = Field(default=False, description="true where http:// may leave this machine")
    changqing_outbox: Path = Field(
        default_factory=lambda: user_state_path("changqing") / "outbox.db",
        description="the file of events that wait for their receipts",
    )
    changqing_signing_key_file: Path | None = Field(default=None, description="the file of the signing key, PEM")
    changqing_ledger_keys_file: Path | None = Field(
        default=None, description="a file of the ledger's public keys, as its /v1/keys shows them"
    )
    changqing_publish_seconds: float = Field(
        default=120.0, gt=0, description="how long to go on when nothing is answered, in seconds"
    )
    kafka_bootstrap: str = Field(default="", description="host:port of Kafka, several separated by commas")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = Field(default="", description="the SASL user name")
    kafka_sasl_password: str = Field(default="", description="the SASL password", repr=False)
    kafka_ssl_cafile: str | None = Field(default=None, description="the file of the certificate authority")

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "PublishingSettings":
        """The settings in an environment, where empty is as good as missing. Raises `SettingsError`, which repeats no value."""
        given = {name.lower(): value for name, value in environment.items() if value}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError("; ".join(map(_sentence, error.errors()))) from None

    def way(self, wanted: Way | None) -> Way:
        """How to get there: as wanted, or the one way that is set. Raises `SettingsError`."""
        ways: dict[Way, str] = {"http": self.changqing_url, "kafka": self.kafka_bootstrap}
        if wanted is None and all(ways.values()):
            raise SettingsError("CHANGQING_URL and KAFKA_BOOTSTRAP are both set: say --over http or --over kafka")
        way: Way = wanted or ("kafka" if self.kafka_bootstrap else "http")
        if not ways[way]:
            names = {"http": "CHANGQING_URL", "kafka": "KAFKA_BOOTSTRAP"} if wanted is None else {way: _VARIABLE[way]}
            raise SettingsError(f"{' or '.join(names.values())} must say where the ledger is")
        return way

    def channel(self, way: Way) -> Channel:
        """The channel; it connects when it first sends. Raises `SettingsError`."""
        try:
            keys = LedgerKeys.from_file(self.changqing_ledger_keys_file) if self.changqing_ledger_keys_file else None
            if way == "http":
                certificate = self.changqing_certificate_file
                return HttpChannel(
                    self.changqing_url,
                    self._account(),
                    keys=keys,
                    plain=self.changqing_plain_http,
                    token_url=self.changqing_token_url,
                    certificate=str(certificate) if certificate else None,
                )
        except ClientError as error:
            raise SettingsError(str(error)) from None
        except OSError as error:  # of ssl's kind, too
            raise SettingsError(
                f"CHANGQING_CERTIFICATE_FILE must hold a certificate and its key: {error.strerror}"
            ) from None
        answer_seconds = min(30.0, self.changqing_publish_seconds)
        return KafkaChannel(self._kafka(), keys=keys, answer_seconds=answer_seconds)

    def signer(self) -> Signer | None:
        """The signer, if there is a key. Raises `SettingsError`."""
        try:
            return Signer.from_file(self.changqing_signing_key_file) if self.changqing_signing_key_file else None
        except ClientError as error:
            raise SettingsError(f"CHANGQING_SIGNING_KEY_FILE: {error}") from None

    @property
    def retrying(self) -> Retrying:
        """How long to go on."""
        return Retrying(budget=self.changqing_publish_seconds)

    def _account(self) -> str:
        if bool(self.changqing_account) == bool(self.changqing_account_file):
            raise SettingsError("one of CHANGQING_ACCOUNT, CHANGQING_ACCOUNT_FILE must hold name:secret, and one only")
        file = self.changqing_account_file
        try:
            account = (file.read_text("utf-8") if file else self.changqing_account).strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError("CHANGQING_ACCOUNT_FILE must name a file that holds name:secret") from None
        if not all(account.partition(":")) or not account.isprintable():
            raise SettingsError("CHANGQING_ACCOUNT must hold the account as name:secret")
        return account

    def _kafka(self) -> dict[str, Any]:
        """As kafka-python names them. Raises `SettingsError`."""
        protocol = self.kafka_security_protocol
        given: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap.split(","),
            "security_protocol": protocol,
        }
        if protocol.startswith("SASL"):
            if not self.kafka_sasl_username:
                raise SettingsError("KAFKA_SASL_USERNAME must hold the SASL user name")
            given |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_sasl_username,
                "sasl_plain_password": self.kafka_sasl_password,
            }
        if protocol.endswith("SSL"):
            if self.kafka_ssl_cafile and not Path(self.kafka_ssl_cafile).is_file():
                raise SettingsError("KAFKA_SSL_CAFILE must name the file of the certificate authority")
            given |= {"ssl_cafile": self.kafka_ssl_cafile}
        return given


_VARIABLE: dict[Way, str] = {"http": "CHANGQING_URL", "kafka": "KAFKA_BOOTSTRAP"}


def _sentence(error: Any) -> str:
    field = str(error["loc"][0])
    said = PublishingSettings.model_fields[field].description or "another value"
    return f"{field.upper()} must hold {said} ({error['msg'].lower()})"
