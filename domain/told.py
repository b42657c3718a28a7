"""What an office was told, and how far that has come: an alert ends by its effect, never because it was delivered."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from domain.alerts import Action, Strength, Terms
from domain.facts import (
    Known,
    Reference,
)
from domain.kinds import Kind
from domain.law import Citation
from domain.money import Yuan
from domain.months import Month
from domain.reporting import LateReport


class AlertRaised(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-raised.v1"):
    """An office must act. `replaces`: the alerts it takes the place of, which need no answer any more.

    `months` and `amount` (yuan) are of the months `first_month` to `last_month`; 0 and 0.00 where nothing was paid yet.
    `late`: the death it follows from was reported after its deadline.
    """

    alert: str
    retiree: UUID
    kind: Kind
    action: Action
    first_month: Month
    last_month: Month | None
    months: int
    amount: Yuan
    strength: Strength
    rule: Citation
    evidence: tuple[Reference, ...]
    office: str
    act_by: date
    replaces: tuple[str, ...] = ()
    late: LateReport | None = None


class AlertWithdrawn(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-withdrawn.v1"):
    """An alert no longer holds and nothing takes its place."""

    alert: str
    retiree: UUID
    office: str
    evidence: tuple[Reference, ...]


class AlertEscalated(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-escalated.v1"):
    """The day by which an office had to act, or a source to answer, has passed, and nothing was heard."""

    alert: str
    retiree: UUID
    office: str
    act_by: date


class Stage(StrEnum):
    """How far an alert has come."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    CONFIRMED = "confirmed"
    CONTESTED = "contested"
    DISMISSED = "dismissed"
    APPLIED = "applied"


_CLOSED = frozenset({Stage.DISMISSED, Stage.APPLIED})


class Told(Struct, frozen=True, omit_defaults=True):
    """What an office was told: the alert, its terms, by when to act, and what it answered; `moved`: what it says it paid (yuan).

    `by`: the answer that closed it, or what took that or a part of it back, so that it is to be told anew. `parts`: what came
    back of it, each by its answer, in fen; the last few. `granted`: the answer that told of what survivors are to return.
    """

    alert: str
    terms: Terms
    act_by: date
    stage: Stage = Stage.RAISED
    escalated: bool = False
    moved: Yuan | None = None
    by: Reference | None = None
    parts: tuple[tuple[Reference, int], ...] = ()
    granted: Reference | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.stage not in _CLOSED


def terms_of(alert: AlertRaised) -> Terms:
    """What an alert says."""
    return Terms(
        alert.action, alert.kind, alert.first_month, alert.last_month, alert.months, alert.amount, alert.strength
    )


def named_in(told: Mapping[str, Told], known: Known) -> Told | None:
    """The alert that an answer names; None: it is no answer, or none of them."""
    alert = getattr(known.fact, "alert", None)
    return next((one for one in told.values() if one.alert == alert), None)
