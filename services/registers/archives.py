"""The archive transfer register, as offices read it."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from domain.facts import ArchiveKind
from domain.law import Law
from projections.archives import ARCHIVES, Holding, as_of
from services.reading.sheets import Cell, Column
from services.registers.people import people_sheet
from services.web.words import both

_KINDS = {ArchiveKind.PERSONNEL: "人事档案 personnel", ArchiveKind.OTHER: "其他档案 other"}
_STATES = {"received": "在库 kept", "lent": "借出 lent", "moved": "已转出 moved", "missing": "未接收 not received"}


def _lines(found: Mapping[str, Any], _place: str, day: date, law: Law, state: str) -> Iterable[dict[str, Cell]]:
    """A line for the files of each kind; one that says so where no personnel files were received."""
    held = as_of(found["told"], day)
    local = law.city_law(found["community"], day)
    rule = local.archives[0] if local and local.archives else None
    said = f"{rule.document} {rule.article}" if rule else ""
    lines = [_line(one, day) for one in held]
    if not any(one.kind is ArchiveKind.PERSONNEL for one in held):
        lines = [{"kind": _KINDS[ArchiveKind.PERSONNEL], "state": _STATES["missing"], "key": "missing"}, *lines]
    return [line | {"rule": said} for line in lines if state in ("", line["key"])]


def _line(one: Holding, day: date) -> dict[str, Cell]:
    return {
        "kind": _KINDS[one.kind],
        "state": _STATES[one.state],
        "key": one.state,
        "files": one.files,
        "register": one.register,
        "received": one.received,
        "keeper": both(one.keeper) if one.keeper else None,
        "since": one.since,
        "borrower": one.borrower,
        "due_back": one.due_back,
        "late": "逾期未还 overdue" if one.late(day) else None,
        "to": one.division,
    }


ARCHIVE_REGISTER = people_sheet(
    "archives",
    ("档案移交名册", "archive transfer register"),
    (
        "每人档案在何处、何时接收、名册编号、借阅和转出；未接收的列明。状态：received、lent、moved、missing。",
        "Whose files are where and since when, lent to whom, moved where; those not received are listed. States: received, lent, moved, missing.",
    ),
    ARCHIVES,
    (
        Column("kind", "档案种类", "kind", 16),
        Column("state", "状态", "state", 18),
        Column("files", "卷数", "files", 7),
        Column("register", "名册编号", "register number", 16),
        Column("received", "接收日期", "received", 12),
        Column("keeper", "接收部门", "received by", 20),
        Column("since", "状态起始", "since", 12),
        Column("borrower", "借阅单位", "borrower", 18),
        Column("due_back", "应还日期", "due back", 12),
        Column("late", "逾期", "overdue", 14),
        Column("to", "转往地区", "moved to", 15),
        Column("rule", "依据", "rule", 30),
    ),
    _lines,
)
