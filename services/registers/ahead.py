"""The bulletin's figures reckoned ahead, of as many people as no question can wait for: beside everything else, or by a command.

Killed at any point, it goes on with those who are not counted yet; another one waits until it may take over. What is reckoned
is of one position of the log, as it was known there, so it does not matter how long it takes.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event as Flag
from typing import NamedTuple
from uuid import UUID

import structlog

from domain.law import Law
from domain.months import month_of
from infra.bulletins import Begun, Bulletins, Kept, Of
from infra.database import Database, DatabaseError
from infra.views import KnownViews, Views
from services.application import today
from services.reading.sheets import Asked
from services.registers.bulletin import CHANGED, MOST, last_quarter
from services.registers.periods import Period, period_of
from services.registers.reckoning import Sums, law_of, of_all, of_page, of_people

SAVED_EVERY = 50_000
"""People after whom it is remembered how far it is."""
REST_SECONDS = 2.0
LOOK_SECONDS = 600.0
"""Between two looks whether the figures of the quarter that is over are still near."""
_logger = structlog.get_logger()


class Progress(NamedTuple):
    """How far one is: people counted, by how many a second, and whether it is whole."""

    people: int
    rate: float
    whole: bool


Say = Callable[[Progress], None]


class Ahead:
    """Reckons what is asked for, one after the other."""

    def __init__(self, database: Database, law: Law) -> None:
        self._database = database
        self._law = law
        self._of = law_of(law)
        self._bulletins = Bulletins(database)
        self._looked = -LOOK_SECONDS

    def run(self, stop: Flag) -> None:
        """What questions asked for, and the quarter that is over, until `stop`. A lost database is waited for."""
        while not stop.is_set():
            try:
                with self.alone() as may:
                    while may and not stop.is_set():
                        self._ask_for_the_quarter()
                        if not self.reckon_next(stop):
                            break
            except DatabaseError as error:
                _logger.warning("goes on with the bulletin later", error=str(error))
            stop.wait(REST_SECONDS)

    def alone(self) -> AbstractContextManager[bool]:
        """Whether no other one is at it; nor can be, until this is left."""
        return self._database.alone("bulletin")

    def ask(self, period: Period, position: int | None = None) -> Of:
        """Let a period be reckoned, as known at a position, that of the read models by default."""
        come = Views(self._database).position()
        of = Of(period.first_day, period.last_day, self._of, come if position is None else min(position, come))
        self._bulletins.ask(of)
        return of

    def _ask_for_the_quarter(self) -> None:
        """The quarter that is over, where nothing near is kept of it and no question could reckon it itself."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        day = today()
        period = period_of(Asked(), day, last_quarter(day))
        come = Views(self._database).position()
        of = Of(period.first_day, period.last_day, self._of, come)
        kept = self._bulletins.nearest(of)
        if kept and self.bring(period, kept, come):
            return
        if not self._bulletins.under_way(of) and self._bulletins.more_people_than(MOST):
            self._bulletins.ask(of)

    def bring(self, period: Period, kept: Kept, position: int) -> bool:
        """Keep figures of another position too, from those that are near; False: of too many people something was recorded since."""
        touched = self._bulletins.touched(kept.position, position, CHANGED)
        if touched is None:
            return False
        if touched:
            sums = Sums()
            for at, times in ((kept.position, -1), (position, 1)):
                sums.add(of_people(KnownViews(self._database, at), self._law, period, touched), times)
            self._bulletins.bring(kept, position, ((*key, *figure) for key, figure in sums.figures()))
        return True

    def reckon_next(self, stop: Flag, say: Say = lambda _: None) -> bool:
        """Reckon what was asked for first, to its end or until `stop`; False: nothing is asked for."""
        begun = self._bulletins.next(self._of)
        if begun is None:
            return False
        self._reckon(begun, stop, say)
        return True

    def _reckon(self, begun: Begun, stop: Flag, say: Say) -> None:
        period = Period(month_of(begun.first_day), month_of(begun.last_day), begun.last_day)
        views = KnownViews(self._database, begun.position)
        since, sums, after, people, saved = time.monotonic(), Sums(), begun.after, begun.people, begun.people
        first = people
        while True:
            last, counted = of_page(views, self._law, period, after, sums)
            people += counted
            say(Progress(people, (people - first) / max(time.monotonic() - since, 0.001), last is None))
            if last is None:
                sums.add(of_all(views, self._law, period))
                self._save(begun, sums, after, people, end=True)
                return
            after = last
            if stop.is_set() or people - saved >= SAVED_EVERY:
                if not self._save(begun, sums, after, people, end=False):
                    return
                sums, saved, begun = Sums(), people, begun._replace(after=after, people=people)
            if stop.is_set():
                return

    def _save(self, begun: Begun, sums: Sums, after: UUID, people: int, *, end: bool) -> bool:
        stored = ((*key, *figure) for key, figure in sums.figures())
        return self._bulletins.save(begun, stored, after, people, end=end)
