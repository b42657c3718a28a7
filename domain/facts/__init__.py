"""The facts: what publishers tell, past tense, frozen and plain.

A fact never carries the person: who it is about travels beside it (`Person` on the wire, an encrypted part in the
ledger), so that everything here works on a history whose person has been erased.
Stored names are the tags written by hand in each file; they are never derived from a class.
"""

from datetime import date
from uuid import UUID

from msgspec import Struct

from domain.facts.answers import (
    ANSWERS,
    MOVES_MONEY,
    AlertAcknowledged,
    AlertApplied,
    AlertConfirmed,
    AlertContested,
    AlertDismissed,
    Answer,
    ContestAnswered,
    OverpaymentReturned,
    Return,
)
from domain.facts.base import Amount, Department, Division, Fact, Person, Reference, Text, Uscc
from domain.facts.handover import (
    Aspect,
    EnterpriseKind,
    EnterpriseState,
    HandoverCompleted,
    HandoverProposed,
    HandoverRefused,
    HandoverReturned,
    HandoverStepDone,
    ReceptionAccepted,
    Relocated,
)
from domain.facts.identity import IdentityLinked, LinkReason
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
from domain.facts.registers import (
    ActivityAttended,
    ActivityKind,
    ArchiveKind,
    ArchiveLent,
    ArchiveMoved,
    ArchiveReceived,
    CareFlagged,
    ContactCardIssued,
    FeeAssessed,
    FeePaid,
    HealthFileKept,
    HealthService,
    PartyRelationTransferred,
    VisitMade,
    VisitReason,
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
    | OverpaymentReturned
    | HandoverProposed
    | HandoverStepDone
    | HandoverCompleted
    | HandoverRefused
    | HandoverReturned
    | Relocated
    | ReceptionAccepted
    | ArchiveReceived
    | ArchiveLent
    | ArchiveMoved
    | PartyRelationTransferred
    | FeeAssessed
    | FeePaid
    | VisitMade
    | ContactCardIssued
    | CareFlagged
    | ActivityAttended
    | HealthFileKept
    | IdentityLinked
)
_D = Department
_WITNESSES = frozenset(Department) - {_D.ENTERPRISE, _D.ARCHIVES, _D.PARTY, _D.JUSTICE}
_COURTS = frozenset({_D.COURT, _D.POLICE, _D.JUSTICE})
_SEEKERS = frozenset({_D.POLICE, _D.COURT, _D.COMMUNITY, _D.FAMILY})
_AGENCY = frozenset({_D.AGENCY})
_HANDING = frozenset({_D.ENTERPRISE, _D.COMMUNITY, _D.AGENCY})
_KEEPERS = frozenset({_D.ARCHIVES, _D.COMMUNITY, _D.AGENCY})
_CARERS = frozenset({_D.COMMUNITY, _D.AGENCY, _D.CIVIL_AFFAIRS, _D.HEALTH})
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
    OverpaymentReturned: _AGENCY,
    HandoverProposed: _HANDING,
    HandoverStepDone: _HANDING | {_D.ARCHIVES, _D.PARTY},
    HandoverCompleted: _HANDING,
    HandoverRefused: _HANDING,
    HandoverReturned: frozenset({_D.COMMUNITY, _D.AGENCY, _D.ARCHIVES}),
    Relocated: frozenset({_D.POLICE, _D.COMMUNITY}),
    ReceptionAccepted: frozenset({_D.COMMUNITY, _D.AGENCY}),
    ArchiveReceived: _KEEPERS,
    ArchiveLent: _KEEPERS,
    ArchiveMoved: _KEEPERS,
    PartyRelationTransferred: frozenset({_D.PARTY, _D.COMMUNITY}),
    FeeAssessed: frozenset({_D.COMMUNITY, _D.AGENCY}),
    FeePaid: frozenset({_D.COMMUNITY, _D.AGENCY}),
    VisitMade: _CARERS,
    ContactCardIssued: frozenset({_D.COMMUNITY}),
    CareFlagged: _CARERS,
    ActivityAttended: frozenset({_D.COMMUNITY, _D.AGENCY, _D.PARTY}),
    HealthFileKept: frozenset({_D.COMMUNITY, _D.HEALTH}),
    IdentityLinked: frozenset({_D.POLICE, _D.AGENCY}),
}
"""Who may publish what; every kind of fact is here."""
LIFE_EVENTS: dict[str, type[LifeEvent]] = {str(fact.__struct_config__.tag): fact for fact in MAY_PUBLISH}
"""Every kind of fact by its stored name."""
STRONG = frozenset({_D.CIVIL_AFFAIRS, _D.POLICE, _D.HEALTH, _D.FUNERAL_HOME, _D.COURT})
"""Sources whose report of a death confirms it. Any other makes a suspected death: verified first, never acted on alone."""

