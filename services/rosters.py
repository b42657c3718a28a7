"""Pages of the roster for any day: whom a division had on it, of those that a filter asks for."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct

from domain.facts import SpecialGroup
from domain.law import Law
from infra.views import KnownViews, Views
from projections import lives
from projections.on_a_day import OnADay, as_of

_PAGE = 500
"""So many may be looked at for one page at a time: most of them are on it."""


class Found(NamedTuple):
    """Somebody on the roster of a day, and the row of it, which holds the person, sealed."""

    line: OnADay
    row: dict[str, Any]


class Wanted(Struct, frozen=True, kw_only=True):
    """Who is asked for; None: whoever.

    `verification`: due or overdue on the day. `unvisited_since`: nobody visited on that day or later. `moving`: another office is to receive.
    """

    status: str | None = None
    group: SpecialGroup | None = None
    party_member: bool | None = None
    verification: Literal["due", "overdue"] | None = None
    contact_card: bool | None = None
    health_file: bool | None = None
    unvisited_since: date | None = None
    moving: bool | None = None

    def fits(self, line: OnADay, day: date) -> bool:
        """Whether somebody is asked for, on a day."""
        late = line.verify_by is not None and line.verify_by < day
        return (
            self.status in (None, line.status)
            and (self.group is None or self.group in line.special_groups)
            and self.party_member in (None, line.party_member)
            and (
                self.verification is None
                or (late if self.verification == "overdue" else line.is_warned(day) and not late)
            )
            and self.contact_card in (None, line.contact_card_on is not None)
            and self.health_file in (None, line.health_file_on is not None)
            and (self.unvisited_since is None or line.visited_on is None or line.visited_on < self.unvisited_since)
            and self.moving in (None, line.moving_to is not None)
        )


EVERYBODY = Wanted()


def said(wanted: Wanted) -> dict[str, str]:
    """What is asked for, as an address says it."""
    given = {name: getattr(wanted, name) for name in Wanted.__struct_fields__}
    return {name: str(value).lower() for name, value in given.items() if value is not None}


def people(
    views: Views | KnownViews,
    law: Law,
    communities: Sequence[str],
    day: date,
    *,
    registered: bool,
    after: UUID,
    at_once: int = _PAGE,
) -> Iterator[Found]:
    """Whoever these communities had on a day, after a retiree: those `registered` there, or those whom they serve."""
    place: Callable[[OnADay], str] = (lambda line: line.community) if registered else (lambda line: line.serving)
    there = frozenset(communities)
    while True:
        given = {"communities": list(communities), "after": after, "limit": at_once}
        rows = views.select(lives.CANDIDATES, given)
        for row in rows:
            if (line := as_of(row, day, law)) and place(line) in there:
                yield Found(line, row)
        if len(rows) < at_once:
            return
        after = rows[-1]["retiree"]
