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
    "wrong-key": Sentence(
        503,
        "密钥文件与账本不符，未受理",
        "the key file is not the ledger's, nothing was accepted",
        "请运维人员恢复正确的密钥文件",
        "let the operator put the right key file back",
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
