"""What the agency told of money: months that it paid or did not, and what came back to it in parts.

Each is kept as it was told, over what was paid by what was known then, so that it can be taken back or corrected.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import Reference
from domain.kinds import Kind
from domain.months import Month
from domain.timeline import Run, overwritten

KEEP = 24
"""Payments that can still be taken back; what was told before them stands."""
_STANDS = Reference("", "")
"""Stands for those: no source is empty."""
_UNDONE = Reference("", "-")
"""Stands for what was taken back while later ones rest on it."""


class Payment(Struct, frozen=True, omit_defaults=True):
    """What one fact of the agency told: the months it speaks of, and fen that came back in parts.

    `returned`: fen that came back, `offset` against a pension or not. `made_good`: fen that came back in parts before, and are
    now among the months that `runs` says are made good; less than 0: fen that were told to have come back, did not, and have
    now. `moved`: fen that came back at once with the months made good; less than 0: that were paid back. `month`, `why`: when
    that was, and of what.
    """

    reference: Reference
    runs: tuple[Run, ...] = ()
    returned: int = 0
    made_good: int = 0
    moved: int = 0
    month: Month | None = None
    why: Kind | None = None
    offset: bool = False


def laid(paid: tuple[Run, ...], payments: Iterable[Payment]) -> tuple[Run, ...]:
    """What was paid, with what the agency told of it since, in the order it told, and over that what moved since."""
    for one in payments:
        for run in one.runs:
            paid = overwritten(paid, run)
    return paid


def beside(payments: Iterable[Payment]) -> int:
    """Fen that came back in parts and belong to no month yet; less than 0: that are missing in months made good."""
    return sum([one.returned - one.made_good for one in payments])


def offsets(payments: Iterable[Payment], month: Month) -> int:
    """Fen that were taken off a month's pension."""
    return sum(one.returned for one in payments if one.offset and one.month == month)


def with_one(paid: tuple[Run, ...], payments: tuple[Payment, ...], one: Payment) -> tuple[Payment, ...]:
    """The payments with one more, in place of what it corrects, or else as the last.

    Unless it says what was thought anyway, of months that none of them speaks of.
    """
    if place := next((n for n, other in enumerate(payments, 1) if other.reference == one.reference), None):
        before = payments[place - 1]
        if before.runs and not before.returned and not any(run.moved for run in before.runs):
            return (*payments[: place - 1], one, *payments[place:])
        payments = without(payments, one.reference)
    says_more = one.returned or one.made_good or not paid or laid(paid, (one,)) != paid
    if (
        says_more
        or _tells_ahead(paid, one)
        or any(mine.within(its.first, its.last) for mine in one.runs for other in payments for its in other.runs)
    ):
        return (*payments, one)
    return payments


def without(payments: Iterable[Payment], target: Reference) -> tuple[Payment, ...]:
    """The payments without one.

    What made months good that a later one moved once more leaves them as they are until that is taken back too: what did not
    move after all is beside them.
    """
    left: list[Payment] = []
    for payment in reversed(tuple(payments)):
        one = payment
        if one.reference == target:
            one = replace(one, reference=_UNDONE, returned=-one.moved)
        if one.reference != _UNDONE or _rests_on(left, one):
            left.append(one)
    return tuple(reversed(left))


def _rests_on(later: Iterable[Payment], one: Payment) -> bool:
    """Whether a later payment moved months that one had made good."""
    return any(
        mine.moved and its.moved and mine.within(its.first, its.last)
        for mine in one.runs
        for other in later
        for its in other.runs
    )


def _tells_ahead(paid: tuple[Run, ...], one: Payment) -> bool:
    """Whether it speaks of months that are still to be paid."""
    known = paid[-1].last
    return any(run.last is None or known is None or run.last > known for run in one.runs)


def corrected(payments: tuple[Payment, ...], target: Reference, by: Reference) -> tuple[Payment, ...]:
    """The payments with one under the name of what corrects it, which says in its place what it tells."""
    return tuple(replace(one, reference=by) if one.reference == target else one for one in payments)


def fewest(paid: tuple[Run, ...], payments: tuple[Payment, ...]) -> tuple[tuple[Run, ...], tuple[Payment, ...]]:
    """The same with no more than can be taken back: what the others told is part of what was paid."""
    if len(payments) <= KEEP + 1 or not paid:  # before anybody is registered there are no months to lay them over
        return paid, payments
    old, kept = payments[:-KEEP], payments[-KEEP:]
    last = next((one for one in reversed(old) if one.why), old[-1])
    sums = replace(last, reference=_STANDS, runs=(), returned=beside(old), made_good=0, offset=False)
    return laid(paid, old), (sums, *kept)
