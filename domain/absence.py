"""Missing persons: paid six months, suspended from the seventh, paid back on reappearance (劳办发〔1993〕162号, 人社厅函〔2010〕159号)."""

from collections.abc import Iterable
from datetime import date

from domain.facts import DeclaredMissing, GoneMissing, Known, Reappeared, Reference
from domain.kinds import Kind
from domain.law import Law
from domain.months import month_of, plus
from domain.timeline import Reason, Status


def absence(turns: Iterable[Known], law: Law) -> Reason | None:
    """The absence that goes on. One that ended with a reappearance is paid back whole, so it is none."""
    since: date | None = None
    facts: tuple[Reference, ...] = ()
    for known in turns:
        match known.fact:
            case Reappeared():
                since, facts = None, ()
            case GoneMissing() | DeclaredMissing() as fact:
                day = fact.since or fact.effective if isinstance(fact, DeclaredMissing) else fact.effective
                since = min(since or day, day)
                facts = (*facts, known.reference)
            case _:
                pass
    if since is None:
        return None
    rule = law.rule("missing-suspends", since)
    return Reason(Kind.MISSING, plus(month_of(since), rule.months_after), None, Status.SUSPENDED, rule.citation, facts)


def last_reappearance(turns: Iterable[Known]) -> date | None:
    """The last day on which the person was found again; a court's declaration of death up to then counts no more (民法典 50)."""
    return max((known.fact.effective for known in turns if isinstance(known.fact, Reappeared)), default=None)
