"""Pausing the intake from the bus: events on a stream of their own, read by every worker again and again."""

from datetime import datetime

from domain.pausing import IntakePaused, IntakeResumed, Pauses, after
from infra import codec, log
from infra.database import Database

INTAKE = log.stream_of("intake")


class PausesRead:
    """What the log says of pauses, as of the last look. One thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self.pauses: Pauses = {}
        self.changed_at: datetime | None = None

    def look(self) -> Pauses:
        """Whose intake rests now: one look-up by key, and what is new of the stream. Raises `DatabaseError`."""
        with self._database.transaction() as connection:
            rows = log.read_stream(connection, INTAKE, after=self._version)
        for row in rows:
            entry = codec.decode(*row)
            assert isinstance(entry.event, IntakePaused | IntakeResumed)
            self.pauses = after(self.pauses, entry.event)
            self._version, self.changed_at = entry.version, entry.recorded_at
        return self.pauses
