"""Which office serves a retiree. Exactly one does at any time; who pays is another matter, and does not move."""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from domain.divisions import Level, ancestors, level, within
from domain.facts import Aspect, RetirementRegistered
from domain.handover.state import Handover
from domain.handover.steps import governing, kept_apart
from domain.law import CityLaw, Law


class Keeper(StrEnum):
    """Whose office serves: the enterprise until the handover is complete, then the street and community."""

    ENTERPRISE = "enterprise"
    COMMUNITY = "community"


class ServingOffice(NamedTuple):
    """The one office that serves a retiree. `division`: of the street or community; for an enterprise where it stands, if told.

    `since`: the day of the reception; None where none was told.
    """

    keeper: Keeper
    division: str | None
    since: date | None = None

    @property
    def street(self) -> str | None:
        """The street, 12 digits; None when the division does not tell it."""
        return _at(self.division, Level.STREET)

    @property
    def community(self) -> str | None:
        """The community, likewise."""
        return _at(self.division, Level.COMMUNITY)


def serving_office(handover: Handover, registration: RetirementRegistered, law: Law, on: date) -> ServingOffice:
    """The one office that serves a retiree on a day.

    The last that has received. Before any has: the enterprise where a handover was proposed or the person is kept apart,
    otherwise the community that the registration names. A move changes nothing until the new office has received.
    """
    received = [one for one in handover.receptions if one.on <= on]
    if received:
        return ServingOffice(Keeper.COMMUNITY, received[-1].division, received[-1].on)
    proposal = handover.proposal
    if proposal or kept_apart(handover, registration, law, on):
        return ServingOffice(Keeper.ENTERPRISE, proposal.division if proposal else None)
    return ServingOffice(Keeper.COMMUNITY, registration.residence_division)


def places(handover: Handover, registration: RetirementRegistered, law: Law, on: date) -> tuple[str, ...]:
    """The divisions whose office may serve on a day, the one the law prefers first; none: not to be told from what is known.

    The law of the city that serves is asked first. A place in another city counts only if that city's own law places the
    retiree there too: two laws that point at each other leave everything as it is.
    """
    serving = serving_office(handover, registration, law, on)
    home = serving.division if serving.keeper is Keeper.COMMUNITY else None
    local = law.city_law(home, on) if home else governing(handover, registration, law, on)
    found = _placed(handover, registration, local, on) if local else _known(handover, registration, on)
    if local and found and within(found[0], local.city.code):
        return found
    allowed = []
    for place in found:
        there = law.city_law(place, on)
        if place in _placed(handover, registration, there, on) if there else local is not None:
            allowed.append(place)
    return tuple(allowed)


def moving_to(handover: Handover, registration: RetirementRegistered, law: Law, on: date) -> str | None:
    """The division whose office is to receive the retiree after a move; None: whoever serves goes on."""
    serving = serving_office(handover, registration, law, on)
    if serving.keeper is Keeper.ENTERPRISE or serving.division is None:
        return None
    allowed = places(handover, registration, law, on)
    return None if not allowed or fits(serving.division, allowed) else allowed[0]


def paying_division(registration: RetirementRegistered) -> str:
    """Where the agency is that pays: the city of the registration, whoever serves and wherever the retiree moves."""
    return registration.residence_division[:4].ljust(12, "0")


def fits(division: str, allowed: tuple[str, ...]) -> bool:
    """Whether an office is of one of these places: it lies in one, or one lies in its area."""
    return any(within(division, one) or within(one, division) for one in allowed)


def tells_street(division: str) -> bool:
    """Whether a division says which street it is, or lies in."""
    return level(division) >= Level.STREET


def _placed(handover: Handover, registration: RetirementRegistered, local: CityLaw, on: date) -> tuple[str, ...]:
    """Where the law of one city places somebody: places within it first."""
    rule = local.placement
    if rule is None:
        return ()
    city = local.city.code
    hukou = _since(handover, Aspect.HUKOU, on) or registration.hukou_division
    if rule.outside_province and hukou and hukou[:2] != city[:2]:
        stands = handover.proposal.division if handover.proposal else None
        return (stands,) if stands else ()
    residence = _since(handover, Aspect.RESIDENCE, on) or registration.residence_division
    where = {Aspect.HUKOU: hukou, Aspect.RESIDENCE: residence}
    found = dict.fromkeys(place for aspect in rule.by if (place := where[aspect]))
    return tuple(sorted(found, key=lambda place: not within(place, city)))


def _known(handover: Handover, registration: RetirementRegistered, on: date) -> tuple[str, ...]:
    residence = _since(handover, Aspect.RESIDENCE, on) or registration.residence_division
    hukou = _since(handover, Aspect.HUKOU, on) or registration.hukou_division
    return tuple(dict.fromkeys(filter(None, (residence, hukou))))


def _since(handover: Handover, aspect: Aspect, on: date) -> str | None:
    return next((one.division for one in reversed(handover.moves) if one.aspect is aspect and one.on <= on), None)


def _at(division: str | None, wanted: Level) -> str | None:
    codes = ancestors(division) if division else ()
    return next((code for code in codes if level(code) is wanted), None)
