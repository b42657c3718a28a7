"""The roster and the inbox as registers: what their pages show, whole and in a file."""

from decimal import Decimal

from services.accounts import Account, Act
from services.reading.cards import RosterLine
from services.reading.reader import Reader
from services.reading.sheets import Asked, Column, Page, Row, Sheet, position_before, retiree_after
from services.web.words import both


def _roster(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    start = retiree_after(after)
    lines = reader.roster(account, asked.division or account.division, start, limit, asked.on, only=_COLUMNS)
    rows: list[Row] = [_row(line) for line in lines]
    # fewer are all: who is erased is none of the rows asked for
    return Page(rows, str(lines[-1].retiree) if len(lines) == limit else None)


def _row(line: RosterLine) -> Row:
    """The cells of a line; of what the purpose leaves out there is no column."""
    pension = line.monthly_pension or None
    return {
        "retiree": str(line.retiree),
        "name": line.person.name,
        "identity_number": line.person.identity_number or None,
        "phone": line.person.phone,
        "address": line.person.address,
        "community": line.community or None,
        "retired_on": line.retired_on or None,
        "monthly_pension": Decimal(pension) if pension and "*" not in pension else pension,
        "party_member": "是 yes" if line.party_member else "",
        "special_groups": "、".join(both(group) for group in line.special_groups or ()),
        "status": both(line.status) if line.status else None,
        "stopped_from": line.stopped_from or None,
        "verify_alert": "待核实 to be verified" if line.verify_alert else "",
    }


def _inbox(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    found = reader.inbox(account, asked.state, position_before(after), limit)
    rows: list[Row] = [
        {
            **{key: one.get(key) for key in ("alert", "first_month", "last_month", "months", "act_by", "office")},
            **{key: both(one[key]) for key in ("action", "kind", "strength", "state", "stage") if key in one},
            "reason": one.get("reason"),
            "retiree": str(one["retiree"]),
            "amount": Decimal(one["amount"]) if "amount" in one else None,
            "rule": "{document} {article}：{rule_zh} {rule_en}".format_map(one) if "document" in one else None,
            "evidence": "；".join(one.get("evidence", ())),
            "escalated": "是 yes" if one.get("escalated") else "",
            "applied_month": one.get("applied_month"),
            "recorded_at": one.get("recorded_at"),
        }
        for one in found
    ]
    return Page(rows, str(found[-1]["position"]) if len(found) == limit else None)


ROSTER = Sheet(
    "roster",
    "社区台账",
    "community roster",
    "街道、社区服务的企业退休人员；社保经办机构看到的是登记在该地的人（豫政办〔2017〕44号 四（一））。",
    "Whom a street or community serves; for the agency, who is registered there.",
    Act.ROSTER,
    ("division", "on", "known"),
    (
        Column("name", "姓名", "name", 10, "person.name"),
        Column("identity_number", "身份证号", "identity number", 21, "person.identity_number"),
        Column("phone", "电话", "phone", 15, "person.phone"),
        Column("address", "住址", "address", 36, "person.address"),
        Column("community", "社区代码", "community", 15, "line.community"),
        Column("retired_on", "退休日期", "retired", 12, "line.retired_on"),
        Column("monthly_pension", "月养老金（元）", "pension, yuan", 12, "line.monthly_pension"),
        Column("party_member", "党员", "party member", 8, "line.party_member"),
        Column("special_groups", "特殊群体", "special groups", 24, "line.special_groups"),
        Column("status", "待遇状态", "pension status", 16, "line.status"),
        Column("stopped_from", "停发月份", "stopped from", 10, "line.stopped_from"),
        Column("verify_alert", "待核实", "to be verified", 12, "line.verify_alert"),
    ),
    _roster,
)
INBOX = Sheet(
    "inbox",
    "预警清单",
    "alerts",
    "交由本机构办理的预警，依据和证据逐条列明。",
    "Alerts for the account's offices, each with its rule and what it follows from.",
    Act.ALERTS,
    ("on", "state", "known"),
    (
        Column("alert", "预警编号", "alert", 40, "alert.alert"),
        Column("retiree", "人员编号", "retiree", 38, "alert.retiree"),
        Column("action", "办理", "action", 18, "alert.action"),
        Column("kind", "事由", "kind", 20, "alert.kind"),
        Column("strength", "可信程度", "strength", 14, "alert.strength"),
        Column("first_month", "起始月份", "from", 10, "alert.first_month"),
        Column("last_month", "截止月份", "to", 10, "alert.last_month"),
        Column("months", "月数", "months", 8, "alert.months"),
        Column("amount", "金额（元）", "yuan", 12, "alert.amount"),
        Column("act_by", "期限", "act by", 12, "alert.act_by"),
        Column("office", "办理机构", "office", 30, "alert.office"),
        Column("state", "状态", "state", 14, "alert.state"),
        Column("stage", "进度", "stage", 16, "alert.stage"),
        Column("escalated", "已逾期上报", "escalated", 10, "alert.escalated"),
        Column("applied_month", "执行月份", "applied from", 10, "alert.applied_month"),
        Column("reason", "理由", "reason", 24, "alert.reason"),
        Column("rule", "依据", "rule", 50, "alert.rule"),
        Column("evidence", "证据", "evidence", 40, "alert.evidence"),
        Column("recorded_at", "记录时间", "recorded", 20, "alert.recorded_at"),
    ),
    _inbox,
    recorded=True,
)
_COLUMNS = tuple(column.key for column in ROSTER.columns)
