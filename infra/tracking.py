"""How far a follower has come, in the transaction of what it wrote."""

from typing import cast

from eventsourcing.persistence import IntegrityError, Tracking, TrackingRecorder
from psycopg import Connection

from infra.database import Database, Rows
from infra.library import OnLedger
from infra.log import SQL


class LedgerTrackingRecorder(OnLedger, TrackingRecorder):
    """The tracking of one follower. A view of the library's derives from it, and calls `track` where it writes its rows."""

    def __init__(self, database: Database, follower: str) -> None:
        super().__init__(database)
        self.follower = follower

    def insert_tracking(self, tracking: Tracking) -> None:
        """Remember how far this follower has come, on its own."""
        with self.transaction() as connection:
            self.track(connection, tracking)

    def track(self, connection: Connection[Rows], tracking: Tracking, after: int | None = None) -> None:
        """Remember how far this follower has come, together with what it wrote in this transaction.

        Raises `IntegrityError` when it had come as far already, or, where `after` is given, when it does not stand
        just there: somebody else did the same work.
        """
        given = {
            "after": after,
            "follower": self.follower,
            "application_name": tracking.application_name,
            "position": tracking.notification_id,
        }
        statement = SQL["tracking_set" if after is None else "tracking_advance"]
        if connection.execute(statement, given).rowcount != 1:
            raise IntegrityError(f"{self.follower} cannot come to {tracking.notification_id} from where it is")

    def max_tracking_id(self, application_name: str) -> int | None:
        """How far this follower has come in an application's log; None when it has not begun."""
        given = {"follower": self.follower, "application_name": application_name}
        with self.transaction() as connection:
            row = connection.execute(SQL["tracking_get"], given).fetchone()
        return cast(int, row[0]) if row else None
