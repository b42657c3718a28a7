"""One retiree's pension in a few words: facts by the department that tells of them, the months, what the office is told."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from domain.alerts import Action
from domain.decide import decide, pass_day
from domain.facts import (
    Acquitted,
    AlertApplied,
    DeathDeclared,
    DeclaredMissing,
    Department,
    Detained,
    FactRetracted,
    GoneMissing,
    Known,
    LifeEvent,
    Paroled,
    ParoleRevoked,
    Reappeared,
    Released,
    Sentenced,
    Wanted,
)
from domain.law import Law
from domain.state import Decision, RetireeState, evolve
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra.statutes import the_law
from tests.building import AGENCY, RETIREE, assess, known, registered, timeline

LAW = the_law()
RETIRED = registered(date(2020, 1, 31), date(2020, 2, 3))
"""3,456.78 yuan a month since February 2020."""
TELLS: dict[type, Department] = {
    Wanted: Department.POLICE,
    Detained: Department.POLICE,
    GoneMissing: Department.POLICE,
    Reappeared: Department.POLICE,
    Sentenced: Department.COURT,
    Acquitted: Department.COURT,
    DeclaredMissing: Department.COURT,
    DeathDeclared: Department.COURT,
    Paroled: Department.JUSTICE,
    ParoleRevoked: Department.JUSTICE,
    Released: Department.JUSTICE,
}


def told_of(
    kind: type[LifeEvent],
    /,
    on: date,
    learnt: date | None = None,
    id_: str | None = None,
    by: Department | None = None,
    **rest: Any,
) -> Known:
    """A fact of `kind`, learned on its day and told by whoever usually does, unless said otherwise."""
    return known(id_ or kind.__name__.lower(), kind(effective=on, **rest), learnt or on, by or TELLS.get(kind, AGENCY))


def taken_back(id_: str, by: Department, learnt: date) -> Known:
    """The department takes a fact of its own back."""
    return told_of(FactRetracted, learnt, id_=f"back-{id_}", by=by, retracts=id_)


def months(facts: Sequence[Known], today: date = date(2026, 1, 1), law: Law = LAW) -> list[tuple[str, str | None, str]]:
    """The timeline after the usual first months, and of each span its kind or status."""
    spans = timeline(facts, law, today)
    return [(span.first, span.last, str(span.kind or span.status)) for span in spans[1:]]


def debts(facts: Sequence[Known], today: date, law: Law = LAW) -> tuple[object, object]:
    """What was paid too much and too little by a day: months, first, last, fen."""
    found = assess(facts, law, today)
    return tuple(one and (one.months, one.first, one.last, one.amount) for one in (found.overpaid, found.owed))  # type: ignore[return-value] # two


def said(decisions: Sequence[Decision]) -> list[tuple[str, str, str, int, str]]:
    """The alerts about the pension among decisions: action, kind, first month, months, amount."""
    alerts = [one for one in decisions if isinstance(one, AlertRaised) and one.action is not Action.GRANT]
    return [(str(a.action), str(a.kind), a.first_month, a.months, a.amount) for a in alerts]


class Office:
    """An agency that is told one fact after another, and lets days pass."""

    def __init__(self, *facts: Known, law: Law = LAW) -> None:
        self.state = RetireeState()
        self.law = law
        self.alerts: dict[str, AlertRaised] = {}
        for fact in facts:
            self.learn(fact)

    def learn(self, fact: Known) -> list[Decision]:
        """What is decided on a fact, on the day it is learned."""
        return self._take(decide(RETIREE, self.state, fact, self.law, fact.learnt))

    def day(self, today: date) -> list[Decision]:
        """What is decided on a day alone."""
        return self._take(pass_day(RETIREE, self.state, self.law, today))

    def days(self, first: date, last: date) -> dict[date, list[Decision]]:
        """The days on which something is decided."""
        days = (first + timedelta(n) for n in range((last - first).days + 1))
        return {day: found for day in days if (found := self.day(day))}

    def answer(self, kind: type[LifeEvent], action: Action | str, on: date, /, **rest: Any) -> list[Decision]:
        """An answer of the agency to the open alert that asks for `action`."""
        by = rest.pop("by", AGENCY)
        return self.learn(told_of(kind, on, id_=f"answer-{on}-{action}", by=by, alert=self.named(action), **rest))

    def apply(self, action: Action | str, on: date, month: str | None = None) -> list[Decision]:
        """It is done, from its first month unless said otherwise."""
        alert = self.alerts[self.named(action)]
        return self.answer(AlertApplied, action, on, month=month or alert.first_month)

    def named(self, action: Action | str) -> str:
        """The alert that asks for `action`."""
        found = sorted(self.state.told.values(), key=lambda told: not told.is_open)
        return next(told.alert for told in found if told.terms.action == action)

    def open(self) -> set[tuple[str, str]]:
        """What is still to be done about the pension: action and kind."""
        terms = (told.terms for told in self.state.told.values() if told.is_open)
        return {(str(one.action), str(one.kind)) for one in terms if one.action is not Action.GRANT}

    def _take(self, decisions: list[Decision]) -> list[Decision]:
        for one in decisions:
            self.state = evolve(self.state, one)
            if isinstance(one, AlertRaised):
                self.alerts[one.alert] = one
        return decisions


def ended(decisions: Sequence[Decision]) -> list[str]:
    """What decisions say of alerts beside raising them."""
    return [type(one).__name__ for one in decisions if isinstance(one, AlertWithdrawn | AlertEscalated)]
