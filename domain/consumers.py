"""Consumers: other people's systems that are handed what leaves the log, by webhook or as a feed, and what of it each gets.

What is told of them stands in the log like everything else. Nothing here is personal: a consumer is a system with a name.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from domain.facts import Department

Kind = Literal["webhook", "feed"]
"""Webhook: we send to it. Feed: it reads, by cursor or as server-sent events, and says how far it has come."""


class Secret(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What deliveries to a consumer are signed with, encrypted for storage. `until` (UTC): the end of an older one."""

    sealed: bytes
    until: datetime | None = None


class Terms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a consumer gets, and where. Empty `types`, `offices`, `fields`: everything that its department may have.

    `types`: names of types, or beginnings of them with `*` at the end. `offices`: beginnings of the names of offices, or of
    the division codes in them; what belongs to no office is then left out. `fields`: the members of `data` that it needs.
    `url` is a webhook's, `account` the account of the API that reads a feed.
    """

    department: Department
    kind: Kind
    url: str = ""
    account: str = ""
    types: tuple[str, ...] = ()
    offices: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


class ConsumerRegistered(Struct, frozen=True, kw_only=True, tag_field="name", tag="consumer-registered.v1"):
    """A consumer is handed what comes after the position `after`. `by`: the operator who did it."""

    consumer: str
    by: str
    terms: Terms
    after: int
    secrets: tuple[Secret, ...] = ()


class ConsumerChanged(Struct, frozen=True, kw_only=True, tag_field="name", tag="consumer-changed.v1"):
    """From now on other terms or secrets hold; one that had ended goes on from its place."""

    consumer: str
    by: str
    terms: Terms
    secrets: tuple[Secret, ...] = ()


class ConsumerEnded(Struct, frozen=True, kw_only=True, tag_field="name", tag="consumer-ended.v1"):
    """Nothing is handed over any more. Its place is kept."""

    consumer: str
    by: str
    reason: str


class ConsumerReplayed(Struct, frozen=True, kw_only=True, tag_field="name", tag="consumer-replayed.v1"):
    """It is handed over again: everything after a position, or the dead letters named (ids of CloudEvents)."""

    consumer: str
    by: str
    after: int | None = None
    events: tuple[str, ...] = ()


class DeliveryGivenUp(Struct, frozen=True, kw_only=True, tag_field="name", tag="delivery-given-up.v1"):
    """An event became a dead letter of a consumer: its CloudEvent id, its position, how often it was tried, and why."""

    consumer: str
    event: str
    position: int
    tries: int
    code: str


Told = ConsumerRegistered | ConsumerChanged | ConsumerEnded | ConsumerReplayed | DeliveryGivenUp


def wants(terms: Terms, type_: str, office: str | None) -> bool:
    """Whether a consumer is to get an event of a type that belongs to an office, or None."""
    return (not terms.types or any(fits(pattern, type_) for pattern in terms.types)) and (
        not terms.offices or (office is not None and any(_within(one, office) for one in terms.offices))
    )


def fits(pattern: str, type_: str) -> bool:
    """Whether a type is the one named, or begins as the pattern does up to its `*`."""
    return type_.startswith(pattern[:-1]) if pattern.endswith("*") else type_ == pattern


def _within(prefix: str, office: str) -> bool:
    """`social-insurance/4403` or `4403`: the office 440300000000 and all within it."""
    return (office.rpartition("/")[2] if prefix.isdigit() else office).startswith(prefix)


def only(terms: Terms, data: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an event's data that a consumer gets."""
    return {name: value for name, value in data.items() if not terms.fields or name in terms.fields}
