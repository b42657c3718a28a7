"""`changqing replay`: the read models folded from the log without storing, printed, or compared with what the views say.

People stay sealed: what is encrypted is shown by its length and the beginning of its digest.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from infra import log
from infra.database import Database
from infra.rebuild import read_models
from infra.replay import Replay, Row
from infra.terminal import told
from infra.views import Views
from services.following.positions import time_of
from services.settings import Settings

SAME, DIFFERENT = 0, 3
_EVERY_SECONDS = 2.0


def replay(to: str, names: Sequence[str], retiree: UUID | None, community: str, *, compare: bool, as_json: bool) -> int:
    """Replay to standard output; the sum on standard error. Returns the exit code: 3 when rows differ, else 0.

    Raises `ValueError` for what `to` cannot mean, `RebuildError` for a read model that is none, `SettingsError`, `DatabaseError`.
    """
    settings = Settings.read()
    with closing(Database(settings.database_url, archive=settings.changqing_archive)) as database:
        end = Views(database).position() if compare else _head(database)
        until = min(end, _position(database, to)) if to else end
        told(database, "replay --compare" if compare else "replay", until, retiree)
        made = Replay(database, read_models(names), until, retiree=retiree, community=community, say=_Said())
        rows = different = 0
        for row in made.compared() if compare else made.rows():
            rows += 1
            if compare and not row.differs:
                continue
            different += compare
            sys.stdout.write((as_line(row, compare=compare) if as_json else said(row, compare=compare)) + "\n")
    summed = f"重放至位置 {until}，{rows} 行 replayed up to position {until}, {rows} rows"
    sys.stderr.write(summed + (f"，不一致 different: {different}\n" if compare else "\n"))
    return DIFFERENT if different else SAME


class _Said:
    """Says on standard error, every few seconds, how much is done and how long the rest will take at that rate."""

    def __init__(self) -> None:
        self._begun = self._at = time.monotonic()
        self._before = (0, 0)

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if of != self._before[1] or done < self._before[0]:
            self._begun = now  # another step begins
        self._before = (done, of)
        if now - self._at >= _EVERY_SECONDS:
            self._at = now
            minutes, seconds = divmod(round((now - self._begun) * (of - done) / max(done, 1)), 60)
            share = 100 * done // max(of, 1)
            sys.stderr.write(f"重放 replaying {done:,} / {of:,} ({share} %)，尚需 left {minutes} min {seconds:02d} s\n")


def said(row: Row, *, compare: bool) -> str:
    """A row, or what is different in it, as text."""
    head = f"{row.model.table} {row.key}"
    if not compare:
        return f"{head} " + " ".join(f"{name}={_plain(value)!r}" for name, value in asdict(row.folded).items())
    if row.seen is None:
        return f"{head}: 视图缺少 missing in the view"
    if row.folded is None:
        return f"{head}: 视图多出 does not follow from the log"
    fields = (
        f"{name}: 日志 log {_plain(getattr(row.folded, name))!r}，视图 view {_plain(getattr(row.seen, name))!r}"
        for name in row.differs
    )
    return f"{head}: " + "；".join(fields)


def as_line(row: Row, *, compare: bool) -> str:
    """The same as a line of JSON; of a comparison `log` and `view`, each null where there is no row."""
    told: dict[str, Any] = {"model": row.model.table, "key": row.key}
    if compare:
        told |= {"differs": row.differs, "log": _members(row.folded), "view": _members(row.seen)}
    else:
        told["row"] = _members(row.folded)
    return msgspec.json.encode(told).decode()


def _members(row: Any) -> dict[str, Any] | None:
    return None if row is None else {name: _plain(value) for name, value in asdict(row).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"sealed, {len(value)} bytes, {sha256(value).hexdigest()[:12]}" if value else ""
    return value


def _head(database: Database) -> int:
    with database.transaction() as connection:
        return log.last_position(connection)


def _position(database: Database, to: str) -> int:
    """A position, or the last one recorded by the end of a day (Beijing) or by a time."""
    if to.isdecimal():
        return int(to)
    at = time_of(to)
    with database.transaction() as connection:
        return log.position_at(connection, at)
