"""`changqing what-if` at the terminal: reads a case file, and says the answer in two languages or as JSON."""

import sys
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import msgspec

from domain.facts import Reference
from domain.law import Citation, Law, LawError
from domain.reporting import LateReport
from domain.timeline import Reason, Span
from infra.changed_law import changed, read_changes
from infra.statutes import the_law
from services.application import today as business_day
from services.cases.accounting import Amount
from services.cases.comparing import AlertTerms, Compared, Pair, Side
from services.cases.living import AlertLine
from services.cases.what_if import Answer, Case, examine
from services.settings import SettingsError
from services.web.words import both


def answer(file: Path, today: date | None, law_at: date | None, compare_law: Path | None, *, as_json: bool) -> int:
    """Answer a case file on standard output. Returns the exit code: 0, or 1 when a line was refused, or 2 for no facts.

    Raises `SettingsError` when the law to compare with is wrong.
    """
    law, other = laws(law_at, compare_law)
    try:
        lines = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        sys.stderr.write(
            f"changqing: {file} cannot be read: {error.strerror}. Name a file with one CloudEvent a line.\n"
        )
        return 2
    if today and today.year > _LAST_YEAR:
        sys.stderr.write(f"changqing: --today 最晚为 {_LAST_YEAR} 年 --today is no later than {_LAST_YEAR}\n")
        return 2
    if not lines.strip():
        sys.stderr.write(f"changqing: {file} 中没有任何内容 is empty: write one CloudEvent a line\n")
        return 2
    given = examine(_as_utf8(lines), today or business_day(), law, law_at, other)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(given), indent=2).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _said(given))
    return 1 if given.refused else 0


_LAST_YEAR = 2200


def _as_utf8(lines: bytes) -> bytes:
    """A file as offices have it, in GB18030 or with a byte order mark; what is neither is told line by line."""
    try:
        return lines.decode("utf-8-sig").encode()
    except UnicodeDecodeError:
        return lines.decode("gb18030", "replace").encode()


def laws(law_at: date | None, compare_law: Path | None) -> tuple[Law, Law | None]:
    """The shipped law and the changed one, both as of a day where one is given. Raises `SettingsError` for the latter."""
    law = the_law()
    try:
        other = changed(read_changes(compare_law)) if compare_law else None
    except LawError as error:  # the option's, and not the law's that is shipped
        raise SettingsError(f"--compare-law: {error}") from error
    if law_at:
        return law.pinned(law_at), other and other.pinned(law_at)
    return law, other


def _said(given: Answer) -> Iterator[str]:
    """Chinese first, English second."""
    law = f"，按 {given.law_at} 的规定 under the law of that day" if given.law_at else ""
    yield f"截至 {given.today}{law}，不保存任何数据 as of that day, nothing is stored"
    for case in given.retirees:
        yield from _case(case)
    for refused in given.refused:
        why = refused.refusal
        where = f"{why.code} {why.path}".strip()
        yield f"第 {refused.line} 行不予受理 line {refused.line} is refused: {why.reason.zh} {why.reason.en} ({where})"
        yield f"      处理 remedy: {why.remedy.zh} {why.remedy.en}"


def _case(case: Case) -> Iterator[str]:
    yield ""
    if not case.registered:
        yield f"{case.person}：尚未登记，事件待登记后生效 not registered yet: the facts are parked"
    else:
        yield f"{case.person}：各月待遇 the pension by month"
    for span in case.timeline:
        yield from _span(span)
    yield from _amount("多发", "overpaid", case.overpaid)
    yield from _amount("应补发", "owed", case.owed)
    if case.alerts:
        yield "预警 alerts"
    for number, line in enumerate(case.alerts, start=1):
        yield from _alert(number, line)
    if case.compared:
        yield from comparison(case.compared)


def _span(span: Span) -> Iterator[str]:
    kind = f"：{both(span.kind)}" if span.kind else ""
    yield f"  {_months(span.first, span.last)}  {both(span.status)}{kind}"
    yield f"      依据 rule: {_rule(span.rule)}"
    yield f"      事实 facts: {_facts(span.facts)}"
    if span.kept:
        yield "      期间已发的不追回 what was paid of these months all the same is not recovered"
    for reason in span.also:
        yield f"      同时 also: {_reason(reason)}"


