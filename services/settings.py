"""Settings, read once at start from the environment; each error names the variable and what it should hold."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, FilePath, ValidationError

_KEYS = ("changqing_key_file", "changqing_key", "changqing_key_provider")
_NEXT_KEYS = ("changqing_next_key_file", "changqing_next_key", "changqing_next_key_provider")

_RATE = r"^(none|[1-9][0-9]{0,8}/(second|minute|hour))$"


class SettingsError(Exception):
    """A variable is missing or wrong; the message is one sentence that names it."""


class Settings(BaseModel):
    """Where things are. The names of the variables are the fields' names in capitals."""

    model_config = ConfigDict(extra="ignore")

    database_url: str = Field(pattern=r"^postgres(ql)?://", description="a PostgreSQL URL; TLS by its sslmode")
    kafka_bootstrap: str = Field(default="", description="host:port of Kafka, several separated by commas")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = Field(default="", description="the SASL user name")
    kafka_sasl_password: str = Field(default="", description="the SASL password", repr=False)
    kafka_ssl_cafile: str | None = Field(default=None, description="the file of the certificate authority")
    kafka_replication: int = Field(default=1, ge=1, le=5, description="copies of each topic, 3 in production")
    changqing_topics_file: Path | None = Field(
        default=None, description="a TOML file that changes what topics are like"
    )
    changqing_key_file: Path | None = Field(default=None, description="the file of the key, 64 hex digits")
    changqing_key: str = Field(default="", pattern=r"(?i)^([0-9a-f]{64})?$", description="64 hex digits", repr=False)
    changqing_key_provider: str = Field(
        default="",
        pattern=r"^(\w+(\.\w+)*:\w+)?$",
        description="a function that gives the key, as package.module:function",
    )
    changqing_public_url: str = Field(
        default="",
        pattern=r"^(https?://[^/?#@\s]+)?$",
        description="the address that people and programs use, https://host, without a path; the issuer of tokens",
    )
    changqing_trusted_proxies: str = Field(
        default="", description="networks of the proxies whose headers are believed, such as 10.0.0.0/28"
    )
    changqing_certificate_header: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9-]*$",
        description="the header in which these proxies hand on a client's certificate, such as Client-Cert",
    )
    changqing_next_key_file: Path | None = Field(
        default=None, description="the file of the key to rotate to, 64 hex digits"
    )
    changqing_next_key: str = Field(
        default="", pattern=r"(?i)^([0-9a-f]{64})?$", description="the key to rotate to, 64 hex digits", repr=False
    )
    changqing_next_key_provider: str = Field(
        default="",
        pattern=r"^(\w+(\.\w+)*:\w+)?$",
        description="a function that gives the key to rotate to, as package.module:function",
    )
    changqing_erasure_waits_days: int = Field(
        default=7, ge=1, le=90, description="days between the approval of an erasure and the erasure"
    )
    changqing_status_file: Path | None = Field(default=None, description="where `run` writes how far it is")
    changqing_divisions_file: Path | None = Field(
        default=None, description="a TOML file that names streets and communities"
    )
    changqing_gap_seconds: int = Field(
        default=60, ge=0, le=86_400, description="seconds that a missing number, or a part of a batch, may yet come in"
    )
    changqing_archive: DirectoryPath | None = Field(
        default=None, description="the directory of the events that were archived, as `changqing archive` wrote it"
    )
    changqing_webhook_networks: str = Field(
        default="", description="networks that webhooks may go to beside the public internet, such as 10.20.0.0/16"
    )
    changqing_webhook_cafile: FilePath | None = Field(
        default=None, description="a file of certificate authorities (PEM) that webhooks trust beside the system's"
    )
    changqing_webhook_give_up_hours: float = Field(
        default=72, gt=0, le=8_760, description="after how many hours a webhook's event becomes a dead letter"
    )
    changqing_host: str = Field(default="127.0.0.1", description="the address to listen on")
    changqing_port: int = Field(default=8000, ge=0, le=65535, description="the port to listen on")

    changqing_requests_at_once: int = Field(default=512, ge=1, description="requests dealt with at once, by a process")
    changqing_streams_at_once: int = Field(
        default=512, ge=1, description="streams of events open at once, of a process"
    )
    changqing_requests_of_address: int = Field(
        default=128, ge=1, description="how many of these requests may come from one address"
    )
    changqing_requests_of_account: int = Field(
        default=128, ge=1, description="how many of these requests may be one account's"
    )
    changqing_streams_of_account: int = Field(
        default=32, ge=1, description="how many of these streams may be one account's"
    )
    changqing_body_seconds: float = Field(
        default=10,
        gt=0,
        le=3_600,
        description="seconds within which what is sent must be there, and one more for each 64 KiB of it",
    )
    changqing_request_seconds: float = Field(
        default=60, gt=0, le=3_600, description="seconds within which an answer must have begun"
    )
    changqing_rate_address: str = Field(
        default="120000/minute",
        pattern=_RATE,
        description="what an address may ask, as 600/minute, or none for no bound",
    )
    changqing_rate_account: str = Field(
        default="6000/minute", pattern=_RATE, description="what an account may ask, as 600/minute, or none for no bound"
    )
    changqing_rate_publishing: str = Field(
        default="60000/minute",
        pattern=_RATE,
        description="what an account may send to /v1/events, as 600/minute, or none for no bound",
    )
    changqing_access_log: bool = Field(
        default=True, description="true or false: whether each answer is a line of the log"
    )
    changqing_otlp_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+(/[^\s?#]*)?)?$",
        description="the URL of an OTLP/HTTP collector of traces",
    )
    changqing_metrics_host: str = Field(default="127.0.0.1", description="the address where metrics are served")
    changqing_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="the first port where metrics are served, 0 for none"
    )
    changqing_token_issuer: str = Field(
        default="", description="another issuer of access tokens (RFC 9068), as it calls itself: https://..."
    )
    changqing_token_keys: str = Field(
        default="", description="that issuer's public keys: the file of a JWK set, or its https address"
    )
    changqing_token_audience: str = Field(default="", description="what that issuer calls this ledger")
    changqing_token_algorithms: str = Field(
        default="RS256",
        description="what that issuer signs with, with commas between: RS256, PS256, ES256, Ed25519 ...",
    )
    changqing_token_claim: str = Field(default="sub", description="the claim of its tokens that names an account here")
    changqing_oidc_issuer: str = Field(
        default="", description="where people may sign in (OpenID Connect), as it calls itself: https://..."
    )
    changqing_oidc_client_id: str = Field(default="", description="what that issuer calls this ledger")
    changqing_oidc_client_secret: str = Field(default="", description="the secret shared with that issuer", repr=False)
    changqing_oidc_claim: str = Field(
        default="sub", description="the claim that says who it is, as `account new --subject` has it"
    )
    changqing_session_idle_minutes: int = Field(
        default=30, ge=1, le=1_440, description="after how many minutes without use a session of a person is over"
    )
    changqing_session_hours: int = Field(
        default=10, ge=1, le=168, description="after how many hours a session of a person is over in any case"
    )

    @property
    def public_url(self) -> str:
        """The address that people and programs use, by default this very machine's."""
        return self.changqing_public_url or f"http://{self.changqing_host}:{self.changqing_port}"

    @classmethod
    def read(cls) -> "Settings":
        """The settings of this process. Raises `SettingsError`."""
        return cls.of(os.environ)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings in an environment, where empty is as good as missing.

        Raises `SettingsError`; no value is repeated, as it may hold a password.
        """
        given = {name.lower(): value for name, value in environment.items() if value}
        one_key = sum(name in given for name in _KEYS) == 1
        wrong = [] if one_key else [f"one of {', '.join(_KEYS).upper()} must be set, and one only"]
        if sum(name in given for name in _NEXT_KEYS) > 1:
            wrong.append(f"of {', '.join(_NEXT_KEYS).upper()} one only may be set")
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError("; ".join([*wrong, *map(_sentence, error.errors())])) from None
        if wrong:
            raise SettingsError(*wrong)
        return settings

    def require_kafka(self) -> "Settings":
        """The same, for a process that cannot do without Kafka."""
        if not self.kafka_bootstrap:
            raise SettingsError(f"KAFKA_BOOTSTRAP must hold {_described('kafka_bootstrap')}")
        if self.kafka_security_protocol.startswith("SASL") and not self.kafka_sasl_username:
            raise SettingsError(f"KAFKA_SASL_USERNAME must hold {_described('kafka_sasl_username')}")
        if self.kafka_ssl_cafile and not Path(self.kafka_ssl_cafile).is_file():
            raise SettingsError(f"KAFKA_SSL_CAFILE must hold {_described('kafka_ssl_cafile')}, and it names none")
        return self


def topics_file(environment: Mapping[str, str]) -> Path | None:
    """The file of topics alone, for a tool that needs no other setting."""
    given = environment.get("CHANGQING_TOPICS_FILE")
    return Path(given) if given else None


def _sentence(error: Any) -> str:
    field = str(error["loc"][0])
    return f"{field.upper()} must hold {_described(field)} ({error['msg'].lower()})"


def _described(field: str) -> str:
    return Settings.model_fields[field].description or "another value"
