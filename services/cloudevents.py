"""CloudEvents 1.0 in: structured, binary and batch mode, to submissions. Every defect is a coded refusal with its path."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct
from stdnum.cn import uscc

from domain.checked import arriving_struct
from domain.completeness import SEQUENCE_LIMIT
from domain.facts import LIFE_EVENTS, Department, LifeEvent, Person
from domain.identity import names_a_person
from domain.refusals import Refused
from infra.submissions import Submission

T = TypeVar("T")

EVENT_LIMIT = 64 * 1024
"""Bytes of one event."""
BATCH_LIMIT = 8 * 1024 * 1024
"""Bytes of one batch."""
BATCH_EVENTS = 1_000

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_Text = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class Envelope(Struct, frozen=True):
    """The attributes of a CloudEvent and its data, still raw. Extensions are allowed."""

    specversion: str
    type: _Text
    source: _Text
    id: _Text
    time: Annotated[datetime, Meta(tz=True)] | None = None
    datacontenttype: str = "application/json"
    sequence: str | int | None = None
    sequencetype: str | None = None
    batch: _Text | None = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: bytes = b""


class Publisher(NamedTuple):
    """Who sent it: an account or a topic, of a department; and by which way."""

    name: str
    department: Department
    channel: str


def _maker(fact: type[LifeEvent]) -> Callable[[Any], LifeEvent]:
    """Takes a fact out of its data. The members are named once: this runs for every event that comes in."""
    names = fact.__struct_fields__
    members = attrgetter(*names)
    return lambda data: fact(**dict(zip(names, members(data), strict=True)))


_envelope = msgspec.json.Decoder(Envelope)
_batch = msgspec.json.Decoder(list[msgspec.Raw])
_data: dict[str, msgspec.json.Decoder[Any]] = {}
_facts: dict[str, Callable[[Any], LifeEvent]] = {}
WIRE_TYPES: dict[str, type[Struct]] = {}
"""What stands in `data` of each type: the fact's members and the person."""
for _name, _fact in LIFE_EVENTS.items():
    WIRE_TYPES[_name] = arriving_struct(_fact, person=Person)
    _facts[_name] = _maker(_fact)
    _data[_name] = msgspec.json.Decoder(WIRE_TYPES[_name])


def split_batch(body: bytes) -> list[bytes]:
    """The events of a batch, each still to be parsed. Raises `Refused` when the batch itself is no list or too long."""
    if len(body) > BATCH_LIMIT:
        raise Refused("body-too-large")
    events = _decode(_batch, body, "")
    if len(events) > BATCH_EVENTS:
        raise Refused("body-too-large", "", f"{len(events)} events, the limit is {BATCH_EVENTS}")
    return [bytes(event) for event in events]


def structured(body: bytes) -> Envelope:
    """The envelope of a structured-mode event. Raises `Refused`."""
    if len(body) > EVENT_LIMIT:
        raise Refused("body-too-large")
    envelope = _decode(_envelope, body, "", "not-cloudevents")
    if envelope.data_base64:
        envelope = msgspec.structs.replace(envelope, data=msgspec.Raw(envelope.data_base64), data_base64=b"")
    return envelope


