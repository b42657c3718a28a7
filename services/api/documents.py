"""The AsyncAPI document, and the schemas of events, made from the very types that the code decodes and encodes with."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from domain.completeness import Finding
from domain.facts import LIFE_EVENTS as FACTS
from domain.facts import MAY_PUBLISH, Department
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from services.accepting.cloudevents import STRUCTURED, WIRE_TYPES
from services.accepting.envelopes import SIGNATURE
from services.accepting.receipts import SignedReceipt, SignedRefusal, SignedReport
from services.accepting.reports import REPORTS
from services.bus.disclosing import DISCLOSURES
from services.bus.outgoing import (
    ALERTS,
    DEAD_LETTERS,
    LIFE_EVENTS,
    RECEIPT,
    SOURCE_ALERTS,
    ContestTold,
    DeadLetter,
    LifeEventTold,
    RecordsTold,
    intake_topic,
    receipts_topic,
)
from services.bus.topics import Declared, topics
from services.reading.ocsf import VERSION as OCSF

VERSION = version("changqing")

Json = dict[str, Any]

_ALERTS = {
    "pension-alert-raised.v1": AlertRaised,
    "pension-alert-withdrawn.v1": AlertWithdrawn,
    "pension-alert-escalated.v1": AlertEscalated,
}
_FINDINGS: dict[str, type[Struct]] = {str(type_.__struct_config__.tag): type_ for type_ in get_args(Finding)}
_CONTEST = "alert-contested.v1"
_TOLD = (SignedReceipt, SignedReport, SignedRefusal, LifeEventTold, RecordsTold, ContestTold, DeadLetter)
_RECORDS = ("records-joined.v1", "records-parted.v1")


_DISCLOSURE = {
    "type": "object",
    "description": f"An event of OCSF {OCSF} (schema.ocsf.io): API Activity 6003, Authentication 3002 or Detection Finding 2004.",
    "required": ["category_uid", "class_uid", "activity_id", "type_uid", "severity_id", "time", "metadata"],
    "properties": {
        "class_uid": {"enum": [6003, 3002, 2004]},
        "time": {"type": "integer", "description": "Milliseconds since 1970."},
        "metadata": {
            "type": "object",
            "required": ["version", "product", "uid", "sequence"],
            "properties": {
                "uid": {"type": "string", "description": "The same each time it is sent: its position in the log."},
                "sequence": {"type": "integer"},
            },
        },
    },
}


def asyncapi(topics_file: Path | None = None) -> Json:
    """The AsyncAPI 3 document of all topics."""
    schemas, _ = schemas_of()
    messages = {name: _message(name, name) for name in (*WIRE_TYPES, *REPORTS, *_ALERTS, *_FINDINGS)}
    messages[f"contested.{_CONTEST}"] = _message(_CONTEST, "contest")
    messages |= {f"told.{name}": _message(name, "told") for name in FACTS}
    messages |= {f"told.{name}": _message(name, "records") for name in _RECORDS}
    messages |= {RECEIPT: _message(RECEIPT, RECEIPT)}
    messages["dead-letter"] = {
        "name": "dead-letter",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/DeadLetter"},
    }
    messages["disclosure"] = {
        "name": "disclosure",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/Disclosure"},
    }
    schemas |= {"Disclosure": _DISCLOSURE}
    channels: Json = {}
    operations: Json = {}
    for department in Department:
        mine = [name for name, fact in FACTS.items() if department in MAY_PUBLISH[fact]]
        _channel(channels, operations, intake_topic(department), [*mine, *REPORTS], "receive")
        answers = [RECEIPT, *_FINDINGS, f"contested.{_CONTEST}"]
        _channel(channels, operations, receipts_topic(department), answers, "send")
    _channel(channels, operations, ALERTS, list(_ALERTS), "send")
    _channel(channels, operations, SOURCE_ALERTS, list(_FINDINGS), "send")
    _channel(channels, operations, LIFE_EVENTS, [f"told.{name}" for name in (*FACTS, *_RECORDS)], "send")
    _channel(channels, operations, DEAD_LETTERS, ["dead-letter"], "send")
    _channel(channels, operations, DISCLOSURES, ["disclosure"], "send")
    for topic in topics(topics_file):
        channels[topic.name.replace(".", "-")]["bindings"] = {"kafka": _binding(topic)}
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Changqing 长青",
            "version": VERSION,
            "description": "CloudEvents 1.0 on Apache Kafka, structured or binary mode in, structured mode out.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": STRUCTURED,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(channels: Json, operations: Json, topic: str, names: list[str], action: str) -> None:
    key = topic.replace(".", "-")
    channels[key] = {
        "address": topic,
        "messages": {name.replace(".", "-"): {"$ref": f"#/components/messages/{name}"} for name in names},
    }
    operations[f"{action}-{key}"] = {"action": action, "channel": {"$ref": f"#/channels/{key}"}}


def _binding(topic: Declared) -> Json:
    """What AsyncAPI's Kafka bindings say of a topic. The number of copies is the cluster's own affair."""
    settings = topic.topic(replication=1).configs
    return {
        "partitions": topic.wanted.partitions,
        "topicConfiguration": {
            "cleanup.policy": settings["cleanup.policy"].split(","),
            "retention.ms": int(settings["retention.ms"]),
        },
        "bindingVersion": "0.5.0",
    }


def _message(type_: str, schema: str) -> Json:
    return {
        "name": type_,
        "contentType": STRUCTURED,
        "payload": {"$ref": f"#/components/schemas/event.{schema}"},
    }


_CLEAR = r"[^\x00-\x1f\x7f-\x9f]"
_TEXT = {"type": "string", "pattern": f"^{_CLEAR}*$"}
_ARRIVING = {
    "source": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^/{_CLEAR}*$"},
    "id": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{_CLEAR}+$"},
    "subject": {"maxLength": 2_048, **_TEXT},
    "datacontenttype": {"type": "string", "pattern": r"^application/([a-z0-9.-]+\+)?json$"},
    "dataschema": {"maxLength": 2_048, **_TEXT},
    "sequence": {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "the source's own number of it, from 1 upward",
    },
    "sequencetype": {"const": "Integer"},
    "batch": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{_CLEAR}+$"},
    SIGNATURE: {**_TEXT, "contentEncoding": "base64", "description": "a DSSE envelope"},
}
"""What may stand in an event of a publisher's beside what is in ours, and how text is bounded there."""
_EXTENSIONS: Json = {
    "propertyNames": {"pattern": "^[a-z0-9]+$"},
    "additionalProperties": {
        "anyOf": [
            _TEXT,
            {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
            {"type": "boolean"},
            {"type": "null"},
        ]
    },
}
"""Other attributes, as CloudEvents names and types them; they are kept."""


def _event(type_: str | None, data: Json, more: Json | None = None) -> Json:
    """The schema of a CloudEvent of one type."""
    return {
        "type": "object",
        "required": ["specversion", "type", "source", "id", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "type": {"const": type_} if type_ else {"type": "string"},
            "source": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^/"},
            "id": {"type": "string", "minLength": 1, "maxLength": 255},
            "time": {"type": "string", "format": "date-time"},
            "subject": {"type": "string"},
            "datacontenttype": {"const": "application/json"},
            "data": data,
        }
        | (more or {}),
    } | (_EXTENSIONS if more else {})


def schemas_of(more: Sequence[Any] = ()) -> tuple[Json, list[Json]]:
    """Every type's schema by name, and the CloudEvent around it as `event.<stored name>`; and how `more` types are referred to."""
    wire = [*WIRE_TYPES.items(), *REPORTS.items()]
    ours = [*_ALERTS.items(), *_FINDINGS.items()]
    types = [*(type_ for _, type_ in wire), *_TOLD, *(type_ for _, type_ in ours)]
    found, components = msgspec.json.schema_components([*types, *more], ref_template="#/components/schemas/{name}")
    by_type = dict(zip(types, found, strict=False))
    schemas: Json = _tuples(dict(components))
    for name, type_ in (*wire, *ours):
        schemas[f"event.{name}"] = _event(
            name, by_type[type_], _ARRIVING if name in WIRE_TYPES or name in REPORTS else None
        )
    schemas["event.told"] = _event(None, by_type[LifeEventTold])
    schemas["event.contest"] = _event(_CONTEST, by_type[ContestTold])
    schemas["event.records"] = _event(None, by_type[RecordsTold])
    schemas[f"event.{RECEIPT}"] = _event(
        RECEIPT, {"anyOf": [by_type[SignedReceipt], by_type[SignedReport], by_type[SignedRefusal]]}
    )
    return schemas, _tuples(list(found[len(types) :]))


def _tuples(schema: Any) -> Any:
    """The same with arrays of a fixed length whose members are all alike said in the way that every generator of clients knows."""
    if isinstance(schema, list):
        return [_tuples(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _tuples(value) for key, value in schema.items()}
    first, *others = inner.get("prefixItems", [None])
    if first is not None and all(one == first for one in others):
        del inner["prefixItems"]
        inner["items"] = first
    return inner
