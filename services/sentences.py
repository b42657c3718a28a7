"""What a coded refusal says to people: Chinese first, English second, and what to do about it."""

from typing import NamedTuple


class Sentence(NamedTuple):
    """A code's HTTP status, its reason and its remedy in both languages."""

    status: int
    zh: str
    en: str
    remedy_zh: str
    remedy_en: str


SENTENCES: dict[str, Sentence] = {
    "body-too-large": Sentence(
        413,
        "内容超过大小限制",
        "the body is over the limit",
        "每条事件不超过 64 KiB，批量不超过 8 MiB、1000 条，请拆分后重发",
        "send at most 64 KiB an event, and at most 1,000 events or 8 MiB a batch",
    ),
    "malformed-json": Sentence(
        400,
        "不是有效的 JSON",
        "this is not valid JSON",
        "检查编码（UTF-8）和括号、引号后重发",
        "check encoding (UTF-8), brackets and quotes",
    ),
    "not-cloudevents": Sentence(
        400,
        "不是 CloudEvents 1.0 事件",
        "this is not a CloudEvents 1.0 event",
        "补全 specversion、type、source、id，datacontenttype 为 application/json",
        "give specversion, type, source and id, with datacontenttype application/json",
    ),
    "unknown-type": Sentence(
        422,
        "未知的事件类型",
        "the event type is unknown",
        "使用 /asyncapi.json 所列的类型",
        "use one of the types listed in /asyncapi.json",
    ),
    "missing-field": Sentence(
        422, "缺少必填项", "a required member is missing", "补上 path 所指的项", "add the member that path names"
    ),
    "unknown-field": Sentence(
        422,
        "有未知的项",
        "a member is unknown",
        "删去或改正 path 所指对象中拼错的项",
        "remove or correct the misspelt member",
    ),
    "invalid-field": Sentence(
        422,
        "某项的格式或取值不对",
        "a member has a wrong form or value",
        "按 /asyncapi.json 改正 path 所指的项",
        "correct the member that path names, as in /asyncapi.json",
    ),
    "sequence-invalid": Sentence(
        422,
        "序号不是十进制整数",
        "the sequence number is no decimal number",
        "sequence 填十进制数字（可补零，最多 15 位有效数字），从 1 起逐条加一；sequencetype 只能为 Integer",
        "give sequence as decimal digits (padded or not, up to 15 of them), from 1 upward; sequencetype may only be Integer",
    ),
    "identity-number-invalid": Sentence(
        422,
        "身份证号无效",
        "the identity number is invalid",
        "核对证件原件；Excel 变成 1.1E+17 的号码须从原件重录",
        "check it against the document; a number that Excel turned into 1.1E+17 must be entered again",
    ),
    "identity-number-in-id": Sentence(
        422,
        "公开保存的项中含有身份证号",
        "an identity number stands in a member that is kept in clear",
        "id、source、document、evidence 不得含个人信息，请改用业务流水号",
        "id, source, document and evidence are kept in clear: use a serial number of yours",
    ),
    "date-in-future": Sentence(
        422,
        "日期在今天之后",
        "the date lies in the future",
        "改正日期，或到当日再报",
        "correct the date, or publish on that day",
    ),
    "date-before-birth": Sentence(
        422,
        "日期早于出生日期",
        "the date lies before the person's birth",
        "核对日期和身份证号",
        "check the date and the identity number",
    ),
    "person-erased": Sentence(
        410,
        "此人的个人信息已依法删除",
        "this person's data was erased",
        "不再接收此人的信息；如有误请联系社保经办机构",
        "nothing more is taken in about this person; ask the agency if that is wrong",
    ),
    "id-conflict": Sentence(
        409,
        "同一编号的事件内容不同",
        "this id was used before with other content",
        "更正请用新的 id；重发须内容不变",
        "use a new id for a correction; a repeat must not change",
    ),
    "not-your-source": Sentence(
        403,
        "来源不属于本部门",
        "the source is not this publisher's",
        "source 须以 /本部门 开头",
        "begin source with /your-department",
    ),
    "not-your-fact": Sentence(
        403,
        "本部门不发布此类事件",
        "this department does not publish this kind of fact",
        "由有权部门发布",
        "let the department that may publish it do so",
    ),
    "handover-not-registered": Sentence(
        422,
        "此人尚未登记退休",
        "the retirement is not registered yet",
        "先登记退休（retirement-registered.v1），再报移交",
        "register the retirement first, then send this again",
    ),
    "no-local-law": Sentence(
        422,
        "此人不归本系统各市管理",
        "no city of ours governs this handover",
        "核对居住地和户籍地的区划代码；新的城市须先添加法规文件",
        "check the divisions of residence and household; a new city first needs its law file",
    ),
    "handover-not-begun": Sentence(
        409,
        "移交尚未提出",
        "no handover has been proposed",
        "先报移交申请（handover-proposed.v1）",
        "propose the handover first (handover-proposed.v1)",
    ),
    "handover-already-begun": Sentence(
        409,
        "移交已在办理",
        "a handover is under way already",
        "继续办理未完成的步骤；提出时有误的，用 corrects 更正",
        "go on with its open steps, or correct the proposal with `corrects`",
    ),
    "handover-already-completed": Sentence(
        409,
        "移交已经完成",
        "the handover is complete",
        "有误的，由原报送单位撤回或更正",
        "if that is wrong, let who told it retract or correct it",
    ),
    "handover-step-unknown": Sentence(
        422,
        "当地规定中没有这个步骤",
        "the law of the city knows no such step",
        "使用 detail 所列的步骤",
        "use one of the steps that detail lists",
    ),
    "handover-step-not-asked": Sentence(
        422,
        "此人不需要这个步骤",
        "this step is not asked of this retiree",
        "核对企业类型和状态、是否党员",
        "check the kind and state of the enterprise, and whether this is a party member",
    ),
    "handover-step-not-yours": Sentence(
        403,
        "这个步骤不由本部门报送",
        "this department may not tell this step",
        "由 detail 所列的部门报送",
        "let a department that detail names tell it",
    ),
    "handover-step-done": Sentence(
        409,
        "这个步骤已经完成",
        "this step stands already",
        "有误的，用 corrects 更正或撤回原事件",
        "if it is wrong, correct it with `corrects` or retract it",
    ),
    "handover-step-too-early": Sentence(
        409,
        "前面的步骤还没有完成",
        "steps that come before are open",
        "先完成 detail 所列的步骤",
        "first let those that detail names be done, by whom it names",
    ),
    "handover-open-steps": Sentence(
        409,
        "还有步骤没有完成，不能接收",
        "steps are open, so the handover cannot be complete",
        "先完成 detail 所列的步骤",
        "first let those that detail names be done, by whom it names",
    ),
    "handover-wrong-place": Sentence(
        422,
        "接收地不符合当地规定",
        "the law of the city places this retiree elsewhere",
        "核对户籍地、居住地和接收的街道、社区",
        "check household, residence and the receiving street and community",
    ),
    "place-unclear": Sentence(
        422,
        "区划代码没有具体到街道",
        "the division does not tell the street",
        "填写街道或社区的 12 位代码",
        "give the 12 digits of the street or community",
    ),
    "kept-apart": Sentence(
        409,
        "此人保持现有管理方式，不办理移交",
        "this person stays as managed and is not handed over",
        "只登记基本情况；类别有误的，更正退休登记",
        "keep basic information only; if the category is wrong, correct the registration",
    ),
    "reception-not-due": Sentence(
        409,
        "没有需要接收的迁移",
        "no move makes this reception due",
        "先由公安（户籍）或社区（居住地）报送迁移，或完成移交",
        "let the police (household) or the community (residence) tell the move first, or complete the handover",
    ),
    "archive-not-yours": Sentence(
        403,
        "本部门不保管这类档案",
        "this department does not keep such files",
        "由 detail 所列的保管单位报送",
        "let the keeper that detail names tell it",
    ),
    "fee-not-due": Sentence(
        422,
        "当地规定没有这项费用",
        "the law of the city asks no such fee",
        "核对企业类型和状态",
        "check the kind and state of the enterprise",
    ),
    "fee-already-paid": Sentence(
        409,
        "费用已一次性缴清",
        "the fee has been paid, in one sum",
        "有误的，撤回或更正原事件",
        "if that is wrong, retract or correct what told it",
    ),
    "fee-amount-differs": Sentence(
        422,
        "金额与规定或核定的不符",
        "the amount is not the one of the law or the assessment",
        "按 detail 所列金额缴纳，或先更正核定",
        "pay what detail names, or correct the assessment first",
    ),
    "unauthenticated": Sentence(
        401,
        "未登录或口令不对",
        "no valid credentials were given",
        "使用发给本部门的账号",
        "use the credentials issued to you",
    ),
    "forbidden": Sentence(
        403, "无权查看", "this role may not see this", "由有权人员查看", "ask somebody whose role may"
    ),
    "invalid-request": Sentence(
        400,
        "请求参数不对",
        "the request's parameters are wrong",
        "按 /openapi.json 改正",
        "correct them, as in /openapi.json",
    ),
    "not-found": Sentence(404, "没有此项", "there is no such thing", "核对地址", "check the address"),
    "unknown-alert": Sentence(
        422,
        "没有这条待办预警：可能已被替换、撤回或从未发出",
        "no such alert stands: it was replaced, withdrawn or never raised",
        "在预警收件箱中查看现行预警后再答复",
        "look up the alert that stands now in the inbox, and answer that",
    ),
    "alert-closed": Sentence(
        409,
        "这条预警已办结或已驳回，不再接受答复",
        "this alert was applied or dismissed before and takes no more answers",
        "如有变化，请发布新的事实",
        "publish a new fact where something has changed",
    ),
    "same-number": Sentence(
        422,
        "两个号码是同一个号码",
        "the two numbers are the same",
        "other_identity_number 填本人的另一个身份证号",
        "give the person's other identity number in other_identity_number",
    ),
    "already-linked": Sentence(
        409,
        "其中一个号码已与第三个号码并为一人",
        "one of the numbers is joined to a third one already",
        "先撤回原来的关联，再把各号码逐一关联到已登记的号码",
        "take the earlier link back first, then link each number to the one that is registered",
    ),
    "others-follow": Sentence(
        409,
        "还有号码通过这条关联并入，不能先撤回它",
        "a third number is joined through this link, which cannot be taken back first",
        "先撤回那个号码的关联",
        "take the link of that number back first",
    ),
    "offset-below-minimum": Sentence(
        422,
        "抵扣后所余养老金低于当地规定的基本生活费",
        "the offset leaves less of the month's pension than the place says is needed to live on",
        "减少当月抵扣金额，其余分期抵扣",
        "take less off this month, and the rest in later ones",
    ),
    "no-contest": Sentence(
        409,
        "无人对这条预警提出异议",
        "nobody contests this alert",
        "只答复已提出的异议",
        "answer only what was contested",
    ),
    "wrong-key": Sentence(
        503,
        "密钥与账本不符，未受理",
        "the key is not the ledger's, nothing was accepted",
        "请运维人员恢复正确的密钥",
        "let the operator put the right key back",
    ),
    "method-not-allowed": Sentence(
        405, "不支持这种请求方法", "this method is not allowed here", "按 /openapi.json 改正", "see /openapi.json"
    ),
    "internal": Sentence(
        500,
        "系统内部错误，是否受理未知",
        "an error of ours, whether it was accepted is not known",
        "稍后原样重发，不会重复；仍不成功请联系运维人员",
        "send the same again, nothing is taken twice; if it stays, tell the operator",
    ),
    "unavailable": Sentence(
        503,
        "数据库暂不可用，是否受理未知",
        "the database is not available, whether it was accepted is not known",
        "稍后原样重发，不会重复",
        "send the same again in a moment: nothing is ever taken twice",
    ),
}