def binary(attributes: Mapping[str, str], body: bytes) -> Envelope:
    """The envelope of a binary-mode event: attributes from headers without their prefix. Raises `Refused`."""
    if len(body) > EVENT_LIMIT:
        raise Refused("body-too-large")
    try:
        return msgspec.convert({**attributes, "data": msgspec.Raw(body)}, Envelope, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(error, "", "not-cloudevents") from None


def submission(envelope: Envelope, publisher: Publisher) -> Submission:
    """The submission in an envelope, if the publisher may speak for its source. Raises `Refused`."""
    data = data_of(envelope, publisher, _data.get(envelope.type))
    return Submission(
        source=envelope.source,
        id=envelope.id,
        department=publisher.department,
        published_by=publisher.name,
        channel=publisher.channel,
        fact=_facts[envelope.type](data),
        person=data.person,
        digest=digest_of(envelope),
        time=envelope.time,
        sequence=None if envelope.sequence is None else sequence_of(envelope),
        batch=envelope.batch,
    )


def data_of(envelope: Envelope, publisher: Publisher, decoder: msgspec.json.Decoder[Any] | None) -> Any:
    """What a publisher may say for its source, decoded; no decoder: no type of ours. Raises `Refused`."""
    if envelope.specversion != "1.0" or not envelope.datacontenttype.startswith("application/json"):
        raise Refused("not-cloudevents", "specversion" if envelope.specversion != "1.0" else "datacontenttype")
    if decoder is None:
        raise Refused("unknown-type", "type")
    if department_of(envelope.source) is not publisher.department:
        raise Refused("not-your-source", "source")
    if not bytes(envelope.data):
        raise Refused("missing-field", "data")
    data = _decode(decoder, bytes(envelope.data), "data")
    _keep_clear(envelope, data)
    return data


def sequence_of(envelope: Envelope) -> int | None:
    """The source's own number of an event (the `sequence` extension), padded or not; None when it gives none. Raises `Refused`."""
    given = envelope.sequence
    if given is None:
        return None
    if envelope.sequencetype not in (None, "Integer"):
        raise Refused("sequence-invalid", "sequencetype")
    text = str(given)
    if not _DIGITS(text) or (number := int(text)) > SEQUENCE_LIMIT:
        raise Refused("sequence-invalid", "sequence")
    return number


_DIGITS = re.compile(r"[0-9]{1,64}", re.ASCII).fullmatch


@lru_cache(maxsize=4_096)
def department_of(source: str) -> Department:
    """The department a source belongs to: its first segment. Raises `Refused`."""
    try:
        return Department(source.removeprefix("/").split("/", 1)[0] if source.startswith("/") else "")
    except ValueError:
        raise Refused("not-your-source", "source", "it does not begin with /department") from None


def _keep_clear(envelope: Envelope, data: Any) -> None:
    """Refuse an identity number where it would be kept in clear."""
    if not _clear_source(envelope.source):
        raise Refused("identity-number-in-id", "source")
    if names_a_person(envelope.id):
        raise Refused("identity-number-in-id", "id")
    if envelope.batch is not None and names_a_person(envelope.batch):
        raise Refused("identity-number-in-id", "batch")
    for name in ("document", "evidence", "retracts", "batch"):
        if (text := getattr(data, name, None)) and names_a_person(text):
            raise Refused("identity-number-in-id", f"data.{name}")


@lru_cache(maxsize=4_096)
def _clear_source(source: str) -> bool:
    """Whether no identity number stands in a source. The credit code of an enterprise is none."""
    return not names_a_person(source) or bool(uscc.is_valid(source.rpartition("/")[2]))


def digest_of(envelope: Envelope) -> bytes:
    """Of the content, in one canonical form: the same event in another mode, or with other white space, is the same."""
    canonical = msgspec.json.encode(msgspec.json.decode(envelope.data), order="deterministic")
    return hashlib.sha256(envelope.type.encode() + b"\0" + canonical).digest()


def _decode(decoder: msgspec.json.Decoder[T], body: bytes, at: str, missing: str = "missing-field") -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _refusal(error, at, missing) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed-json", at) from None


def _refusal(error: msgspec.ValidationError, at: str, missing: str) -> Refused:
    """A validation error as a code and a path; what was given is left out, as it may be personal."""
    text = str(error)
    found = re.search(r" - at `\$\.?(.*?)`$", text)
    path = ".".join(part for part in (at, found.group(1) if found else "") if part)
    member = re.search(r"required field `(\w+)`", text)
    if member:
        return Refused(missing, f"{path}.{member.group(1)}".lstrip("."))
    unknown = re.search(r"unknown field `(\w{1,40})`", text)
    if unknown or "unknown field" in text:
        return Refused("unknown-field", f"{path}.{unknown.group(1)}" if unknown else path)
    detail = re.sub(r"(?<=value ).*$", "not among the allowed", text.split(" - at ", maxsplit=1)[0])
    return Refused("invalid-field", path, detail)
