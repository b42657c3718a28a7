"""`changqing handover` at the terminal: the batches of handovers, or one of them, in two languages or as JSON. Nothing is stored.

Figures of people, never who they are: whoever needs to know opens the pages, where each look is recorded.
"""

import sys
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from domain.law import Law
from infra.database import Database
from infra.statutes import the_law
from infra.views import Views
from services.application import today
from services.handover.batches import Batch, FeeDue, batches
from services.settings import Settings
from services.web.words import both

SHOWN, USAGE, NO_BATCH = 0, 2, 3
_HEAD = "select position from ledger.head"


class Answer(Struct, frozen=True, kw_only=True):
    """The figures as JSON. `position`: the log as far as they go; `behind`: how many events came since."""

    position: int
    behind: int
    batches: list[Batch]


def show(batch: str | None, city: str, *, as_json: bool) -> int:
    """Show every batch in a line each, or one of them with its open steps, money and room; the exit code.

    Raises `SettingsError`, `DatabaseError`, `LawError`.
    """
    law = the_law()
    code = _city(city, law) if city else ""
    if code is None:
        known = "，".join(f"{one.zh} {one.en} {one.code}" for one in law.cities)
        sys.stderr.write(f"changqing: --city：没有收录这个城市的规定，已收录 {known}\n")
        sys.stderr.write(f"changqing: --city: no law of this city is recorded; recorded are {known}\n")
        return USAGE
    database = Database(Settings.read().database_url)
    try:
        views = Views(database)
        position = views.position()
        found = batches(views, law, today(), batch, code)
        ((head,),) = (row.values() for row in views.select(_HEAD, {}))
    finally:
        database.close()
    answer = Answer(position=position, behind=max(0, head - position), batches=found)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _said(answer, whole=batch is not None))
    if batch is not None and not found:
        where = f"（{city}）" if city else ""
        sys.stderr.write(f"changqing: 没有批号为 {batch} 的移交{where}；不带批号即列出全部\n")
        sys.stderr.write(f"changqing: no handover was proposed under batch {batch}; without a number all are listed\n")
        return NO_BATCH
    return SHOWN


def _city(written: str, law: Law) -> str | None:
    """The code of a city of ours that a division code, or the beginning of one, lies in."""
    if not (written.isascii() and written.isdigit() and 4 <= len(written) <= 12):
        return None
    city = law.city_of(written.ljust(12, "0"))
    return city.code if city else None


def _said(answer: Answer, *, whole: bool) -> Iterator[str]:
    """Chinese first, English second."""
    late = f"，其后还有 {answer.behind} 条未计入 {answer.behind} more are not counted yet" if answer.behind else ""
    yield f"截至日志位置 as of log position {answer.position}{late}"
    if not (answer.batches or whole):
        yield "还没有提出移交 no handover has been proposed"
    for batch in answer.batches:
        yield ""
        yield from _batch(batch) if whole else _heading(batch)


def _heading(batch: Batch) -> Iterator[str]:
    city = (
        f"{batch.city_zh} {batch.city_en}"
        if batch.city
        else "未登记或不归各市管理 not registered, or of no city of ours"
    )
    days = str(batch.first_proposed)
    if batch.last_proposed != batch.first_proposed:
        days += f" — {batch.last_proposed}"
    by = f"{batch.publisher}（{', '.join(batch.enterprises)}）" if batch.enterprises else batch.publisher
    yield f"批号 batch {batch.batch or '（无 none）'}：{city}，{by}，提出于 proposed on {days}"
    counts = [
        ("提出", "proposed", batch.people),
        ("已完成", "completed", batch.completed),
        ("在办", "open", batch.open),
        ("其中退回", "of them returned", batch.returned),
        ("终止", "refused", batch.refused),
    ]
    counts += [("保持现有管理", "stay as managed", batch.apart)] if batch.apart else []
    counts += [("待登记", "waiting for registration", batch.waiting)] if batch.waiting else []
    yield "  " + "，".join(f"{zh} {en} {people}" for zh, en, people in counts)


def _batch(batch: Batch) -> Iterator[str]:
    yield from _heading(batch)
    for number, step in enumerate(batch.steps):
        if number == 0:
            yield "  未办步骤 open steps"
        owed = " 或 or ".join(map(both, step.by))
        yield (
            f"    {step.name_zh} {step.name_en} ({step.step}): {step.people} 人 people，"
            f"其中可办 of them can be done now {step.next}，由 owed by {owed}"
        )
    for fee in batch.fees:
        yield from _fee(fee)
    if batch.fees:
        yield f"  已核定 assessed {batch.assessed} 元 yuan，已缴 paid {batch.paid} 元 yuan"
    if batch.staff is not None:
        yield f"  管理服务人员 staff: {batch.staff} 人 people，服务 for {batch.open + batch.completed} 人 retirees"
    if batch.keepers is not None:
        yield f"  档案管理人员 keepers: {batch.keepers} 人 people，{batch.files} 卷 files"
    if batch.archive_area is not None:
        yield f"  库房 store room: {batch.archive_area} 平方米 square metres，{batch.files} 卷 files"


def _fee(fee: FeeDue) -> Iterator[str]:
    due = f"{fee.amount} 元 yuan" if fee.amount else "按核定数 as assessed"
    yield f"  应缴费用 fee due: {due}，{fee.people} 人 people，由 paid by {both(fee.payer)}"
    yield f"      依据 rule: {fee.rule.document} {fee.rule.article}：{fee.rule.zh} {fee.rule.en}"
