"""Gaps in the duties of data sharing: sources that are late, and facts that were true long before anybody told us."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from domain.law import Law, Sharing
from projections import audit_trail, source_gaps
from projections.source_gaps import SourceGapsRow, told
from services.accounts import Account, Role
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Sheet, position_before
from services.registers.periods import Period, lately, period_of
from services.web.words import both

_SCAN = 1_000
_KINDS = {
    "silent": "来源中断 source silent",
    "numbers": "缺号 numbers missing",
    "batch": "批次不齐 batch not whole",
    "late": "迟报 told late",
}


def rule_for(law: Law, division: str, department: str, fact: str, on: date) -> Sharing | None:
    """The duty by which a department tells of a fact; None: nothing asks it to."""
    duties = law.sharing(division, on)
    return next((one for one in duties if department in one.tellers and fact in one.facts), None)


def _page(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    """Gaps of sources first, then facts told late, the newest first."""
    day = reader.day(asked.on)
    period = period_of(asked, day, lately(day))
    rows = [] if after else [*_of_sources(reader, asked, period)]
    before, more = position_before(after), True
    while more and len(rows) < limit:
        given = {
            "least": 0,
            "before": before,
            "department": asked.department,
            "since": period.since,
            "until": period.until,
            "limit": _SCAN,
        }
        found = reader.rows(audit_trail.LATE, given)
        more = len(found) == _SCAN
        for one in found:
            before = one["position"]
            if line := _late(one, reader.law, account, asked):
                rows.append(line)
                if len(rows) >= limit and one is not found[-1]:
                    more = True
                    break
    return Page([*rows], str(before) if more else None)


def _of_sources(reader: Reader, asked: Asked, period: Period) -> Iterator[dict[str, Cell]]:
    for found in reader.rows(source_gaps.ALL, {}):
        row = msgspec.convert(found, SourceGapsRow)
        if asked.department not in ("", row.department):
            continue
        for gap in told(row.gaps):
            if gap.since < period.until and (gap.until is None or gap.until >= period.since):
                yield {
                    "kind": _KINDS[gap.kind],
                    "department": both(row.department),
                    "source": row.source,
                    "what": gap.what or None,
                    "since": gap.since,
                    "until": gap.until,
                    "days": ((gap.until or period.until) - gap.since).days,
                }


def _late(found: dict[str, Any], law: Law, account: Account, asked: Asked) -> dict[str, Cell] | None:
    """A fact told later than the duty of its teller has it; None where no duty asks for it, or it is not this account's to see."""
    community = found["community"] or ""
    if not community.startswith(account.division) or not community.startswith(asked.division):
        return None
    on = found["recorded_at"].date()
    rule = rule_for(law, community, found["department"], found["what"], on)
    if rule is None or found["late_days"] <= rule.within_days:
        return None
    return {
        "kind": _KINDS["late"],
        "department": both(found["department"]),
        "source": found["actor"],
        "what": both(found["what"]),
        "until": found["recorded_at"],
        "days": found["late_days"],
        "who": str(found["retiree"]),
        "rule": f"{rule.document} {rule.article}（{rule.within_days} 天 days）",
    }


SHARING_GAPS = Sheet(
    "sharing-gaps",
    "数据共享缺口",
    "gaps in data sharing",
    "逾期未到的来源、缺号、不齐的批次，以及生效多日才发布的信息，逐条注明依据；“及时”未定天数的按 30 天。",
    "Sources that were silent, missing numbers and batches, and facts told long after they were true, each with its duty; 30 days where a document only says promptly.",
    (Role.OFFICER, Role.AUDITOR),
    ("division", "first", "last", "department", "known"),
    (
        Column("kind", "缺口", "gap", 20),
        Column("department", "部门", "department", 24),
        Column("source", "来源或账号", "source or account", 30),
        Column("what", "内容", "what", 30),
        Column("since", "自", "since", 20),
        Column("until", "至（补到或发布）", "until, or told", 20),
        Column("days", "天数", "days", 8),
        Column("who", "人员编号", "retiree", 38),
        Column("rule", "依据", "duty", 40),
    ),
    _page,
)
