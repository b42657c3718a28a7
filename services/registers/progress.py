"""How far enterprises have come with handing their retirees over, city by city: numbers, nobody by name."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from domain.handover import Stage, late
from domain.law import Law
from projections import handovers
from projections.handover_days import on_day
from projections.handovers import HandoverLine
from services.accounts import Account, Act
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Sheet

CHUNK = 2_000
"""People read at a time."""


def share(done: int, of: int) -> Decimal | None:
    """So many of so many in percent, to two decimals; None of nobody."""
    return (Decimal(100 * done) / of).quantize(Decimal("0.01"), ROUND_HALF_UP) if of else None


def _page(reader: Reader, account: Account, asked: Asked, _after: str, _limit: int) -> Page:
    """All of it at once: a line for each enterprise and city. Read chunk by chunk."""
    day = reader.day(asked.on)
    there = frozenset(reader.within(account, asked.division or account.division, asked.on))
    tallies: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for found, line in _lines(reader, account, day):
        if found["community"] in there or found["community"] is None:
            code = line.law.city.code if line.law else ""
            key = line.proposal.enterprise or line.proposal.reference.source, code
            tallies[key].update(_counts(line, found, reader.law, day))
    return Page([_row(key, counts, reader.law) for key, counts in sorted(tallies.items())], None)


def _lines(reader: Reader, account: Account, day: date) -> Iterator[tuple[dict[str, Any], HandoverLine]]:
    after = UUID(int=0)
    while found := reader.rows(account, handovers.PAGE, {"batch": None, "after": after, "limit": CHUNK}):
        for row in found:
            lines = [*handovers.lines(on_day(row, day), reader.law, day)]
            if lines:
                yield row, lines[-1]  # the present proposal: of one before it nothing more is to come
        after = found[-1]["retiree"]


def _counts(line: HandoverLine, found: dict[str, Any], law: Law, day: date) -> Iterator[str]:
    yield "people"
    if line.law is None:
        yield "waiting"
    elif line.apart:
        yield "apart"
    else:
        yield {Stage.COMPLETED: "completed", Stage.REFUSED: "refused"}.get(line.stage, "open")
        if line.stage is Stage.RETURNED:
            yield "returned"
        if any(one.step == "archive-received" for one in line.done):
            yield "archives"
        if line.stage is not Stage.COMPLETED and _late(line, found, law, day):
            yield "late"


def _late(line: HandoverLine, found: dict[str, Any], law: Law, day: date) -> bool:
    """Whether a day that the city's law names for an open step has passed."""
    who = handovers.registration(found)
    told = handovers.told_of(on_day(found, day))
    return line.stage is not Stage.REFUSED and who is not None and bool(late(told, who, law, day))


def _row(key: tuple[str, str], counts: Counter[str], law: Law) -> dict[str, Cell]:
    enterprise, code = key
    city = law.city_of(code) if code else None
    asked = counts["completed"] + counts["open"]
    return {
        "enterprise": enterprise,
        "city": f"{city.zh} {city.en}" if city else "未登记或不归各市管理 not registered, or of no city of ours",
        **{name: counts[name] for name in ("people", "completed", "open", "returned", "refused", "apart", "waiting")},
        "archives": counts["archives"],
        "late": counts["late"],
        "rate": share(counts["completed"], asked),
        "rule": city.document if city else None,
    }


HANDOVER_PROGRESS = Sheet(
    "handovers",
    "移交进度",
    "handover progress",
    "各企业移交退休人员的进度：按企业和城市统计，移交率为已完成占应移交（终止和保持现有管理的除外）。",
    "Handovers by enterprise and city; the rate is of those to be handed over, without the refused and those who stay as managed.",
    Act.BULLETIN,
    ("division", "on", "known"),
    (
        Column("enterprise", "企业", "enterprise", 22),
        Column("city", "城市", "city", 18),
        Column("people", "提出", "proposed", 9),
        Column("completed", "已完成", "completed", 9),
        Column("open", "在办", "open", 9),
        Column("returned", "其中退回", "returned", 9),
        Column("refused", "终止", "refused", 9),
        Column("apart", "保持现有管理", "stay as managed", 12),
        Column("waiting", "待登记", "not registered", 10),
        Column("archives", "档案已接收", "archives received", 10),
        Column("late", "超过规定日期", "past the day of the law", 12),
        Column("rate", "移交率（%）", "handed over, %", 10),
        Column("rule", "依据", "document", 24),
    ),
    _page,
)
