"""How far a relay has come, and the record of what it is about to deliver."""

from collections.abc import Callable, Sequence
from uuid import UUID

from eventsourcing.persistence import Tracking

from domain.disclosures import DataDelivered
from domain.told import AlertRaised
from infra import codec, log
from infra.announcing import Announced
from infra.database import Database
from infra.log import stream_of
from infra.recorder import LedgerRecorder
from infra.views import APPLICATION

_RAISED = "pension-alert-raised.v1"


class Outbox:
    """The memory of one relay."""

    def __init__(self, database: Database, follower: str = "relay") -> None:
        self.database = database
        self._recorder = LedgerRecorder(database, follower)
        self._announced = Announced(database, follower, stream_of(f"outbox:{follower}"))

    def position(self) -> int:
        """The position up to which everything was sent."""
        return self._recorder.max_tracking_id(APPLICATION) or 0

    def alert(self, alert: str) -> AlertRaised | None:
        """An alert as it was raised, by its id, which begins with whose it is; None when there is none."""
        try:
            stream = UUID(alert[:36])
        except ValueError:
            return None
        with self.database.transaction() as connection:
            rows = [row for row in log.read_stream(connection, stream, desc=True) if row.name == _RAISED]
        for entry in codec.entries(rows):
            if isinstance(entry.event, AlertRaised) and entry.event.alert == alert:
                return entry.event
        return None

    def announce(self, last: int, records: Callable[[int], Sequence[DataDelivered]]) -> None:
        """Record what is about to be sent, of entries up to `last`: see `Announced.announce`. Raises `DatabaseError`: nothing may be sent."""
        self._announced.announce(last, records)

    def sent(self, first: int, last: int) -> None:
        """Remember that the entries `first` to `last` were sent.

        A crash before the commit forgets all, and the batch is sent again. `IntegrityError` when another relay did it.
        """
        with self.database.transaction() as connection:
            self._recorder.track(connection, Tracking(APPLICATION, last), after=first - 1)
