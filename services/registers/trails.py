"""Audit trails: who did what about whom, and what each account of a department did in a period."""

from projections import audit_trail
from services.accounts import Account, Act
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Sheet
from services.registers.periods import lately, period_of
from services.web.words import WORDS, both


def _words(codes: str) -> str:
    """What a deed was about: stored names and fields in words."""
    return "、".join(both(code) if code in WORDS else code for code in codes.split(", "))


def _trail(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    found = reader.audit(account, asked.department, asked.retiree, after, limit, asked.actor)
    rows: list[dict[str, Cell]] = [
        {
            "position": one["position"],
            "recorded_at": one["recorded_at"],
            "deed": both(one["deed"]),
            "department": both(one["department"]),
            "actor": one["actor"],
            "what": _words(one["what"]),
            "purpose": one["purpose"],
            "legal_basis": one["legal_basis"],
            "late_days": one["late_days"],
            "who": str(one["retiree"]),
        }
        for one in found
    ]
    return Page([*rows], found[-1]["deed_id"] if len(found) == limit else None)


def _officers(reader: Reader, account: Account, asked: Asked, _after: str, _limit: int) -> Page:
    """All of it at once: as many lines as accounts have kinds of deeds."""
    day = reader.day(asked.on)
    period = period_of(asked, day, lately(day))
    given = {"department": asked.department, "actor": asked.actor, "since": period.since, "until": period.until}
    found = reader.rows(account, audit_trail.OFFICERS, given)
    rows: list[dict[str, Cell]] = [
        {
            "department": both(one["department"]),
            "actor": one["actor"],
            "deed": both(one["deed"]),
            "what": _words(one["what"]),
            "purpose": one["purpose"],
            "deeds": one["deeds"],
            "people": one["people"],
            "first": one["first"],
            "last": one["last"],
        }
        for one in found
    ]
    return Page([*rows], None)


AUDIT = Sheet(
    "audit",
    "审计轨迹",
    "audit trail",
    "谁在何时发布、接收、查看了谁的什么信息，目的和法律依据；可按部门、账号、人员查询（个人信息保护法 第四十五条）。",
    "Who published, received and read what about whom, when, what for and on which basis; by department, account or person.",
    Act.AUDIT,
    ("on", "department", "actor", "retiree", "known"),
    (
        Column("position", "位置", "position", 10, "trail.position"),
        Column("recorded_at", "时间", "time", 20, "trail.recorded_at"),
        Column("deed", "行为", "deed", 16, "trail.deed"),
        Column("department", "部门", "department", 24, "trail.department"),
        Column("actor", "账号或渠道", "account or outlet", 24, "trail.actor"),
        Column("what", "内容", "what", 40, "trail.what"),
        Column("purpose", "目的", "purpose", 30, "trail.purpose"),
        Column("legal_basis", "法律依据", "legal basis", 26, "trail.legal_basis"),
        Column("late_days", "发布距生效天数", "days until told", 10, "trail.late_days"),
        Column("who", "人员编号", "retiree", 38, "trail.retiree"),
    ),
    _trail,
    recorded=True,
)
OFFICERS = Sheet(
    "officers",
    "经办人员行为统计",
    "deeds by account",
    "一段时间内每个账号做了什么、多少次、涉及多少人，供审计抽查；默认为本月和前两个月。",
    "What each account did in a period, how often and about how many people; by default this month and the two before.",
    Act.AUDIT,
    ("on", "first", "last", "department", "actor", "known"),
    (
        Column("department", "部门", "department", 24),
        Column("actor", "账号", "account", 24),
        Column("deed", "行为", "deed", 16),
        Column("what", "内容", "what", 40),
        Column("purpose", "目的", "purpose", 30),
        Column("deeds", "次数", "deeds", 9),
        Column("people", "人数", "people", 9),
        Column("first", "最早", "first", 20),
        Column("last", "最近", "last", 20),
    ),
    _officers,
    recorded=True,
)
