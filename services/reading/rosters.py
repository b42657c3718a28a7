"""Pages of the roster for any day: whom a division had on it, of those that a filter asks for."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from domain.facts import SpecialGroup
from domain.law import Law
from domain.settlement import staff_needed
from infra.views import Selects
from projections import lives
from projections.on_a_day import OnADay, as_of

_MORE, _MANY = 25, 2_000
"""So many more than a page wants are looked at first: most of them are on it; and up to so many at a time then."""


LATELY = timedelta(days=90)
"""Receptions since then are counted."""


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
_BY = {
    "status": "line.status",
    "group": "line.special_groups",
    "party_member": "line.party_member",
    "verification": "line.verify_by",
    "contact_card": "line.contact_card_on",
    "health_file": "line.health_file_on",
    "unvisited_since": "line.visited_on",
    "to_visit": "line.special_groups",
    "moving": "line.moving_to",
}


COUNTED_BY = frozenset(_BY.values())
"""The fields by which a roster is counted."""


def fields_of(wanted: Wanted) -> dict[str, str]:
    """The fields that are asked by, each with the question: whoever is not shown one may not sort people by it."""
    return {name: field for name, field in _BY.items() if getattr(wanted, name) is not None}


def said(wanted: Wanted) -> dict[str, str]:
    """What is asked for, as an address says it."""
    given = {name: getattr(wanted, name) for name in Wanted.__struct_fields__}
    return {name: str(value).lower() for name, value in given.items() if value is not None}


Place = Literal["community", "serving", "moving_to"]
"""By what somebody is of a community: registered there, served by it, or to be received by it."""
_NOBODY = UUID(int=0)


def people(
    views: Selects, law: Law, communities: Sequence[str], day: date, *, place: Place, after: UUID, few: int
) -> Iterator[tuple[dict[str, Any], OnADay]]:
    """Whoever these communities had on a day, by `place`, after a retiree; so `few` are wanted."""
    there = frozenset(communities)
    for row in standing(views, lives.CANDIDATES, {"communities": communities, "after": after}, few):
        if (line := as_of(row, day, law)) and getattr(line, place) in there:
            yield row, line


def standing(views: Selects, query: str, given: Mapping[str, Any], few: int) -> Iterator[dict[str, Any]]:
    """Of a query's candidates those who stand, in order; a `few` and some more are looked at first, then many at a time."""
    after, limit = given["after"], min(few + _MORE, _MANY)
    while rows := views.select(query, {**given, "after": after, "limit": limit}):
        yield from (row for row in rows if row["stands"])
        if len(rows) < limit:
            return
        after, limit = rows[-1]["candidate"], min(4 * limit, _MANY)


def found_on(
    views: Selects,
    law: Law,
    search: Callable[[UUID, int], list[dict[str, Any]]],
    communities: Sequence[str],
    day: date,
    *,
    place: Place,
    after: UUID = _NOBODY,
) -> Iterator[tuple[dict[str, Any], OnADay]]:
    """Of those whom a search finds anywhere, after a retiree and so many at a time: whom these communities had on a day, by `place`."""
    there = frozenset(communities)
    while found := search(after, _MANY):
        for row in views.select(lives.OF_RETIREES, {"retirees": [one["retiree"] for one in found]}):
            if (line := as_of(row, day, law)) and getattr(line, place) in there:
                yield row, line
        if len(found) < _MANY:
            return
        after = found[-1]["retiree"]


def counts(views: Selects, law: Law, division: str, communities: Sequence[str], day: date) -> Counts:
    """What is to be counted of a division on a day, served as it is, of however many people: none is kept in memory. Nobody is shown."""
    there, tally = frozenset(communities), Counter[str]()
    statuses, groups = Counter[str](), Counter[str]()
    year = day.replace(month=1, day=1)
    for row in standing(views, lives.COUNTED, {"communities": communities, "after": _NOBODY}, _MANY):
        line = as_of(row, day, law)
        if line is None:
            continue
        if line.serving in there:
            tally.update(_tallied(line, there, day, year))
            statuses[line.status] += 1
            groups.update(line.special_groups)
        else:
            tally["incoming"] += line.moving_to in there
            tally["left"] += _left(line, row, law, there, day)
    local = law.city_law(division.ljust(12, "0"), day)
    ratio = next((rule for rule in local.staff if rule.retirees_per_person), None) if local else None
    return Counts(
        division=division,
        day=day,
        statuses=dict(statuses),
        groups=dict(groups),
        **{name: tally[name] for name in _TALLIED},
        staff=staff_needed(local, tally["people"]) if local else None,
        staff_article=f"{ratio.document} {ratio.article}" if ratio else None,
    )


_TALLIED = (
    "people",
    "party_members",
    "without_contact_card",
    "without_health_file",
    "verification_due",
    "verification_overdue",
    "to_visit",
    "visited",
    "incoming",
    "outgoing",
    "received",
    "left",
)


def _tallied(line: OnADay, there: frozenset[str], day: date, year: date) -> Iterator[str]:
    """What somebody who is served there counts for on a day; `year`: the first day of its year."""
    overdue = line.verify_by is not None and line.verify_by < day
    yield "people"
    yield from ("party_members",) if line.party_member else ()
    yield from ("without_contact_card",) if line.contact_card_on is None else ()
    yield from ("without_health_file",) if line.health_file_on is None else ()
    yield from ("verification_overdue",) if overdue else ("verification_due",) if line.is_warned(day) else ()
    if line.to_visit:
        yield "to_visit"
        yield from ("visited",) if line.visited_on is not None and line.visited_on >= year else ()
    yield from ("outgoing",) if line.moving_to is not None and line.moving_to not in there else ()
    yield from ("received",) if line.served_since is not None and day - line.served_since <= LATELY else ()


def _left(line: OnADay, row: dict[str, Any], law: Law, there: frozenset[str], day: date) -> bool:
    """Whether somebody was served there until another office received them lately."""
    since = line.served_since
    if since is None or day - since > LATELY:
        return False
    before = as_of(row, since - timedelta(days=1), law)
    return before is not None and before.serving in there
