"""What the facts of most people make of a day, in one pass: the same as `by_the_domain` makes of them, ten times as soon.

Ordinary is who has one registration, and of whom nothing was told beside it but verifications, adjustments, a death, care,
visits and moves: nothing taken back or corrected, nothing of another name. Of anybody else nothing is said here.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from domain.dossier import Dossier, by_day
from domain.entitlement import reasons, timeline
from domain.facts import (
    STRONG,
    WEAK,
    CareFlagged,
    ContactCardIssued,
    DeathReported,
    Department,
    HandoverCompleted,
    HealthFileKept,
    Known,
    PensionAdjusted,
    ReceptionAccepted,
    Reference,
    Relocated,
    RetirementRegistered,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.kinds import Kind
from domain.law import Citation, Law
from domain.money import Yuan
from domain.months import Month, first_day, month_of
from domain.survival import verification

NOTHING: Yuan = "0.00"


class OfADay(NamedTuple):
    """What facts and law make of a day. `month`: the status, kind, first month and rule of its span, and None before the first; `pension`: due for it."""

    registration: RetirementRegistered
    month: tuple[str, Kind | None, Month, Citation] | None
    pension: Yuan
    groups: tuple[str, ...]
    verified_on: date | None
    verify_by: date | None
    warned: date | None
    contact_card_on: date | None
    health_file_on: date | None
    visited_on: date | None
    moved_on: date | None


_ByKind = dict[type, list[Known]]
_KINDS = frozenset(
    {
        RetirementRegistered,
        SurvivalVerified,
        PensionAdjusted,
        DeathReported,
        VisitMade,
        CareFlagged,
        HealthFileKept,
        ContactCardIssued,
        Relocated,
        HandoverCompleted,  # the handover is a state of its own
        ReceptionAccepted,
    }
)


def ordinary(facts: Iterable[Known], law: Law, day: date) -> OfADay | None:
    """What facts, whose names all fit, make of a day; None: they are not those of an ordinary life."""
    told = _by_kind(facts)
    if told is None or len(told.get(RetirementRegistered, ())) != 1:
        return None
    (registered,) = told[RetirementRegistered]
    registration = registered.fact
    assert isinstance(registration, RetirementRegistered)
    if law.adjustments(registration.residence_division):  # made by the law, and told by nobody
        return None
    seen = told.get(SurvivalVerified, [])
    found = _month(registered, seen, told.get(DeathReported, ()), law, day)
    by_then = verification(_latest(seen, day), law, registration.residence_division)
    return OfADay(
        registration,
        found,
        NOTHING if found is None or found[1] else _amount(registration, told.get(PensionAdjusted, ()), month_of(day)),
        groups_on(registration.special_groups, told.get(CareFlagged, ()), day),
        by_then.last.fact.effective if by_then else None,
        by_then.due if by_then else None,
        by_then.warned if by_then else None,
        max(_days(told, ContactCardIssued, day), default=None),
        min(_days(told, HealthFileKept, day), default=None),
        max(_days(told, VisitMade, day), default=None),
        max(_days(told, Relocated, day), default=None),
    )


def _by_kind(facts: Iterable[Known]) -> _ByKind | None:
    """Facts by their kinds; None where one of them is not ordinary."""
    found: _ByKind = {}
    for known in facts:
        fact = known.fact
        kind = type(fact)
        if kind not in _KINDS or fact.corrects or known.name_tag:
            return None
        if kind in found:
            found[kind].append(known)
        else:
            found[kind] = [known]
    return found


def _days(told: _ByKind, kind: type, day: date) -> list[date]:
    return [on for known in told.get(kind, ()) if (on := known.fact.effective) <= day]


def _latest(seen: Sequence[Known], day: date = date.max) -> tuple[Known, ...]:
    """The latest up to a day, whichever it is of two of one day; none where there is none."""
    there = [known for known in seen if known.fact.effective <= day]
    return (max(there, key=lambda known: known.fact.effective),) if there else ()


def _amount(registration: RetirementRegistered, adjusted: Sequence[Known], month: Month) -> Yuan:
    """What was last told for a month, by who may say it."""
    there = [one for one in adjusted if month_of(one.fact.effective) <= month and one.department not in WEAK]
    told = max(there, key=by_day).fact if there else registration
    assert isinstance(told, PensionAdjusted | RetirementRegistered)
    return told.monthly_pension


def _month(
    registered: Known, seen: Sequence[Known], deaths: Sequence[Known], law: Law, day: date
) -> tuple[str, Kind | None, Month, Citation] | None:
    """The span of the month of a day. What is told of any time bears on it: a death or a verification may come later than the day."""
    month = month_of(day)
    begun, usual = _usual(law, registered.fact.effective, month)
    if usual is None:
        return None
    assert isinstance(registered.fact, RetirementRegistered)
    latest = _latest(seen)
    lapsing = verification(latest, law, registered.fact.residence_division)
    if not deaths and (lapsing is None or day <= lapsing.due):
        return usual
    confirming = tuple(sorted((one for one in deaths if one.department in STRONG), key=by_day))
    dossier = Dossier(registrations=(registered,), deaths=confirming, verified=latest)
    for reason in reasons(dossier, law, day):  # neither ends; the death comes first and is the heavier
        if reason.first <= month:
            return reason.status, reason.kind, max(reason.first, begun), reason.rule
    return usual


def groups_on(registered: tuple[SpecialGroup, ...], standing: Sequence[Known], day: date) -> tuple[str, ...]:
    """The special groups of the registration, with the flags set and taken away since."""
    flags = [known for known in standing if isinstance(known.fact, CareFlagged) and known.fact.effective <= day]
    groups = dict.fromkeys(map(str, registered), True)
    for known in sorted(flags, key=lambda one: (one.fact.effective, one.reference)):
        if isinstance(known.fact, CareFlagged):
            groups[str(known.fact.group)] = known.fact.holds
    return tuple(group for group, holds in groups.items() if holds)


@lru_cache(maxsize=65_536)
def _usual(law: Law, retired: date, month: Month) -> tuple[Month, tuple[str, Kind | None, Month, Citation] | None]:
    """The first month of the pension of whoever retired on a day, and the span that a month lies in when nothing else was told."""
    fact = RetirementRegistered(effective=retired, monthly_pension=NOTHING, residence_division="")
    known = Known(reference=Reference("", ""), department=Department.AGENCY, learnt=retired, fact=fact)
    spans = timeline(Dossier(registrations=(known,)), law, first_day(month))
    there = (span for span in spans if span.first <= month <= (span.last or month))
    return spans[0].first, next(((span.status, span.kind, span.first, span.rule) for span in there), None)
