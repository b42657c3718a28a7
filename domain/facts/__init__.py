"""The facts: what publishers tell, past tense, frozen and plain.

A fact never carries the person: who it is about travels beside it (`Person` on the wire, an encrypted part in the
ledger), so that everything here works on a history whose person has been erased.
Stored names are the tags written by hand in each file; they are never derived from a class.
"""

from datetime import date

from msgspec import Struct

from domain.facts.answers import (
    AlertAcknowledged,
    AlertApplied,
    AlertConfirmed,
    AlertContested,
    AlertDismissed,
    ContestAnswered,
)
from domain.facts.base import Amount, Department, Division, Fact, Person, Reference, Text, Uscc
from domain.facts.justice import (
    Acquitted,
    Detained,
    Discharge,
    Paroled,
    ParoleRevoked,
    Released,
    Sentence,
    Sentenced,
    Wanted,
)
from domain.facts.life import (
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    DeclaredMissing,
    FactRetracted,
    GoneMissing,
    Reappeared,
)
from domain.facts.pension import (
    Category,
    Channel,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
    PensionAdjusted,
    PensionPaid,
    RetirementRegistered,
    Scheme,
    SpecialGroup,
    SurvivalVerified,
)

LifeEvent = (
    RetirementRegistered
    | PensionAdjusted
    | SurvivalVerified
    | DuplicateBenefitFound
    | DuplicateBenefitSettled
    | PensionPaid
    | DeathReported
    | DeathDeclared
    | DeathRetracted
    | FactRetracted
    | GoneMissing
    | DeclaredMissing
    | Reappeared
    | Wanted
    | Detained
    | Sentenced
    | Paroled
    | ParoleRevoked
    | Released
    | Acquitted
    | AlertAcknowledged
    | AlertConfirmed
    | AlertContested
    | ContestAnswered
    | AlertDismissed
    | AlertApplied
)
_D = Department
_WITNESSES = frozenset(Department) - {_D.ENTERPRISE, _D.ARCHIVES, _D.PARTY, _D.JUSTICE}
_COURTS = frozenset({_D.COURT, _D.POLICE, _D.JUSTICE})
_SEEKERS = frozenset({_D.POLICE, _D.COURT, _D.COMMUNITY, _D.FAMILY})
_AGENCY = frozenset({_D.AGENCY})
MAY_PUBLISH: dict[type[LifeEvent], frozenset[Department]] = {
    RetirementRegistered: frozenset({_D.ENTERPRISE, _D.AGENCY}),
    PensionAdjusted: _AGENCY,
    SurvivalVerified: frozenset({_D.AGENCY, _D.COMMUNITY, _D.POLICE, _D.HEALTH}),
    DuplicateBenefitFound: frozenset({_D.AGENCY, _D.COMMUNITY}),
    DuplicateBenefitSettled: _AGENCY,
    PensionPaid: _AGENCY,
    DeathReported: _WITNESSES,
    DeathDeclared: frozenset({_D.COURT}),
    DeathRetracted: _WITNESSES,
    FactRetracted: frozenset(Department),
    GoneMissing: _SEEKERS,
    DeclaredMissing: frozenset({_D.COURT}),
    Reappeared: _SEEKERS,
    Wanted: _COURTS,
    Detained: _COURTS,
    Sentenced: _COURTS,
    Paroled: _COURTS,
    ParoleRevoked: _COURTS,
    Released: _COURTS,
    Acquitted: _COURTS,
    AlertAcknowledged: _AGENCY,
    AlertConfirmed: _AGENCY,
    AlertContested: _AGENCY,
    ContestAnswered: frozenset(Department),
    AlertDismissed: _AGENCY,
    AlertApplied: _AGENCY,
}
"""Who may publish what; every kind of fact is here."""
LIFE_EVENTS: dict[str, type[LifeEvent]] = {str(fact.__struct_config__.tag): fact for fact in MAY_PUBLISH}
"""Every kind of fact by its stored name."""
STRONG = frozenset({_D.CIVIL_AFFAIRS, _D.POLICE, _D.HEALTH, _D.FUNERAL_HOME, _D.COURT})
"""Sources whose report of a death confirms it. Any other makes a suspected death: verified first, never acted on alone."""


class Known(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact as the ledger knows it: what, from whom, and the day we learned it.

    `name_tag` stands for the name the publisher gave (a keyed hash in the ledger), so that two names can be compared
    without being kept; None when no name was given.
    """

    reference: Reference
    department: Department
    learnt: date
    fact: LifeEvent
    name_tag: str | None = None


__all__ = [
    "LIFE_EVENTS",
    "MAY_PUBLISH",
    "STRONG",
    "Acquitted",
    "AlertAcknowledged",
    "AlertApplied",
    "AlertConfirmed",
    "AlertContested",
    "AlertDismissed",
    "Amount",
    "Category",
    "Channel",
    "ContestAnswered",
    "DeathDeclared",
    "DeathReported",
    "DeathRetracted",
    "DeclaredMissing",
    "Department",
    "Detained",
    "Discharge",
    "Division",
    "DuplicateBenefitFound",
    "DuplicateBenefitSettled",
    "Fact",
    "FactRetracted",
    "GoneMissing",
    "Known",
    "LifeEvent",
    "ParoleRevoked",
    "Paroled",
    "PensionAdjusted",
    "PensionPaid",
    "Person",
    "Reappeared",
    "Reference",
    "Released",
    "RetirementRegistered",
    "Scheme",
    "Sentence",
    "Sentenced",
    "SpecialGroup",
    "SurvivalVerified",
    "Text",
    "Uscc",
    "Wanted",
]
