"""What an account may do, as every question sees it. How somebody proves to be one: `services/identities/`."""

from enum import StrEnum

from msgspec import Struct

from domain.facts import Department
from domain.refusals import Refused


class Role(StrEnum):
    """What an account is for. An administrator keeps accounts, sources and consumers, and sees nobody.

    A guardian answers for the protection of personal data (个人信息保护法 第五十二条): erasure, who saw whom.
    """

    PUBLISHER = "publisher"
    OFFICER = "officer"
    COMMUNITY = "community"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    GUARDIAN = "guardian"


PUBLISHING = (Role.PUBLISHER, Role.OFFICER, Role.COMMUNITY)
"""Roles that may publish, each for its own department."""


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account. `division`: the prefix of the division codes it may see.

    `purpose`: what this request is for, by its key; empty: what the role is there for. `session`: by which a person asks at
    the pages, as a hash in hex; empty: a program asks, by a token.
    """

    name: str
    role: Role
    department: Department
    division: str = ""
    purpose: str = ""
    session: str = ""

    @property
    def of_the_agency(self) -> bool:
        """Whether it is an officer of the agency, who deals with what came from every department."""
        return self.role is Role.OFFICER and self.department is Department.AGENCY

    def allow(self, *roles: Role) -> None:
        """Raise `Refused("forbidden")` unless the account has one of the roles."""
        if self.role not in roles:
            raise Refused("forbidden")
