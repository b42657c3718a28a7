"""What the bulletin counts, summed over people: the same sums for some of them, for everybody, and for what has changed since.

Every figure is a sum over people, so the figures of one position of the log become those of another by those alone of whom
something was recorded in between: what they added before is taken off, what they add now is put to it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from domain.law import Law
from infra.views import Selects
from projections import bulletin
from projections.bulletin import Figure, Key, figures_of
from services.registers.periods import Period

CHUNK = 2_000
"""People read at a time."""


class Sums:
    """Figures by where they stand."""

    def __init__(self) -> None:
        self.done: Counter[Key] = Counter()
        self.of: Counter[Key] = Counter()

    def add(self, figures: Iterable[tuple[Key, Figure]], times: int = 1) -> None:
        """Put figures to it; -1 times: take them off."""
        for key, figure in figures:
            self.done[key] += times * figure.done
            self.of[key] += times * figure.of

    def figures(self) -> Iterator[tuple[Key, Figure]]:
        """Those that say anything."""
        for key in self.done.keys() | self.of.keys():
            figure = Figure(self.done[key], self.of[key])
            if figure != (0, 0):
                yield key, figure


def law_of(law: Law) -> str:
    """What figures follow from beside the log: the law, who must tell us of what by the nation's, and how measures count."""
    sharing = msgspec.json.encode(law.national_sharing, enc_hook=str, order="deterministic")
    return f"{law.digest}-{blake2b(sharing, digest_size=8).hexdigest()}-{bulletin.REVISION}"


def of_people(views: Selects, law: Law, period: Period, retirees: Sequence[UUID]) -> Iterator[tuple[Key, Figure]]:
    """What some people add to the figures, person by person."""
    for begin in range(0, len(retirees), CHUNK):
        given = {"retirees": list(retirees[begin : begin + CHUNK])}
        for found in views.select(bulletin.PEOPLE, given):
            yield from figures_of(found, period.first_day, period.last_day, law)
        yield from _due(views.select(bulletin.DUE_OF, given | _days(period)))
        duties = _Duties(law, period.last_day)
        yield from duties.figures(views.select(bulletin.SHARED_OF, given | duties.given(period)))


def of_page(views: Selects, law: Law, period: Period, after: UUID, sums: Sums) -> tuple[UUID | None, int]:
    """Add the next people after one, as measured one by one, to the sums; the last of them, None where nobody is left, and how many."""
    people = [row["retiree"] for row in views.select(bulletin.NEXT, {"after": after, "limit": CHUNK})]
    if not people:
        return None, 0
    found = views.select(bulletin.PEOPLE, {"retirees": people})
    for one in found:
        sums.add(figures_of(one, period.first_day, period.last_day, law))
    return people[-1], len(found)


def of_all(views: Selects, law: Law, period: Period) -> Iterator[tuple[Key, Figure]]:
    """What is not measured person by person: alerts that were due, and facts that were told, of everybody at once."""
    yield from _due(views.select(bulletin.DUE, _days(period)))
    duties = _Duties(law, period.last_day)
    yield from duties.figures(views.select(bulletin.SHARED, duties.given(period)))


def _days(period: Period) -> dict[str, Any]:
    return {"first_day": period.first_day, "last_day": period.last_day}


def _due(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Key, Figure]]:
    for row in rows:
        for serving in (False, True):
            place = row["serving" if serving else "community"]
            yield Key(serving, place, "alerts-in-time"), Figure(row["done"], row["of"])


class _Duties:
    """Who must tell of what within how many days, city by city, as in force on a day."""

    def __init__(self, law: Law, day: date) -> None:
        self._law = law
        self._day = day
        self._in = cache(self._within)
        duties = [self._in(city.code[:4]) for city in law.cities]
        self._pairs = sorted({pair for of in duties for pair in of})
        self._days = sorted({days for of in duties for days in of.values()})

    def _within(self, city: str) -> dict[tuple[str, str], int]:
        """The days that each teller has for each fact in a city; what two duties ask for counts once, by the first."""
        within: dict[tuple[str, str], int] = {}
        for one in self._law.sharing(city.ljust(12, "0"), self._day):
            for pair in ((str(teller), fact) for teller in one.tellers for fact in one.facts):
                within.setdefault(pair, one.within_days)
        return within

    def given(self, period: Period) -> dict[str, Any]:
        """What the query asks for."""
        return {
            "since": period.since,
            "until": period.until,
            "tellers": [teller for teller, _ in self._pairs],
            "facts": [fact for _, fact in self._pairs],
            "above": [days + 1 for days in self._days],
        }

    def figures(self, rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Key, Figure]]:
        """What was told of a duty of the city it is about."""
        for row in rows:
            for serving in (False, True):
                place = row["serving" if serving else "community"]
                within = self._in(place[:4]).get((row["department"], row["what"]))
                if within is not None:
                    in_time = row["later_than"] <= self._days.index(within)
                    yield Key(serving, place, "shared-in-time"), Figure(in_time * row["of"], row["of"])
