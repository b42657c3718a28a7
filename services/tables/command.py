"""`changqing import` of a table at the terminal: a preview, a verdict that stores nothing, or the import itself."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from infra.keys import KeyRing
from services.accepting.intake import Refusal
from services.accepting.money import moves_money
from services.application import today
from services.cases.what_if import RefusedLine
from services.importing import command
from services.importing.command import DONE, REFUSALS, Bringing
from services.importing.messages import Line
from services.importing.progress import Result
from services.importing.record import TakenLine
from services.opening import ledger_keys
from services.settings import Settings
from services.tables import results
from services.tables.columns import shown
from services.tables.content import subject_of
from services.tables.opening import Table, open_table
from services.tables.rows import Reader
from services.tables.source import TableSource
from services.tables.surveying import Options, Survey, options, survey
from services.tables.verdict import judged

_PREVIEWED = 5
_SOUND = results.Told("可以报送 can be sent")


class ColumnRead(Struct, frozen=True):
    """A column and what it is taken for: a member, or nothing."""

    column: str
    member: str | None


class RowRead(Struct, frozen=True):
    """A row as it would be understood. `event`: the CloudEvent, or None; `refusal`: why it would be refused."""

    row: int
    event: Any | None
    refusal: Refusal | None


class Preview(Struct, frozen=True, kw_only=True):
    """A table as it would be understood: nothing is guessed silently.

    `passed`: rows that are no events, and why. `hidden`: how many rows are read although the sheet hides them.
    """

    file: str
    found: list[str]
    header: tuple[int, int]
    columns: list[ColumnRead]
    unread: list[str]
    rows: list[RowRead]
    passed: dict[int, str]
    hidden: int


class Verdict(Struct, frozen=True, kw_only=True):
    """What would become of a whole table, as far as that can be said without a ledger. `unread`: columns; `hidden`: as in a preview."""

    file: str
    rows: int
    sound: int
    refused: int
    by_code: dict[str, int]
    unread: list[str]
    passed: dict[int, str]
    hidden: int
    written: str


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a table. `result`: the file given back; `failed`: its failed rows alone, None without any.

    `unread`: columns; `hidden`: as in a preview.
    """

    imported: Result
    changed: int
    unread: list[str]
    passed: dict[int, str]
    hidden: int
    result: str
    failed: str | None


