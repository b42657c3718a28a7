"""Pages that explain the API to whoever writes a program against it: each code with what to do, each path with what it takes."""

from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from msgspec import Struct

from domain.refusals import Refused
from services.sentences import SENTENCES
from services.web.pages import render

router = APIRouter()

Json = dict[str, Any]


class Operation(Struct, frozen=True, kw_only=True):
    """A path of the API with a method: what it asks in the address and the headers, takes, and answers by status."""

    method: str
    path: str
    summary: str
    description: str
    deprecated: bool
    asks: list[Json]
    takes: dict[str, Json]
    answers: dict[str, Json]


@router.get("/pages/errors")
def codes() -> HTMLResponse:
    """Every code of a refusal."""
    return HTMLResponse(render("errors.html", sentences=SENTENCES))


@router.get("/pages/errors/{code}")
def code(code: str) -> HTMLResponse:
    """One code: what it says, and what to do."""
    if code not in SENTENCES:
        raise Refused("not-found", "code")
    return HTMLResponse(render("error.html", code=code, sentence=SENTENCES[code]))


@router.get("/pages/api")
def api(request: Request) -> HTMLResponse:
    """The paths of the API, out of its document."""
    app: FastAPI = request.app
    return HTMLResponse(_paths(app))


@cache
def _paths(app: FastAPI) -> str:
    document = app.openapi()
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            operation = Operation(
                method=method.upper(),
                path=path,
                summary=said.get("summary", ""),
                description=said.get("description", ""),
                deprecated=said.get("deprecated", False),
                asks=said.get("parameters", []),
                takes=said.get("requestBody", {}).get("content", {}),
                answers=said["responses"],
            )
            groups.setdefault(next(iter(said.get("tags", ())), "other"), []).append(operation)
    schemas = sorted(document["components"]["schemas"].items())
    return render("api.html", groups=groups, schemas=schemas, typed=typed, version=document["info"]["version"])


def typed(schema: Json | bool) -> list[tuple[str, str]]:  # noqa: FBT001 - a schema may be one: true is anything
    """A schema as one reads it: words, and the name of the schema where a word is one's."""
    if isinstance(schema, bool):
        return [("…", "")]
    if ref := schema.get("$ref"):
        name = ref.rpartition("/")[2]
        return [(name, name)]
    if either := next((schema[key] for key in ("anyOf", "oneOf", "allOf") if key in schema), None):
        parts = [typed(one) for one in either]
        return [word for n, part in enumerate(parts) for word in ([(" | ", "")] if n else []) + part]
    if schema.get("type") == "array":
        return [("[", ""), *typed(schema.get("items", {})), ("]", "")]
    return [(_plain(schema), "")]


def _plain(schema: Json) -> str:
    """A schema without parts, in words."""
    if values := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return " | ".join(f'"{one}"' for one in values)
    bounds = (
        f"{key} {schema[key]}" for key in ("format", "pattern", "minimum", "maximum", "maxLength") if key in schema
    )
    return " ".join([str(schema.get("type", "")), *bounds]).strip() or "…"
