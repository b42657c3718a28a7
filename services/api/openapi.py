"""The OpenAPI document: of every route what it asks for, what it answers and how it refuses, made from the code's own types.

An operation is documented by being there. What it answers stands beside it (`services/api/answering.py`); who must say who they
are, and which refusals every operation of its kind has, follows from what it depends on and takes in.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from domain.history import Receipt, Taken
from services.accepting.cloudevents import BATCH, STRUCTURED, WIRE_TYPES
from services.accepting.intake import Refusal
from services.accepting.reports import REPORTS
from services.api import auth
from services.api.answering import EVENT_STREAM, JSON, Also, Answers, answers, answers_of
from services.api.documents import asyncapi, schemas_of
from services.api.events import publish
from services.api.problems import PROBLEM, Problem
from services.sentences import SENTENCES

Json = dict[str, Any]

_ALWAYS = ("internal", "unavailable", "wrong-key", "too-many-requests", "overloaded", "too-slow")
_OF_WHOEVER_ASKS = (
    "unauthenticated",
    "forbidden",
    "password-must-change",
    "purpose-not-granted",
    "purpose-not-allowed",
    "form-expired",
    "certificate-invalid",
)
_OF_WHOEVER_IS_SHOWN = ("not-of-purpose",)
_OF_WHAT_IS_DONE_ONCE = ("idempotency-key-reused", "idempotency-in-progress", "idempotency-in-doubt")
_OF_CURSORS = ("cursor-refused",)
_OF_WHAT_IS_ASKED = ("invalid-request",)
_OF_WHAT_IS_SENT = ("body-too-large", "body-too-slow")
_WRITING = frozenset({"POST", "PUT", "PATCH"})


def install(app: FastAPI, topics_file: Path | None = None) -> None:
    """Serve both documents. `topics_file`: the operator's own, which says what the topics are like."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = document_of(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to extend the document

    @app.get("/asyncapi.json", tags=["documents"], summary="The topics and their messages (AsyncAPI 3)")
    @answers(dict[str, Any])
    async def _() -> Json:
        return asyncapi(topics_file)


