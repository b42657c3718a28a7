"""Visits and what else a community does for a retiree (走访慰问): who is to be visited, when that was last done, what is overdue."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec import Struct

from domain.facts import (
    ActivityAttended,
    CareFlagged,
    ContactCardIssued,
    HealthFileKept,
    SpecialGroup,
    VisitMade,
    VisitReason,
)
from domain.law import Law, Visits
from domain.months import first_day, month_of, plus
from projections.kept import register, standing

CARE = register("care", VisitMade, CareFlagged, ContactCardIssued, HealthFileKept, ActivityAttended)


class Care(Struct, frozen=True, kw_only=True):
    """What was done for a retiree up to a day. `groups`: the special groups of that day; `visits`: their days, the earliest first."""

    groups: tuple[SpecialGroup, ...] = ()
    visits: tuple[date, ...] = ()
    last_reason: VisitReason | None = None
    card: date | None = None
    health_file: date | None = None
    activities: int = 0


class Plan(Struct, frozen=True, kw_only=True):
    """A visit that the law asks for: by which rule, and by when the next one is due."""

    rule: Visits
    due: date

    def overdue(self, day: date) -> bool:
        """Whether the day has passed."""
        return self.due < day


def as_of(told: Iterable[str] | None, groups: Iterable[str], day: date) -> Care:
    """Up to a day; `groups`: those that the registration names, which flags add to or end."""
    of = dict.fromkeys(map(SpecialGroup, groups))
    visits, reason, card, health, activities = list[date](), None, None, None, 0
    for one in standing(told, day):
        match one.fact:
            case VisitMade(effective=on, reason=why):
                visits.append(on)
                reason = why
            case CareFlagged(group=group, holds=holds):
                of = of | {group: None} if holds else {each: None for each in of if each is not group}
            case ContactCardIssued(effective=on):
                card = on
            case HealthFileKept(effective=on):
                health = health or on
            case ActivityAttended():
                activities += 1
            case _:
                pass
    return Care(
        groups=tuple(of),
        visits=tuple(visits),
        last_reason=reason,
        card=card,
        health_file=health,
        activities=activities,
    )


def plan(care: Care, division: str, since: date, day: date, law: Law, *, party_member: bool) -> Plan | None:
    """The visit that is next for somebody served in a division since a day; None: the city's law asks for none.

    Due so many months after the last one, or after they came under care where there was none yet.
    """
    local = law.city_law(division, day)
    rule = (
        next((one for one in local.visits if asks(one, care.groups, party_member=party_member)), None)
        if local
        else None
    )
    if rule is None:
        return None
    return Plan(rule=rule, due=_later(care.visits[-1] if care.visits else since, rule.every_months))


def asks(rule: Visits, groups: Sequence[SpecialGroup], *, party_member: bool) -> bool:
    """Whether a rule wants somebody of these groups visited."""
    return (rule.party_members and party_member) or any(group in rule.groups for group in groups)


def _later(day: date, months: int) -> date:
    """So many months later, on the same day or the last one of a shorter month."""
    month = first_day(plus(month_of(day), months))
    last = first_day(plus(month_of(day), months + 1)) - timedelta(days=1)
    return month.replace(day=min(day.day, last.day))
