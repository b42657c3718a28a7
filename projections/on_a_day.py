"""The roster as it was on a day: what the facts that a row keeps, and the law, make of that day. The domain says it all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.divisions import within
from domain.dossier import Dossier, latest_first, ranked
from domain.entitlement import due_in, timeline
from domain.facts import (
    CareFlagged,
    ContactCardIssued,
    Fact,
    HealthFileKept,
    Known,
    Reference,
    Relocated,
    RetirementRegistered,
    SurvivalVerified,
    VisitMade,
)
from domain.handover import Handover, Keeper, moving_to, serving_office
from domain.law import CityLaw, Law
from domain.money import Yuan, yuan
from domain.months import Month, month_of
from domain.recalling import named, of_facts
from domain.survival import Verification, verification
from domain.timeline import Span
from projections.lives import Doubt, facts_of

NOT_BEGUN = "not-begun"
"""The status of a day before the first month of the pension."""
_QUIET = frozenset(
    {RetirementRegistered, SurvivalVerified, CareFlagged, ContactCardIssued, HealthFileKept, VisitMade, Relocated}
)
"""Facts after which a pension goes on as before, but for its verification."""
_OF_THE_PENSION = frozenset({RetirementRegistered, SurvivalVerified})
_handover = msgspec.json.Decoder(Handover).decode
_NO_HANDOVER = Handover()
_F = TypeVar("_F", bound=Fact)
_OTHER, _OWN = "of another name", "of this name"


class OnADay(Struct, frozen=True, kw_only=True):
    """A retiree on a day. `community`: of the registration; `serving`: the community or street that serves, by `keeper`.

    `status` of the month of that day with the rule behind it, `kind` why it is not paid as usual, `since` its first month;
    `pension`: what is due for that month, in yuan. `verify_by`: the day by which survival is to be verified next, `warned`
    from which its owner is reminded. `to_visit`: of those whom the city wants visited regularly. `moving_to`: the office that is to receive, `moved_on` when the last move was.
    """

    retiree: UUID
    community: str
    serving: str
    keeper: str
    served_since: date | None
    retired_on: date
    employer: str | None
    party_member: bool
    special_groups: tuple[str, ...]
    status: str
    kind: str | None = None
    since: Month | None = None
    document: str | None = None
    article: str | None = None
    pension: Yuan
    verified_on: date | None = None
    verify_by: date | None = None
    warned: date | None = None
    contact_card_on: date | None = None
    health_file_on: date | None = None
    visited_on: date | None = None
    to_visit: bool = False
    moving_to: str | None = None
    moved_on: date | None = None

    def is_warned(self, day: date) -> bool:
        """Whether its owner is reminded to verify survival, or should have verified it."""
        return self.warned is not None and self.warned <= day


def as_of(found: Mapping[str, Any], day: date, law: Law) -> OnADay | None:
    """A row of `lives.CANDIDATES` or `lives.OF_RETIREES` on a day, by all that is known of it; None before the retirement, or when none stands."""
    facts = facts_of(found["facts"] or ())
    dossier = dossier_of(facts, found["doubts"] or ())
    registration = dossier.registration
    if registration is None or registration.effective > day:
        return None
    handover = _handover(found["handover"]) if found["handover"] else _NO_HANDOVER
    serving = serving_office(handover, registration, law, day)
    community = registration.residence_division
    office = serving.division if serving.keeper is Keeper.COMMUNITY and serving.division else community
    span = span_on(dossier, law, day)
    standing = _standing(facts)
    verified = _verified(dossier, law, day)
    groups = groups_on(registration, standing, day)
    return OnADay(
        retiree=found["retiree"],
        community=community,
        serving=community if within(community, office) else office,
        keeper=serving.keeper,
        served_since=serving.since,
        retired_on=registration.effective,
        employer=registration.employer,
        party_member=registration.party_member,
        special_groups=groups,
        status=span.status if span else NOT_BEGUN,
        kind=span.kind if span else None,
        since=span.first if span else None,
        document=span.rule.document if span else None,
        article=span.rule.article if span else None,
        pension=yuan(due_in(dossier, law, day, month_of(day))),
        verified_on=verified.last.fact.effective if verified else None,
        verify_by=verified.due if verified else None,
        warned=verified.warned if verified else None,
        contact_card_on=_last(standing, ContactCardIssued, day),
        health_file_on=_first(standing, HealthFileKept, day),
        visited_on=_last(standing, VisitMade, day),
        to_visit=_to_visit(groups, law.city_law(serving.division or community, day), party=registration.party_member),
        moving_to=moving_to(handover, registration, law, day),
        moved_on=_last(standing, Relocated, day),
    )


def dossier_of(facts: Sequence[Known], doubts: Iterable[str] = ()) -> Dossier:
    """What decisions know of facts; those in doubt are of another name than the registration."""
    misnamed: set[Reference] = set()
    for text in doubts:
        misnamed.update(msgspec.json.decode(text, type=Doubt).facts)
    if misnamed:
        facts = [replace(known, name_tag=_name(known, misnamed)) for known in facts]
    if _QUIET.issuperset(map(_kind, facts)) and not any(known.fact.corrects for known in facts):  # as of most people
        return Dossier(
            registrations=ranked(known for known in facts if type(known.fact) is RetirementRegistered),
            verified=latest_first(known for known in facts if type(known.fact) is SurvivalVerified),
        )
    return of_facts(facts)


def _kind(known: Known) -> type[Fact]:
    return type(known.fact)


def _name(known: Known, misnamed: set[Reference]) -> str | None:
    if isinstance(known.fact, RetirementRegistered):
        return _OWN
    return _OTHER if known.reference in misnamed else None


def span_on(dossier: Dossier, law: Law, day: date) -> Span | None:
    """The span that the month of a day lies in, as far as that day could tell; None before the first."""
    month = month_of(day)
    spans = timeline(dossier, law, day)
    return next((span for span in spans if span.first <= month <= (span.last or month)), None)


def groups_on(registration: RetirementRegistered, standing: Iterable[Known], day: date) -> tuple[str, ...]:
    """The special groups of the registration, with the flags set and taken away since."""
    groups = dict.fromkeys(map(str, registration.special_groups), True)
    flags = [known for known in standing if isinstance(known.fact, CareFlagged) and known.fact.effective <= day]
    for known in sorted(flags, key=lambda one: (one.fact.effective, one.reference)):
        if isinstance(known.fact, CareFlagged):
            groups[str(known.fact.group)] = known.fact.holds
    return tuple(group for group, holds in groups.items() if holds)


def _to_visit(groups: tuple[str, ...], local: CityLaw | None, *, party: bool) -> bool:
    """Whether the city wants somebody visited regularly (e.g. 大政办发〔2017〕49号 第二十一条)."""
    rules = local.visits if local else ()
    return any((party and rule.party_members) or not frozenset(groups).isdisjoint(rule.groups) for rule in rules)


def _verified(dossier: Dossier, law: Law, day: date) -> Verification | None:
    """The last verification by a day, and by when the next one is due."""
    by_then = tuple(known for known in dossier.living if known.fact.effective <= day)
    return verification(by_then, law, dossier.division)


def _standing(facts: Sequence[Known]) -> list[Known]:
    """The facts that nobody took back or corrected, without those of the pension alone."""
    kinds = frozenset(map(_kind, facts))
    if kinds <= _OF_THE_PENSION:
        return []
    gone = {reference for known in facts for reference in named(known)}
    return [known for known in facts if known.reference not in gone]


def _last(standing: Iterable[Known], kind: type[_F], day: date) -> date | None:
    return max(_days(standing, kind, day), default=None)


def _first(standing: Iterable[Known], kind: type[_F], day: date) -> date | None:
    return min(_days(standing, kind, day), default=None)


def _days(standing: Iterable[Known], kind: type[_F], day: date) -> Iterator[date]:
    return (known.fact.effective for known in standing if isinstance(known.fact, kind) and known.fact.effective <= day)
