"""Facts of handing a retiree over from the enterprise to a street and community, and of moving between offices after."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from domain.facts.base import Division, Fact, Text, Uscc


class EnterpriseKind(StrEnum):
    """Whose enterprise it is: the four documents ask different money of each."""

    CENTRAL_DEVOLVED = "central-devolved"
    CENTRAL = "central"
    PROVINCIAL = "provincial"
    MUNICIPAL = "municipal"
    OTHER = "other"


class EnterpriseState(StrEnum):
    """How the enterprise stands: one that is wound up proves it (大政办发〔2017〕49号 Art. 12)."""

    OPERATING = "operating"
    RESTRUCTURED = "restructured"
    CLOSED = "closed"
    BANKRUPT = "bankrupt"


class Aspect(StrEnum):
    """Which of the two places of a person: where the household is registered, or where they live."""

    HUKOU = "hukou"
    RESIDENCE = "residence"


class HandoverProposed(Fact, frozen=True, tag="handover-proposed.v1"):
    """The enterprise proposed on `effective` to hand the retiree over; every step comes after.

    `batch`: the publisher's number of those proposed together. `enterprise_division`: where the enterprise stands, which
    decides for a household outside the province (豫政办〔2017〕44号 二（二）2).
    """

    enterprise_kind: EnterpriseKind
    enterprise_state: EnterpriseState = EnterpriseState.OPERATING
    enterprise: Uscc | None = None
    enterprise_division: Division | None = None
    batch: Text | None = None


class HandoverStepDone(Fact, frozen=True, tag="handover-step-done.v1"):
    """A step of the handover was done on `effective`; `step`: its key in the law of the city."""

    step: Text


class HandoverCompleted(Fact, frozen=True, tag="handover-completed.v1"):
    """The office of `division`, a street or a community, has received the retiree on `effective` and serves from then on."""

    division: Division


class HandoverRefused(Fact, frozen=True, tag="handover-refused.v1"):
    """The handover ended on `effective` without reception; a new one begins with a new proposal."""

    reason: Text


class HandoverReturned(Fact, frozen=True, tag="handover-returned.v1"):
    """The receiving side sent it back on `effective`: `steps` are to be done again, without any all of them."""

    reason: Text
    steps: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=50)] = ()


class Relocated(Fact, frozen=True, tag="relocated.v1"):
    """On `effective` the household (told by the police) or the home (told by the community) moved to `division`."""

    aspect: Aspect
    division: Division


class ReceptionAccepted(Fact, frozen=True, tag="reception-accepted.v1"):
    """After a move the office of `division` has received the retiree on `effective`; until then the old one served."""

    division: Division
