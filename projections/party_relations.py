"""The party relation register (党组织关系转接名册): which branch took in which party member, when, with dues paid to which month."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from domain.facts import Department, PartyRelationTransferred
from projections.kept import register, standing

PARTY_RELATIONS = register("party_relations", PartyRelationTransferred)


class Transfer(Struct, frozen=True, kw_only=True):
    """The branch of `division` has the member since `on`; `by`: who told. `dues_paid_to`: a month."""

    on: date
    division: str
    by: Department
    register: str | None
    dues_paid_to: str | None


def as_of(told: Iterable[str] | None, day: date) -> Transfer | None:
    """The last transfer up to a day; None: none was told."""
    for one in reversed(standing(told, day)):
        if isinstance(one.fact, PartyRelationTransferred):
            fact = one.fact
            return Transfer(
                on=fact.effective,
                division=fact.division,
                by=one.department,
                register=fact.register,
                dues_paid_to=fact.dues_paid_to,
            )
    return None
