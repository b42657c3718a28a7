"""The bulletin's figures that are kept: what was asked for, how far each is, and of whom something was recorded since.

Figures are of a period, a law and a position of the log, and the same three give the same for ever. Those who reckon them
commit figures with how far they are, so that another goes on where one was killed.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from domain.history import STORED_NAMES, FactMoved, FactPublished
from domain.links import RecordsJoined, RecordsParted
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra.database import Database
from infra.sql import statements

SQL = statements("bulletins")
FAR = 200_000
"""Events within which figures of another position are brought to the one that is asked for."""
WAITING = 20
"""So many may wait to be reckoned; what is asked for beyond that is when one of them is whole."""
KEPT = 6
"""Of a period and a law so many positions are kept, those reckoned last."""
_KINDS = (FactPublished, FactMoved, RecordsJoined, RecordsParted, AlertRaised, AlertWithdrawn, AlertEscalated)
_NAMES = [name for name, kind in STORED_NAMES.items() if kind in _KINDS]
"""What tells of somebody, on a stream of their own; looks tell of nothing that is counted."""


class Of(NamedTuple):
    """What figures are of: the days of a period, a law, and a position of the log."""

    first_day: date
    last_day: date
    law: str
    position: int


class Kept(NamedTuple):
    """Figures that are whole, or how many people are counted so far."""

    bulletin: int
    position: int
    people: int


class Begun(NamedTuple):
    """Figures that are not whole: up to whom."""

    bulletin: int
    first_day: date
    last_day: date
    position: int
    after: UUID
    people: int


Stored = tuple[bool, str, str, int, int]
"""Serving, community, measure, done, of."""


class Bulletins:
    """What is kept, and what is to be reckoned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def nearest(self, of: Of) -> Kept | None:
        """Whole figures of the same period and law, of the position nearest to the one asked for, if any is near."""
        return self._found("nearest", of)

    def under_way(self, of: Of) -> Kept | None:
        """The same of those that are being reckoned."""
        return self._found("under_way", of)

    def is_whole(self, of: Of) -> bool:
        """Whether they are reckoned, of exactly this position."""
        kept = self.nearest(of)
        return kept is not None and kept.position == of.position

    def is_there(self, kept: Kept) -> bool:
        """Whether they are kept still."""
        with self._database.transaction() as connection:
            return connection.execute(SQL["there"], {"bulletin": kept.bulletin}).fetchone() is not None

    def ask(self, of: Of) -> None:
        """Let them be reckoned, once, unless too many wait."""
        with self._database.transaction() as connection:
            connection.execute(SQL["ask"], {**of._asdict(), "waiting": WAITING})

    def next(self, law: str) -> Begun | None:
        """What was asked for first, of a law."""
        with self._database.transaction() as connection:
            row = connection.execute(SQL["next"], {"law": law}).fetchone()
        return Begun(*row) if row else None

    def save(self, begun: Begun, figures: Iterable[Stored], after: UUID, people: int, *, end: bool = False) -> bool:
        """Add figures and remember up to whom they go, in one transaction. `end`: they are whole.

        False, and nothing was added, where it is not as it was `begun`: another one reckons, whose lock this one lost.
        """
        bulletin = begun.bulletin
        with self._database.transaction() as connection:
            given = {"bulletin": bulletin, "before": begun.people, "after": after, "people": people}
            if connection.execute(SQL["come"], given).rowcount != 1:
                return False
            connection.execute(SQL["add"], _columns(bulletin, figures))
            if end:
                connection.execute(SQL["end"], {"bulletin": bulletin})
                connection.execute(SQL["thin"], {"bulletin": bulletin, "kept": KEPT})
        return True

    def bring(self, kept: Kept, position: int, changes: Iterable[Stored]) -> None:
        """Keep figures of another position: those that are kept, with what changes of them."""
        with self._database.transaction() as connection:
            given = {"bulletin": kept.bulletin, "position": position}
            if row := connection.execute(SQL["brought"], given).fetchone():
                connection.execute(SQL["copied"], {"bulletin": row[0], "of": kept.bulletin})
                connection.execute(SQL["add"], _columns(row[0], changes))
                connection.execute(SQL["thin"], {"bulletin": row[0], "kept": KEPT})

    def touched(self, one: int, other: int, limit: int) -> list[UUID] | None:
        """Of whom something was recorded between two positions; None: of more than `limit`, or it is archived."""
        after, until = sorted((one, other))
        with self._database.transaction() as connection:
            row = connection.execute(SQL["in_files"]).fetchone()
            if after == until:
                return []
            if (row and row[0] > after) or until - after > FAR:
                return None
            given = {"after": after, "until": until, "names": _NAMES, "limit": limit + 1}
            found = [stream for (stream,) in connection.execute(SQL["touched"], given).fetchall()]
        return found if len(found) <= limit else None

    def more_people_than(self, so_many: int) -> bool:
        """Whether more were ever on a roster."""
        with self._database.transaction() as connection:
            row = connection.execute(SQL["people"], {"limit": so_many + 1}).fetchone()
        return bool(row and row[0] > so_many)

    def _found(self, statement: str, of: Of) -> Kept | None:
        with self._database.transaction() as connection:
            row = connection.execute(SQL[statement], of._asdict()).fetchone()
        return Kept(*row) if row and abs(row[1] - of.position) <= FAR else None


def _columns(bulletin: int, figures: Iterable[Stored]) -> dict[str, Any]:
    columns: list[list[Any]] = [list(column) for column in zip(*figures, strict=True)] or [[], [], [], [], []]
    return {
        "bulletin": bulletin,
        **dict(zip(("serving", "communities", "measures", "done", "of"), columns, strict=True)),
    }
