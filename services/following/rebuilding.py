"""`changqing rebuild`: the wiring, and how far it is, on standard error."""

import sys
import time
from collections.abc import Sequence
from contextlib import closing

from infra.database import Database
from infra.rebuild import Progress, Rebuild
from infra.terminal import told
from services.settings import Settings

_EVERY_SECONDS = 2.0
_STEPS = {
    "fold": "重新归集 folding",
    "index": "建立索引 indexing",
    "catch-up": "追赶 catching up",
    "exchanged": "已切换 exchanged",
}


def rebuild(names: Sequence[str], processes: int, *, roll_back: bool, forget: bool) -> None:
    """Do it. Raises `SettingsError`, `DatabaseError`, `RebuildError`."""
    settings = Settings.read()
    archive = settings.changqing_archive
    with closing(Database(settings.database_url, role=None, archive=archive)) as database:
        made = Rebuild(database, _Said(), processes=processes, archive=archive)
        if forget:
            made.forget()
            sys.stdout.write(
                "上一版与未完成的重建均已删除 the version before, and any unfinished rebuild, are dropped\n"
            )
            return
        told(database, "rebuild --roll-back" if roll_back else "rebuild")
        position = made.roll_back() if roll_back else made.run(names)
    sys.stdout.write(f"视图现由位置 {position} 的另一版作答 another version answers, as of position {position}\n")


class _Said:
    """Says each step once, and every few seconds how far it is."""

    def __init__(self) -> None:
        self._step = ""
        self._at = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.step == self._step and time.monotonic() - self._at < _EVERY_SECONDS:
            return
        self._step, self._at = progress.step, time.monotonic()
        sys.stderr.write(said(progress) + "\n")


def said(progress: Progress) -> str:
    """One line: the step, how far, how fast, how long still."""
    share = 100 * progress.done // progress.of if progress.of else 100
    line = f"{_STEPS[progress.step]} {progress.done:,} / {progress.of:,} ({share} %)"
    if progress.rate:
        line += f"，每秒 {progress.rate:,.0f} 条 events/s"
    if progress.left is not None:
        minutes, seconds = divmod(round(progress.left), 60)
        line += f"，尚需 left {minutes} min {seconds:02d} s"
    return line
