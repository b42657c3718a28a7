"""What a register is for whoever shows it: its columns, whom it is for, and its rows page by page.

One description serves the page, the answer in JSON, CSV, Excel and print, so none of them can say something else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from domain.months import Month
from domain.refusals import Refused
from domain.rights.fields import View
from domain.rights.purposes import How
from infra.log import LAST
from services.accounts import Account, Act
from services.reading.reader import Reader

Cell = str | int | Decimal | date | datetime | None
"""What stands in a cell. `Decimal`: yuan; `datetime`: UTC. None: nothing."""
Row = Mapping[str, Cell]
"""A row, by the keys of its columns; what else it holds is for links and is not shown."""
CHUNK = 2_000
"""Rows read, and looks recorded, at a time while a whole register is written."""


class Column(NamedTuple):
    """A column: its key, what it is called, and how wide it is in characters of a printed page.

    `field`: what it is in the catalogue of fields; empty: the field of this key in the group of the register's.
    """

    key: str
    zh: str
    en: str
    width: int = 12
    field: str = ""

    @property
    def title(self) -> str:
        """Both names, Chinese first."""
        return f"{self.zh} {self.en}"


class Asked(NamedTuple):
    """What of a register is asked for; a register leaves out what it has no use for.

    `division`: the beginning of a code, empty: all that the account may see; `on`: the day as of which, None: today;
    `first`, `last`: months, of what is told of a period; `state`: of alerts; `department`, `actor`, `retiree`: of trails.
    """

    division: str = ""
    on: date | None = None
    first: Month | None = None
    last: Month | None = None
    state: str = ""
    department: str = ""
    actor: str = ""
    retiree: UUID | None = None


class Page(NamedTuple):
    """Rows, and what to ask for to go on after them; None: that was all."""

    rows: list[Row]
    after: str | None


class Sheet(NamedTuple):
    """A register. `page`: its rows after a cursor (empty: from the beginning), so many at most; looks are recorded before it returns.

    `recorded`: what it says is true when it is recorded, so that the day asked for is the end of what was known.
    `act`: what whoever asks must be allowed; `asks`: the names of what can be asked of it. `intro`: what it says, and by which article.
    """

    key: str
    zh: str
    en: str
    intro_zh: str
    intro_en: str
    act: Act
    asks: tuple[str, ...]
    columns: tuple[Column, ...]
    page: Callable[[Reader, Account, Asked, str, int], Page]
    recorded: bool = False


def field_of(sheet: Sheet, column: Column) -> str:
    """What a column is in the catalogue of fields."""
    return column.field or f"{sheet.key}.{column.key}"


def carried(sheet: Sheet, reader: Reader, account: Account) -> Sheet:
    """The register with the columns that the account's purpose shows. Raises `Refused`: `forbidden`, `not-of-purpose`, `purpose-not-allowed`."""
    account.allow(sheet.act)
    view = reader.view(account)
    if not is_of(sheet, view):
        raise Refused("not-of-purpose", sheet.key)
    return sheet._replace(columns=tuple(column for column in sheet.columns if view.how(field_of(sheet, column))))


def is_of(sheet: Sheet, view: View) -> bool:
    """Whether a purpose shows anything of what a register is there for: of the group of its last column, not just of people."""
    group = f"{field_of(sheet, sheet.columns[-1]).partition('.')[0]}."
    fields = (field_of(sheet, column) for column in sheet.columns)
    return any(view.how(field) for field in fields if field.startswith(group))


def masked_in(sheet: Sheet, reader: Reader, account: Account) -> bool:
    """Whether a column of a register is shown in part."""
    view = reader.view(account)
    return any(view.how(field_of(sheet, column)) is How.MASKED for column in sheet.columns)


def page_of(sheet: Sheet, reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    """A page of a register out of `carried`: the cells of its columns, `retiree` for links, and what else the purpose shows of it."""
    page = sheet.page(reader.by_end_of(asked.on) if sheet.recorded else reader, account, asked, after, limit)
    view = reader.view(account)
    keys = {column.key for column in sheet.columns} | {"retiree"}
    rows: list[Row] = [
        {key: cell for key, cell in row.items() if key in keys or view.how(f"{sheet.key}.{key}")} for row in page.rows
    ]
    return page._replace(rows=rows)


def retiree_after(after: str) -> UUID:
    """The retiree that a cursor names, before everybody where it is empty. Raises `Refused("invalid-request")`."""
    try:
        return UUID(after) if after else UUID(int=0)
    except ValueError:
        raise Refused("invalid-request", "after") from None


def position_before(after: str) -> int:
    """The position that a cursor names, behind everything where it is empty. Raises `Refused("invalid-request")`."""
    if after and not _POSITION(after):
        raise Refused("invalid-request", "after")
    return int(after) if after else LAST


_POSITION = re.compile(r"[0-9]{1,18}", re.ASCII).fullmatch


def whole(sheet: Sheet, reader: Reader, account: Account, asked: Asked) -> Iterator[list[Row]]:
    """All rows of a register out of `carried`, chunk by chunk; the first is read before this returns, so that a refusal is one.

    A look is recorded before its chunk is given, and none for a chunk that nobody asks for any more.
    """
    account.allow(Act.EXPORT)
    first = page_of(sheet, reader, account, asked, "", CHUNK)

    def rest() -> Iterator[list[Row]]:
        page = first
        yield page.rows
        while page.after is not None:
            page = page_of(sheet, reader, account, asked, page.after, CHUNK)
            yield page.rows

    return rest()
