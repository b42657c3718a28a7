"""Gaps in the duties of data sharing: sources that are late, and facts that were true long before anybody told us."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from domain.law import Law, Sharing
from projections import audit_trail, source_gaps
from projections.source_gaps import SourceGapsRow, told
from services.accounts import Account, Act
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Sheet, position_before
from services.registers.periods import Period, lately, period_of
from services.web.words import both

_SCAN, _MOST = 100, 2_000
"""Late facts read at a time, and looked through for one page: one with few lines and a cursor is no end."""
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
    rows = [] if after else [*_of_sources(reader, account, asked, period)]
    before, more, looked = position_before(after), True, 0
    duties = _duties(reader, account, asked, period)
    while more and len(rows) < limit and looked < _MOST:
        given = {**duties, "before": before, "since": period.since, "until": period.until, "limit": _SCAN}
        found = reader.rows(account, audit_trail.LATE, given)
        more = len(found) == _SCAN
        looked += len(found)
        for one in found:
            before = one["position"]
            if line := _late(one, reader.law, account, asked):
                rows.append(line)
                if len(rows) >= limit and one is not found[-1]:
                    more = True
                    break
    if late := [UUID(str(row["who"])) for row in rows if row.get("who")]:
        reader.looks.seen(account, ("facts",), late)
    return Page([*rows], str(before) if more else None)


def _duties(reader: Reader, account: Account, asked: Asked, period: Period) -> dict[str, Any]:
    """Which departments must tell of what where the account is, at any time of a period, and the fewest days that any has for it."""
    cities = {code[:4].ljust(12, "0") for code in reader.within(account, asked.division or account.division)}
    days = (period.first_day, period.last_day)
    duties = {duty for city in cities for day in days for duty in reader.law.sharing(city, day)}
    pairs = {(str(teller), fact) for duty in duties for teller in duty.tellers for fact in duty.facts}
    wanted = sorted(pair for pair in pairs if asked.department in ("", pair[0]))
    return {
        "tellers": [teller for teller, _ in wanted],
        "facts": [fact for _, fact in wanted],
        "least": min((duty.within_days for duty in duties), default=0),
    }


def _of_sources(reader: Reader, account: Account, asked: Asked, period: Period) -> Iterator[dict[str, Cell]]:
    for found in reader.rows(account, source_gaps.ALL, {}):
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
    Act.SHARING,
    ("division", "on", "first", "last", "department", "known"),
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
    recorded=True,
)
