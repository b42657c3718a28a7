"""`changqing bulletin`: the figures of a quarter reckoned at once, and how far they are, on standard error."""

import sys
import time
from contextlib import closing
from threading import Event as Flag

from domain.months import Month
from infra.bulletins import Bulletins
from infra.database import Database
from infra.log import position_at
from infra.statutes import the_law
from infra.terminal import told
from services.application import today
from services.following.positions import time_of
from services.reading.sheets import Asked
from services.registers.ahead import Ahead, Progress
from services.registers.bulletin import last_quarter
from services.registers.periods import period_of
from services.settings import Settings

_EVERY_SECONDS = 2.0
_WAIT_SECONDS = 0.5


def reckon(first: Month | None, last: Month | None, known: str, stop: Flag) -> None:
    """Reckon a period, the quarter that is over by default, as known at a time, now by default; until it is whole or `stop`.

    Raises `ValueError` for what `known` cannot mean, `Refused` for a period that is none, `SettingsError`, `DatabaseError`.
    """
    settings = Settings.read()
    with closing(Database(settings.database_url, archive=settings.changqing_archive)) as database:
        told(database, "bulletin")
        position = None
        if known:
            at = time_of(known)
            with database.transaction() as connection:
                position = position_at(connection, at)
        ahead, bulletins, say = Ahead(database, the_law()), Bulletins(database), _Said()
        period = period_of(Asked(first=first, last=last), today(), last_quarter(today()))
        of = ahead.ask(period, position)
        while not stop.is_set() and not bulletins.is_whole(of):
            with ahead.alone() as may:
                if may:
                    ahead.ask(period, of.position)  # too many may have waited
                    ahead.reckon_next(stop, say)
            stop.wait(0 if may else _WAIT_SECONDS)
    if not stop.is_set():
        sys.stdout.write(
            f"{period.first} — {period.last_day}：通报已统计，截至位置 {of.position} "
            f"the bulletin is reckoned, as known at position {of.position}\n"
        )


class _Said:
    """Every few seconds how far it is."""

    def __init__(self) -> None:
        self._at = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.whole or time.monotonic() - self._at >= _EVERY_SECONDS:
            self._at = time.monotonic()
            sys.stderr.write(f"已统计 counted {progress.people:,} 人 people，每秒 a second {progress.rate:,.0f}\n")
