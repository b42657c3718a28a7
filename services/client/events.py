"""Events as a publisher makes them: CloudEvents 1.0, with ids that come out the same however often they are made."""

import base64
import binascii
import hashlib
import hmac
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from domain.facts import LIFE_EVENTS, LifeEvent, Person
from domain.identity import names_a_person, normal
from domain.refusals import Refused
from services.client.wellformed import Value, check_event

EVENT_LIMIT: Final = 64 * 1024
"""Bytes of one event that a ledger takes."""
MATERIAL: Final = "dssematerial"
"""The attribute of the signature, as CloudEvents' verifiability extension names it."""
SEQUENCE: Final = "sequence"
"""The attribute of an event's place among those of its source, as CloudEvents' sequence extension names it."""

_IDS: Final = UUID("f62f1982-5533-5fb0-98dc-36ab412cecb1")  # of urn:changqing:event-id, as URLs have theirs
_TYPES: Final = {fact: name for name, fact in LIFE_EVENTS.items()}


class Event(Struct, frozen=True, kw_only=True):
    """A CloudEvent. `data` is sent byte for byte as it stands here, since a signature is over these very bytes.

    `attributes`: all others, `time` as RFC 3339 and extensions among them. `base64`: `data` is no JSON. An empty `id` is
    for the outbox to make out of the content.
    """

    source: str
    id: str
    type: str
    data: bytes = b""
    attributes: dict[str, Value] = {}
    base64: bool = False

    @classmethod
    def read(cls, text: bytes) -> "Event":
        """The event in a structured-mode JSON object. Raises `Refused`: what a ledger could not tell the sender of comes back at once.

        Where there is no `id` but a `record`, that is the number of the publisher's own record (see `event_id`); it is not sent.
        """
        members = _members(text)
        data, encoded = members.pop("data", None), members.pop("data_base64", None)
        attributes = {name: _value(name, raw) for name, raw in members.items() if bytes(raw) != b"null"}
        if attributes.pop("specversion", None) != "1.0":
            raise Refused("not-cloudevents", "specversion")
        source, type_ = _text(attributes, "source"), _text(attributes, "type")
        id_ = _text(attributes, "id") if "id" in attributes else ""
        if isinstance(record := attributes.pop("record", None) if not id_ else None, str) and record:
            id_ = event_id(source, type_, record)
        check_event(source, id_, type_, attributes)
        if data is not None and encoded is not None:
            raise Refused("not-cloudevents", "data_base64", "data is given as well")
        body = _from_base64(encoded) if encoded is not None else bytes(data) if data is not None else b""
        return cls(source=source, type=type_, id=id_, data=body, attributes=attributes, base64=encoded is not None)

    def json(self) -> bytes:
        """The event in structured mode. Raises `Refused` for one that is too large, or not as CloudEvents are."""
        check_event(self.source, self.id, self.type, self.attributes)
        members: dict[str, Any] = {"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type}
        members |= self.attributes
        if self.base64:
            members["data_base64"] = self.data
        elif self.data:
            members["data"] = Raw(self.data)
        body = msgspec.json.encode(members)
        if len(body) > EVENT_LIMIT:
            raise Refused("body-too-large", "", f"{len(body)} bytes, the limit is {EVENT_LIMIT}")
        return body

    def with_attribute(self, name: str, value: Value) -> "Event":
        """The same event with one more attribute."""
        return replace(self, attributes=self.attributes | {name: value})


def life_event(
    fact: LifeEvent,
    person: Person,
    *,
    source: str,
    record: str = "",
    id: str = "",  # noqa: A002 - it is the attribute's name
    time: datetime | None = None,
    **extensions: Value,
) -> Event:
    """A fact about a person as an event of `source`.

    `record`: the number of the publisher's own record, of which the id is made (see `event_id`); `id` instead of it, for
    a publisher that has ids. `time`: when the publisher learnt of it; it must know its zone. Raises `Refused`.
    """
    if record and id:
        raise Refused("invalid-field", "id", "give the record's number or an id, not both")
    if time is not None and time.tzinfo is None:
        raise Refused("invalid-field", "time", "it does not say in which zone")
    type_ = _TYPES[type(fact)]
    data = msgspec.to_builtins(fact)
    del data["name"]
    data["person"] = msgspec.to_builtins(person)
    attributes: dict[str, Value] = {"datacontenttype": "application/json"}
    if time is not None:
        attributes["time"] = time.isoformat()
    return Event(
        source=source,
        type=type_,
        id=event_id(source, type_, record) if record else id,
        data=msgspec.json.encode(data),
        attributes=attributes | extensions,
    )


def event_id(source: str, type_: str, record: str, revision: int = 1) -> str:
    """The id of what a publisher's own record says: a UUID (version 5) of source, type and the record's number.

    It is no secret: whoever knows a number can reckon it, so the number must be nobody's identity number. A correction
    is another event, and wants the next `revision`. Raises `Refused("identity-number-in-id")`.
    """
    if names_a_person(record):
        raise Refused("identity-number-in-id", "record")
    return str(uuid5(_IDS, "\0".join((source, type_, record, str(revision)))))


def content_id(secret: bytes, event: Event) -> str:
    """An id made of what an event says, under a secret of the publisher's: without it the person could be found by trying."""
    said = f"id\0{event.source}\0{event.type}\0".encode() + canonical(event)
    return hmac.digest(secret, said, "sha256")[:16].hex()


def canonical(event: Event) -> bytes:
    """What an event says, whatever its white space and the order of its members. Raises `Refused`."""
    if event.base64 or not event.data:
        return event.data
    try:
        return msgspec.json.encode(msgspec.json.decode(event.data), order="deterministic")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed-json", "data") from None


def digest_of(event: Event) -> bytes:
    """Of the content: the same event again has the same one, however it is written."""
    return hashlib.sha256(f"{event.type}\0".encode() + canonical(event)).digest()


def ordering_key(secret: bytes, event: Event) -> str:
    """The key under which Kafka keeps events in order: `partitionkey`, or a pseudonym of the person, or the source.

    Keys are in clear everywhere, so the identity number itself never is one. Raises `Refused`.
    """
    if isinstance(given := event.attributes.get("partitionkey"), str) and given:
        if names_a_person(given):
            raise Refused("identity-number-in-id", "partitionkey")
        return given
    try:
        number = _about.decode(event.data).person.identity_number
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event.source
    with suppress(Refused):  # the ledger will say so, under the same key however often it is sent
        number = normal(number)
    return hmac.digest(secret, b"key\0" + number.encode("utf-8", "replace"), "sha256")[:16].hex()


class _Person(Struct):
    identity_number: str


class _About(Struct):
    person: _Person


_about = msgspec.json.Decoder(_About)
_object = msgspec.json.Decoder(dict[str, Raw])


def _members(text: bytes) -> dict[str, Raw]:
    try:
        msgspec.json.decode(text)  # all of it: what is raw is not looked into, and would spoil the batch it is sent in
        return _object.decode(text)
    except msgspec.ValidationError:
        raise Refused("not-cloudevents", "", "it is no JSON object") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed-json") from None


def _value(name: str, raw: Raw) -> Value:
    value = msgspec.json.decode(raw)
    if not isinstance(value, str | int | bool):
        raise Refused("invalid-field", name, "an attribute is a text, an integer or a boolean")
    return value


def _text(attributes: dict[str, Value], name: str) -> str:
    value = attributes.pop(name, None)
    if value is None:
        raise Refused("not-cloudevents", name)
    if not isinstance(value, str) or not value:
        raise Refused("invalid-field", name)
    return value


def _from_base64(raw: Raw) -> bytes:
    try:
        return base64.b64decode(str(msgspec.json.decode(raw)), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("invalid-field", "data_base64") from None
