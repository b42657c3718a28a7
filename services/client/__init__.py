"""The publishers' client: life events to a ledger over HTTP or Kafka, and the receipts that come back.

It stands by itself: of the ledger it imports nothing but the words of the domain and the signing envelope.
"""

from services.client.client import Client, Undelivered
from services.client.errors import ClientError, NotAllowedError, OutboxBusyError, UnreachableError, UntrustedError
from services.client.events import Event, event_id, life_event
from services.client.http import HttpChannel
from services.client.kafka import KafkaChannel
from services.client.outbox import Outbox
from services.client.receipts import LedgerKeys, Receipt
from services.client.reports import batch_closed, heartbeat, sequences_unused
from services.client.retrying import Retrying
from services.client.signing import Signer

__all__ = [
    "Client",
    "ClientError",
    "Event",
    "HttpChannel",
    "KafkaChannel",
    "LedgerKeys",
    "NotAllowedError",
    "Outbox",
    "OutboxBusyError",
    "Receipt",
    "Retrying",
    "Signer",
    "Undelivered",
    "UnreachableError",
    "UntrustedError",
    "batch_closed",
    "event_id",
    "heartbeat",
    "life_event",
    "sequences_unused",
]
