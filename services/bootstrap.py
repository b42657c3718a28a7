"""The wiring that every process shares: settings in, working parts out."""

from typing import Any, NamedTuple

import structlog

from domain.lineage import Lineage
from infra.accounts import AccountRegister
from infra.bus import Bus
from infra.consumers import Consumers
from infra.keys import KeyRing
from infra.outbox import Outbox
from infra.receipt_keys import ReceiptKeys
from infra.searching import Search
from infra.statutes import the_law, the_lineage
from infra.topics import declare
from infra.views import Views
from infra.webhooks import Reach, Sender
from services.accepting.receipts import Notary
from services.application import Changqing
from services.bus.topics import learners, wanted_topics
from services.identities.accounts import Accounts
from services.opening import opened
from services.reading.reader import Reader
from services.settings import Settings, SettingsError
from services.tracing import Tracing

_logger = structlog.get_logger()


class Parts(NamedTuple):
    """What a process is made of."""

    application: Changqing
    keys: KeyRing
    views: Views
    outbox: Outbox
    reader: Reader
    lineage: Lineage
    notary: Notary
    consumers: Consumers
    search: Search
    accounts: Accounts


def parts(settings: Settings) -> Parts:
    """The parts. Nothing connects yet. Raises `SettingsError`, `LawError`."""
    application, keys = opened(settings)
    application.tracing = Tracing.to(settings.changqing_otlp_url)
    views = Views(application.database)
    divisions = lineage(settings)
    search = Search(application.database, keys)
    reader = Reader(application.ledger, views, keys, divisions, the_law())
    consumers = Consumers(application.database, keys, learners(settings.changqing_topics_file))
    outbox = Outbox(application.database)
    notary = Notary(keys, ReceiptKeys(application.database, keys))
    accounts = Accounts(AccountRegister(application.database))
    return Parts(application, keys, views, outbox, reader, divisions, notary, consumers, search, accounts)


def lineage(settings: Settings) -> Lineage:
    """What became of the divisions, and the names of the settings' file. Raises `SettingsError`."""
    file = settings.changqing_divisions_file
    try:
        return the_lineage(file.read_text("utf-8") if file else "")
    except (OSError, ValueError) as error:
        raise SettingsError(f"CHANGQING_DIVISIONS_FILE must name such a file: {error}") from error


def bus(settings: Settings) -> Bus:
    """Kafka, with TLS and SASL as the settings say."""
    given: dict[str, Any] = {
        "bootstrap_servers": settings.require_kafka().kafka_bootstrap.split(","),
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        given |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password,
        }
    if settings.kafka_security_protocol.endswith("SSL"):
        given |= {"ssl_cafile": settings.kafka_ssl_cafile}
    return Bus(given)


def reach(settings: Settings) -> Reach:
    """Where webhooks may go. Raises `SettingsError`."""
    try:
        return Reach.of(settings.changqing_webhook_networks)
    except ValueError as error:
        raise SettingsError(f"CHANGQING_WEBHOOK_NETWORKS must hold networks such as 10.20.0.0/16: {error}") from error


def sender(settings: Settings) -> Sender:
    """What sends webhooks, over connections of its own. Raises `SettingsError`."""
    try:
        return Sender(reach(settings), authorities=settings.changqing_webhook_cafile)
    except OSError as error:  # of ssl's kind, too
        raise SettingsError(f"CHANGQING_WEBHOOK_CAFILE must name a file of certificates (PEM): {error}") from error


def declare_topics(settings: Settings) -> None:
    """Make every topic of ours what the settings want; what cannot be made so is logged. Raises `BusError`, `SettingsError`."""
    for one in declare(bus(settings), wanted_topics(settings)):
        if not one.mendable:
            _logger.warning(
                "a topic is not as wanted", topic=one.topic, what=one.what, wanted=one.wanted, found=one.found
            )
