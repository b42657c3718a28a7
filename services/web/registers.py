"""The pages of the registers: one template for all of them, one to print them whole."""

from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from domain.disclosures import Way
from domain.refusals import Refused
from services.accounts import Account
from services.api.auth import WhoAsks
from services.api.cookies import Cookies
from services.api.cursors import After
from services.api.questions import ReaderThen
from services.api.registers import Questions, Which, about_of, file_of, sheet_for, visible
from services.api.unmasking import may_unmask
from services.reading.exporting import text
from services.reading.many import approved
from services.reading.purposes import checked, reasons_for
from services.reading.reader import Reader
from services.reading.sheets import Asked, Sheet, masked_in, page_of, whole
from services.reading.taking import Taken
from services.web.forms import Fields, token_of
from services.web.pages import ROWS, render, rendered

router = APIRouter()


@router.get("/pages/registers")
def registers(account: WhoAsks) -> HTMLResponse:
    """Which registers there are."""
    return HTMLResponse(render("registers.html", account=account, sheets=visible(account)))


@router.get("/pages/registers/{register}")
def register(
    request: Request,
    register: Which,
    reader: ReaderThen,
    account: WhoAsks,
    asked: Questions,
    after: After,
) -> HTMLResponse:
    """A page of a register."""
    sheet = sheet_for(register, reader, account)
    page = page_of(sheet, reader, account, asked, after.place(), ROWS)
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
        reasons=reasons_for(account) if masked_in(sheet, reader, account) else [],
        token=token_of(request, account),
        later=after.next(page.after) if page.after else "",  # also after few rows or none: not all were looked at
    )
    return HTMLResponse(shown)


@router.get("/pages/registers/{register}/{form}")
def taken(
    request: Request,
    register: Which,
    reader: ReaderThen,
    account: WhoAsks,
    asked: Questions,
    form: str,
) -> Response:
    """The whole register: `print`, a sheet to print; `csv` or `xlsx`, a file. Not at the word of another site."""
    cookies: Cookies = request.app.state.cookies
    if cookies.of_another_site(request):
        raise Refused("form-expired", "origin")
    sheet = sheet_for(register, reader, account)
    if form in {"csv", "xlsx"}:
        return file_of(sheet, reader, account, asked, form)
    return _print(sheet, reader, account, asked)


@router.post("/pages/registers/{register}/unmasked")
def unmasked(
    request: Request, register: Which, reader: ReaderThen, account: WhoAsks, asked: Questions, fields: Fields
) -> Response:
    """The whole register with nothing masked, for a reason: as a file, or as a sheet to print."""
    may_unmask(account)
    opened = reader.unmasking(checked(account, fields.get("said", "").strip() or fields.get("reason", "")))
    sheet = sheet_for(register, opened, account)
    approved(request.app.state.database, sheet, reader, account, asked)
    if (form := fields.get("as", "")) in {"csv", "xlsx"}:
        return file_of(sheet, opened, account, asked, form)
    return _print(sheet, opened, account, asked)


def _print(sheet: Sheet, reader: Reader, account: Account, asked: Asked) -> Response:
    steady = reader.steady("，打印 print", Way.PRINT, uuid4().hex)
    return StreamingResponse(_printed(sheet, steady, account, asked), media_type="text/html")


def _printed(sheet: Sheet, reader: Reader, account: Account, asked: Asked) -> Iterator[bytes]:
    """The sheet, chunk by chunk; what is refused is refused before the first of it."""
    taken = Taken(sheet, "print")
    chunks = taken.counted(whole(sheet, reader, account, asked))
    about = about_of(sheet, reader, account, asked)
    rows = (row for rows in chunks for row in rows)
    pieces = rendered("print.html", sheet=sheet, rows=rows, about=about, text=text)
    return taken.told((piece.encode() for piece in pieces), reader, account)


def _given(sheet: Sheet, asked: Asked) -> dict[str, str]:
    """What was asked, as the address says it."""
    return {name: text(value) for name, value in asked._asdict().items() if name in sheet.asks and value}
