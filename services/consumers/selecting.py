"""What of an entry of the log goes to one consumer, and as which bytes."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Self

import msgspec
from msgspec import Struct

from domain.consumers import Terms, only, wants
from domain.facts import Department
from domain.history import Entry
from domain.told import AlertRaised
from infra.consumers import Consumers
from infra.outbox import Outbox
from infra.receipt_keys import ReceiptKeys
from services.accepting.receipts import Notary
from services.bus.outgoing import Sign, contests, messages, receipt_for, receipts
from services.consumers.catalogue import topics


class Item(Struct, frozen=True):
    """An event for a consumer: its CloudEvent id, the same for every consumer, its type, and the event in structured mode.

    `place` counts what the entry became for everybody, from 1; `last`: nothing of the entry follows for anybody.
    """

    event: str
    type: str
    body: bytes
    content_type: str
    place: int
    last: bool
    traceparent: str = ""

    def cursor(self, position: int) -> str:
        """Where whoever has this goes on: behind the entry, or in the middle of it."""
        return str(position) if self.last else f"{position}.{self.place}"


class Leaves(NamedTuple):
    """What it takes to make of an entry all that leaves: the ledger's signature, and the alerts as they were raised.

    `learners`: the departments beside the agency that may learn of life events.
    """

    sign: Sign
    alert_of: Callable[[str], AlertRaised | None]
    learners: Collection[Department] = ()

    @classmethod
    def of(cls, consumers: Consumers) -> Self:
        """Those of the ledger whose consumers these are."""
        notary = Notary(consumers.keys, ReceiptKeys(consumers.database, consumers.keys))
        return cls(notary.signed, Outbox(consumers.database).alert, consumers.learners)


def selected(entry: Entry, terms: Terms, leaves: Leaves) -> list[Item]:
    """The events that an entry becomes for a consumer. The one place that reads what leaves the log for it."""
    leaving = [*messages(entry), *contests(entry, leaves.alert_of)]
    receives = receipt_for(entry)
    count = len(leaving) + (receives is not None)
    if receives == terms.department:  # to nobody else, so that nothing is signed for nothing
        leaving += receipts(entry, leaves.sign)
    may = topics(terms.department, leaves.learners)
    items = []
    for place, message in enumerate(leaving, start=1):
        types = may.get(message.topic)
        if types is None:
            continue
        event: dict[str, Any] = msgspec.json.decode(message.value)
        data = event.get("data")
        told = data if isinstance(data, dict) else {}
        if event["type"] not in types or not wants(terms, event["type"], told.get("office")):
            continue
        body = msgspec.json.encode(_narrowed(event, told, terms)) if terms.fields else message.value
        last = place == count
        items.append(Item(event["id"], event["type"], body, message.content_type, place, last))
    return items


def _narrowed(event: dict[str, Any], data: dict[str, Any], terms: Terms) -> dict[str, Any]:
    """The event with the members that the consumer gets; whom it is about is one of them."""
    kept = event | {"data": only(terms, data)}
    if "retiree" not in terms.fields:
        kept.pop("subject", None)
    return kept
