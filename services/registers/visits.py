"""The plan of visits: who is to be visited, when that was last done, by when the next is due, what is overdue."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from domain.law import Law
from domain.months import first_day, month_of
from projections import care, kept
from projections.care import CARE
from services.reading.sheets import Cell, Column
from services.registers.people import ADDRESS, people_sheet
from services.web.words import both

_REASONS = {
    "regular": "日常走访 regular",
    "festival": "节日慰问 festival",
    "illness": "患病 illness",
    "hardship": "困难 hardship",
    "bereavement": "丧亲 bereavement",
}
_STATES = {"planned": "待走访 planned", "overdue": "逾期 overdue"}


def _whom(_state: str, day: date, law: Law, communities: Iterable[str]) -> kept.Whom:
    """Whoever is of none of the groups that the cities' rules name, was never said to be of any, and is no party member where those count, has no visit due."""
    locals_ = (law.city_law(city, day) for city in {community[:4] for community in communities})
    rules = [rule for local in locals_ if local for rule in local.visits]
    if not rules:
        return kept.NOBODY
    groups = {group for rule in rules for group in rule.groups}
    member = "party_member" if any(rule.party_members for rule in rules) else "false"
    flagged = "array_to_string(k.told, ' ') like '%%\"care-flagged.v1\"%%'"
    return kept.Whom(f"{member} or special_groups && %(groups)s::text[] or {flagged}", {"groups": sorted(groups)})


def gone(found: Mapping[str, Any], day: date) -> bool:
    """Whether somebody's pension had stopped by a day: after a death, or while a sentence is served, nobody is called on."""
    begun = found["stopped_from"]
    return found["status"] == "stopped" and begun is not None and first_day(begun) <= first_day(month_of(day))


def _lines(found: Mapping[str, Any], place: str, day: date, law: Law, state: str) -> Iterable[dict[str, Cell]]:
    """A line for whoever the city's law wants visited."""
    done = care.as_of(found["told"], found["special_groups"], day)
    next_ = care.plan(done, place, found["retired_on"], day, law, party_member=found["party_member"])
    if next_ is None or gone(found, day):
        return
    key = "overdue" if next_.overdue(day) else "planned"
    if state in ("", key):
        yield {
            "groups": "、".join(map(both, (*done.groups, *(["party_member"] if found["party_member"] else [])))),
            "last": done.visits[-1] if done.visits else None,
            "reason": _REASONS[done.last_reason] if done.last_reason else None,
            "visits": len(done.visits),
            "due": next_.due,
            "state": _STATES[key],
            "card": done.card,
            "health_file": done.health_file,
            "rule": f"{next_.rule.document} {next_.rule.article}",
        }


VISIT_PLAN = people_sheet(
    "visits",
    ("走访慰问计划", "plan of visits"),
    (
        "规定应定期走访的特殊群体：上次走访、下次最迟日期、逾期。文件只说“定期”，未另定的按每年至少一次。状态：planned、overdue。",
        "Whom the city's rule wants visited regularly: the last visit, the day by which the next is due. Once a year where no file says otherwise. States: planned, overdue.",
    ),
    CARE,
    (
        ADDRESS,
        Column("groups", "特殊群体", "special groups", 28),
        Column("last", "上次走访", "last visit", 12),
        Column("reason", "事由", "reason", 18),
        Column("visits", "走访次数", "visits", 8),
        Column("due", "下次最迟", "next by", 12),
        Column("state", "状态", "state", 14),
        Column("card", "联系卡", "contact card", 12),
        Column("health_file", "健康档案", "health file", 12),
        Column("rule", "依据", "rule", 30),
    ),
    _lines,
    _whom,
)