def _reason(reason: Reason) -> str:
    said = f"{_months(reason.first, reason.last)} {both(reason.status)}：{both(reason.kind)}；{_rule(reason.rule)}"
    return f"{said}；{_facts(reason.facts)}"


def _amount(zh: str, en: str, amount: Amount | None) -> Iterator[str]:
    if amount is None:
        return
    why = f"（{both(amount.kind)}）" if amount.kind else ""
    months = _months(amount.first, amount.last)
    yield f"{zh} {en}{why}: {months}, {amount.months} 个月 months, {amount.amount} 元 yuan"
    for line in amount.lines:
        yield (
            f"      {_months(line.first, line.last)}  每月应发 due {line.due}，已发 paid {line.paid}，"
            f"{zh} {en} {line.difference} × {line.months} = {line.amount}"
        )
    if amount.returned != "0.00":
        yield f"      已部分退回 came back in parts: {amount.returned} 元 yuan"


def _alert(number: int, line: AlertLine) -> Iterator[str]:
    alert = line.alert
    months = f" ({alert.months} 个月 months)" if alert.months else ""
    amount = f"，{alert.amount} 元 yuan" if alert.amount != "0.00" else ""
    yield (
        f"  {number}. {line.raised_on} {both(alert.action)}：{both(alert.kind)}（{both(alert.strength)}），"
        f"{_months(alert.first_month, alert.last_month)}{months}{amount}"
    )
    yield f"      依据 rule: {_rule(alert.rule)}"
    yield f"      事实 facts: {_facts(alert.evidence)}"
    if alert.late:
        yield f"      {_late(alert.late)}"
    replaces = f"；取代 replaces {', '.join(alert.replaces)}" if alert.replaces else ""
    late = f"；{line.escalated_on} 逾期上报 escalated" if line.escalated_on else ""
    yield f"      期限 act by {alert.act_by}；状态 state {both(line.state)}，{both(line.stage)}{late}；编号 id {alert.alert}{replaces}"


def _late(late: LateReport) -> str:
    guessed = "（节假日未收录，以周一至周五为工作日 holidays not recorded, Monday to Friday counted）"
    return (
        f"死亡报告逾期 reported late: 应于 due {late.due}，{late.told} 得知 learned"
        f"{guessed if late.by_weekday else ''}；{_rule(late.rule)}"
    )


def comparison(found: Compared) -> Iterator[str]:
    """What a changed law would have made of it."""
    if not found.touches and not (found.only_shipped or found.only_changed):
        yield "按变更后的规定没有变化 under the changed law nothing differs"
        return
    yield "按变更后的规定 under the changed law"
    for line in found.months:
        yield f"  {_months(line.first, line.last)}  {_side(line.shipped)} → {_side(line.changed)}"
    pairs = (
        ("应发合计", "due in all", found.due),
        ("多发", "overpaid", found.overpaid),
        ("应补发", "owed", found.owed),
    )
    for zh, en, pair in pairs:
        if pair.differs:
            yield f"  {zh} {en}: {_pair(pair)}"
    yield from _only("不再有的预警 alerts that would not be raised", found.only_shipped)
    yield from _only("新增的预警 alerts that would be raised", found.only_changed)


def _only(heading: str, alerts: Iterable[AlertTerms]) -> Iterator[str]:
    for n, one in enumerate(alerts):
        if n == 0:
            yield f"  {heading}"
        amount = f"，{one.amount} 元 yuan" if one.amount != "0.00" else ""
        months = _months(one.first_month, one.last_month)
        yield f"      {both(one.action)}：{both(one.kind)}，{months}{amount}，期限 act by {one.act_by}"


def _side(side: Side) -> str:
    if side.status is None:
        return "尚无待遇 no pension"
    return f"{both(side.status)} {side.due}（{side.document} {side.article}）"


def _pair(pair: Pair) -> str:
    return f"{pair.shipped} → {pair.changed} 元 yuan"


def _rule(rule: Citation) -> str:
    return f"{rule.document} {rule.article}：{rule.zh} {rule.en}"


def _facts(facts: Iterable[Reference]) -> str:
    return ", ".join(f"{fact.source} {fact.id}" for fact in facts)


def _months(first: str, last: str | None) -> str:
    return first if first == last else f"{first} — {last or '…'}"
