"""What a month's pension comes to: the amount registered, as the agency adjusted it since, and the yearly adjustments.

While a sentence is served, and on leniency, no adjustment is made, and none is made up for afterwards: the old rate goes on,
with later adjustments only (劳社厅函〔2001〕44号, 〔2003〕315号). After parole these begin with the next year.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from domain.dossier import Dossier
from domain.facts import PensionAdjusted
from domain.kinds import Kind
from domain.law import Law
from domain.money import Yuan, fen
from domain.months import Month, count, month_of, plus
from domain.timeline import Reason, Run, Span, run_of

_WITHOUT = frozenset({Kind.IMPRISONMENT, Kind.LENIENCY})


class Rates:
    """The monthly amounts of one registered retiree, in fen. `reasons`: what stands in the way of an adjustment.

    It does not hold the dossier, which keeps it: a cycle of each would have to be found by the collector.
    """

    def __init__(self, dossier: Dossier, law: Law, reasons: Iterable[Reason] = ()) -> None:
        registered = dossier.registration
        assert registered
        self._registered = registered
        self._adjusted = _adjusted(dossier)
        self._years = (registered.contribution_months or 0) // 12
        self._adjustments = law.adjustments(registered.residence_division)
        self._withheld = [one.month for one in self._adjustments if any(_withholds(r, one.month) for r in reasons)]

    def runs(self, due: Iterable[Span]) -> list[Run]:
        """The spans as runs, cut where an adjustment comes in, each with those withheld until then."""
        runs = list(map(run_of, due))
        for one in self._adjustments:
            cut = ((run.within(None, plus(one.month, -1)), run.within(one.month, None)) for run in runs)
            runs = [part for parts in cut for part in parts if part]
        if not self._withheld:
            return runs
        return [
            replace(run, less=tuple(m for m in self._withheld if m <= run.first)) if run.pays else run for run in runs
        ]

    def of(self, month: Month, less: Sequence[Month] | None = None) -> int:
        """The amount of a month without the adjustments in `less`, or without those that are rightly withheld."""
        withheld = self._withheld if less is None else less
        registered = month_of(self._registered.effective), self._registered.monthly_pension
        since, told = next((one for one in self._adjusted if one[0] <= month), registered)
        amount = fen(told)
        for one in self._adjustments:
            if since < one.month <= month and one.month not in withheld:
                amount += one.of(amount, self._years)
        return amount

    def of_run(self, first: Month, last: Month, run: Run) -> int:
        """What the months `first` to `last` come to by a run; 0 where it does not pay."""
        if not run.pays:
            return 0
        if self._adjustments:
            return sum(self.of(plus(first, n), run.less) for n in range(count(first, last)))
        total = 0
        for since, told in self._adjusted:
            if since <= first:
                return total + count(first, last) * fen(told)
            if since <= last:
                total, last = total + count(since, last) * fen(told), plus(since, -1)
        return total + count(first, last) * fen(self._registered.monthly_pension)


def _adjusted(dossier: Dossier) -> list[tuple[Month, Yuan]]:
    """The amounts that the agency has told since the registration, each with its first month, the latest first."""
    return [
        (month_of(known.fact.effective), known.fact.monthly_pension)
        for known in (reversed(dossier.turning) if dossier.turns else ())
        if isinstance(known.fact, PensionAdjusted)
    ]


def _withholds(reason: Reason, month: Month) -> bool:
    if reason.kind not in _WITHOUT:
        return False
    last = reason.last and max(reason.last, reason.adjusted_after or reason.last)
    return reason.first <= month and (last is None or month <= last)
