"""`changqing source missing` at the terminal: what did not come of a source, in two languages or as JSON."""

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import msgspec

from domain.refusals import Refused
from infra.database import Database
from infra.views import Views
from services.application import BEIJING
from services.settings import Settings
from services.sources.states import MissingAnswer, SourceStates

DONE, UNKNOWN, MISSES = 0, 2, 3


def show_missing(source: str, known: datetime | None, *, as_json: bool) -> int:
    """Show what is missing of a source, or was as known at a time; the exit code: 3 where something is. Raises `SettingsError`, `DatabaseError`."""
    with closing(Database(Settings.read().database_url)) as database:
        states = SourceStates(Views(database))
        try:
            answer = (states.as_known(known) if known else states).one(source)
        except Refused:
            by = f"{known.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}" if known else ""
            until, then = (f"截至 {by}，", f" by {by} (Beijing)") if by else ("", "")
            sys.stderr.write(f"changqing: {until}从未收到来源 {source} 的任何内容，也未登记；核对写法\n")
            sys.stderr.write(
                f"changqing: nothing ever came of {source}{then}, nor is it registered: check how it is written\n"
            )
            return UNKNOWN
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _said(answer))
    state = answer.missing
    open_ = state.missing or state.jump is not None
    return MISSES if open_ or any(one.count not in (None, one.arrived) for one in state.batches) else DONE


def _said(answer: MissingAnswer) -> Iterator[str]:
    state = answer.missing
    heard = f"{state.heard.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}" if state.heard else "从未 never"
    yield f"{state.source}：截至位置 {answer.position} up to position {answer.position}"
    yield f"最近一次收到 last heard: {heard}" + ("（中断 silent）" if state.silent else "")
    yield f"最大序号 highest number: {state.highest}，缺 missing: {state.count}，重号 given twice: {state.forks}"
    if state.jump is not None:
        yield f"超出过多、不予采信 too far ahead to be believed: {state.jump}；属实则 if it is right: changqing source numbers"
    for run in state.missing:
        since = f"{run.since.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
        rough = "（缺号过多，其间部分已到 too many gaps: some of these came）" if run.coarse else ""
        yield f"  {run.first}–{run.last}  自 since {since}{rough}"
    for batch in state.batches:
        count = "未关闭 not closed" if batch.count is None else f"{batch.count}"
        runs = "，".join(f"{first}–{last}" for first, last in batch.missing)
        yield f"  批次 batch {batch.batch}：已到 arrived {batch.arrived} / {count}" + (
            f"，缺 missing {runs}" if runs else ""
        )
