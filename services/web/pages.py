"""A page for each read model, and the front page that shows how far the system has come up."""

import json
from functools import cache
from importlib.resources import files
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.facts import Department
from domain.lineage import Lineage
from domain.refusals import Refused
from infra.log import LAST
from services.accounts import Role
from services.api.auth import WhoAsks
from services.api.questions import NOBODY, AsOf, DeedCursor, DivisionPrefix, reader_of
from services.application import today
from services.consumers.showing import lines_for
from services.settings import Settings
from services.web.places import called
from services.web.words import english, word

router = APIRouter()

ROWS = 50


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("services.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(word=word, english=english)
    return environment


def name_divisions(lineage: Lineage) -> None:
    """Let the pages show divisions by name: as of a day, today by default."""
    _templates().globals["division"] = lambda code, on=None: called(lineage, code, on or today())


def render(template: str, **given: object) -> str:
    """A page as text."""
    return _templates().get_template(template).render({"account": None, **given})


@router.get("/")
def front(request: Request) -> HTMLResponse:
    """How far the system has come up, and where to go."""
    settings: Settings = request.app.state.settings
    status = {"ready": True, "steps": []}
    if settings.changqing_status_file and settings.changqing_status_file.exists():
        status = json.loads(settings.changqing_status_file.read_text("utf-8"))
    return HTMLResponse(render("front.html", status=status))


@router.get("/pages/switch")
def switch(account: WhoAsks, leave: str = "") -> Response:
    """Let the browser ask again: it keeps an account until it is told that it is not good enough."""
    if account.name == leave:
        raise Refused("unauthenticated")
    return RedirectResponse("/", 303)


@router.get("/pages/inbox")
def inbox(
    request: Request,
    account: WhoAsks,
    state: Annotated[str, Query(pattern="^(open|closed|replaced|withdrawn|)$")] = "open",
    before: int = LAST,
) -> HTMLResponse:
    """The alert inbox."""
    account.allow(Role.OFFICER, Role.AUDITOR)
    rows = reader_of(request).inbox(account, state, before, ROWS)
    return HTMLResponse(render("inbox.html", account=account, rows=rows, state=state, full=len(rows) == ROWS))


@router.get("/pages/roster")
def roster(
    request: Request,
    account: WhoAsks,
    division: DivisionPrefix = "",
    after: UUID = NOBODY,
    on: AsOf = None,
) -> HTMLResponse:
    """The communities of the account's division, or the people of one of them, by its code of a day."""
    account.allow(Role.COMMUNITY, Role.OFFICER)
    reader = reader_of(request)
    if not division:
        return HTMLResponse(render("communities.html", account=account, rows=reader.communities(account)))
    rows = reader.roster(account, division, after, ROWS, on)
    page = render("roster.html", account=account, rows=rows, code=division, on=on, full=len(rows) == ROWS)
    return HTMLResponse(page)


@router.get("/pages/retirees/{retiree}")
def retiree(request: Request, account: WhoAsks, retiree: UUID) -> HTMLResponse:
    """Who an alert is about."""
    account.allow(Role.COMMUNITY, Role.OFFICER)
    card = reader_of(request).retiree(account, retiree)
    return HTMLResponse(
        render("retiree.html", account=account, row=card.line, alerts=card.alerts, handover=card.handover)
    )


@router.get("/pages/audit")
def audit(
    request: Request,
    account: WhoAsks,
    department: Department | None = None,
    retiree: UUID | None = None,
    before: DeedCursor = "",
) -> HTMLResponse:
    """The audit trail."""
    account.allow(Role.AUDITOR)
    rows = reader_of(request).audit(department or "", retiree, before, ROWS)
    page = render(
        "audit.html", account=account, rows=rows, department=department, retiree=retiree, full=len(rows) == ROWS
    )
    return HTMLResponse(page)


@router.get("/pages/consumers")
def consumers(request: Request, account: WhoAsks) -> HTMLResponse:
    """How each consumer is."""
    account.allow(Role.OFFICER, Role.AUDITOR)
    rows = lines_for(request.app.state.consumers, account)
    return HTMLResponse(render("consumers.html", account=account, rows=rows))


@router.get("/static/style.css")
def style() -> Response:
    """The one style sheet."""
    text = files("services.web").joinpath("style.css").read_text("utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=300"})
