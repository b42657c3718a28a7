"""The clock: lets days pass in the log, and with each what falls due by it. A machine that was off catches up day by day.

A day that has passed is in the log for good, so a clock that may be wrong lets none pass: it says why, and goes on as soon as
this machine's time and PostgreSQL's agree, and no more than a month lies between the last day and today.
"""

from datetime import date, datetime, timedelta
from threading import Event as Flag

import structlog

from domain.proposals import Act
from infra.clocks import ClocksApartError, GapError
from infra.database import DatabaseError
from services.application import BEIJING, Changqing, today

_RETRY_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
"""A clock that was set, or a machine that slept, is noticed within this time."""
LONGEST = timedelta(days=31)
"""Days that pass at once without anybody having said that so many went by."""


class Clock:
    """Runs until it is told to end. Several may run: whatever one has dealt with, another finds done."""

    def __init__(self, application: Changqing, until_told: Flag, longest: timedelta | None = LONGEST) -> None:
        self._application = application
        self._until_told = until_told
        self._longest = longest
        self._log = structlog.get_logger()
        self._said: str | None = None

    def run(self) -> None:
        """Let the days pass as they come. Waits for PostgreSQL as long as it takes. Raises `WrongKeyError`, `RightsError`."""
        while not self._until_told.is_set():
            try:
                self.catch_up(today())
                wait = min(_until_midnight(datetime.now(BEIJING)), _LONGEST_WAIT_SECONDS)
            except (ClocksApartError, GapError) as error:
                self._log.error("no day passes", why=str(error))
                wait = _LONGEST_WAIT_SECONDS
            except DatabaseError as error:
                self._log.warning("waiting", why=str(error))
                wait = _RETRY_SECONDS
            self._until_told.wait(wait)

    def catch_up(self, day: date) -> None:
        """Let every day up to this one pass that has not yet. Raises `GapError` and what else `Ledger.pass_days` does."""
        self._application.ledger.pass_days(day, self._until_told, self._passed, self._longest)
        law = self._application.ledger.law_to_follow()
        if law and law != self._said:
            self._log.error("the law is another, and nobody was looked at for that", propose=str(Act.LAW), of=law)
        self._said = law

    def look_at_everybody(self) -> None:
        """Decide on everybody anew by today. Raises as `Ledger.look_at_everybody` does."""
        day = today()
        self._log.info("looked at everybody", day=str(day), retirees=self._application.ledger.look_at_everybody(day))

    def _passed(self, day: date, retirees: int) -> None:
        self._log.info("day passed", day=str(day), retirees=retirees)


def _until_midnight(now: datetime) -> float:
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), BEIJING)
    return (midnight - now).total_seconds()