def of_table(
    file: Path,
    bringing: Bringing,
    said: tuple[str | None, str | None, str | None, Sequence[str]],
    *,
    preview: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Preview a table, judge it, or import it. `said`: kind, source, sheet and columns as the operator wrote them."""

    def deed() -> int:
        chosen = options(*said)
        if preview:
            return _preview(file, chosen, as_json=as_json)
        if dry_run:
            return _dry_run(file, chosen, as_json=as_json)
        return _import(file, chosen, bringing, as_json=as_json)

    return command.guarded(deed, file)


def _preview(file: Path, chosen: Options, *, as_json: bool) -> int:
    table, surveyed, reader = _opened(file, chosen, KeyRing(os.urandom(32)))
    first = ((row, why) for row, why in judged(_rows(table, reader), today()) if isinstance(row, Line))
    rows = [
        RowRead(row.number, None if row.fault else _masked(row.text), why) for row, why in islice(first, _PREVIEWED)
    ]
    kinds = surveyed.kinds
    columns = [
        ColumnRead(name, next((m for kind in kinds if (m := table.layout.member(column, kind))), None))
        for column, name in enumerate(table.layout.names)
        if name
    ]
    unread, passed = table.layout.unread(kinds), _passed(table, reader)
    header = (table.layout.first, table.layout.last)
    found = Preview(
        file=str(file),
        found=table.said,
        header=header,
        columns=columns,
        unread=unread,
        rows=rows,
        passed=passed,
        hidden=_hidden(table, reader),
    )
    _out(found, as_json=as_json, said=_previewed(found, chosen))
    return DONE


def _previewed(found: Preview, chosen: Options) -> list[str]:
    first, last = found.header
    lines = [
        f"{found.file}：{'；'.join(found.found)}",
        f"表头 header: 第 {first}–{last} 行 rows" if last > first else f"表头 header: 第 {first} 行 row",
    ]
    if chosen.kind:
        lines.append(f"类型 type: {chosen.kind}")
    lines.append("列 columns")
    lines += [f"  {one.column} → {shown(one.member) if one.member else '不读 not read'}" for one in found.columns]
    for row in found.rows:
        lines.append(f"第 {row.row} 行 row: {_json(row.event) if row.event else '—'}")
        if why := row.refusal:
            detail = f" ({why.detail})" if why.detail else ""
            lines.append(f"  不予受理 refused: {why.code} {why.path} {why.reason.zh} {why.reason.en}{detail}")
    return lines + _left_out(found.passed, found.unread, found.hidden)


def _dry_run(file: Path, chosen: Options, *, as_json: bool) -> int:
    table, surveyed, reader = _opened(file, chosen, KeyRing(os.urandom(32)))
    told: dict[int, results.Told] = {}
    codes: Counter[str] = Counter()
    for row, why in judged(_rows(table, reader), today()):
        if isinstance(row, Line):
            told[row.number] = results.refused(why, reader.header) if why else _SOUND
            codes.update([why.code] if why else [])
    whole = results.written_as(table, "dry-run")
    results.give_back(table, reader, told, whole, None)
    refused = sum(codes.values())
    verdict = Verdict(
        file=str(file),
        rows=len(told),
        sound=len(told) - refused,
        refused=refused,
        by_code=dict(codes.most_common()),
        unread=table.layout.unread(surveyed.kinds),
        passed=_passed(table, reader),
        hidden=_hidden(table, reader),
        written=str(whole),
    )
    sums = f"{len(told)} 行 rows：可以报送 can be sent {verdict.sound}，不予受理 refused {refused}"
    said = [
        f"{sums}；未保存任何数据，已有的、待登记的报送时才知 nothing is stored; what the ledger knows is asked by the import itself",
        *(f"  {code} {count}" for code, count in codes.most_common()),
        *_left_out(verdict.passed, verdict.unread, verdict.hidden),
        f"逐行结果 row by row: {whole}",
    ]
    _out(verdict, as_json=as_json, said=said)
    return REFUSALS if refused else DONE


def _import(file: Path, chosen: Options, bringing: Bringing, *, as_json: bool) -> int:
    table, surveyed, reader = _opened(file, chosen, ledger_keys(Settings.read()))
    unread = table.layout.unread(surveyed.kinds)
    if unread and not as_json:
        sys.stderr.write(f"未读的列 columns not read: {'、'.join(unread)}\n")
    name = f"{file.name}.{chosen.sheet}" if chosen.sheet else file.name
    written = bringing.refusals or file.with_name(f"{name.replace('/', '_')}.results.jsonl")
    answers = any(map(moves_money, surveyed.kinds))
    summary, before = bringing.run(
        lambda: TableSource(table, reader, surveyed), file, written, anew=True, answers=answers
    )
    told = _told(written, reader)
    whole, failed = results.written_as(table, "result"), None
    if summary.tally.refused:
        failed = _free(results.written_as(table, "failed"), again=before)
    if not (before and whole.exists() and (failed is None or failed.exists())):
        results.give_back(table, reader, told, whole, failed)
    changed = sum(one.code == "row-changed" for one in told.values())
    result = Result.of(file, written, summary)
    outcome = Outcome(
        imported=result,
        changed=changed,
        unread=unread,
        passed=_passed(table, reader),
        hidden=_hidden(table, reader),
        result=str(whole),
        failed=str(failed) if failed else None,
    )
    said = [
        result.sentences.splitlines()[0],
        *([f"同一事另有内容不同的行 rows that tell otherwise of what was told before: {changed}"] if changed else []),
        *_left_out(outcome.passed, [], outcome.hidden),
        f"逐行结果 row by row: {whole}",
        *(
            [f"不予受理的行，改正后只需再导入此文件 the failed rows alone, to be put right and imported: {failed}"]
            if failed
            else []
        ),
    ]
    _out(outcome, as_json=as_json, said=said)
    return REFUSALS if summary.tally.refused else DONE


def _opened(file: Path, chosen: Options, keys: KeyRing) -> tuple[Table, Survey, Reader]:
    table = open_table(file, chosen.sheet, chosen.kind, chosen.given)
    surveyed = survey(table, chosen)
    return table, surveyed, Reader(table, chosen, surveyed, lambda text: keys.tag("table row", text))


def _rows(table: Table, reader: Reader) -> Any:
    return (reader.read(number, cells) for number, cells in enumerate(table.rows, start=1))


def _passed(table: Table, reader: Reader) -> dict[int, str]:
    """The rows that are no events, with why."""
    return {number: f"{why.zh} {why.en}" for number, why in results.passed_over(table, reader)}


def _hidden(table: Table, reader: Reader) -> int:
    """How many rows are read although the sheet hides them."""
    if not table.hidden:
        return 0
    rows = enumerate(table.rows, start=1)
    return sum(number in table.hidden and reader.passed(number, cells) is None for number, cells in rows)


def _told(written: Path, reader: Reader) -> dict[int, results.Told]:
    """What the record says of each row."""
    told = {}
    with written.open("rb") as file:
        for text in file:
            line: TakenLine | RefusedLine = _decode(text)
            told[line.line] = (
                results.refused(line.refusal, reader.header) if isinstance(line, RefusedLine) else results.taken(line)
            )
    return told


def _decode(text: bytes) -> TakenLine | RefusedLine:
    if b'"refusal":{' in text[:80]:
        return msgspec.json.decode(text, type=RefusedLine)
    return msgspec.json.decode(text, type=TakenLine)


def _free(path: Path, *, again: bool) -> Path:
    """A name that is free: somebody may be putting the rows right in the file of an earlier run."""
    number = 1
    free = path
    while free.exists() and not again:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _masked(text: bytes) -> Any:
    """An event with most of its identity numbers hidden: a preview may be looked at by many, and sent on."""
    event = msgspec.json.decode(text)
    if subject_of(event["id"]):
        event["id"] = "row-…"  # made of the content, under the ledger's key
    person = event["data"]["person"]
    for member in ("identity_number", "other_identity_number"):
        if member in person:
            person[member] = f"{person[member][:6]}********{person[member][14:]}"
    return event


def _left_out(passed: dict[int, str], unread: list[str], hidden: int) -> list[str]:
    lines = [f"未读的列 columns not read: {'、'.join(unread)}"] if unread else []
    if hidden:
        lines.append(f"隐藏或筛选掉的行也读取 rows that the sheet hides, read as the others: {hidden}")
    shown_rows = [f"第 {number} 行 row {number}: {why}" for number, why in islice(passed.items(), 20)]
    if len(passed) > 20:
        shown_rows.append(f"…… {len(passed)} 行 rows in all")
    return [*lines, *(["未读的行 rows not read", *(f"  {row}" for row in shown_rows)] if passed else [])]


def _json(what: Any) -> str:
    return msgspec.json.encode(what).decode()


def _out(what: Struct, *, as_json: bool, said: list[str]) -> None:
    sys.stdout.write(f"{_json(what)}\n" if as_json else "".join(f"{line}\n" for line in said))
