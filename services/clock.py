"""The clock: lets days pass in the log, and with each what falls due by it. A machine that was off catches up day by day."""

from datetime import date, datetime, timedelta
from threading import Event as Flag

import structlog

from infra.database import DatabaseError
from services.application import BEIJING, Changqing, today

_RETRY_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
"""A clock that was set, or a machine that slept, is noticed within this time."""


class Clock:
    """Runs until it is told to end. Several may run: whatever one has dealt with, another finds done."""

    def __init__(self, application: Changqing, until_told: Flag) -> None:
        self._application = application
        self._until_told = until_told
        self._log = structlog.get_logger()

    def run(self) -> None:
        """Let the days pass as they come. Waits for PostgreSQL as long as it takes. Raises `WrongKeyError`, `RightsError`."""
        while not self._until_told.is_set():
            try:
                self.catch_up(today())
                wait = min(_until_midnight(datetime.now(BEIJING)), _LONGEST_WAIT_SECONDS)
            except DatabaseError as error:
                self._log.warning("waiting", why=str(error))
                wait = _RETRY_SECONDS
            self._until_told.wait(wait)

    def catch_up(self, day: date) -> None:
        """Let every day up to this one pass that has not yet."""
        self._application.ledger.pass_days(day, self._until_told, self._passed)

    def _passed(self, day: date, retirees: int) -> None:
        self._log.info("day passed", day=str(day), retirees=retirees)


def _until_midnight(now: datetime) -> float:
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), BEIJING)
    return (midnight - now).total_seconds()
