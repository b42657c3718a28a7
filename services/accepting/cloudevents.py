"""CloudEvents in, to submissions. Every defect is a coded refusal with its path. How they travel: `envelopes.py`."""

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from stdnum.cn import uscc

from domain.checked import arriving_struct
from domain.completeness import SEQUENCE_LIMIT
from domain.facts import LIFE_EVENTS, Department, LifeEvent, Person
from domain.identity import names_a_person
from domain.refusals import Refused
from infra.sealed import original
from infra.submissions import Submission
from infra.traces import traceparent
from services.accepting.envelopes import (
    BATCH,
    BATCH_LIMIT,
    EVENT_LIMIT,
    STRUCTURED,
    Envelope,
    attributes_of,
    binary,
    decode,
    is_json,
    split_batch,
    structured,
)

__all__ = [
    "BATCH",
    "BATCH_LIMIT",
    "EVENT_LIMIT",
    "STRUCTURED",
    "WIRE_TYPES",
    "Envelope",
    "Publisher",
    "batch_of",
    "binary",
    "data_of",
    "department_of",
    "digest_of",
    "sequence_of",
    "split_batch",
    "structured",
    "submission",
]


BATCH_NAME_LIMIT = 255


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


_data: dict[str, msgspec.json.Decoder[Any]] = {}
_facts: dict[str, Callable[[Any], LifeEvent]] = {}
WIRE_TYPES: dict[str, type[Struct]] = {}
"""What stands in `data` of each type: the fact's members and the person."""
for _name, _fact in LIFE_EVENTS.items():
    WIRE_TYPES[_name] = arriving_struct(_fact, person=Person)
    _facts[_name] = _maker(_fact)
    _data[_name] = msgspec.json.Decoder(WIRE_TYPES[_name])


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
        sequence=sequence_of(envelope) if envelope.extensions else None,
        batch=batch_of(envelope) if envelope.extensions else None,
        traceparent=traceparent(envelope.extensions.get("traceparent")) if envelope.extensions else "",
        original=original(attributes_of(envelope), bytes(envelope.data)),
    )


def data_of(envelope: Envelope, publisher: Publisher, decoder: msgspec.json.Decoder[Any] | None) -> Any:
    """What a publisher may say for its source, decoded; no decoder: no type of ours. Raises `Refused`."""
    if envelope.specversion != "1.0" or not is_json(envelope.datacontenttype):
        raise Refused("not-cloudevents", "specversion" if envelope.specversion != "1.0" else "datacontenttype")
    if decoder is None:
        raise Refused("unknown-type", "type")
    if department_of(envelope.source) is not publisher.department:
        raise Refused("not-your-source", "source")
    sent = bytes(envelope.data)
    if not sent:
        raise Refused("missing-field", "data")
    data = decode(decoder, sent, "data")
    _keep_clear(envelope, data)
    return data


def sequence_of(envelope: Envelope) -> int | None:
    """The source's own number of an event (the `sequence` extension), padded or not; None when it gives none. Raises `Refused`."""
    given = envelope.extensions.get("sequence")
    if given is None:
        return None
    if envelope.extensions.get("sequencetype", "Integer") != "Integer":
        raise Refused("sequence-invalid", "sequencetype")
    text = str(given)
    if not _DIGITS(text) or (number := int(text)) > SEQUENCE_LIMIT:
        raise Refused("sequence-invalid", "sequence")
    return number


_DIGITS = re.compile(r"[0-9]{1,64}", re.ASCII).fullmatch


def batch_of(envelope: Envelope) -> str | None:
    """The batch that an event is of (the `batch` extension); None when it names none. Raises `Refused`."""
    batch = envelope.extensions.get("batch")
    if batch is None:
        return None
    if not isinstance(batch, str) or not 1 <= len(batch) <= BATCH_NAME_LIMIT:
        raise Refused("invalid-field", "batch", f"text of up to {BATCH_NAME_LIMIT} characters")
    if names_a_person(batch):
        raise Refused("identity-number-in-id", "batch")
    return batch


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
