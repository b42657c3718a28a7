"""What an account may do, as every question sees it. How somebody proves to be one: `services/identities/`."""

from msgspec import Struct

from domain.facts import Department
from domain.refusals import Refused
from domain.rights.acts import Act, Role
from domain.rights.rights import Place
from infra.statutes import the_rights

__all__ = ["Account", "Act", "Role"]


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account. `division`: the prefix of the division codes it may see.

    `purpose`: what this request is for, by its key; empty: what the role is there for. `session`: by which a person asks at
    the pages, as a hash in hex; empty: a program asks, by a token. `revision`: each change of the account has another one.
    """

    name: str
    role: Role
    department: Department
    division: str = ""
    purpose: str = ""
    session: str = ""
    revision: int = 0

    @property
    def acts(self) -> frozenset[Act]:
        """What it may do, for what this request is for."""
        return the_rights().acts_of(self.role, self.department, self.purpose)

    @property
    def place(self) -> Place:
        """By what people are of its division: registered there, or served there; or it sees nobody."""
        return the_rights().place(self.role)

    def may(self, act: Act) -> bool:
        """Whether it may do this."""
        return act in self.acts

    def may_approve(self, act: Act) -> bool:
        """Whether it may approve, as the second person, what somebody else proposed."""
        return the_rights().may_approve(act, self.role, self.department, self.purpose)

    def allow(self, *acts: Act) -> None:
        """Raise `Refused("forbidden")` unless the account may do one of these."""
        if self.acts.isdisjoint(acts):
            raise Refused("forbidden")
