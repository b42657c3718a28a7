"""A row of a table: a life event, a defect with its code, or nothing and why."""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.facts import LIFE_EVENTS
from domain.refusals import Refused
from services.importing.messages import Fault, Line
from services.tables.cells import identity_number, reader, term
from services.tables.columns import OWN, PERSON, plain, required_of, vocabulary
from services.tables.content import content_id
from services.tables.dates import day, month
from services.tables.opening import Table, Text
from services.tables.surveying import Options, Survey
from services.tables.texts import UNCALCULATED, Cell, nothing, sound, text

_NUMBER = "data.person.identity_number"
_TOTALS = re.compile(
    r"(合计|总计|小计|累计|共计|总人数|人数合计|本页|注[:：]|备注[:：]|说明|附注|附[:：件]|填表|制表|审核|复核|经办|负责人|单位[(（]?盖?章|联系人|"
    r"以上|以下|以下空白|第\d+页|共\d+[人页条]|(sub)?total\b|sum\b|note\b)",
    re.IGNORECASE,
)


class Passed(NamedTuple):
    """A row that is no event, and why not."""

    zh: str
    en: str


EMPTY = Passed("空行", "an empty row")
TITLE = Passed("表头或标题", "header or title")
AGAIN = Passed("重复的表头", "the header again")
TOTALS = Passed("合计或说明，不是事件", "totals or a note, no event")


