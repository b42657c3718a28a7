"""A page for each read model, and the front page that shows how far the system has come up."""

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import UNSET

from domain.facts import Department
from domain.lineage import Lineage
from infra.log import LAST
from infra.searching import Sought
from services.accounts import Act
from services.api.auth import WhoAsks
from services.api.cursors import After, Before
from services.api.questions import (
    NOBODY,
    AlertId,
    AsOf,
    DivisionPrefix,
    ReaderBy,
    ReaderThen,
    StreetOrCommunity,
    WhoIsWanted,
)
from services.api.sources import StatesThen
from services.application import today
from services.consumers.showing import lines_for
from services.reading.cards import ON_PAGE
from services.reading.exporting import text
from services.reading.rosters import EVERYBODY, said
from services.settings import Settings
from services.web.forms import Fields, token_of
from services.web.places import called
from services.web.words import english, word

router = APIRouter()

ROWS = 50
RUNS = 10
"""So many runs of missing numbers, and so many batches, stand in a row."""


_HEADS = (
    (Act.ALERTS, "inbox", "预警收件箱", "Inbox"),
    (Act.ROSTER, "roster", "社区台账", "Roster"),
    (None, "registers", "名册", "Registers"),
    (Act.SOURCES, "sources", "数据来源", "Sources"),
    (Act.AUDIT, "audit", "审计轨迹", "Audit trail"),
    (Act.LETTERS, "dead-letters", "死信", "Dead letters"),
    (Act.CONSUMERS_WATCH, "consumers", "接收方", "Consumers"),
    (Act.PROPOSALS, "proposals", "双人审批", "Four eyes"),
    (Act.ACCOUNTS, "accounts", "账号管理", "Accounts"),
    (Act.FOLLOWERS, "followers", "处理进度", "Followers"),
)
"""What stands at the head of each page for whoever may follow it: the act that the page asks for, None: any account's."""


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("services.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: "" if value is UNSET else value,  # what the purpose leaves out
    )
    environment.globals.update(word=word, english=english, beijing=text, heads=_HEADS)
    return environment


def name_divisions(lineage: Lineage) -> None:
    """Let the pages show divisions by name: as of a day, today by default."""
    _templates().globals["division"] = lambda code, on=None: called(lineage, code, on or today())


def render(template: str, *, known: datetime | None = None, **given: object) -> str:
    """A page as text; `known`: the time as of which it was known what is shown, which the links of the page keep."""
    then = f"&known={quote(known.isoformat())}" if known else ""
    return (
        _templates().get_template(template).render({"account": None, "known": known, "then": then, "on": None, **given})
    )


def rendered(template: str, **given: object) -> Iterator[str]:
    """A page piece by piece, as its rows are read."""
    return _templates().get_template(template).generate(given)


@router.get("/")
def front(request: Request) -> HTMLResponse:
    """How far the system has come up, and where to go."""
    settings: Settings = request.app.state.settings
    status = {"ready": True, "steps": []}
    if settings.changqing_status_file and settings.changqing_status_file.exists():
        status = json.loads(settings.changqing_status_file.read_text("utf-8"))
    return HTMLResponse(render("front.html", status=status))


@router.get("/pages/inbox")
def inbox(
    reader: ReaderBy,
    account: WhoAsks,
    before: Before,
    state: Annotated[str, Query(pattern="^(open|closed|replaced|withdrawn|)$")] = "open",
) -> HTMLResponse:
    """The alert inbox."""
    account.allow(Act.ALERTS)
    rows = reader.inbox(account, state, int(before.place() or LAST), ROWS)
    earlier = before.next(rows[-1]["position"]) if len(rows) == ROWS else ""
    return HTMLResponse(
        render("inbox.html", known=reader.known, account=account, rows=rows, state=state, earlier=earlier)
    )


@router.get("/pages/alerts/{alert}")
def alert(reader: ReaderBy, account: WhoAsks, alert: AlertId) -> HTMLResponse:
    """One alert, and why."""
    account.allow(Act.ALERTS)
    card = reader.alert(account, alert)
    return HTMLResponse(render("alert.html", known=reader.known, account=account, card=card))


@router.get("/pages/roster")
def roster(
    request: Request,
    reader: ReaderThen,
    account: WhoAsks,
    after: After,
    division: DivisionPrefix = "",
    on: AsOf = None,
    wanted: WhoIsWanted = EVERYBODY,
) -> HTMLResponse:
    """The communities of the account's division, or the people of one of them as they were on a day, by its code of that day."""
    account.allow(Act.ROSTER)
    if not division:
        return HTMLResponse(
            render(
                "communities.html",
                known=reader.known,
                account=account,
                rows=reader.communities(account),
                token=token_of(request, account),
            )
        )
    rows = reader.roster(account, division, UUID(after.place() or NOBODY.hex), ROWS, on, wanted, ON_PAGE)
    page = render(
        "roster.html",
        known=reader.known,
        account=account,
        rows=rows,
        code=division,
        on=on,
        wanted=said(wanted),
        later=after.next(rows[-1].retiree) if len(rows) == ROWS else "",
    )
    return HTMLResponse(page)


@router.get("/pages/roster/counts")
def counts(reader: ReaderThen, account: WhoAsks, division: StreetOrCommunity, on: AsOf = None) -> HTMLResponse:
    """What is to be counted of a community or street."""
    account.allow(Act.ROSTER)
    found = reader.roster_counts(account, division, on)
    return HTMLResponse(render("counts.html", known=reader.known, account=account, found=found, code=division, on=on))


@router.post("/pages/roster/search")
def search(request: Request, reader: ReaderThen, account: WhoAsks, fields: Fields) -> HTMLResponse:
    """The people who fit what was sought, by a form."""
    account.allow(Act.SEARCH)
    sought = Sought(**{name: fields.get(name, "").strip() or None for name in Sought.__struct_fields__})
    rows = reader.search(account, sought, NOBODY, ROWS, ON_PAGE)
    page = render("search.html", known=reader.known, account=account, rows=rows, token=token_of(request, account))
    return HTMLResponse(page)


@router.get("/pages/audit")
def audit(
    reader: ReaderBy,
    account: WhoAsks,
    before: Before,
    department: Department | None = None,
    retiree: UUID | None = None,
    actor: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """The audit trail."""
    account.allow(Act.AUDIT)
    rows = reader.audit(account, department or "", retiree, before.place(), ROWS, actor)
    page = render(
        "audit.html",
        known=reader.known,
        account=account,
        rows=rows,
        department=department,
        retiree=retiree,
        actor=actor,
        earlier=before.next(rows[-1]["deed_id"]) if len(rows) == ROWS else "",
    )
    return HTMLResponse(page)


@router.get("/pages/sources")
def sources(account: WhoAsks, states: StatesThen, after: After) -> HTMLResponse:
    """What is known of each source."""
    page = states.states.page(account, after.place(), ROWS)
    later = after.next(page.after) if len(page.sources) == ROWS else ""
    return HTMLResponse(render("sources.html", known=states.known, account=account, page=page, shown=RUNS, later=later))


@router.get("/pages/consumers")
def consumers(request: Request, account: WhoAsks) -> HTMLResponse:
    """How each consumer is."""
    account.allow(Act.CONSUMERS_WATCH)
    rows = lines_for(request.app.state.consumers, account)
    return HTMLResponse(render("consumers.html", account=account, rows=rows))


@router.get("/static/style.css")
def style() -> Response:
    """The one style sheet."""
    text = files("services.web").joinpath("style.css").read_text("utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=300"})