WEAK = frozenset({_D.COMMUNITY, _D.FAMILY})
"""Sources whose word on custody, absence or a return is looked into before anything happens."""
TURNS = (
    PensionAdjusted,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
    GoneMissing,
    DeclaredMissing,
    Reappeared,
    Wanted,
    Detained,
    Sentenced,
    Paroled,
    ParoleRevoked,
    Released,
    Acquitted,
)
"""Facts that turn a pension, beside registrations, verifications of survival and deaths; those of one day happened in this order."""


def taken_back(fact: LifeEvent) -> tuple[str, ...]:
    """The ids, of the same source, of facts that one takes the place of or takes back."""
    retracted = getattr(fact, "retracts", None)
    if not (retracted or fact.corrects):
        return ()
    return tuple(id_ for id_ in (fact.corrects, retracted) if id_)


class Known(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact as the ledger knows it: what, from whom, and the day we learned it.

    `name_tag` stands for the name the publisher gave (a keyed hash in the ledger), so that two names can be compared
    without being kept; None when no name was given. `under`: the record of the number that was given, where another one
    leads it.
    """

    reference: Reference
    department: Department
    learnt: date
    fact: LifeEvent
    name_tag: str | None = None
    under: UUID | None = None


__all__ = [
    "ANSWERS",
    "LIFE_EVENTS",
    "MAY_PUBLISH",
    "MOVES_MONEY",
    "STRONG",
    "TURNS",
    "WEAK",
    "Acquitted",
    "ActivityAttended",
    "ActivityKind",
    "AlertAcknowledged",
    "AlertApplied",
    "AlertConfirmed",
    "AlertContested",
    "AlertDismissed",
    "Amount",
    "Answer",
    "ArchiveKind",
    "ArchiveLent",
    "ArchiveMoved",
    "ArchiveReceived",
    "Aspect",
    "CareFlagged",
    "Category",
    "Channel",
    "ContactCardIssued",
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
    "EnterpriseKind",
    "EnterpriseState",
    "Fact",
    "FactRetracted",
    "FeeAssessed",
    "FeePaid",
    "GoneMissing",
    "HandoverCompleted",
    "HandoverProposed",
    "HandoverRefused",
    "HandoverReturned",
    "HandoverStepDone",
    "HealthFileKept",
    "HealthService",
    "IdentityLinked",
    "Known",
    "LifeEvent",
    "LinkReason",
    "OverpaymentReturned",
    "ParoleRevoked",
    "Paroled",
    "PartyRelationTransferred",
    "PensionAdjusted",
    "PensionPaid",
    "Person",
    "Reappeared",
    "ReceptionAccepted",
    "Reference",
    "Released",
    "Relocated",
    "RetirementRegistered",
    "Return",
    "Scheme",
    "Sentence",
    "Sentenced",
    "SpecialGroup",
    "SurvivalVerified",
    "Text",
    "Uscc",
    "VisitMade",
    "VisitReason",
    "Wanted",
    "taken_back",
]