def document_of(app: FastAPI) -> Json:
    """The document of an application."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    every = iter_route_contexts(app.routes)
    routes = [it for it in every if isinstance(it.original_route, APIRoute) and it.include_in_schema]
    said = [answers_of(route) for route in routes]
    told = [type_ for one in said for type_ in (one.type, *(also.type for also in one.also.values()))]
    schemas, found = schemas_of([*(type_ for type_ in told if type_ is not None), Problem, Receipt, Taken, Refusal])
    there = document.setdefault("components", {}).setdefault("schemas", {})
    twice = [name for name in there.keys() & schemas.keys() if not _same(there[name], schemas[name])]
    assert not twice, twice  # two types of one name
    there.update(schemas)
    document["components"]["securitySchemes"] = {
        "token": {
            "type": "oauth2",
            "description": "an access token (JWT, RFC 9068) as Bearer, good for ten minutes",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}},
        },
    }
    document["security"] = [{"token": []}]
    types = iter(found)
    for route, one in zip(routes, said, strict=True):
        schema = next(types) if one.type is not None else {}
        also = {status: _also(what, next(types)) for status, what in one.also.items()}
        assert route.path_format is not None
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            _describe(operation, route, one, schema, also)
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which we never answer with
        document["components"]["schemas"].pop(name, None)
    return document


def _describe(operation: Json, route: RouteContext, said: Answers, schema: Json, also: dict[int, Json]) -> None:
    asks = _asks_who(route)
    if not asks:
        operation["security"] = []
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _written(parameter["schema"])
    if route.endpoint is publish:
        operation["requestBody"] = _PUBLISHED
    content = {media: {"schema": _EVENTS if media == EVENT_STREAM else {"type": "string"}} for media in said.files}
    if schema or not content:
        content = {JSON: {"schema": schema}} | content
    good = str(route.status_code or 200)
    answers = {good: {"description": route.response_description, "content": content}}
    if "GET" in (route.methods or ()) and JSON in content:
        answers[good]["headers"] = _MAYBE_TAGGED if said.files else _TAGGED  # a file as it is made has none
        answers["304"] = {"description": _UNCHANGED, "headers": _TAGGED}
    answers |= _refusals(_codes(route, said, asks=asks))
    for other, what in also.items():
        there = answers.setdefault(str(other), {"description": what["description"], "content": {}})
        there["content"] |= what["content"]
    operation["responses"] = answers


def _same(one: Json, other: Json) -> bool:
    """Whether two schemas of a name are of the same words, in any order."""
    return "enum" in one and sorted(one["enum"]) == sorted(other.get("enum", ()))


def _also(what: Also, schema: Json) -> Json:
    return {"description": what.said, "content": {JSON: {"schema": schema}}}


def _written(schema: Json) -> Json:
    """The schema of a parameter without `null`, which cannot be written in an address or a header: it is left out instead."""
    if "anyOf" not in schema:
        return schema | ({"pattern": _NO_NUL} if _is_any_text(schema) else {})
    given = [
        one | ({"pattern": _NO_NUL} if _is_any_text(one) else {}) for one in schema["anyOf"] if one != {"type": "null"}
    ]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return given[0] | rest if len(given) == 1 else {"anyOf": given, **rest}


def _is_any_text(schema: Json) -> bool:
    return schema.get("type") == "string" and not {"pattern", "format", "enum", "const"} & schema.keys()


_NO_NUL = r"^[^\u0000]*$"


def _codes(route: RouteContext, said: Answers, *, asks: bool) -> Iterator[str]:
    """The codes that a route may refuse with: what it says itself, and what all of its kind do."""
    if said.refuses is None:
        yield from SENTENCES
        return
    yield from said.refuses
    yield from _ALWAYS
    if asks:
        yield from _OF_WHOEVER_ASKS
    asked = {getattr(one.call, "__name__", "") for one in _dependencies(route.dependant)}
    if "reader_then" in asked:
        yield from _OF_WHOEVER_IS_SHOWN
    if "_once" in asked:
        yield from _OF_WHAT_IS_DONE_ONCE
    if asked & {"_after", "_before"}:
        yield from _OF_CURSORS
    if route.dependant.path_params:
        yield "not-found"
    if _asks_something(route.dependant) or route.body_field:
        yield from _OF_WHAT_IS_ASKED
    if _WRITING & (route.methods or set()):
        yield from _OF_WHAT_IS_SENT


def _asks_who(route: RouteContext) -> bool:
    """Whether whoever asks must say who they are."""
    return any(getattr(one.call, "__module__", "") == auth.__name__ for one in _dependencies(route.dependant))


def _asks_something(dependant: Dependant) -> bool:
    """Whether there is a parameter that can be wrong."""
    return any(
        one.path_params or one.query_params or one.header_params or one.cookie_params
        for one in (dependant, *_dependencies(dependant))
    )


def _dependencies(dependant: Dependant) -> Iterator[Dependant]:
    for one in dependant.dependencies:
        yield one
        yield from _dependencies(one)


def _refusals(codes: Iterator[str]) -> Json:
    """The answers that refuse, by their status: each says its codes, in both languages."""
    by_status: dict[int, dict[str, str]] = defaultdict(dict)
    for code in codes:
        sentence = SENTENCES[code]
        by_status[sentence.status][code] = f"`{code}` {sentence.zh} {sentence.en}"
    return {str(status): _refusal(status, by_status[status]) for status in sorted(by_status)}


def _codes_of(status: int) -> list[str]:
    return sorted(code for code, sentence in SENTENCES.items() if sentence.status == status)


def _refusal(status: int, said: dict[str, str]) -> Json:
    schema = {
        "allOf": [_ref("Problem"), {"properties": {"status": {"const": status}, "code": {"enum": _codes_of(status)}}}]
    }
    answer = {
        "description": "; ".join(said[code] for code in sorted(said)),
        "content": {PROBLEM: {"schema": schema}},
    }
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    if status in {429, 503}:
        answer["headers"] = {"Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    return answer


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_UNCHANGED = "It is as `If-None-Match` has it."
_TAGGED: Json = {"ETag": {"required": True, "schema": {"type": "string"}}}
_MAYBE_TAGGED: Json = {"ETag": {"schema": {"type": "string"}}}
_EVENTS: Json = {
    "type": "object",
    "description": "One event of the stream.",
    "required": ["data", "event", "id"],
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": JSON},
    },
}
_EVENT = {"oneOf": [_ref(f"event.{name}") for name in (*WIRE_TYPES, *REPORTS)]}
_ANYTHING: Json = {"description": "What is no event is refused by a receipt of its own, and the others are taken."}
_PUBLISHED = {
    "required": True,
    "content": {
        STRUCTURED: {"schema": _EVENT},
        BATCH: {"schema": {"type": "array", "maxItems": 1_000, "items": {"anyOf": [_EVENT, _ANYTHING]}}},
    },
}
