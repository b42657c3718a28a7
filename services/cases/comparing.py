"""What a changed law would have made of the same facts: the months and amounts that differ, as if it had always been the law."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from domain.dossier import Dossier
from domain.entitlement import review
from domain.law import Law
from domain.money import Yuan, fen, yuan
from domain.months import Month, count
from domain.timeline import Span, Timeline
from services.cases.accounting import Amount, MonthLine, amount_of, month_lines, span_at
from services.cases.living import AlertLine


class Side(Struct, frozen=True):
    """A month under one of the two laws: status, yuan due, where the rule stands. Null status: no pension yet."""

    status: str | None
    due: Yuan
    document: str | None
    article: str | None


class Differing(Struct, frozen=True, kw_only=True):
    """Months that follow on each other and differ alike; `last` null: they go on doing so. `months`: those paid or payable by now."""

    first: Month
    last: Month | None
    shipped: Side
    changed: Side


class Pair(Struct, frozen=True):
    """Yuan under the shipped law and under the changed one."""

    shipped: Yuan
    changed: Yuan

    @property
    def differs(self) -> bool:
        """Whether they are not the same."""
        return self.shipped != self.changed


class AlertTerms(Struct, frozen=True, order=True):
    """An alert that only one of the two laws would have raised."""

    action: str
    kind: str
    first_month: Month
    last_month: Month | None
    amount: Yuan
    act_by: str


class Compared(Struct, frozen=True, kw_only=True):
    """What differs. `due`: all that is due in the months up to the day of asking."""

    months: list[Differing]
    due: Pair
    overpaid: Pair
    owed: Pair
    only_shipped: list[AlertTerms] = []
    only_changed: list[AlertTerms] = []

    @property
    def touches(self) -> bool:
        """Whether anything differs in months or amounts."""
        return bool(self.months) or self.due.differs or self.overpaid.differs or self.owed.differs


class Judged(NamedTuple):
    """What one law makes of somebody's facts."""

    timeline: Timeline
    months: list[MonthLine]
    overpaid: Amount | None
    owed: Amount | None
    alerts: list[AlertLine]


def judged(dossier: Dossier, law: Law, today: date, alerts: list[AlertLine]) -> Judged:
    """What a law makes of a dossier on a day."""
    found = review(dossier, law, today)
    months = list(month_lines(found, dossier, law, today))
    overpaid, owed = amount_of(found.overpaid, "overpaid", months), amount_of(found.owed, "owed", months)
    return Judged(found.timeline, months, overpaid, owed, alerts)


def compared(shipped: Judged, changed: Judged) -> Compared:
    """The differences of what two laws make of the same facts."""
    ours, theirs = _terms(shipped.alerts), _terms(changed.alerts)
    return Compared(
        months=_months(shipped, changed),
        due=Pair(_due(shipped.months), _due(changed.months)),
        overpaid=Pair(_yuan(shipped.overpaid), _yuan(changed.overpaid)),
        owed=Pair(_yuan(shipped.owed), _yuan(changed.owed)),
        only_shipped=sorted(ours - theirs, key=_by_month),
        only_changed=sorted(theirs - ours, key=_by_month),
    )


def _months(shipped: Judged, changed: Judged) -> list[Differing]:
    ours, theirs = ({line.month: line for line in side.months} for side in (shipped, changed))
    found: list[Differing] = []
    for month in sorted(ours | theirs):
        sides = _side(shipped.timeline, ours, month), _side(changed.timeline, theirs, month)
        if (sides[0].status, sides[0].due) == (sides[1].status, sides[1].due):
            continue
        before = found[-1] if found else None
        if before and before.last and count(before.last, month) == 2 and (before.shipped, before.changed) == sides:
            found[-1] = replace(before, last=month)
        else:
            found.append(Differing(first=month, last=month, shipped=sides[0], changed=sides[1]))
    if found and found[-1].last == max(ours | theirs):  # both laws are in their last span by then
        found[-1] = replace(found[-1], last=None)
    return found


def _side(timeline: Sequence[Span], months: dict[Month, MonthLine], month: Month) -> Side:
    line = months.get(month)
    span = span_at(timeline, month)
    if span is None:
        return Side(None, "0.00", None, None)
    # beyond its last line a law stays in its last span, where every month is like that line
    due = line.due if line else months[max(months)].due
    return Side(span.status, due, span.rule.document, span.rule.article)


def _due(months: Iterable[MonthLine]) -> Yuan:
    return yuan(sum(fen(line.due) for line in months if line.settlement != "not-yet"))


def _yuan(amount: Amount | None) -> Yuan:
    return amount.amount if amount else "0.00"


def _terms(lines: Iterable[AlertLine]) -> set[AlertTerms]:
    return {
        AlertTerms(
            line.alert.action,
            line.alert.kind,
            line.alert.first_month,
            line.alert.last_month,
            line.alert.amount,
            line.alert.act_by.isoformat(),
        )
        for line in lines
    }


def _by_month(terms: AlertTerms) -> tuple[str, str, str]:
    return terms.first_month, terms.act_by, terms.action
