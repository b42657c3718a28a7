"""The pages of who saw somebody: to read, and to print."""

from collections.abc import Iterator
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, StreamingResponse

from domain.disclosures import Way
from services.accounts import Account
from services.api.auth import WhoAsks
from services.api.cursors import Before
from services.api.looks import LookLine, lines, may_ask
from services.api.questions import ReaderBy
from services.reading.reader import Reader
from services.web.pages import ROWS, render, rendered

router = APIRouter()
CHUNK = 2_000


@router.get("/pages/retirees/{retiree}/looks")
def looks(reader: ReaderBy, account: WhoAsks, retiree: UUID, before: Before) -> HTMLResponse:
    """Who saw somebody, the newest first."""
    may_ask(account)
    rows = lines(reader.looks_at(account, retiree, before.place(), ROWS))
    given = {
        "account": account,
        "rows": rows,
        "retiree": retiree,
        "earlier": before.next(rows[-1].deed_id) if len(rows) == ROWS else "",
    }
    return HTMLResponse(render("looks.html", known=reader.known, **given))


@router.get("/pages/retirees/{retiree}/looks/print")
def printed(reader: ReaderBy, account: WhoAsks, retiree: UUID) -> StreamingResponse:
    """All of it, of one moment, to print and to hand out (个人信息保护法 第四十五条)."""
    may_ask(account)
    steady = reader.steady("，打印 print", Way.PRINT)
    first = lines(steady.looks_at(account, retiree, "", CHUNK))
    rows = _all(steady, account, retiree, first)
    page = rendered("looks_print.html", rows=rows, retiree=retiree, account=account, reader=steady)
    return StreamingResponse(page, media_type="text/html")


def _all(reader: Reader, account: Account, retiree: UUID, first: list[LookLine]) -> Iterator[LookLine]:
    page = first
    yield from page
    while len(page) == CHUNK:
        page = lines(reader.looks_at(account, retiree, page[-1].deed_id, CHUNK))
        yield from page
