"""The OpenAPI and AsyncAPI documents, made from the very types that the code decodes and encodes with."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from domain.completeness import Finding
from domain.facts import LIFE_EVENTS as FACTS
from domain.facts import MAY_PUBLISH, Department
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from services.accepting.cloudevents import BATCH, STRUCTURED, WIRE_TYPES
from services.accepting.dispositions import Disposition
from services.accepting.envelopes import SIGNATURE
from services.accepting.receipts import SignedReceipt, SignedRefusal, SignedReport
from services.accepting.reports import REPORTS
from services.api.feeds import FeedPage, FeedPlace
from services.api.problems import PROBLEM, Problem
from services.api.reading import AlertPage
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
from services.consumers.showing import ConsumerLine
from services.reading.cards import RosterLine
from services.sources.states import MissingAnswer, SourcePage

VERSION = version("changqing")

Json = dict[str, Any]

_ALERTS = {
    "pension-alert-raised.v1": AlertRaised,
    "pension-alert-withdrawn.v1": AlertWithdrawn,
    "pension-alert-escalated.v1": AlertEscalated,
}
_FINDINGS: dict[str, type[Struct]] = {str(type_.__struct_config__.tag): type_ for type_ in get_args(Finding)}
_CONTEST = "alert-contested.v1"
_ANSWERS = (
    SignedReceipt,
    SignedReport,
    SignedRefusal,
    Disposition,
    Problem,
    AlertPage,
    RosterLine,
    LifeEventTold,
    RecordsTold,
    ContestTold,
    SourcePage,
    MissingAnswer,
    DeadLetter,
    FeedPage,
    FeedPlace,
    ConsumerLine,
)
_OPEN = (
    ("/v1/keys", "get"),
    ("/oauth/token", "post"),
    ("/.well-known/oauth-authorization-server", "get"),
    ("/.well-known/jwks.json", "get"),
)
"""What is answered to everybody; at the second one says who one is by the body or by HTTP Basic."""

_RECORDS = ("records-joined.v1", "records-parted.v1")


def install(app: FastAPI, topics_file: Path | None = None) -> None:
    """Serve both documents. `topics_file`: the operator's own, which says what the topics are like."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _openapi(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to extend the document

    @app.get("/asyncapi.json", tags=["documents"], summary="The topics and their messages (AsyncAPI 3)")
    async def _() -> Json:
        return asyncapi(topics_file)


def asyncapi(topics_file: Path | None = None) -> Json:
    """The AsyncAPI 3 document of all topics."""
    schemas = _schemas()
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


_ARRIVING = {
    "datacontenttype": {"type": "string", "pattern": r"^application/([a-z0-9.-]+\+)?json$"},
    "dataschema": {"type": "string"},
    "sequence": {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "the source's own number of it, from 1 upward",
    },
    "sequencetype": {"const": "Integer"},
    "batch": {"type": "string", "minLength": 1, "maxLength": 255},
    SIGNATURE: {"type": "string", "contentEncoding": "base64", "description": "a DSSE envelope"},
}
"""What may stand in an event of a publisher's beside what is in ours."""


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
    }


def _schemas() -> Json:
    """Every type's schema by name, and the CloudEvent around it as `event.<stored name>`."""
    wire = [*WIRE_TYPES.items(), *REPORTS.items()]
    ours = [*_ALERTS.items(), *_FINDINGS.items()]
    types = [*(type_ for _, type_ in wire), *_ANSWERS, *(type_ for _, type_ in ours)]
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(types, found, strict=True))
    schemas: Json = dict(components)
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
    return schemas


def _openapi(app: FastAPI) -> Json:
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(_schemas())
    document["components"]["securitySchemes"] = {
        "token": {
            "type": "oauth2",
            "description": "an access token (JWT, RFC 9068) as Bearer, good for ten minutes",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}},
        },
    }
    document["security"] = [{"token": []}]
    events = {"oneOf": [{"$ref": f"#/components/schemas/event.{name}"} for name in (*WIRE_TYPES, *REPORTS)]}
    problem = {"description": "Refused, with a code (RFC 9457)", "content": {PROBLEM: {"schema": _ref("Problem")}}}
    publish = document["paths"]["/v1/events"]["post"]
    publish["requestBody"] = {
        "required": True,
        "content": {STRUCTURED: {"schema": events}, BATCH: {"schema": {"type": "array", "items": events}}},
    }
    receipt, report, refusal = _ref("SignedReceipt"), _ref("SignedReport"), _ref("SignedRefusal")
    answers = {"anyOf": [receipt, report, {"type": "array", "items": {"anyOf": [receipt, report, refusal]}}]}
    publish["responses"] = {"200": _answer("The receipt, or the receipts of a batch", answers)}
    document["paths"]["/v1/receipts"]["get"]["responses"]["200"] = _answer("What became of it", _ref("Disposition"))
    document["paths"]["/v1/sources"]["get"]["responses"]["200"] = _answer("Sources", _ref("SourcePage"))
    document["paths"]["/v1/sources/missing"]["get"]["responses"]["200"] = _answer(
        "What is missing", _ref("MissingAnswer")
    )
    document["paths"]["/v1/alerts"]["get"]["responses"]["200"] = _answer("Alerts", _ref("AlertPage"))
    document["paths"]["/v1/roster"]["get"]["responses"]["200"] = _answer(
        "People", {"type": "array", "items": _ref("RosterLine")}
    )
    for path, method in _OPEN:
        document["paths"][path][method]["security"] = []
    feed, place = document["paths"]["/v1/feeds/{consumer}"], document["paths"]["/v1/feeds/{consumer}/acknowledge"]
    feed["get"]["responses"]["200"] = _answer("Events", _ref("FeedPage"))
    place["post"]["responses"]["200"] = _answer("The place now", _ref("FeedPlace"))
    document["paths"]["/v1/consumers"]["get"]["responses"]["200"] = _answer(
        "Consumers", {"type": "array", "items": _ref("ConsumerLine")}
    )
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"]["default"] = problem
    return document


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
