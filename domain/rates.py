"""What a month's pension comes to: the amount registered, as the agency adjusted it since."""

from domain.dossier import Dossier
from domain.facts import PensionAdjusted
from domain.law import Law
from domain.money import fen
from domain.months import Month, count, month_of, plus


class Rates:
    """The monthly amounts of one registered retiree, in fen."""

    def __init__(self, dossier: Dossier, law: Law) -> None:
        registered = dossier.registration
        self._first = fen(registered.monthly_pension) if registered else 0
        self._later = [
            (month_of(known.fact.effective), fen(known.fact.monthly_pension))
            for known in dossier.turning
            if isinstance(known.fact, PensionAdjusted)
        ]

    def of(self, month: Month) -> int:
        """The amount of a month."""
        return next((amount for since, amount in reversed(self._later) if since <= month), self._first)

    def of_months(self, first: Month, last: Month) -> int:
        """The amounts of some months together, both ends counted."""
        if not self._later:
            return count(first, last) * self._first
        return sum(self.of(plus(first, n)) for n in range(count(first, last)))
