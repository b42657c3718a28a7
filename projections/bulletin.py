"""The bulletin (季度通报): for each district how many of whom are how far, as of the last day of a period.

Each measure is a pure function of what the registers keep of one person; rates are sums of them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

from domain.facts import ArchiveKind, RetirementRegistered
from domain.handover import Stage, kept_apart, stage
from domain.law import Law
from domain.months import first_day, month_of
from projections import archives, care, fees, handovers, kept, party_relations, verifications
from projections.handover_days import as_of

REVISION = 1
"""Raised whenever a measure comes to count otherwise: what is kept of figures says by which one they were counted."""

PEOPLE = """
select r.retiree, r.registered, r.community, r.serving, r.hukou_division, r.receptions, r.retired_on, r.monthly_pension,
       r.party_member, r.special_groups, r.category, r.status, r.stopped_from,
       coalesce((select handover from handovers k where k.retiree = r.retiree), '{}') as handover,
       (select told from archives k where k.retiree = r.retiree) as archives,
       (select told from party_relations k where k.retiree = r.retiree) as party_relations,
       (select told from fees k where k.retiree = r.retiree) as fees,
       (select told from care k where k.retiree = r.retiree) as care,
       (select told from verifications k where k.retiree = r.retiree) as verifications
from roster r
where r.registered and r.led_by is null and r.retiree = any(%(retirees)s)
"""
"""Some people with all that the measures ask of them. Nobody is shown, so the erased count as well."""
NEXT = "select retiree from views.roster where retiree > %(after)s order by retiree limit %(limit)s"
"""The next of everybody after one: a roster forgets nobody, so that now has all of any time, and is read by its key in order."""

MANY = """
select count(*) as people from (
    select from views.roster where community = any(%(communities)s) or serving = any(%(communities)s) limit %(limit)s) there
"""
"""How many are of some communities, counted so far at most."""
CANDIDATES = """
select retiree from views.roster where community = any(%(communities)s) or serving = any(%(communities)s)
union select retiree from views.roster_past where community = any(%(communities)s) or serving = any(%(communities)s)
union select views.ever_in(%(communities)s, '00000000-0000-0000-0000-000000000000', %(limit)s)
"""
"""Whoever may be of some communities on any day, as known at any time."""

_OF = " and r.retiree = any(%(retirees)s)"
_DUE = """
select r.community, r.serving, count(*) as of, count(*) filter (where a.state = 'closed' and not a.escalated) as done
from alert_inbox a join roster r on r.retiree = a.retiree and r.registered
where a.act_by between %(first_day)s and %(last_day)s and a.state in ('open', 'closed'){whom}
group by 1, 2
"""
_SHARED = """
select r.community, r.serving, t.department, t.what, width_bucket(t.late_days, %(above)s::int[]) as later_than, count(*) as of
from audit_trail t join roster r on r.retiree = t.retiree and r.registered
where t.late_days is not null and t.recorded_at >= %(since)s and t.recorded_at < %(until)s
  and (t.department, t.what) in (select * from unnest(%(tellers)s::text[], %(facts)s::text[])){whom}
