"""Facts of who somebody is: that two identity numbers are one person's."""

from enum import StrEnum

from domain.facts.base import Fact


class LinkReason(StrEnum):
    """Why one person has two numbers."""

    NUMBER_CHANGED = "number-changed"
    NUMBER_MENDED = "number-mended"
    REGISTERED_TWICE = "registered-twice"


class IdentityLinked(Fact, frozen=True, tag="identity-linked.v1"):
    """Since `effective` it is known that the person has `other_identity_number` besides: two records of one person.

    They are joined, whatever was told under either number; when this is taken back, they part again as if they had never
    been one, but for what was paid meanwhile.
    """

    reason: LinkReason = LinkReason.NUMBER_CHANGED
