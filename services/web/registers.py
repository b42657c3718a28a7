"""The pages of the registers: one template for all of them, one to print them whole."""

from collections.abc import Iterator
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from services.accounts import Account
from services.api.auth import WhoAsks
from services.api.cursors import After
from services.api.questions import ReaderThen
from services.api.registers import Questions, Which, about_of, file_of, sheet_named, visible
from services.reading.exporting import text
from services.reading.reader import Reader
from services.reading.sheets import Asked, Sheet, whole
from services.web.pages import ROWS, render, rendered

router = APIRouter()


@router.get("/pages/registers")
def registers(account: WhoAsks) -> HTMLResponse:
    """Which registers there are."""
    return HTMLResponse(render("registers.html", account=account, sheets=visible(account)))


@router.get("/pages/registers/{register}")
def register(
    register: Which,
    reader: ReaderThen,
    account: WhoAsks,
    asked: Questions,
    after: After,
) -> HTMLResponse:
    """A page of a register."""
    sheet = sheet_named(register)
    account.allow(*sheet.roles)
    page = sheet.page(reader, account, asked, after.place(), ROWS)
    given = _given(sheet, asked)
    then = {"known": reader.known.isoformat()} if reader.known else {}
    shown = render(
        "register.html",
        known=reader.known,
        account=account,
        sheet=sheet,
        rows=page.rows,
        text=text,
        given=given,
        query=urlencode({**given, **then}),
        later=after.next(page.after) if page.after and len(page.rows) >= ROWS else "",
    )
    return HTMLResponse(shown)


@router.get("/pages/registers/{register}/{form}")
def taken(
    register: Which,
    reader: ReaderThen,
    account: WhoAsks,
    asked: Questions,
    form: str,
) -> Response:
    """The whole register: `print`, a sheet to print; `csv` or `xlsx`, a file."""
    sheet = sheet_named(register)
    if form in {"csv", "xlsx"}:
        return file_of(sheet, reader, account, asked, form)
    return StreamingResponse(_printed(sheet, reader.steady("，打印 print"), account, asked), media_type="text/html")


def _printed(sheet: Sheet, reader: Reader, account: Account, asked: Asked) -> Iterator[str]:
    """The sheet, chunk by chunk; what is refused is refused before the first of it."""
    chunks = whole(sheet, reader, account, asked)
    about = about_of(sheet, reader, account, asked)
    rows = (row for rows in chunks for row in rows)
    return rendered("print.html", sheet=sheet, rows=rows, about=about, text=text)


def _given(sheet: Sheet, asked: Asked) -> dict[str, str]:
    """What was asked, as the address says it."""
    return {name: text(value) for name, value in asked._asdict().items() if name in sheet.asks and value}
