"""The bulletin (季度通报): for each district how many of whom are how far, as of the last day of a period.

Each measure is a pure function of what the registers keep of one person; rates are sums of them.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property
from typing import Any

from domain.facts import ArchiveKind, RetirementRegistered
from domain.handover import Stage, kept_apart, stage
from domain.law import Law
from domain.months import first_day, month_of
from projections import archives, care, fees, handovers, party_relations, verifications
from projections.handover_days import as_of

PAGE = """
select r.retiree, r.registered, r.community, r.serving, r.hukou_division, r.receptions, r.retired_on, r.monthly_pension,
       r.party_member, r.special_groups, r.category, r.status, r.stopped_from,
       coalesce((select handover from handovers k where k.retiree = r.retiree), '{{}}') as handover,
       (select told from archives k where k.retiree = r.retiree) as archives,
       (select told from party_relations k where k.retiree = r.retiree) as party_relations,
       (select told from fees k where k.retiree = r.retiree) as fees,
       (select told from care k where k.retiree = r.retiree) as care,
       (select told from verifications k where k.retiree = r.retiree) as verifications
from roster r
where r.registered and r.led_by is null and (r.community = any(%(communities)s) {or_serving}) and r.retiree > %(after)s
order by r.retiree limit %(limit)s
"""
"""A page of people with all that the measures ask of them, after a retiree, looked up by key. Nobody is shown, so the erased count as well."""


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
