"""What is known of one retiree's handover and moves: a state of bounded size."""

from datetime import date
from enum import StrEnum

from msgspec import Struct

from domain.facts import (
    ArchiveKind,
    ArchiveReceived,
    Aspect,
    ContactCardIssued,
    Department,
    EnterpriseKind,
    EnterpriseState,
    FeeAssessed,
    FeePaid,
    HandoverStepDone,
    LifeEvent,
    PartyRelationTransferred,
    Reference,
)
from domain.money import Yuan

PROPOSAL = "handover-proposed"
FEE_ASSESSED = "fee-assessed"
FEE_PAID = "fee-paid"
REGISTERS: dict[type[LifeEvent], str] = {
    ArchiveReceived: "archive-received",
    PartyRelationTransferred: "party-relation-transferred",
    ContactCardIssued: "contact-card-issued",
    FeeAssessed: FEE_ASSESSED,
    FeePaid: FEE_PAID,
}
"""Facts of registers that tell a step as done, under this key."""


class Stage(StrEnum):
    """How far a handover is."""

    NOT_BEGUN = "not-begun"
    PROPOSED = "proposed"
    IN_PROGRESS = "in-progress"
    RETURNED = "returned"
    REFUSED = "refused"
    COMPLETED = "completed"


class Done(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step that stands: who told it, for which day, by which event. `amount` in yuan, of fees."""

    step: str
    department: Department
    on: date
    reference: Reference
    amount: Yuan | None = None


class Proposal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the proposal said of the enterprise, and when."""

    on: date
    reference: Reference
    kind: EnterpriseKind
    state: EnterpriseState = EnterpriseState.OPERATING
    enterprise: str | None = None
    division: str | None = None
    batch: str | None = None


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it ended or was sent back. `rests_on`: the steps, with who told them, without which a completion does not stand."""

    stage: Stage
    on: date
    reference: Reference
    rests_on: tuple[tuple[str, Department], ...] = ()
    reopened: tuple[Done, ...] = ()


class Move(Struct, frozen=True, kw_only=True):
    """The household or the home is in `division` since `on`."""

    aspect: Aspect
    division: str
    on: date
    reference: Reference


class Reception(Struct, frozen=True, kw_only=True):
    """The office of `division` serves since `on`."""

    division: str
    on: date
    reference: Reference


class Handover(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one retiree's handover and moves. `earlier`: the proposal before this one, how it ended, its steps."""

    proposal: Proposal | None = None
    done: tuple[Done, ...] = ()
    outcome: Outcome | None = None
    moves: tuple[Move, ...] = ()
    receptions: tuple[Reception, ...] = ()
    earlier: "Handover | None" = None


def step_of(fact: LifeEvent) -> str | None:
    """The key of the step that a fact tells as done; None: it tells of none. Files other than personnel files are no step."""
    if isinstance(fact, ArchiveReceived) and fact.kind is not ArchiveKind.PERSONNEL:
        return None
    return fact.step if isinstance(fact, HandoverStepDone) else REGISTERS.get(type(fact))
