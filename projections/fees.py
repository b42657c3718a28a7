"""The fee accounts (退管费、管理费用): what was assessed and paid for each retiree, and what is still owed."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from domain.facts import FeeAssessed, FeePaid
from domain.money import fen
from projections.kept import register, standing

FEES = register("fees", FeeAssessed, FeePaid)


class Account(Struct, frozen=True, kw_only=True):
    """Fees of a retiree up to a day, in fen. `owed`: assessed and not paid; `batches`: the numbers named with either."""

    assessed: int = 0
    paid: int = 0
    assessed_on: date | None = None
    paid_on: date | None = None
    batches: tuple[str, ...] = ()

    @property
    def owed(self) -> int:
        """What is assessed and not paid yet; nothing where more was paid."""
        return max(0, self.assessed - self.paid)

    @property
    def state(self) -> str:
        """How far it is: none (nothing told), assessed (nothing paid), part, paid."""
        if not (self.assessed or self.paid):
            return "none"
        if not self.paid:
            return "assessed"
        return "part" if self.owed else "paid"


def as_of(told: Iterable[str] | None, day: date) -> Account:
    """The account as it stood on a day. Days are those of the last assessment and of the last payment."""
    facts = [one.fact for one in standing(told, day)]
    assessed = [one for one in facts if isinstance(one, FeeAssessed)]
    paid = [one for one in facts if isinstance(one, FeePaid)]
    named = (one.batch for one in facts if isinstance(one, FeeAssessed | FeePaid) and one.batch)
    return Account(
        assessed=sum(fen(one.amount) for one in assessed),
        paid=sum(fen(one.amount) for one in paid),
        assessed_on=assessed[-1].effective if assessed else None,
        paid_on=paid[-1].effective if paid else None,
        batches=tuple(dict.fromkeys(named)),
    )
