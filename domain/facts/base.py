"""What every fact has: its day, its publisher, its person beside it, and the types its members are made of."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domain.checked import Checked
from domain.money import YUAN

_TEXT = Meta(min_length=1, max_length=200)
Text = Annotated[str, Checked(_TEXT)]
Amount = Annotated[str, Checked(YUAN), Checked(Meta(max_length=10))]
"""Yuan with two decimals, less than ten million."""
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
    ARCHIVES = "archives"
    FUNERAL_HOME = "funeral-home"
    HEALTH = "health"
    JUSTICE = "justice"
    PARTY = "party"
    POLICE = "police"


class Person(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who a fact is about. Personal data: encrypted wherever it is stored.

    `other_identity_number`: of the fact that links two numbers alone.
    """

    identity_number: Annotated[str, Meta(min_length=15, max_length=40, description="GB 11643, 18 or 15 digits.")]
    name: Annotated[str, _TEXT] | None = None
    phone: Annotated[str, _TEXT] | None = None
    address: Annotated[str, _TEXT] | None = None
    other_identity_number: Annotated[str, Meta(min_length=15, max_length=40)] | None = None


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="name"):
    """What every fact carries beside its person.

    `effective`: the day it was true in the world. `document`: the publisher's document number.
    `evidence`: a reference (URI or file number) to what proves it. `corrects`: the event of the same source that this
    one takes the place of; that one counts no more, whatever follows.
    """

    effective: date
    document: Text | None = None
    evidence: Text | None = None
    corrects: Text | None = None


class Reference(Struct, frozen=True, order=True):
    """A published event, as CloudEvents identifies it."""

    source: str
    id: str
