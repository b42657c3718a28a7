"""The service: an eventsourcing Application on our log, whose one command is to accept what publishers send."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from eventsourcing.application import Application

from domain.completeness import Report
from domain.history import Receipt, Taken
from domain.law import Law
from domain.refusals import Refused
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.refused import Refusals
from infra.sources import Sources
from infra.submissions import Submission
from services.tracing import Tracing

BEIJING = ZoneInfo("Asia/Shanghai")


class Changqing(Application[UUID]):
    """Accepts life events. Its recorder, mapper and notification log are the library's interfaces over our log."""

    name = "changqing"
    env = {"PERSISTENCE_MODULE": "infra.recorder:LedgerFactory", "MAPPER_TOPIC": "infra.recorder:LedgerMapper"}  # noqa: RUF012 - the library's own way to say it

    def __init__(self, database_url: str, keys: KeyRing, law: Law) -> None:
        super().__init__({"DATABASE_URL": database_url})
        self.database: Database = self.recorder.database  # type: ignore[attr-defined] # ours, by the factory above
        archive = self.factory.env.get("CHANGQING_ARCHIVE")
        self._writing = Database(database_url, archive=archive, plans_kept=True)  # nothing connects before its use
        self.ledger = Ledger(self._writing, keys, law)
        self.refusals = Refusals(self.ledger, keys)
        self.sources = Sources(self._writing)
        self.tracing = Tracing()

    def close(self) -> None:
        """Close the connections."""
        self.tracing.close()
        self._writing.close()
        super().close()

    def accept(self, submissions: Sequence[Submission]) -> list[Receipt | Refused]:
        """Accept a batch, as of today's business day in Beijing. See `Ledger.accept`. Raises also `ClocksApartError`."""
        self.ledger.clocks.check()
        return self.ledger.accept(submissions, today())

    def report(self, reports: Sequence[Report]) -> list[Taken | Refused]:
        """Accept what sources report of themselves. See `Ledger.report`."""
        return self.ledger.report(reports)


def today() -> date:
    """The business day in Beijing."""
    return datetime.now(BEIJING).date()
