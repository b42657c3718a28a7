"""CloudEvents in, to submissions. Every defect is a coded refusal with its path. How they travel: `envelopes.py`."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from stdnum.cn import uscc

from domain.checked import arriving_struct
from domain.facts import LIFE_EVENTS, Department, LifeEvent, Person
from domain.identity import names_a_person
from domain.refusals import Refused
from infra.sealed import original
from infra.submissions import Submission
from services.envelopes import (
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
    "binary",
    "department_of",
    "split_batch",
    "structured",
    "submission",
]


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
    if envelope.specversion != "1.0" or not is_json(envelope.datacontenttype):
        raise Refused("not-cloudevents", "specversion" if envelope.specversion != "1.0" else "datacontenttype")
    decoder = _data.get(envelope.type)
    if decoder is None:
        raise Refused("unknown-type", "type")
    if department_of(envelope.source) is not publisher.department:
        raise Refused("not-your-source", "source")
    sent = bytes(envelope.data)
    if not sent:
        raise Refused("missing-field", "data")
    data = decode(decoder, sent, "data")
    _keep_clear(envelope, data)
    return Submission(
        source=envelope.source,
        id=envelope.id,
        department=publisher.department,
        published_by=publisher.name,
        channel=publisher.channel,
        fact=_facts[envelope.type](data),
        person=data.person,
        digest=_digest(envelope),
        time=envelope.time,
        original=original(attributes_of(envelope), sent),
    )


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
    for name in ("document", "evidence", "retracts"):
        if (text := getattr(data, name, None)) and names_a_person(text):
            raise Refused("identity-number-in-id", f"data.{name}")


@lru_cache(maxsize=4_096)
def _clear_source(source: str) -> bool:
    """Whether no identity number stands in a source. The credit code of an enterprise is none."""
    return not names_a_person(source) or bool(uscc.is_valid(source.rpartition("/")[2]))


def _digest(envelope: Envelope) -> bytes:
    """Of the content, in one canonical form: the same event in another mode, or with other white space, is the same."""
    canonical = msgspec.json.encode(msgspec.json.decode(envelope.data), order="deterministic")
    return hashlib.sha256(envelope.type.encode() + b"\0" + canonical).digest()
