"""Reading that is far from usual, for the auditor and whoever answers for the protection of personal data."""

from domain.disclosures import Look
from infra.log import LAST
from projections import unusual_access
from services.accounts import Account, Act
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Sheet
from services.web.words import both


def _flags(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    given = {
        "position": int(after) if after.isdecimal() else LAST,
        "limit": limit,
        "actor": asked.actor,
        "department": asked.department,
        "retiree": asked.retiree,
    }
    found = reader.rows(account, unusual_access.PAGE, given)
    if whom := [one["retiree"] for one in found if one["retiree"]]:
        reader.looks.seen(account, ("deeds",), whom, look=Look.DEEDS)
    rows: list[dict[str, Cell]] = [
        {
            "position": one["position"],
            "recorded_at": one["recorded_at"],
            "day": one["day"],
            "why": both(one["why"]),
            "department": both(one["department"]),
            "actor": one["actor"],
            "times": one["times"],
            "usual": one["usual"],
            "brought_by": one["brought_by"],
            "who": str(one["retiree"] or ""),
        }
        for one in found
    ]
    return Page([*rows], str(found[-1]["position"]) if len(found) == limit else None)


UNUSUAL = Sheet(
    "unusual-access",
    "异常查阅",
    "unusual reading",
    "某账号某日的查阅远超平常、在下班时间、屡次查阅非本辖区，或同一人被反复、被多人查阅、大量查看完整信息；只提示核查，不作结论（个人信息保护法 第五十四条）。",
    "An account read far more than usual, out of hours, or again and again what is not its own; one person was read again and again or "
    "by many; much was unmasked. It asks somebody to look and accuses nobody.",
    Act.FLAGS,
    ("on", "department", "actor", "retiree", "known"),
    (
        Column("position", "位置", "position", 10),
        Column("recorded_at", "时间", "time", 20),
        Column("day", "日期", "day", 12),
        Column("why", "原因", "why", 30),
        Column("department", "部门", "department", 24),
        Column("actor", "账号", "account", 24),
        Column("times", "次数或人数", "count", 10),
        Column("usual", "平常或限度", "usual or limit", 10),
        Column("brought_by", "最后一次查阅的位置", "position of the last look", 12),
        Column("who", "人员编号", "retiree", 38),
    ),
    _flags,
    recorded=True,
)
