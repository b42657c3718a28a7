"""Pages of the roster for any day: whom a division had on it, of those that a filter asks for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from domain.facts import SpecialGroup
from domain.law import Law
from domain.refusals import Refused
from domain.settlement import staff_needed
from infra.views import KnownViews, Views
from projections import lives
from projections.on_a_day import OnADay, as_of

_FEW, _MANY = 100, 4_000
"""So many are looked at for one page at first: most of them are on it; and so many at a time then."""


LATELY = timedelta(days=90)
"""Receptions since then are counted."""
_MOST = 20_000


class Counts(Struct, frozen=True, kw_only=True):
    """How many people a community or street had on a day, and of them how many are to be seen to; of `party_members` and `groups` each.

    `visited`: of those `to_visit`, in the year of the day. `incoming`, `outgoing`: to be received here, elsewhere; `received`, `left`:
    received here, elsewhere, within ninety days. `staff`: how many people the city wants for so many, by `staff_article`.
    """

    division: str
    day: date
    people: int
    statuses: dict[str, int]
    party_members: int
    groups: dict[str, int]
    without_contact_card: int
    without_health_file: int
    verification_due: int
    verification_overdue: int
    to_visit: int
    visited: int
    incoming: int
    outgoing: int
    received: int
    left: int
    staff: int | None
    staff_article: str | None


class Wanted(Struct, frozen=True, kw_only=True):
    """Who is asked for; None: whoever.

    `verification`: due or overdue on the day. `unvisited_since`: nobody visited on that day or later. `to_visit`: of those whom
    the city wants visited. `moving`: out to another office that is to receive them, or in from one that serves them still.
    """

    status: str | None = None
    group: SpecialGroup | None = None
    party_member: bool | None = None
    verification: Literal["due", "overdue"] | None = None
    contact_card: bool | None = None
    health_file: bool | None = None
    unvisited_since: date | None = None
    to_visit: bool | None = None
    moving: Literal["in", "out"] | None = None

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
            and self.to_visit in (None, line.to_visit)
            and (self.moving is None or line.moving_to is not None)
        )


EVERYBODY = Wanted()


def said(wanted: Wanted) -> dict[str, str]:
    """What is asked for, as an address says it."""
    given = {name: getattr(wanted, name) for name in Wanted.__struct_fields__}
    return {name: str(value).lower() for name, value in given.items() if value is not None}


Place = Literal["community", "serving", "moving_to"]
"""By what somebody is of a community: registered there, served by it, or to be received by it."""
_NOBODY = UUID(int=0)


def people(
    views: Views | KnownViews, law: Law, communities: Sequence[str], day: date, *, place: Place, after: UUID = _NOBODY
) -> Iterator[OnADay]:
    """Whoever these communities had on a day, by `place`, after a retiree."""
    there = frozenset(communities)
    for row in _candidates(views, communities, after):
        if (line := as_of(row, day, law)) and getattr(line, place) in there:
            yield line


def _candidates(
    views: Views | KnownViews, communities: Sequence[str], after: UUID = _NOBODY
) -> Iterator[dict[str, Any]]:
    """The rows of whoever may have been there; a few first, as a page wants no more, then many at a time."""
    limit = _FEW
    while rows := views.select(lives.CANDIDATES, {"communities": list(communities), "after": after, "limit": limit}):
        yield from (row for row in rows if row["stands"])
        if len(rows) < limit:
            return
        after, limit = rows[-1]["retiree"], _MANY


def counts(views: Views | KnownViews, law: Law, division: str, communities: Sequence[str], day: date) -> Counts:
    """What is to be counted of a community or street on a day, served as it is; nobody is shown.

    Raises `Refused("invalid-field")` for so many people that they are not counted while somebody waits.
    """
    there, served, incoming, left = frozenset(communities), list[OnADay](), 0, 0
    for n, row in enumerate(_candidates(views, communities)):
        if n >= _MOST:
            raise Refused("invalid-field", "division", f"more than {_MOST} people: ask for a street or community")
        line = as_of(row, day, law)
        if line is None:
            continue
        if line.serving in there:
            served.append(line)
        else:
            incoming += line.moving_to in there
            left += _left(line, row, law, there, day)
    year = day.replace(month=1, day=1)
    to_visit = [line for line in served if line.to_visit]
    overdue = [line for line in served if line.verify_by is not None and line.verify_by < day]
    local = law.city_law(division.ljust(12, "0"), day)
    ratio = next((rule for rule in local.staff if rule.retirees_per_person), None) if local else None
    return Counts(
        division=division,
        day=day,
        people=len(served),
        statuses=dict(Counter(line.status for line in served)),
        party_members=sum(line.party_member for line in served),
        groups=dict(Counter(group for line in served for group in line.special_groups)),
        without_contact_card=sum(line.contact_card_on is None for line in served),
        without_health_file=sum(line.health_file_on is None for line in served),
        verification_due=sum(line.is_warned(day) for line in served) - len(overdue),
        verification_overdue=len(overdue),
        to_visit=len(to_visit),
        visited=sum(line.visited_on is not None and line.visited_on >= year for line in to_visit),
        incoming=incoming,
        outgoing=sum(line.moving_to is not None and line.moving_to not in there for line in served),
        received=sum(line.served_since is not None and day - line.served_since <= LATELY for line in served),
        left=left,
        staff=staff_needed(local, len(served)) if local else None,
        staff_article=f"{ratio.document} {ratio.article}" if ratio else None,
    )


def _left(line: OnADay, row: dict[str, Any], law: Law, there: frozenset[str], day: date) -> bool:
    """Whether somebody was served there until another office received them lately."""
    since = line.served_since
    if since is None or day - since > LATELY:
        return False
    before = as_of(row, since - timedelta(days=1), law)
    return before is not None and before.serving in there
