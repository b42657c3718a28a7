"""Settings, read once at start from the environment; each error names the variable and what it should hold."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """A variable is missing or wrong; the message is one sentence that names it."""


class Settings(BaseSettings):
    """Where things are. The names of the variables are the fields' names in capitals."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: str = Field(pattern=r"^postgres(ql)?://", description="a PostgreSQL URL; TLS by its sslmode")
    kafka_bootstrap: str = Field(default="", description="host:port of Kafka, several separated by commas")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = Field(default="", description="the SASL user name")
    kafka_sasl_password: str = Field(default="", description="the SASL password", repr=False)
    kafka_ssl_cafile: str | None = Field(default=None, description="the file of the certificate authority")
    kafka_replication: int = Field(default=1, ge=1, le=5, description="copies of each topic, 3 in production")
    changqing_key_file: Path = Field(description="the file of the key-encryption key, 64 hex digits")
    changqing_credentials_file: Path = Field(description="the file of who may do what, JSON")
    changqing_status_file: Path | None = Field(default=None, description="where `run` writes how far it is")
    changqing_divisions_file: Path | None = Field(
        default=None, description="a TOML file that names streets and communities"
    )
    changqing_host: str = Field(default="127.0.0.1", description="the address to listen on")
    changqing_port: int = Field(default=8000, ge=0, le=65535, description="the port to listen on")

    @classmethod
    def read(cls) -> "Settings":
        """The settings of this process. Raises `SettingsError`."""
        return cls.of(os.environ)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings in an environment. Raises `SettingsError`; no value is repeated, as it may hold a password."""
        try:
            return cls.model_validate({name.lower(): value for name, value in environment.items()})
        except ValidationError as error:
            raise SettingsError("; ".join(_sentence(e) for e in error.errors())) from None

    def require_kafka(self) -> "Settings":
        """The same, for a process that cannot do without Kafka."""
        if not self.kafka_bootstrap:
            raise SettingsError(f"KAFKA_BOOTSTRAP must hold {_described('kafka_bootstrap')}")
        if self.kafka_security_protocol.startswith("SASL") and not self.kafka_sasl_username:
            raise SettingsError(f"KAFKA_SASL_USERNAME must hold {_described('kafka_sasl_username')}")
        if self.kafka_ssl_cafile and not Path(self.kafka_ssl_cafile).is_file():
            raise SettingsError(f"KAFKA_SSL_CAFILE must hold {_described('kafka_ssl_cafile')}, and it names none")
        return self


def _sentence(error: Any) -> str:
    field = str(error["loc"][0])
    return f"{field.upper()} must hold {_described(field)} ({error['msg'].lower()})"


def _described(field: str) -> str:
    return Settings.model_fields[field].description or "another value"
