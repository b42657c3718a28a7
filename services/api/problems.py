"""Refusals over HTTP: problem details (RFC 9457), with the code, the path, and both languages."""

import asyncio
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import iter_route_contexts
from msgspec import UNSET, Struct, UnsetType
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from domain.refusals import Refused
from infra.clocks import ClocksApartError
from infra.database import DatabaseError, TooSlowError
from infra.dsse import Envelope
from infra.faults import told
from infra.keys import WrongKeyError
from services.accepting.intake import Refusal, Words, refusal
from services.accounts import Account
from services.api.denials import act_of
from services.api.gate.passing import passing_of
from services.api.peers import peers_of
from services.reading.denials import Denials, Denied
from services.sentences import SENTENCES
from services.web.pages import render

PROBLEM = "application/problem+json"

_ELSEWHERE = {"unauthenticated": "/login?next={}", "password-must-change": "/pages/account"}
"""Where somebody at a browser is sent who has something to do first."""

_logger = structlog.get_logger()
_CODES = {404: "not-found", 405: "method-not-allowed", 408: "body-too-slow", 413: "body-too-large"}
"""The codes of what the framework refuses."""


class Problem(Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457): `type`, `title` and `status`, the HTTP code; the rest as in the receipt of a refusal.

    `type`: the path of the page that explains the code. `instance`: the request, as the log of the process names it.

    The members after `remedy` are there where a submission was refused; in `proof` the `status` is that of the receipt.
    """

    type: str
    title: str
    status: int
    instance: str | UnsetType = UNSET
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


def problem(request: Request, refused: Refusal) -> Response:
    """The response of a refusal."""
    sentence = SENTENCES[refused.code]
    members = msgspec.structs.asdict(refused) | {"status": sentence.status}
    if passing := passing_of(request):
        passing.code = refused.code
        members["instance"] = f"urn:changqing:request:{passing.name}"
    body = Problem(type=f"/pages/errors/{refused.code}", title=f"{sentence.zh} / {sentence.en}", **members)
    # RFC 6750: the error is named where there was a token, and not where there was none
    given = (
        f', error="invalid_token", error_description="{refused.detail}"' if refused.detail.startswith("token") else ""
    )
    headers = {"WWW-Authenticate": f'Bearer realm="Changqing"{given}'} if sentence.status == 401 else {}
    return Response(msgspec.json.encode(body), sentence.status, headers, PROBLEM)


def page_problem(request: Request, refused: Refusal) -> Response:
    """The same as a page, for whoever asks for one."""
    response = problem(request, refused)
    if "text/html" not in request.headers.get("accept", ""):
        return response
    if request.method == "GET" and refused.code in _ELSEWHERE:
        onward = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        return RedirectResponse(_ELSEWHERE[refused.code].format(onward), 303)
    page = render("problem.html", refused=refused, account=getattr(request.state, "account", None))
    return HTMLResponse(
        page, response.status_code, {k: v for k, v in response.headers.items() if k == "www-authenticate"}
    )


def unforeseen(request: Request, error: Exception) -> Response:
    """The answer to an error of ours; what it was and where stands in the process's log, and no value of it."""
    passing = passing_of(request)
    named = {"request": passing.name, "route": passing.route} if passing else {}
    _logger.critical("a request failed in a way that was not foreseen", **named, **told(error))
    return page_problem(request, refusal(Refused("internal")))


_NAME = re.compile(r"[\w-]{1,100}").fullmatch
_OURS = re.compile(r"[a-z][a-z_.-]{0,59}").fullmatch
"""What a path of ours is like, in which no number can stand: what somebody typed has no place in the log."""
_DENIED = (401, 403)


def _denied(request: Request, error: Refused) -> Denied | None:
    """Who was refused what: the path as the application names it, without ids. None: nobody was let in, which is told where it is found."""
    account: Account | None = getattr(request.state, "account", None)
    if account is None:
        return None
    return Denied(
        department=account.department,
        actor=account.name,
        act=act_of(request),
        code=error.code,
        what=error.path if _OURS(error.path) else "",
        address=peers_of(request).address(request),
    )


def install(app: FastAPI) -> None:
    """Turn every error of a request into problem details."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Any) -> Response:
        if SENTENCES[error.code].status in _DENIED and (denied := _denied(request, error)):
            denials: Denials = request.app.state.denials
            await asyncio.to_thread(denials.denied, denied)
        return page_problem(request, refusal(error))

    @app.exception_handler(ClocksApartError)
    async def clocks_apart(request: Request, error: Any) -> Response:
        return page_problem(request, refusal(Refused("unavailable", "", str(error))))

    @app.exception_handler(DatabaseError)
    async def unavailable(request: Request, _: Any) -> Response:
        return page_problem(request, refusal(Refused("unavailable")))

    @app.exception_handler(TooSlowError)
    async def too_slow(request: Request, _: Any) -> Response:
        return page_problem(request, refusal(Refused("too-slow")))

    @app.exception_handler(WrongKeyError)
    async def wrong_key(request: Request, _: Any) -> Response:
        return page_problem(request, refusal(Refused("wrong-key")))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Any) -> Response:
        where = ".".join(part for one in error.errors()[0]["loc"] if _NAME(part := str(one)))  # not pydantic's own
        return page_problem(request, refusal(Refused("invalid-request", where, error.errors()[0]["msg"])))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: Any) -> Response:
        code = _CODES.get(error.status_code, "invalid-request")
        response = page_problem(request, refusal(Refused(code)))
        response.headers.update(error.headers or {})
        if error.status_code == 405:  # of all routes of the path, where the framework says those of the first
            response.headers["Allow"] = ", ".join(_allowed(request))
        return response


def _allowed(request: Request) -> list[str]:
    """The methods that the path of a request has: of the route that is written so, where there is one."""
    there = [one for one in iter_route_contexts(request.app.routes) if one.methods and one.path]
    path = request.scope["path"]
    so_written = [one for one in there if one.path == path]
    found = so_written or [one for one in there if compile_path(one.path or "")[0].match(path)]
    return sorted({method for one in found for method in one.methods or ()})