group by 1, 2, 3, 4, 5
"""
DUE, DUE_OF = _DUE.format(whom=""), _DUE.format(whom=_OF)
"""Alerts that were to be acted on within some days, and how many of them were closed before it was too late; of everybody, of some."""
SHARED, SHARED_OF = _SHARED.format(whom=""), _SHARED.format(whom=_OF)
"""Facts that departments told in a period, by how many of some numbers of days they were later than: of everybody, of some."""

FIGURES = """
select community, measure, done, of from views.bulletin_figure
where bulletin = %(bulletin)s and serving = %(serving)s and community = any(%(communities)s)
"""
"""What is kept of some communities."""


class Counted:
    """One person as of the last day of a period that began on `first`; `place`: the division they count for."""

    def __init__(self, found: Mapping[str, Any], place: str, first: date, day: date, law: Law) -> None:
        self._found = found
        self.place = place
        self.first = first
        self.day = day
        self._law = law

    @cached_property
    def who(self) -> RetirementRegistered:
        """The registration that counts."""
        who = handovers.registration(self._found)
        assert who is not None, "the query asks for people who are registered"
        return who

    @cached_property
    def served(self) -> bool:
        """Whether anybody is to be served: not after a death, nor while a sentence is served."""
        begun = self._found["stopped_from"]
        off = self._found["status"] == "stopped" and begun is not None
        return not (off and first_day(begun) <= first_day(month_of(self.day)))

    @cached_property
    def care(self) -> care.Care:
        """What was done for them."""
        return care.as_of(self._found["care"], self._found["special_groups"], self.day)

    @cached_property
    def handed_over(self) -> tuple[bool, bool]:
        """Whether the handover is complete, and whether it is to be one day: not of those who stay as managed."""
        told = as_of(handovers.told_of(self._found), self.day)
        apart = kept_apart(told, self.who, self._law, self.day)
        return stage(told, self.who, self._law, self.day) is Stage.COMPLETED, not apart

    def archived(self) -> tuple[bool, bool]:
        """Personnel files received."""
        held = archives.as_of(self._found["archives"], self.day)
        return any(one.kind is ArchiveKind.PERSONNEL for one in held), self.handed_over[1]

    def transferred(self) -> tuple[bool, bool]:
        """The party relation."""
        return party_relations.as_of(self._found["party_relations"], self.day) is not None, self.who.party_member

    def paid(self) -> tuple[bool, bool]:
        """The fee, where one was assessed or paid."""
        state = fees.as_of(self._found["fees"], self.day).state
        return state == "paid", state != "none"

    def verified(self) -> tuple[bool, bool]:
        """Survival, where it was ever verified."""
        state = verifications.as_of(
            self._found["verifications"], self.who.residence_division, self.day, self._law
        ).state
        return state != "overdue", self.served and state != "never"

    def visited_in_time(self) -> tuple[bool, bool]:
        """Visits of those whom the city's law wants visited regularly."""
        plan = care.plan(
            self.care, self.place, self.who.effective, self.day, self._law, party_member=self.who.party_member
        )
        return plan is not None and not plan.overdue(self.day), self.served and plan is not None

    def visited(self) -> tuple[bool, bool]:
        """Visits in the period."""
        return any(self.first <= one for one in self.care.visits), self.served


MEASURES: dict[str, Callable[[Counted], tuple[bool, bool]]] = {
    "handed-over": lambda one: one.handed_over,
    "archives-received": Counted.archived,
    "party-transferred": Counted.transferred,
    "fees-paid": Counted.paid,
    "verified-in-time": Counted.verified,
    "visited-in-time": Counted.visited_in_time,
    "visited": Counted.visited,
    "contact-card": lambda one: (one.care.card is not None, one.served),
    "health-file": lambda one: (one.care.health_file is not None, one.served),
    "activities": lambda one: (one.care.activities > 0, one.served),
}
"""What is counted person by person: whether it is done, and whether it is asked of this one at all."""


class Key(NamedTuple):
    """Where a figure stands: of those whom a community serves, or of those registered there."""

    serving: bool
    community: str
    measure: str


class Figure(NamedTuple):
    """How many of how many."""

    done: int
    of: int


def figures_of(found: Mapping[str, Any], first: date, day: date, law: Law) -> Iterator[tuple[Key, Figure]]:
    """What one person of `PEOPLE` adds to the figures of a period, both where they are registered and where they are served."""
    if found["retired_on"] > day:
        return
    registered = found["community"]
    served = kept.served(found, day)
    for place in dict.fromkeys((registered, served)):
        counted = [*_counted(found, place, first, day, law)]
        for serving in (False, True):
            if place == (served if serving else registered):
                yield from ((Key(serving, place, measure), figure) for measure, figure in counted)


def _counted(found: Mapping[str, Any], place: str, first: date, day: date, law: Law) -> Iterator[tuple[str, Figure]]:
    local = law.city_law(place, day)
    if local is None:
        return
    one = Counted(found, place, first, day, law)
    yield "people", Figure(1, 1)
    for indicator in local.indicators:
        if indicator.measure in MEASURES:
            done, of = MEASURES[indicator.measure](one)
            yield indicator.measure, Figure(of and done, of)
