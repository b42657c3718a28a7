"""`changqing what-if` at the terminal: reads a case file, and says the answer in two languages or as JSON."""

import sys
from datetime import date
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from infra.statutes import the_law
from services.application import today as business_day
from services.web.words import word
from services.what_if import Answer, Case, examine

_PAGE = 160
"""Columns where there is no terminal: a file, a pipe."""


def answer(file: Path, today: date | None, law_at: date | None, *, as_json: bool) -> int:
    """Answer a case file on standard output. Returns the exit code: 0, or 1 when a line was refused, or 2 for no file."""
    try:
        lines = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        sys.stderr.write(
            f"changqing: {file} cannot be read: {error.strerror}. Name a file with one CloudEvent a line.\n"
        )
        return 2
    law = the_law().pinned(law_at) if law_at else the_law()
    given = examine(lines, today or business_day(), law, law_at)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(given), indent=2).decode() + "\n")
    else:
        console = Console()
        _show(given, console if console.is_terminal else Console(width=_PAGE))
    return 1 if given.refused else 0


def _show(given: Answer, console: Console) -> None:
    """Chinese first, English second; the timeline in spans of months."""
    say = partial(console.print, highlight=False, markup=False)
    law = f"，按 {given.law_at} 的规定 under the law of that day" if given.law_at else ""
    say(f"截至 {given.today}{law}，不保存任何数据 as of that day, nothing is stored")
    for case in given.retirees:
        say(
            f"\n{case.person}"
            + ("" if case.registered else "：尚未登记，事件待登记后生效 not registered yet: the facts are parked")
        )
        if case.registered:
            console.print(_timeline_table(case))
        for zh, en, amount in (("多发", "overpaid", case.overpaid), ("应补发", "owed", case.owed)):
            if amount:
                say(f"{zh} {en}: {amount.first} — {amount.last}, {amount.months} 个月 months, {amount.amount} 元 yuan")
        if case.alerts:
            console.print(_alert_table(case))
    for refused in given.refused:
        why = refused.refusal
        where = f"{why.code} {why.path}".strip()
        say(f"第 {refused.line} 行不予受理 line {refused.line} is refused: {why.reason.zh} {why.reason.en} ({where})")


def _timeline_table(case: Case) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("月份 months", "待遇 status", "依据 rule", "事实 facts"):
        table.add_column(heading, overflow="fold")
    for span in case.timeline:
        facts = ", ".join(f"{fact.source} {fact.id}" for fact in span.facts)
        months = f"{span.first} — {span.last or '…'}"
        table.add_row(
            months, _bilingual(span.status), f"{span.rule.document} {span.rule.article} {span.rule.zh}", facts
        )
    return table


def _alert_table(case: Case) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("日期 raised", "预警 alert", "月份 months", "元 yuan", "依据 rule", "期限 act by", "状态 state"):
        table.add_column(heading, overflow="fold")
    for line in case.alerts:
        alert = line.alert
        table.add_row(
            str(line.raised_on),
            f"{_bilingual(alert.action)}: {_bilingual(alert.kind)}",
            f"{alert.first_month} — {alert.last_month or '…'}" + (f" ({alert.months})" if alert.months else ""),
            alert.amount,
            f"{alert.rule.document} {alert.rule.article}",
            str(alert.act_by),
            _bilingual(line.state),
        )
    return table


def _bilingual(code: str) -> str:
    return f"{word(code)} {code}"
