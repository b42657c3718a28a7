"""The roster as it was on a day: what the facts that a row keeps, and the law, make of that day. The domain says it all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.divisions import within
from domain.dossier import Dossier
from domain.entitlement import due_in, timeline
from domain.facts import (
    Category,
    ContactCardIssued,
    Fact,
    HealthFileKept,
    Known,
    Reference,
    Relocated,
    RetirementRegistered,
    VisitMade,
)
from domain.handover import Handover, Keeper, moving_to, serving_office
from domain.law import Law
from domain.money import Yuan, yuan
from domain.months import Month, month_of
from domain.recalling import named, of_facts
from domain.survival import Verification, verification
from domain.timeline import Span
from projections.lives import Doubt
from projections.ordinary import NOTHING, OfADay, groups_on, ordinary

NOT_BEGUN = "not-begun"
"""The status of a day before the first month of the pension."""
_facts = msgspec.json.Decoder(list[Known]).decode
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
    facts, doubts = _facts(found["facts"]) if found["facts"] else [], found["doubts"]
    told = None if doubts else ordinary(facts, law, day)
    told = told or by_the_domain(facts, doubts or (), law, day)
    if told is None or told.registration.effective > day:
        return None
    registration = told.registration
    place = _placed(found["handover"], registration, law, day)
    status, kind, since, rule = told.month or (NOT_BEGUN, None, None, None)
    return OnADay(
        retiree=found["retiree"],
        community=registration.residence_division,
        serving=place.serving,
        keeper=place.keeper,
        served_since=place.since,
        retired_on=registration.effective,
        employer=registration.employer,
        party_member=registration.party_member,
        special_groups=told.groups,
        status=status,
        kind=kind,
        since=since,
        document=rule.document if rule else None,
        article=rule.article if rule else None,
        pension=told.pension,
        verified_on=told.verified_on,
        verify_by=told.verify_by,
        warned=told.warned,
        contact_card_on=told.contact_card_on,
        health_file_on=told.health_file_on,
        visited_on=told.visited_on,
        to_visit=_to_visit(law, place.asked, day, told.groups, party=registration.party_member),
        moving_to=place.moving_to,
        moved_on=told.moved_on,
    )


def by_the_domain(facts: Sequence[Known], doubts: Iterable[str], law: Law, day: date) -> OfADay | None:
    """What any facts make of a day; None where no registration stands."""
    dossier = dossier_of(facts, doubts)
    registration = dossier.registration
    if registration is None:
        return None
    span = span_on(dossier, law, day)
    standing = _standing(facts)
    verified = _verified(dossier, law, day)
    return OfADay(
        registration,
        (span.status, span.kind, span.first, span.rule) if span else None,
        yuan(due_in(dossier, law, day, month_of(day))),
        groups_on(registration.special_groups, standing, day),
        verified.last.fact.effective if verified else None,
        verified.due if verified else None,
        verified.warned if verified else None,
        _last(standing, ContactCardIssued, day),
        _first(standing, HealthFileKept, day),
        _last(standing, VisitMade, day),
        _last(standing, Relocated, day),
    )


class _Place(NamedTuple):
    """Who serves, where and since when, which office is to receive; `asked`: the city whose law is asked about visits, by its first digits."""

    serving: str
    keeper: Keeper
    since: date | None
    moving_to: str | None
    asked: str


def _placed(handover: str | None, registration: RetirementRegistered, law: Law, day: date) -> _Place:
    if handover:
        return _place(_handover(handover), registration, law, day)
    return _unmoved(law, day, registration.residence_division, registration.hukou_division, registration.category)


@lru_cache(maxsize=16_384)
def _unmoved(law: Law, day: date, residence: str, hukou: str | None, category: Category) -> _Place:
    """The place of whoever was never handed over, and never moved: many have the same."""
    of_many = RetirementRegistered(
        effective=day, monthly_pension=NOTHING, residence_division=residence, hukou_division=hukou, category=category
    )
    return _place(_NO_HANDOVER, of_many, law, day)


def _place(handover: Handover, registration: RetirementRegistered, law: Law, day: date) -> _Place:
    serving = serving_office(handover, registration, law, day)
    community = registration.residence_division
    office = serving.division if serving.keeper is Keeper.COMMUNITY and serving.division else community
    return _Place(
        serving=community if within(community, office) else office,
        keeper=serving.keeper,
        since=serving.since,
        moving_to=moving_to(handover, registration, law, day),
        asked=(serving.division or community)[:4],
    )


def dossier_of(facts: Sequence[Known], doubts: Iterable[str] = ()) -> Dossier:
    """What decisions know of facts; those in doubt are of another name than the registration."""
    misnamed: set[Reference] = set()
    for text in doubts:
        misnamed.update(msgspec.json.decode(text, type=Doubt).facts)
    if misnamed:
        facts = [replace(known, name_tag=_name(known, misnamed)) for known in facts]
    return of_facts(facts)


def _name(known: Known, misnamed: set[Reference]) -> str | None:
    if isinstance(known.fact, RetirementRegistered):
        return _OWN
    return _OTHER if known.reference in misnamed else None


def span_on(dossier: Dossier, law: Law, day: date) -> Span | None:
    """The span that the month of a day lies in, as far as that day could tell; None before the first."""
    month = month_of(day)
    spans = timeline(dossier, law, day)
    return next((span for span in spans if span.first <= month <= (span.last or month)), None)


@lru_cache(maxsize=4_096)
def _to_visit(law: Law, city: str, day: date, groups: tuple[str, ...], *, party: bool) -> bool:
    """Whether the city wants somebody visited regularly (e.g. 大政办发〔2017〕49号 第二十一条)."""
    local = law.city_law(city, day)
    rules = local.visits if local else ()
    return any((party and rule.party_members) or not frozenset(groups).isdisjoint(rule.groups) for rule in rules)


def _verified(dossier: Dossier, law: Law, day: date) -> Verification | None:
    """The last verification by a day, and by when the next one is due."""
    by_then = tuple(known for known in dossier.living if known.fact.effective <= day)
    return verification(by_then, law, dossier.division)


def _standing(facts: Sequence[Known]) -> list[Known]:
    """The facts that nobody took back or corrected."""
    gone = {reference for known in facts for reference in named(known)}
    return [known for known in facts if known.reference not in gone]


def _last(standing: Iterable[Known], kind: type[_F], day: date) -> date | None:
    return max(_days(standing, kind, day), default=None)


def _first(standing: Iterable[Known], kind: type[_F], day: date) -> date | None:
    return min(_days(standing, kind, day), default=None)


def _days(standing: Iterable[Known], kind: type[_F], day: date) -> Iterator[date]:
    return (known.fact.effective for known in standing if isinstance(known.fact, kind) and known.fact.effective <= day)
