"""The Faust agent that brings what departments publish to Kafka to the worker: stateless, in a consumer group."""

import asyncio
import atexit
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

import faust
import structlog

from domain.facts import Department
from infra.faults import told
from services.bus.lots import LotConsumer
from services.bus.outgoing import INTAKE_GROUP, intake_topic
from services.bus.worker import Worker, arrived
from services.settings import Settings

_logger = structlog.get_logger()

BATCH = 1_000
_LONGEST_WAIT = (2**31 - 1) // 1_000
"""Seconds without a fetch after which Kafka would take our partitions away: the most that it can be told, 24 days."""


def faust_app(worker: Worker, settings: Settings) -> faust.App:
    """The Faust application: one agent on all intake topics, a consumer group shared by all workers."""
    app = faust.App(
        INTAKE_GROUP,
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=10,  # the default of 60 s is how long a dead worker's partitions would wait
        broker_heartbeat_interval=2,
        broker_commit_interval=0.5,
        broker_max_poll_records=BATCH,
        broker_max_poll_interval=_LONGEST_WAIT,  # who waits for PostgreSQL stays in the group: heartbeats show who lives
        topic_disable_leader=True,  # Faust's own topic creation fails on Kafka 4; ours are declared before
        consumer_auto_offset_reset="earliest",
        store="memory://",
        datadir=_empty_directory(),
        web_enabled=False,
    )
    transport: Any = app.transport
    transport.Consumer = type("_LotConsumer", (LotConsumer,), {"resting": staticmethod(worker.resting)})
    topic = app.topic(
        *map(intake_topic, Department), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(topic)
    async def intake(stream: Any) -> None:
        async for event in stream.noack().events():
            consumer: Any = app.consumer
            lot = event.message
            consumer.begun(lot)
            try:
                await asyncio.to_thread(worker.take, [arrived(record) for record in lot.records])
            except asyncio.CancelledError:
                os._exit(0)  # told to stop in the middle of a batch; passing this on would commit its offsets
            except BaseException as error:  # noqa: BLE001 - told without its values, which may be somebody's, and the process ends
                _logger.critical("a batch failed in a way that was not foreseen; it is read again", **told(error))
                os._exit(70)  # likewise
            consumer.took(lot)

    return app


def _empty_directory() -> Path:
    """Faust insists on a directory for tables; we have none, and leave none behind."""
    directory = tempfile.TemporaryDirectory(prefix="changqing-intake-")
    atexit.register(directory.cleanup)
    return Path(directory.name)


def _credentials(settings: Settings) -> Any:
    """TLS and SASL as Faust wants them; None for plain text."""
    tls = None
    if settings.kafka_security_protocol.endswith("SSL"):
        tls = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    if settings.kafka_security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            ssl_context=tls,
            mechanism=settings.kafka_sasl_mechanism,
        )
    return faust.SSLCredentials(tls) if tls else None
