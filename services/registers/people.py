"""What the registers of people share: whose they are on a day, the person's own columns, and that nobody is opened who is not shown."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from domain.law import Law
from projections import kept
from projections.read_model import ReadModel
from services.accounts import Account, Act
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Row, Sheet

Lines = Callable[[Mapping[str, Any], str, date, Law, str], Iterable[dict[str, Cell]]]
"""The lines that a register has of somebody: of the row that was found, the division that serves, the day, the law, and the
state asked for (empty: as usual). None: not in this register that day, and not opened."""

_PERSON = (
    Column("name", "姓名", "name", 10, "person.name"),
    Column("identity_number", "身份证号", "identity number", 21, "person.identity_number"),
    Column("phone", "电话", "phone", 15, "person.phone"),
    Column("community", "社区代码", "community", 15, "line.community"),
)
ADDRESS = Column("address", "住址", "address", 36, "person.address")
"""Of a register for whoever goes there."""
_MORE, _SCAN = 25, 500
"""So many more than a page wants are looked through first; then as many as should hold the rest of it, up to so many at a time."""
_MOST = 1_500
"""People looked through for one page, about: one with few lines, or none, and with a cursor is no end."""


def people_sheet(
    key: str,
    names: tuple[str, str],
    intro: tuple[str, str],
    model: ReadModel,
    columns: Iterable[Column],
    lines: Lines,
    whom: Callable[[str, date, Law, Iterable[str]], kept.Whom] = lambda *_: kept.ANYBODY,
) -> Sheet:
    """A register of people; names and intro in Chinese and English. `whom`: by the state asked for, the day, the law and the communities, who alone can have a line; others are not looked at."""
    own = tuple(columns)
    who = tuple(column.key for column in (*_PERSON, *own) if column.field.startswith("person."))
    fields = {"person": who, "line": ("community",), key: tuple(column.key for column in own if not column.field)}

    def page(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
        """People of the division on the day: those whom a community serves, for the agency those registered there."""
        serving = account.place == "serving"
        communities = reader.within(account, asked.division or account.division, asked.on)
        day, there = reader.day(asked.on), frozenset(communities)
        alone = whom(asked.state, day, reader.law, communities)
        now = asked.on is None and reader.live
        query = kept.page(model, serving=serving, now=now, then=asked.on is not None, whom=alone)
        given: dict[str, Any] = {**alone.given, "communities": communities, "after": UUID(after or _NOBODY)}
        shown: list[dict[str, Any]] = []
        looked, wanted, more = 0, limit, alone is not kept.NOBODY
        while more and len(shown) < limit and looked < _MOST:
            given["limit"] = min(wanted + _MORE, max(limit + _MORE, _SCAN))
            found = reader.rows(account, query, given)
            more = bool(found) and found[-1]["more"]
            # fewer than asked for: indexes were looked through as far as they may be at once
            ended = now and alone.unverified and len(found) < given["limit"]
            looked += kept.AT_ONCE if ended else given["limit"]
            for row in found:
                given["after"] = row["candidate"]
                if not row["stands"] or row["retired_on"] > day:
                    continue
                place = kept.served(row, day) if serving else row["community"]
                said = [*lines(row, place, day, reader.law, asked.state)] if place in there else ()
                shown += [row | {"lines": said, "place": place}] if said else []
                if len(shown) == limit:
                    more = more or row is not found[-1]
                    break
            wanted = (limit - len(shown)) * looked // max(1, len(shown))
        opened = reader.people(account, fields, shown)
        rows: list[Row] = [
            {
                "retiree": str(row["retiree"]),
                **{name: getattr(person, name) or None for name in who},
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
        act=Act.ROSTER,
        asks=("division", "on", "state", "known"),
        columns=(*_PERSON, *own),
        page=page,
    )


_NOBODY = str(UUID(int=0))
