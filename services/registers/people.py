"""What the registers of people share: whose they are on a day, the person's own columns, and that nobody is opened who is not shown."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from domain.law import Law
from projections import kept
from projections.read_model import ReadModel
from services.accounts import Account, Role
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Row, Sheet, retiree_after

Lines = Callable[[Mapping[str, Any], str, date, Law, str], Iterable[dict[str, Cell]]]
"""The lines that a register has of somebody: of the row that was found, the division that serves, the day, the law, and the
state asked for (empty: as usual). None: not in this register that day, and not opened."""

_PERSON = (
    Column("name", "姓名", "name", 10),
    Column("identity_number", "身份证号", "identity number", 21),
    Column("phone", "电话", "phone", 15),
    Column("community", "社区代码", "community", 15),
)
_SCAN = 500
"""People looked through at a time, at least: most of a register may be of nobody."""


def people_sheet(
    key: str, names: tuple[str, str], intro: tuple[str, str], model: ReadModel, columns: Iterable[Column], lines: Lines
) -> Sheet:
    """A register of people; names and intro in Chinese and English."""
    own = tuple(columns)
    fields = tuple(column.key for column in own)

    def page(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
        """People of the division on the day: those whom a community serves, for the agency those registered there."""
        serving = account.role is not Role.OFFICER
        query = kept.page(model, serving=serving, then=asked.on is not None)
        communities = reader.within(account, asked.division or account.division, asked.on)
        day, chunk, there = reader.day(asked.on), max(limit, _SCAN), frozenset(communities)
        given: dict[str, Any] = {"communities": communities, "after": retiree_after(after), "limit": chunk}
        shown: list[dict[str, Any]] = []
        more = True
        while more and len(shown) < limit:
            found = reader.rows(query, given)
            more = len(found) == chunk
            for row in found:
                given["after"] = row["retiree"]
                place = kept.served(row, day) if serving else row["community"]
                if place in there and row["retired_on"] <= day:
                    said = [*lines(row, place, day, reader.law, asked.state)]
                    shown += [row | {"lines": said, "place": place}] if said else []
                if len(shown) == limit:
                    more = more or row is not found[-1]
                    break
        opened = reader.people(account, fields, shown)
        rows: list[Row] = [
            {
                "retiree": str(row["retiree"]),
                "name": person.name,
                "identity_number": person.identity_number,
                "phone": person.phone,
                "community": row["place"],
                **line,
            }
            for row, person in opened
            for line in row["lines"]
        ]
        return Page(rows, str(given["after"]) if more else None)

    return Sheet(
        key,
        *names,
        *intro,
        roles=(Role.COMMUNITY, Role.OFFICER),
        asks=("division", "on", "state", "known"),
        columns=(*_PERSON, *own),
        page=page,
    )


_NOBODY = str(UUID(int=0))
