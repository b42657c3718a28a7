"""The roster and the inbox as registers: what their pages show, whole and in a file."""

from decimal import Decimal

from services.accounts import Account, Role
from services.reading.reader import Reader
from services.reading.sheets import Asked, Column, Page, Row, Sheet, position_before, retiree_after
from services.web.words import both


def _roster(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    start = retiree_after(after)
    lines = reader.roster(account, asked.division or account.division, start, limit, asked.on)
    rows: list[Row] = [
        {
            "retiree": str(line.retiree),
            "name": line.person.name,
            "identity_number": line.person.identity_number,
            "phone": line.person.phone,
            "address": line.person.address,
            "community": line.community,
            "retired_on": line.retired_on,
            "monthly_pension": Decimal(line.monthly_pension),
            "party_member": "是 yes" if line.party_member else "",
            "special_groups": "、".join(both(group) for group in line.special_groups),
            "status": both(line.status),
            "stopped_from": line.stopped_from,
            "verify_alert": "待核实 to be verified" if line.verify_alert else "",
        }
        for line in lines
    ]
    return Page(rows, str(lines[-1].retiree) if lines else None)


def _inbox(reader: Reader, account: Account, asked: Asked, after: str, limit: int) -> Page:
    found = reader.inbox(account, asked.state, position_before(after), limit)
    rows: list[Row] = [
        {
            **{key: one[key] for key in ("alert", "first_month", "last_month", "months", "act_by", "office", "reason")},
            **{key: both(one[key]) for key in ("action", "kind", "strength", "state", "stage")},
            "retiree": str(one["retiree"]),
            "amount": Decimal(one["amount"]),
            "rule": f"{one['document']} {one['article']}：{one['rule_zh']} {one['rule_en']}",
            "evidence": "；".join(one["evidence"]),
            "escalated": "是 yes" if one["escalated"] else "",
            "applied_month": one["applied_month"],
            "recorded_at": one["recorded_at"],
        }
        for one in found
    ]
    return Page(rows, str(found[-1]["position"]) if found else None)


ROSTER = Sheet(
    "roster",
    "社区台账",
    "community roster",
    "街道、社区服务的企业退休人员；社保经办机构看到的是登记在该地的人（豫政办〔2017〕44号 四（一））。",
    "Whom a street or community serves; for the agency, who is registered there.",
    (Role.COMMUNITY, Role.OFFICER),
    ("division", "on", "known"),
    (
        Column("name", "姓名", "name", 10),
        Column("identity_number", "身份证号", "identity number", 21),
        Column("phone", "电话", "phone", 15),
        Column("address", "住址", "address", 36),
        Column("community", "社区代码", "community", 15),
        Column("retired_on", "退休日期", "retired", 12),
        Column("monthly_pension", "月养老金（元）", "pension, yuan", 12),
        Column("party_member", "党员", "party member", 8),
        Column("special_groups", "特殊群体", "special groups", 24),
        Column("status", "待遇状态", "pension status", 16),
        Column("stopped_from", "停发月份", "stopped from", 10),
        Column("verify_alert", "待核实", "to be verified", 12),
    ),
    _roster,
)
INBOX = Sheet(
    "inbox",
    "预警清单",
    "alerts",
    "交由本机构办理的预警，依据和证据逐条列明。",
    "Alerts for the account's offices, each with its rule and what it follows from.",
    (Role.OFFICER, Role.AUDITOR),
    ("state", "known"),
    (
        Column("alert", "预警编号", "alert", 40),
        Column("retiree", "人员编号", "retiree", 38),
        Column("action", "办理", "action", 18),
        Column("kind", "事由", "kind", 20),
        Column("strength", "可信程度", "strength", 14),
        Column("first_month", "起始月份", "from", 10),
        Column("last_month", "截止月份", "to", 10),
        Column("months", "月数", "months", 8),
        Column("amount", "金额（元）", "yuan", 12),
        Column("act_by", "期限", "act by", 12),
        Column("office", "办理机构", "office", 30),
        Column("state", "状态", "state", 14),
        Column("stage", "进度", "stage", 16),
        Column("escalated", "已逾期上报", "escalated", 10),
        Column("applied_month", "执行月份", "applied from", 10),
        Column("reason", "理由", "reason", 24),
        Column("rule", "依据", "rule", 50),
        Column("evidence", "证据", "evidence", 40),
        Column("recorded_at", "记录时间", "recorded", 20),
    ),
    _inbox,
)
