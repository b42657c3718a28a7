"""What is known of sources, or was at any time, for their own departments and for the agency: heard when, what is missing, given twice, not whole."""

from datetime import datetime

import msgspec
from msgspec import Struct

from domain.facts import Department
from domain.refusals import Refused
from infra.views import KnownViews, Selects, Views
from projections.runs import Missing
from projections.source_findings import expected, missing_of
from projections.source_queries import ONE, OPEN_BATCHES, PAGE, READ
from projections.sources import BatchRow, SourceRow
from services.accepting.cloudevents import department_of
from services.accounts import Account, Act
from services.reading.who import who

BATCHES = 200
"""So many open batches are told at a time."""


class BatchState(Struct, frozen=True, kw_only=True):
    """A batch that is not whole: `count` None until its source has said how many it has. `missing`: runs of numbers."""

    batch: str
    arrived: int
    count: int | None
    missing: tuple[tuple[int, int], ...]


class SourceState(Struct, frozen=True, kw_only=True):
    """A source. `highest`: the highest number that was taken or spoken of; `count`: how many are missing, in runs.

    `jump`: a number so far above it that it is not believed; `expected`: by when something must be heard, None: it need not
    be. `forks`: how often a number was given twice. Times are UTC.
    """

    source: str
    department: Department
    heard: datetime | None
    expected: datetime | None
    silent: bool
    highest: int
    missing: tuple[Missing, ...]
    count: int
    forks: int
    jump: int | None = None
    batches: tuple[BatchState, ...] = ()


class SourcePage(Struct, frozen=True, kw_only=True):
    """Sources by name, and what to go on after; `position`: how far the log was read for it."""

    sources: list[SourceState]
    after: str
    position: int


class MissingAnswer(Struct, frozen=True, kw_only=True):
    """What is missing of a source; `position`: how far the log was read for it."""

    position: int
    missing: SourceState


class SourceStates:
    """Answers what is known of sources."""

    def __init__(self, views: Views | KnownViews) -> None:
        self._views = views

    def as_known(self, at: datetime) -> "SourceStates":
        """What was known of them at a time: at the end of its minute."""
        assert isinstance(self._views, Views)
        return SourceStates(self._views.as_known(at))

    def page(self, account: Account, after: str, limit: int) -> SourcePage:
        """Sources after one: of the account's department, for an auditor and the agency all. Raises `Refused("forbidden")`."""
        rows = self._rows(account, PAGE, after=after, department=seen_by(account) or "", limit=limit)
        return SourcePage(
            sources=self._states(account, rows), after=rows[-1].source if rows else after, position=self.position()
        )

    def of(self, account: Account, source: str) -> MissingAnswer:
        """One source, for its own department, an auditor and the agency. Raises `Refused`: `forbidden`, `not-found`."""
        if seen_by(account) not in {None, department_of(source)}:
            raise Refused("forbidden", "source")
        return self._answer(source, account)

    def one(self, source: str) -> MissingAnswer:
        """One source, for an operator. Raises `Refused("not-found")` where nothing ever came of it and nothing was agreed."""
        return self._answer(source, None)

    def _answer(self, source: str, account: Account | None) -> MissingAnswer:
        rows = self._rows(account, ONE, source=source)
        if not rows:
            raise Refused("not-found", "source")
        (state,) = self._states(account, rows)
        return MissingAnswer(position=self.position(), missing=state)

    def _rows(self, account: Account | None, query: str, **given: object) -> list[SourceRow]:
        found = self._seen(account).select(query, given)
        return [msgspec.json.decode(row["state"], type=SourceRow) for row in found]

    def _states(self, account: Account | None, rows: list[SourceRow]) -> list[SourceState]:
        given = {"sources": [row.source for row in rows], "limit": BATCHES}
        batches = self._seen(account).select(OPEN_BATCHES, given)
        found = [msgspec.json.decode(row["state"], type=BatchRow) for row in batches]
        return [_state(row, [one for one in found if one.source == row.source]) for row in rows]

    def _seen(self, account: Account | None) -> Selects:
        """The views as an account may see them; None: an operator, whole."""
        return self._views if account is None else self._views.seen_by(who(account))

    def position(self) -> int:
        """How far the log was read."""
        rows = self._views.select(READ, {})
        return min(int(rows[0]["position"]), self._views.known_at) if rows else 0


def seen_by(account: Account) -> Department | None:
    """Whose sources an account may see; None: all. Raises `Refused("forbidden")`."""
    account.allow(Act.SOURCES)
    return None if account.may(Act.SOURCES_ALL) else account.department


def _state(row: SourceRow, batches: list[BatchRow]) -> SourceState:
    return SourceState(
        source=row.source,
        department=row.department,
        heard=row.heard,
        expected=expected(row),
        silent=row.silent is not None,
        highest=row.highest,
        missing=row.missing,
        count=sum(one.last - one.first + 1 for one in row.missing),
        forks=row.forked + len(row.forks),
        jump=row.far.first if row.far else None,
        batches=tuple(
            BatchState(batch=one.batch, arrived=one.arrived, count=one.count, missing=missing_of(one, row))
            for one in batches
        ),
    )
