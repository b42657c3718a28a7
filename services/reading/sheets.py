"""What a register is for whoever shows it: its columns, whom it is for, and its rows page by page.

One description serves the page, the answer in JSON, CSV, Excel and print, so none of them can say something else.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from domain.months import Month
from services.accounts import Account, Act
from services.reading.reader import Reader

Cell = str | int | Decimal | date | datetime | None
"""What stands in a cell. `Decimal`: yuan; `datetime`: UTC. None: nothing."""
Row = Mapping[str, Cell]
"""A row, by the keys of its columns; what else it holds is for links and is not shown."""
CHUNK = 2_000
"""Rows read, and looks recorded, at a time while a whole register is written."""


class Column(NamedTuple):
    """A column: its key, what it is called, and how wide it is in characters of a printed page."""

    key: str
    zh: str
    en: str
    width: int = 12

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


def whole(sheet: Sheet, reader: Reader, account: Account, asked: Asked) -> Iterator[list[Row]]:
    """All rows of a register, chunk by chunk; the first is read before this returns, so that a refusal is one.

    A look is recorded before its chunk is given, and none for a chunk that nobody asks for any more.
    """
    account.allow(sheet.act)
    account.allow(Act.EXPORT)
    first = sheet.page(reader, account, asked, "", CHUNK)

    def rest() -> Iterator[list[Row]]:
        page = first
        yield page.rows
        while page.after is not None:
            page = sheet.page(reader, account, asked, page.after, CHUNK)
            yield page.rows

    return rest()
