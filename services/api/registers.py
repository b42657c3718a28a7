"""Registers: a page of any of them as data, or all of it as CSV, Excel or a sheet to print.

Whoever is shown personal data is recorded first, chunk by chunk, as the file is written: no record, no data.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID, uuid4

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response, StreamingResponse

from domain.facts import Department
from domain.months import Month
from domain.refusals import Refused
from services.accounts import Account
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.cursors import After
from services.api.questions import Day, DivisionPrefix, Limit, ReaderThen, answered
from services.application import today
from services.reading.exporting import csv_of, text, xlsx_of
from services.reading.purposes import purpose_of, view_of
from services.reading.reader import Reader
from services.reading.sheets import Asked, Sheet, carried, is_of, page_of, whole
from services.reading.taking import Taken
from services.registers import REGISTERS

router = APIRouter(tags=["registers"])

_USES = {"csv": "，导出 CSV export", "xlsx": "，导出 Excel export"}
MEDIA = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
_IN_PART = "按用途部分隐去，带 * 的不是全文 in part where there are asterisks, as the purpose has it"
_MonthText = Annotated[str, Query(pattern="^([0-9]{4}-(0[1-9]|1[0-2]))?$", description="A month, YYYY-MM.")]


class RegisterLine(msgspec.Struct):
    """A register that the account may ask for, with what can be asked of it."""

    register: str
    zh: str
    en: str
    asks: tuple[str, ...]


class RegisterPage(msgspec.Struct):
    """A page of a register: each column's key with its names, the rows, and the cursor to go on after, None at the end.

    `position`: of the log, as far as the answer goes.
    """

    register: str
    columns: dict[str, tuple[str, str]]
    rows: list[dict[str, Any]]
    after: str | None
    position: int


def sheet_for(register: str, reader: Reader, account: Account) -> Sheet:
    """A register by its name, with the columns that the account is shown.

    Raises `Refused`: `not-found`, `forbidden`, `not-of-purpose`, `purpose-not-allowed`.
    """
    if register not in REGISTERS:
        raise Refused("not-found", "register")
    return carried(REGISTERS[register], reader, account)


async def asked_of(  # noqa: PLR0913, PLR0917 - one parameter for each thing that can be asked
    division: DivisionPrefix = "",
    on: Annotated[Day | None, Query(description="The day as of which; today by default.")] = None,
    first: _MonthText = "",
    last: _MonthText = "",
    state: Annotated[str, Query(pattern="^[a-z-]{0,20}$")] = "",
    department: Department | None = None,
    actor: Annotated[str, Query(max_length=100)] = "",
    retiree: UUID | None = None,
) -> Asked:
    """What of a register is asked for."""
    return Asked(
        division,
        on,
        Month(first) if first else None,
        Month(last) if last else None,
        state,
        department or "",
        actor,
        retiree,
    )


Which = Annotated[str, Path(pattern="^[a-z-]{1,40}$", description="A register, by its name in /registers.")]
Questions = Annotated[Asked, Depends(asked_of)]


@router.get("/registers", summary="The registers that the account may ask for")
@answers(list[RegisterLine])
def registers(account: WhoAsks) -> Response:
    """Each with what can be asked of it."""
    lines = [RegisterLine(one.key, one.zh, one.en, one.asks) for one in visible(account)]
    return answered(lines)


@router.get("/registers/{register}", summary="A register: a page of it as data, or all of it as a file")
@answers(RegisterPage, files=tuple(MEDIA.values()), refuses=("not-found", "invalid-field"))
def register(
    register: Which,
    reader: ReaderThen,
    account: WhoAsks,
    asked: Questions,
    after: After,
    form: Annotated[Literal["json", "csv", "xlsx"], Query(alias="as")] = "json",
    limit: Limit = 200,
) -> Response:
    """JSON: a page, and the cursor to go on after. `as=csv` and `as=xlsx`: the whole of it, of one position of the log."""
    sheet = sheet_for(register, reader, account)
    if form != "json":
        return file_of(sheet, reader, account, asked, form)
    page = page_of(sheet, reader, account, asked, after.place(), limit)
    columns = {column.key: (column.zh, column.en) for column in sheet.columns}
    come = None if page.after is None else after.at(page.after)
    return answered(RegisterPage(sheet.key, columns, [dict(row) for row in page.rows], come, reader.position))


def file_of(sheet: Sheet, reader: Reader, account: Account, asked: Asked, form: str) -> Response:
    """A register as a file. What is refused is refused before the first byte; what breaks later breaks off the answer."""
    steady = reader.steady(_USES[form], export=uuid4().hex)
    taken = Taken(sheet, form)
    chunks = taken.counted(whole(sheet, steady, account, asked))
    about = about_of(sheet, steady, account, asked)
    body: Iterator[bytes]
    body = csv_of(sheet.columns, chunks) if form == "csv" else xlsx_of(sheet.zh, sheet.columns, chunks, about)
    name = f"{sheet.zh}-{asked.on or (reader.known.date() if reader.known else today())}.{form}"
    plain = f"{sheet.key}-{asked.on or today()}.{form}"
    headers = {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"}
    return StreamingResponse(taken.told(body, steady, account), media_type=MEDIA[form], headers=headers)


def visible(account: Account) -> list[Sheet]:
    """The registers that an account may ask for."""
    view = view_of(account)
    return [one for one in REGISTERS.values() if account.may(one.act) and is_of(one, view)]


def about_of(sheet: Sheet, reader: Reader, account: Account, asked: Asked) -> list[tuple[str, str]]:
    """What a file or a print says of itself: what it is, of when, how far the log was read, who took it."""
    lines = [
        ("名册 register", f"{sheet.zh} {sheet.en}"),
        ("说明 what it says", f"{sheet.intro_zh} {sheet.intro_en}"),
        ("地区 division", asked.division or account.division or "全部 all"),
        ("截至日期 as of", str(asked.on or (reader.known.date() if reader.known else today()))),
        ("按当时所知 as known on", text(reader.known) or "现在 now"),
        ("日志位置 log position", str(reader.position)),
        ("导出账号 taken by", account.name),
        ("用途 purpose", purpose_of(account).said),
        ("提示 note", "含个人信息的，本次导出已记入审计轨迹 personal data: this export is on the audit trail"),
        ("隐去 masked", f"全文显示，理由：{reader.reason} whole, for this reason" if reader.reason else _IN_PART),
    ]
    if asked.first or asked.last:
        lines.insert(4, ("期间 period", f"{asked.first or ''} — {asked.last or ''}"))
    return lines
