"""The verification due list: whose survival is to be verified soon, or is overdue."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from domain.law import Law
from domain.survival import reminded_after
from projections import kept
from projections.verifications import VERIFICATIONS, as_of
from services.reading.sheets import Cell, Column
from services.registers.people import people_sheet
from services.registers.visits import gone
from services.web.words import both

_CHANNELS = {
    "presence": "现场认证 presence",
    "visit": "上门 visit",
    "self-service": "自助 self-service",
    "data-match": "数据比对 data match",
}
_STATES = {
    "never": "未有记录 none on record",
    "valid": "有效 valid",
    "warned": "即将到期 due soon",
    "overdue": "逾期 overdue",
}


def _whom(state: str, day: date, law: Law, _communities: Iterable[str]) -> kept.Whom:
    """Who was never verified has nothing told of it; who was, lately, is not to be reminded."""
    if state == "never":
        return kept.ANYBODY
    return kept.TOLD if state == "valid" else kept.long_ago(day, reminded_after(law))


def _lines(found: Mapping[str, Any], _place: str, day: date, law: Law, state: str) -> Iterable[dict[str, Cell]]:
    """A line for whoever is to be verified; with a state asked for, those of that state. The place that pays has the cycle."""
    now = as_of(found["told"], found["community"], day, law)
    if gone(found, day) or (now.state != state if state else now.state not in ("warned", "overdue")):
        return
    rule = law.local("verification-cycle", now.last or day, found["community"])
    yield {
        "state": _STATES[now.state],
        "last": now.last,
        "channel": _CHANNELS[now.channel] if now.channel else None,
        "by": both(now.by) if now.by else None,
        "due": now.due,
        "days": (now.due - day).days if now.due else None,
        "rule": f"{rule.document} {rule.article}",
    }


VERIFICATION_LIST = people_sheet(
    "verifications",
    ("待遇资格认证名单", "verification due list"),
    (
        "即将到期和逾期未认证的人员；可按状态查看 valid、never。",
        "Whose verification of survival is due soon or overdue; states valid and never can be asked for too.",
    ),
    VERIFICATIONS,
    (
        Column("state", "状态", "state", 20),
        Column("last", "上次认证", "last verified", 12),
        Column("channel", "方式", "channel", 18),
        Column("by", "认证部门", "told by", 20),
        Column("due", "最迟认证", "due by", 12),
        Column("days", "剩余天数", "days left", 9),
        Column("rule", "依据", "rule", 36),
    ),
    _lines,
    _whom,
)
