"""The law as dated data: rules with document and article, read from the TOML files beside this one."""

from domain.law.city import COMPLETION, CityLaw, Jurisdiction
from domain.law.provisions import (
    Adjustment,
    Archives,
    Citation,
    CommunityStaff,
    Fee,
    Indicator,
    LawError,
    Placement,
    Provision,
    Rule,
    Sharing,
    Step,
    Visits,
)
from domain.law.rules import Law, parse_law

__all__ = [
    "COMPLETION",
    "Adjustment",
    "Archives",
    "Citation",
    "CityLaw",
    "CommunityStaff",
    "Fee",
    "Indicator",
    "Jurisdiction",
    "Law",
    "LawError",
    "Placement",
    "Provision",
    "Rule",
    "Sharing",
    "Step",
    "Visits",
    "parse_law",
]
