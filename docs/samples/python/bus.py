"""How to reach Kafka, from the environment: in the clear, or with TLS and a password."""

import os


def settings() -> dict[str, str | int | bool]:
    """Settings of librdkafka."""
    given: dict[str, str | int | bool] = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"]}
    if user := os.environ.get("KAFKA_USER"):
        given |= {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": os.environ["KAFKA_PASSWORD"],
            "ssl.ca.location": os.environ["KAFKA_CA"],
        }
    return given