class Reader:
    """Reads the rows of a table. `tag`: a keyed hash (16 bytes) of a text, for the ids of rows without a number of their own."""

    def __init__(self, table: Table, chosen: Options, surveyed: Survey, tag: Callable[[str], bytes]) -> None:
        self.width = surveyed.width
        self._cells = surveyed.cells
        ours = table.layout.results.values()
        named = [column for column, name in enumerate(table.layout.names) if name and column not in ours]
        beyond = range(max(named, default=-1) + 1, surveyed.width if isinstance(table.form, Text) else 0)
        self._unnamed = [column for column in beyond if column not in ours]
        self._layout = table.layout
        self._serials = table.serials
        self._options = chosen
        self._damaged = surveyed.damaged
        self._tag = tag
        self._columns = {kind: table.layout.columns(kind) for kind in surveyed.kinds}
        members = (table.layout.member(column, None) for column in range(len(table.layout.names)))
        self._own_columns = {member: column for column, member in enumerate(members) if member in OWN}
        first = chosen.kind or next(iter(surveyed.kinds), None)
        self._number = self._columns[first]["identity_number"] if first else None
        self._header = plain(table.layout.names[self._number]) if self._number is not None else ""
        self._mapped = {column for columns in self._columns.values() for column in columns.values()}

    def read(self, number: int, cells: Sequence[Cell]) -> Line | Passed:
        """A row: the line of its event, the line of its defect, or why it is neither."""
        if why := self.passed(number, cells):
            return why
        source = self._options.source
        try:
            self._check_length(cells)
            source = self._own("source", cells) or source
            kind = self._kind(cells)
            return Line(number, self._event(kind, source, cells))
        except Refused as refused:
            original = msgspec.json.encode(
                [cell if isinstance(cell, str | float | bool) else str(cell) for cell in cells]
            )
            return Line(number, original, Fault(refused.code, refused.path, refused.detail, source))

    def _check_length(self, cells: Sequence[Cell]) -> None:
        """Raises `Refused` for a row of text with something beyond the columns: what stands in them may be others'."""
        if len(cells) > self._cells or any(not nothing(cells[c]) for c in self._unnamed if c < len(cells)):
            raise Refused(
                "invalid-field",
                "data",
                "单元格比列多，内容里的分隔符要用引号括起，多出的列要有列名"
                " more cells than columns: quote a separator within a cell, and name every column",
            )

    def passed(self, number: int, cells: Sequence[Cell]) -> Passed | None:
        """Why a row is no event; None when it is one, sound or not."""
        filled = [
            (column, cell)
            for column, cell in enumerate(cells)
            if not (isinstance(cell, str) and (not cell.strip() or (cell == UNCALCULATED and column != self._number)))
        ]  # a template has formulas in rows that nobody has filled in
        if not filled:
            return EMPTY
        if number <= self._layout.last:
            return TITLE
        at = self._number
        said = cells[at] if at is not None and at < len(cells) else ""
        if isinstance(said, str) and sum(map(str.isdecimal, said)) < 10:
            if said and plain(said) == self._header:
                return AGAIN
            first = filled[0][1]
            if isinstance(first, str) and _TOTALS.match("".join(first.split())):
                return TOTALS
            if nothing(said) and not any(column in self._mapped for column, _ in filled):
                return TOTALS
        return None

    def header(self, path: str) -> str | None:
        """The name of the column that a path of a refusal is about."""
        member = path.rpartition(".")[2] if path not in ("data", "") else ""
        column = next((columns[member] for columns in self._columns.values() if member in columns), None)
        return self._layout.names[column] if column is not None else None

    def _own(self, member: str, cells: Sequence[Cell]) -> str:
        """A cell of the CloudEvent itself, before the kind is known."""
        at = self._own_columns.get(member)
        return (
            text(sound(cells[at], member), member)
            if at is not None and at < len(cells) and not nothing(cells[at])
            else ""
        )

    def _kind(self, cells: Sequence[Cell]) -> str:
        said = self._own("type", cells)
        kind = vocabulary().types.get(plain(said)) if said else self._options.kind
        if kind is None:
            raise Refused("unknown-type" if said else "missing-field", "type")
        return kind

    def _event(self, kind: str, source: str | None, cells: Sequence[Cell]) -> bytes:
        if not source:
            raise Refused("missing-field", "source")
        columns = self._columns[kind]
        filled = {m: cells[c] for m, c in columns.items() if c < len(cells) and not self._nothing(kind, m, cells[c])}
        for member in required_of(kind):
            if member not in filled:
                raise Refused("missing-field", _path(member))
        data: dict[str, Any] = {m: self._member(kind, m, c) for m, c in filled.items() if m not in OWN}
        person = {member: data.pop(member) for member in PERSON if member in data}
        data = {"person": person, **data}
        if "id" in columns:
            if "id" not in filled:
                raise Refused("missing-field", "id", "本行没有编号 the column of own numbers is empty here")
            id_ = text(sound(filled["id"], "id"), "id")
        else:
            id_ = self._content_id(kind, source, person["identity_number"], data)
        event = {"specversion": "1.0", "type": kind, "source": source, "id": id_, "data": data}
        return msgspec.json.encode(event)

    def _nothing(self, kind: str, member: str, cell: Cell) -> bool:
        """Whether there is nothing in a cell; 无 is an answer where yes or no is asked."""
        if isinstance(cell, str) and cell.strip() == "无" and member in _FLAGS.get(kind, ()):
            return False
        return nothing(cell)

    def _member(self, kind: str, member: str, cell: Cell) -> Any:
        path = _path(member)
        sound(cell, path)
        if member in ("identity_number", "other_identity_number"):
            return identity_number(cell, path, damaged=self._damaged)
        read = reader(kind, member)
        if read in (day, month):
            return read(cell, path, serials=self._serials)
        if member == "contribution_months" and "年" in self._layout.names[self._columns[kind][member]]:
            return term(cell, path)
        return read(cell, path)

    def _content_id(self, kind: str, source: str, number: str, data: dict[str, Any]) -> str:
        """The id of a row without a number of its own: the same for the same content, however its cells are written."""
        about = [kind, source, number, "" if kind in vocabulary().once else data["effective"]]
        return content_id(self._tag, about, data)


_FLAGS = {
    kind: frozenset(field.name for field in msgspec.structs.fields(fact) if field.type is bool)
    for kind, fact in LIFE_EVENTS.items()
}


def _path(member: str) -> str:
    return member if member in OWN else f"data.person.{member}" if member in PERSON else f"data.{member}"
