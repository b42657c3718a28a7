"""Refusals over HTTP: problem details (RFC 9457), with the code, the path, and both languages."""

import re
from datetime import datetime
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from msgspec import UNSET, Struct, UnsetType
from starlette.exceptions import HTTPException

from domain.refusals import Refused
from infra.clocks import ClocksApartError
from infra.database import DatabaseError
from infra.dsse import Envelope
from infra.keys import WrongKeyError
from services.accepting.intake import Refusal, Words, refusal
from services.sentences import SENTENCES
from services.web.pages import render

PROBLEM = "application/problem+json"

_logger = structlog.get_logger()


class Problem(Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457): `type`, `title` and `status`, the HTTP code; the rest as in the receipt of a refusal.

    The members after `remedy` are there where a submission was refused; in `proof` the `status` is that of the receipt.
    """

    type: str
    title: str
    status: int
    source: str | None
    id: str | None
    code: str
    path: str
    detail: str
    reason: Words
    remedy: Words
    place: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    recorded_at: datetime | UnsetType = UNSET
    known: bool | UnsetType = UNSET
    proof: Envelope | UnsetType = UNSET


def problem(refused: Refusal) -> Response:
    """The response of a refusal."""
    sentence = SENTENCES[refused.code]
    members = msgspec.structs.asdict(refused) | {"status": sentence.status}
    body = Problem(type=f"urn:changqing:refusal:{refused.code}", title=f"{sentence.zh} / {sentence.en}", **members)
    headers = {"WWW-Authenticate": 'Basic realm="Changqing", charset="UTF-8"'} if sentence.status == 401 else {}
    return Response(msgspec.json.encode(body), sentence.status, headers, PROBLEM)


def page_problem(request: Request, refused: Refusal) -> Response:
    """The same as a page, for whoever asks for one."""
    response = problem(refused)
    if "text/html" not in request.headers.get("accept", ""):
        return response
    page = render("problem.html", refused=refused, account=getattr(request.state, "account", None))
    return HTMLResponse(
        page, response.status_code, {k: v for k, v in response.headers.items() if k == "www-authenticate"}
    )


def unforeseen(request: Request, error: Exception) -> Response:
    """The answer to an error of ours; what it was stands in the process's log."""
    _logger.critical("a request failed in a way that was not foreseen", path=request.url.path, exc_info=error)
    return page_problem(request, refusal(Refused("internal")))


_NAME = re.compile(r"[\w-]{1,100}").fullmatch


def install(app: FastAPI) -> None:
    """Turn every error of a request into problem details."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Any) -> Response:
        return page_problem(request, refusal(error))

    @app.exception_handler(ClocksApartError)
    async def clocks_apart(request: Request, error: Any) -> Response:
        return page_problem(request, refusal(Refused("unavailable", "", str(error))))

    @app.exception_handler(DatabaseError)
    async def unavailable(request: Request, _: Any) -> Response:
        return page_problem(request, refusal(Refused("unavailable")))

    @app.exception_handler(WrongKeyError)
    async def wrong_key(request: Request, _: Any) -> Response:
        return page_problem(request, refusal(Refused("wrong-key")))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Any) -> Response:
        where = ".".join(part for one in error.errors()[0]["loc"] if _NAME(part := str(one)))  # not pydantic's own
        return page_problem(request, refusal(Refused("invalid-request", where, error.errors()[0]["msg"])))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: Any) -> Response:
        code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "invalid-request")
        response = page_problem(request, refusal(Refused(code)))
        response.headers.update(error.headers or {})  # Allow, of a method that is not there
        return response
