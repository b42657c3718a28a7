"""The party relation register, as offices read it."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from domain.law import Law
from projections import kept
from projections.party_relations import PARTY_RELATIONS, as_of
from services.reading.sheets import Cell, Column
from services.registers.people import people_sheet
from services.web.words import both

_STATES = {
    "transferred": "已转接 transferred",
    "elsewhere": "在他处 with another branch",
    "missing": "未转接 not transferred",
}


def _lines(found: Mapping[str, Any], place: str, day: date, _law: Law, state: str) -> Iterable[dict[str, Cell]]:
    """A line for each party member, and for whoever's relation was transferred all the same."""
    last = as_of(found["told"], day)
    if last is None and not found["party_member"]:
        return
    key = "missing" if last is None else "transferred" if last.division[:9] == place[:9] else "elsewhere"
    if state in ("", key):
        yield {
            "state": _STATES[key],
            "on": last.on if last else None,
            "branch": last.division if last else None,
            "by": both(last.by) if last else None,
            "register": last.register if last else None,
            "dues_paid_to": last.dues_paid_to if last else None,
        }


PARTY_REGISTER = people_sheet(
    "party-relations",
    ("党组织关系转接名册", "party relation register"),
    (
        "党员组织关系转入街道、社区党组织的情况（咸宁市暂行办法 第六条第6项，大政办发〔2017〕49号 第二十三条，豫政办〔2017〕44号 五（一））。状态：transferred、elsewhere、missing。",
        "Party members and the branch of street or community that took them in. States: transferred, elsewhere (another street's branch), missing.",
    ),
    PARTY_RELATIONS,
    (
        Column("state", "状态", "state", 22),
        Column("on", "转接日期", "transferred", 12),
        Column("branch", "接收地区", "branch of", 15),
        Column("by", "办理部门", "told by", 20),
        Column("register", "名册编号", "register number", 16),
        Column("dues_paid_to", "党费缴至", "dues paid to", 12),
    ),
    _lines,
    lambda *_: kept.Whom(f"party_member or {kept.TOLD.condition}"),
)
