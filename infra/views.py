"""Keeps the read models' tables: rows and the position they stand at commit together, and a row that changes is kept as it was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from eventsourcing.persistence import Tracking
from psycopg.rows import dict_row

from domain.history import Entry
from infra.database import Database
from infra.folding import Folding
from infra.log import LAST, position_at
from infra.reading import Reading, Who
from infra.recorder import LedgerRecorder
from projections import READ_MODELS

APPLICATION = "changqing"
"""The name under which followers track the log."""


class Views:
    """All read models, folded together by one follower."""

    def __init__(self, database: Database, follower: str = "views") -> None:
        self._database = database
        self._recorder = LedgerRecorder(database, follower)
        self._foldings = [Folding(model) for model in READ_MODELS]

    def position(self) -> int:
        """The position up to which the views are complete."""
        return self._recorder.max_tracking_id(APPLICATION) or 0

    def apply(self, entries: Sequence[Entry]) -> None:
        """Fold entries into every read model, in one transaction with the position.

        A crash leaves rows and position as they were. `IntegrityError` when the entries do not
        follow on the views' position: somebody else folded them, or some are left out.
        """
        with self._database.transaction() as connection:
            self._recorder.track(connection, Tracking(APPLICATION, entries[-1].position), after=entries[0].position - 1)
            for folding in self._foldings:
                folding.fold(connection, entries)

    @property
    def known_at(self) -> int:
        """The position of the log as of which everything is shown: whatever it holds."""
        return LAST

    def select(self, query: str, given: Mapping[str, Any], *, prepare: bool = False) -> list[dict[str, Any]]:
        """The rows of a read model's query. `prepare`: its plan is the same whatever is given."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, given, prepare=prepare).fetchall()

    def seen_by(self, who: Who) -> "SeenViews":
        """The same views as an account may see them."""
        return SeenViews(Reading(self._database, who))

    def as_known(self, at: datetime) -> "KnownViews":
        """The same views as they were known at a time."""
        with self._database.transaction() as connection:
            return KnownViews(self._database, position_at(connection, at))


class KnownViews:
    """All read models as they were known at a position of the log."""

    def __init__(self, database: Database, position: int) -> None:
        self._database = database
        self.position = position

    @property
    def known_at(self) -> int:
        """The position of the log as of which everything is shown."""
        return self.position

    def select(self, query: str, given: Mapping[str, Any], *, prepare: bool = False) -> list[dict[str, Any]]:
        """The rows of a read model's query. `prepare`: its plan is the same whatever is given."""
        with self._database.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(_KNOWN, [str(self.position)])
            return cursor.execute(query, given, prepare=prepare).fetchall()

    def seen_by(self, who: Who) -> "SeenViews":
        """The same views as an account may see them."""
        return SeenViews(Reading(self._database, who), self.position)


class SeenViews:
    """All read models as an account may see them, now or as they were known at a position of the log."""

    def __init__(self, reading: Reading, position: int | None = None) -> None:
        self._reading = reading
        self._position = position

    def select(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a read model's query."""
        with self._reading.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            if self._position is not None:
                cursor.execute(_KNOWN, [str(self._position)])
            return cursor.execute(query, given).fetchall()


class Selects(Protocol):
    """Whoever answers the queries of read models."""

    def select(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a read model's query."""


# What is asked here of whole read models is planned for what is given, unless told otherwise: twelve people and a million want plans of
# their own, and planning takes a millisecond. A page of an account's begins with a function that reads indexes, so psycopg may prepare it.
_KNOWN = "select set_config('search_path', 'known', true), set_config('changqing.known_at', %s, true)"
