"""The facts: what publishers tell, past tense, frozen and plain.

A fact never carries the person: who it is about travels beside it (`Person` on the wire, an encrypted part in the
ledger), so that everything here works on a history whose person has been erased.
Stored names are the tags written here by hand; they are never derived from a class.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domain.checked import Checked
from domain.money import YUAN

_TEXT = Meta(min_length=1, max_length=200)
Text = Annotated[str, Checked(_TEXT)]
Division = Annotated[
    str, Checked(Meta(pattern=r"^[0-9]{12}$(?!\n)", description="Administrative division: 12 digits (GB/T 10114)."))
]
Uscc = Annotated[
    str,
    Checked(Meta(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$(?!\n)", description="Unified social credit code (GB 32100).")),
]


class Department(StrEnum):
    """Who publishes; the first segment of a CloudEvents `source` (`/civil-affairs/shenzhen`)."""

    AGENCY = "social-insurance"
    CIVIL_AFFAIRS = "civil-affairs"
    COMMUNITY = "community"
    COURT = "court"
    ENTERPRISE = "enterprise"
    FAMILY = "family"
    FUNERAL_HOME = "funeral-home"
    HEALTH = "health"
    POLICE = "police"


class SpecialGroup(StrEnum):
    """People whom the four documents ask to be known and visited."""

    ALONE = "alone"
    GRAVELY_ILL = "gravely-ill"
    ADVANCED_AGE = "advanced-age"
    DESTITUTE = "destitute"
    LIVING_ALONE = "living-alone"
    DISABLED = "disabled"


class Person(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who a fact is about. Personal data: encrypted wherever it is stored."""

    identity_number: Annotated[str, Meta(min_length=15, max_length=40, description="GB 11643, 18 or 15 digits.")]
    name: Annotated[str, _TEXT] | None = None
    phone: Annotated[str, _TEXT] | None = None
    address: Annotated[str, _TEXT] | None = None


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="name"):
    """What every fact carries beside its person.

    `effective`: the day it was true in the world. `document`: the publisher's document number.
    `evidence`: a reference (URI or file number) to what proves it.
    """

    effective: date
    document: Text | None = None
    evidence: Text | None = None


class RetirementRegistered(Fact, frozen=True, tag="retirement-registered.v1"):
    """A retirement took effect on `effective`; the pension is paid from the month after.

    `monthly_pension` in yuan; `contribution_months` in months; `residence_division` is the community that serves.
    No retirement age is ever derived: since 2025 it rises by cohort, with years of choice.
    """

    monthly_pension: Annotated[str, Checked(YUAN), Checked(Meta(max_length=10))]
    residence_division: Division
    hukou_division: Division | None = None
    contribution_months: Annotated[int, Checked(Meta(ge=0, le=900))] | None = None
    employer: Uscc | None = None
    party_member: bool = False
    special_groups: tuple[SpecialGroup, ...] = ()


class DeathReported(Fact, frozen=True, tag="death-reported.v1"):
    """The person died on `effective`. How strong this is depends on who reports it (`STRONG`)."""


class DeathRetracted(Fact, frozen=True, tag="death-retracted.v1"):
    """The publisher takes back its own report: the event `retracts` of the same source.

    A retracted death cannot come back under the document number it had.
    """

    retracts: Text


LifeEvent = RetirementRegistered | DeathReported | DeathRetracted
LIFE_EVENTS: dict[str, type[LifeEvent]] = {
    "retirement-registered.v1": RetirementRegistered,
    "death-reported.v1": DeathReported,
    "death-retracted.v1": DeathRetracted,
}

_WITNESSES = frozenset(Department) - {Department.ENTERPRISE}
MAY_PUBLISH: dict[type[LifeEvent], frozenset[Department]] = {
    RetirementRegistered: frozenset({Department.ENTERPRISE, Department.AGENCY}),
    DeathReported: _WITNESSES,
    DeathRetracted: _WITNESSES,
}
STRONG = frozenset(
    {Department.CIVIL_AFFAIRS, Department.POLICE, Department.HEALTH, Department.FUNERAL_HOME, Department.COURT}
)
"""Sources whose report of a death confirms it. Any other makes a suspected death: verified first, never acted on alone."""


class Reference(Struct, frozen=True, order=True):
    """A published event, as CloudEvents identifies it."""

    source: str
    id: str


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
