"""The codes that pages and the terminal show, in words: Chinese first, English second."""

from typing import NamedTuple


class Word(NamedTuple):
    """A code in both languages."""

    zh: str
    en: str


def _words(*lines: str) -> dict[str, Word]:
    """Lines of a code, its Chinese and its English, with bars between."""
    return {code: Word(zh, en) for code, zh, en in (line.split("|") for line in lines)}


ACTIONS = _words(
    "stop|停发|stop",
    "suspend|暂停发放|suspend",
    "resume|恢复发放|resume",
    "recover|追回多发|recover",
    "pay-back|补发|pay back",
    "grant|发给丧葬抚恤|grant",
    "verify|核实|verify",
    "contact|联系提醒|contact",
    "assign|确定服务单位|assign",
    "settle|清理重复领取|settle",
)
KINDS = _words(
    "death|死亡|death",
    "suspected-death|疑似死亡|suspected death",
    "identity-mismatch|身份不符|identity mismatch",
    "death-retracted|死亡信息撤回|death retracted",
    "imprisonment|服刑|imprisonment",
    "leniency|非监禁刑|sentence not served in prison",
    "custody|羁押或通缉|custody or wanted",
    "release|释放|release",
    "release-due|刑期届满|release due",
    "acquittal|无罪或不起诉|acquittal",
    "missing|失踪|missing",
    "reappearance|重新出现|reappearance",
    "verification-due|资格认证到期|verification due",
    "verification-overdue|资格认证逾期|verification overdue",
    "survival-verified|已通过资格认证|survival verified",
    "duplicate-benefit|重复领取|duplicate benefit",
    "conflicting-facts|信息矛盾|conflicting facts",
    "correction|更正|correction",
    "relocation-without-office|迁移后无服务单位|relocation without an office",
    "source-silent|数据来源中断|source silent",
)
STATUSES = _words(
    "payable|发放中|payable",
    "payable-unadjusted|发放中，不参加调整|payable, without adjustments",
    "suspended|已暂停|suspended",
    "stopped|已停发|stopped",
)
STRENGTHS = _words("confirmed|已确认|confirmed", "suspected|疑似|suspected")
STATES = _words(
    "open|待办|open",
    "closed|已办结|closed",
    "replaced|已被替代|replaced",
    "withdrawn|已撤回|withdrawn",
)
STAGES = _words(
    "raised|未受理|raised",
    "acknowledged|已受理|acknowledged",
    "confirmed|已确认|confirmed",
    "contested|有异议|contested",
    "dismissed|不予办理|dismissed",
    "applied|已执行|applied",
)
SETTLEMENTS = _words(
    "paid|已发放|paid",
    "overpaid|多发|overpaid",
    "owed|应补发|owed",
    "kept|多发不追回|not recovered",
    "none|无应发|nothing due",
    "not-yet|未到发放日|payment day not come",
)
FACTS = _words(
    "retirement-registered.v1|退休登记|retirement registered",
    "pension-adjusted.v1|养老金调整|pension adjusted",
    "survival-verified.v1|资格认证|survival verified",
    "duplicate-benefit-found.v1|发现重复领取|duplicate benefit found",
    "duplicate-benefit-settled.v1|重复领取已处理|duplicate benefit settled",
    "pension-paid.v1|发放情况|pension paid",
    "death-reported.v1|死亡报告|death reported",
    "death-declared.v1|宣告死亡|death declared",
    "death-retracted.v1|撤回死亡报告|death retracted",
    "fact-retracted.v1|撤回信息|fact retracted",
    "gone-missing.v1|下落不明|gone missing",
    "declared-missing.v1|宣告失踪|declared missing",
    "reappeared.v1|重新出现|reappeared",
    "wanted.v1|通缉|wanted",
    "detained.v1|羁押|detained",
    "sentenced.v1|判刑|sentenced",
    "paroled.v1|假释|paroled",
    "parole-revoked.v1|撤销假释或收监|parole revoked",
    "released.v1|释放|released",
    "acquitted.v1|无罪或不起诉|acquitted",
    "alert-acknowledged.v1|受理预警|alert acknowledged",
    "alert-confirmed.v1|确认预警|alert confirmed",
    "alert-contested.v1|对预警提出异议|alert contested",
    "contest-answered.v1|答复异议|contest answered",
    "alert-dismissed.v1|预警不予办理|alert dismissed",
    "alert-applied.v1|预警已执行|alert applied",
    "overpayment-returned.v1|多发部分退回|overpayment returned in part",
    "handover-proposed.v1|提出移交|handover proposed",
    "handover-step-done.v1|移交步骤完成|handover step done",
    "handover-completed.v1|移交完成|handover completed",
    "handover-refused.v1|移交终止|handover refused",
    "handover-returned.v1|移交退回|handover returned",
    "relocated.v1|迁移|relocated",
    "reception-accepted.v1|迁移后接收|reception accepted",
    "archive-received.v1|档案接收|archive received",
    "archive-lent.v1|档案借出|archive lent",
    "archive-moved.v1|档案转出|archive moved",
    "party-relation-transferred.v1|党组织关系转接|party relation transferred",
    "fee-assessed.v1|费用核定|fee assessed",
    "fee-paid.v1|费用缴纳|fee paid",
    "visit-made.v1|走访慰问|visit made",
    "contact-card-issued.v1|发放联系卡|contact card issued",
    "care-flagged.v1|特殊群体标记|care flagged",
    "activity-attended.v1|参加活动|activity attended",
    "health-file-kept.v1|健康档案|health file kept",
    "identity-linked.v1|身份证号关联|identity numbers linked",
)
DEPARTMENTS = _words(
    "social-insurance|社保经办机构|social insurance agency",
    "civil-affairs|民政|civil affairs",
    "community|社区|community",
    "court|法院|court",
    "enterprise|企业|enterprise",
    "family|家属|family",
    "archives|档案保管单位|archives",
    "funeral-home|殡仪馆|funeral home",
    "health|卫健|health",
    "justice|司法行政|justice",
    "party|党组织|party branch",
    "police|公安|police",
)
PAYERS = _words(
    "enterprise|企业|enterprise",
    "central-budget|中央财政|central budget",
    "provincial-budget|省级财政|provincial budget",
    "local-budget|同级财政|local budget",
)
HANDOVERS = _words(
    "not-begun|未提出|not begun",
    "proposed|已提出|proposed",
    "in-progress|办理中|in progress",
    "returned|已退回|returned",
    "refused|已终止|refused",
    "completed|已完成|completed",
)
CONSUMERS = _words(
    "webhook|网络推送|webhook",
    "feed|自行读取|feed",
    "current|已同步|up to date",
    "behind|有待接收|behind",
    "failing|不通|failing",
    "ended|已停用|ended",
    "timeout|超时|timeout",
    "unreachable|无法连接|unreachable",
    "tls-failed|证书校验失败|TLS failed",
    "address-refused|地址不在允许范围|address refused",
    "not-wanted|已不在接收范围|not wanted any more",
)
_OTHERS = _words(
    "published|发布|published",
    "received|接收|received",
    "read|查看|read",
    "alerts|预警|alerts",
    "handover|移交情况|handover",
    "publisher|发布人员|publisher",
    "officer|经办人员|officer",
    "auditor|审计人员|auditor",
    "administrator|系统管理员|administrator",
    "guardian|个人信息保护负责人|guardian of personal data",
    "alone|孤寡|alone",
    "gravely-ill|重病|gravely ill",
    "advanced-age|高龄|advanced age",
    "destitute|特困|destitute",
    "living-alone|独居|living alone",
    "disabled|伤残|disabled",
    "identity_number|身份证号|identity number",
    "name|姓名|name",
    "identity_number.masked|身份证号（部分隐去）|identity number, masked",
    "name.masked|姓名（部分隐去）|name, masked",
    "phone.masked|电话（部分隐去）|phone, masked",
    "address.masked|住址（部分隐去）|address, masked",
    "monthly_pension.masked|月养老金（隐去）|monthly pension, masked",
    "pension.masked|当月应发（隐去）|due for the month, masked",
    "phone|电话|phone",
    "address|住址|address",
    "retired_on|退休日期|retired on",
    "monthly_pension|月养老金|monthly pension",
    "party_member|党员|party member",
    "special_groups|特殊群体|special groups",
    "status|待遇状态|pension status",
    "stopped_from|停发月份|stopped from",
    "verify_alert|待核实|to be verified",
    "keeper|服务单位|who serves",
    "served_since|接收日期|served since",
    "pension|当月应发|due for the month",
    "document|依据文件|document",
    "article|依据条款|article",
    "verified_on|上次认证|last verified",
    "verify_by|认证期限|verify by",
    "contact_card_on|联系卡|contact card",
    "health_file_on|健康档案|health file",
    "visited_on|上次走访|last visited",
    "moving_to|待接收单位|to be received by",
    "moved_on|迁移日期|moved on",
    "escalated|已逾期上报|escalated",
    "overdue|逾期|overdue",
    "high|紧急|high",
    "normal|一般|normal",
    "facts|事实|facts",
    "months|各月待遇|months",
    "waiting|等待|waiting",
    "working|进行中|working",
    "done|完成|done",
    "failed|失败|failed",
    "accepted|受理|accepted",
    "parked|待登记|parked",
    "known|已有|known",
    "not-accepted|不予受理|refused",
    "not-kept|原文未保存|bytes not kept",
    "none-waiting|没有等待处理的死信|no letter waits",
    "original|原文|original",
    "life-events|生命事件|life events",
    "records|两号合并与分开|records joined and parted",
    "contests|预警异议|contested alerts",
)
DISCLOSURES = _words(
    "page|页面|page",
    "api|接口|API",
    "export|导出文件|export",
    "print|打印|print",
    "terminal|终端|terminal",
    "not-told|未记录方式|way not recorded",
    "shown|查看|shown",
    "sought|检索|sought",
    "unmasked|查看完整信息|unmasked",
    "opened|打开原文|original opened",
    "deeds|查阅记录|record of looks",
    "volume|查阅量远超平常|far more than usual",
    "hours|下班时间查阅|out of hours",
    "elsewhere|屡次查阅非本辖区|not theirs, again and again",
    "one-person|反复查阅同一人|one person again and again",
    "many-readers|同一人被多人查阅|one person by many",
    "unmasking|大量查看完整信息|much unmasked",
)
PROPOSALS = _words(
    "person.erase|删除个人信息|erase a person",
    "hold.lift|解除依法保留|lift a legal hold",
    "export.unmasked|批量导出未遮蔽信息|export many people unmasked",
    "consumers.replay|批量重新发送|replay to a consumer",
    "law.change|更改法规参数|change the settings of law",
    "alerts.answer-bulk|批量答复|answer in bulk",
    "accounts.raise|建立或提升重要账号|make or raise an account",
    "proposed|已提出|proposed",
    "approved|已批准|approved",
    "not-approved|已拒绝|refused",
    "expired|已过期|expired",
    "carried-out|已执行|done",
)
LETTER_STATES = _words(
    "waiting|等待|waiting",
    "replayed|已重新受理|taken in when sent again",
    "mended|改正后已受理|mended",
    "given-up|已放弃|given up",
)

WORDS: dict[str, Word] = (
    ACTIONS
    | KINDS
    | STATUSES
    | STRENGTHS
    | STATES
    | STAGES
    | SETTLEMENTS
    | FACTS
    | DEPARTMENTS
    | PAYERS
    | HANDOVERS
    | LETTER_STATES
    | PROPOSALS
    | CONSUMERS
    | DISCLOSURES
    | _OTHERS
)
"""Every code; two tables that share one say the same of it."""


def word(code: object) -> str:
    """The Chinese of a code; the code itself where there is no word for it."""
    text = str(code)
    return WORDS[text].zh if text in WORDS else text


def english(code: object) -> str:
    """The English of a code, likewise."""
    text = str(code)
    return WORDS[text].en if text in WORDS else text


def both(code: object) -> str:
    """A code in both languages: Chinese first."""
    return f"{word(code)} {english(code)}"
