"""What offices answer to an alert. An alert ends when its effect on the payment is known, never because it was delivered."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from domain.checked import Checked
from domain.facts.base import Amount, Fact, Text


class Answer(Fact, frozen=True):
    """An answer to `alert`, by its id."""

    alert: Text


class AlertAcknowledged(Answer, frozen=True, tag="alert-acknowledged.v1"):
    """Somebody has it in hand."""


class AlertConfirmed(Answer, frozen=True, tag="alert-confirmed.v1"):
    """An officer has looked at the facts and stands by what is asked (个人信息保护法 Art. 24)."""


class AlertContested(Answer, frozen=True, tag="alert-contested.v1"):
    """The office doubts a fact behind it and asks its source."""

    reason: Text


class ContestAnswered(Answer, frozen=True, tag="contest-answered.v1"):
    """The source stands by its fact; when it does not, it corrects or retracts that."""

    reason: Text


class AlertDismissed(Answer, frozen=True, tag="alert-dismissed.v1"):
    """Nothing will be done, for a reason."""

    reason: Text


class Return(StrEnum):
    """How money comes back (社会保险经办条例 Art. 46): at once, in instalments, or taken off what is still to be paid."""

    REFUND = "refund"
    INSTALMENT = "instalment"
    OFFSET = "offset"


class OverpaymentReturned(Answer, frozen=True, tag="overpayment-returned.v1"):
    """A part of what is to be recovered came back: `amount` yuan, in `month`; of an offset, that whose pension it was taken off.

    The alert stays open with what is still owed, and is done with when that is nothing.
    """

    kind: Return
    amount: Amount
    month: Annotated[str, Checked(Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)"))]


class AlertApplied(Answer, frozen=True, tag="alert-applied.v1"):
    """What was asked is done: `month` is the first month that is paid, or not paid, accordingly. `amount`: what moved, in yuan."""

    month: Annotated[str, Checked(Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)"))]
    amount: Amount | None = None


ANSWERS = frozenset(
    {
        AlertAcknowledged,
        AlertConfirmed,
        AlertContested,
        ContestAnswered,
        AlertDismissed,
        OverpaymentReturned,
        AlertApplied,
    }
)
"""Every kind of answer: a type is looked up several times quicker than an instance of a base is told."""
MOVES_MONEY = (AlertConfirmed, AlertDismissed, AlertApplied, OverpaymentReturned)
"""Answers upon which a pension stops or goes on, or money is owed or no longer is; of many of them two people are to know."""
