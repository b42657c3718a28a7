"""One life as the system would have lived through it: fact by fact as they were learned, and the days between them that matter."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.decide import decide, pass_day
from domain.facts import Answer, DeathReported, Known, Reference, RetirementRegistered
from domain.law import Law
from domain.recalling import leans_on_all, recalled
from domain.refusals import Refused
from domain.state import Decision, FactRecorded, RetireeState, evolve, next_due
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn, Stage


class AlertLine(Struct, frozen=True, kw_only=True):
    """An alert: the day it would have been raised, what became of it, how far its answers came, and when it was escalated.

    `state`: open, closed (applied or dismissed), replaced, withdrawn.
    """

    raised_on: date
    state: str
    stage: Stage = Stage.RAISED
    escalated_on: date | None = None
    alert: AlertRaised


class Life(NamedTuple):
    """Where it ended: the state, every alert in the order raised, and the facts that were refused on their day."""

    state: RetireeState
    alerts: list[AlertLine]
    refused: list[tuple[Reference, Refused]]


def live(retiree: UUID, facts: Iterable[Known], law: Law, today: date) -> Life:
    """Live through facts, in one fixed order within a day, up to `today`. A day passes before what is learned on it."""
    one = _Living(retiree, law)
    for known in sorted(facts, key=_order):
        one.pass_days(known.learnt)
        one.learn(known)
    one.pass_days(today)
    return Life(one.state, list(one.alerts.values()), one.refused)


class _Living:
    def __init__(self, retiree: UUID, law: Law) -> None:
        self._retiree = retiree
        self._law = law
        self._day = date.min
        self._facts: list[Known] = []
        self.state = RetireeState()
        self.alerts: dict[str, AlertLine] = {}
        self.refused: list[tuple[Reference, Refused]] = []

    def pass_days(self, until: date) -> None:
        """Pass the days up to `until` on which something falls due; on the others nothing does."""
        if self._facts:
            while (day := next_due(self.state, self._law, self._day)) and day <= until:
                self._take(pass_day(self._retiree, self.state, self._law, day), day)
                self._day = day
        self._day = until

    def learn(self, known: Known) -> None:
        """Learn a fact on its day."""
        if leans_on_all(self.state.dossier, known):
            self.state = replace(self.state, dossier=recalled(self.state.dossier, self._facts))
        try:
            decisions = decide(self._retiree, self.state, known, self._law, known.learnt)
        except Refused as refusal:
            self.refused.append((known.reference, refusal))
            return
        self._facts.append(known)
        self._take(decisions, known.learnt)

    def _take(self, decisions: Iterable[Decision], day: date) -> None:
        for decision in decisions:
            self.state = evolve(self.state, decision)
            match decision:
                case AlertRaised():
                    for gone in decision.replaces:
                        self._mark(gone, state="replaced")
                    self.alerts[decision.alert] = AlertLine(raised_on=day, state="open", alert=decision)
                case AlertWithdrawn(alert=alert):
                    self._mark(alert, state="withdrawn")
                case AlertEscalated(alert=alert):
                    self._mark(alert, escalated_on=day)
                case FactRecorded(known=known):
                    self._answered(known)

    def _answered(self, known: Known) -> None:
        if not isinstance(known.fact, Answer):
            return
        alert = known.fact.alert
        told = next((one for one in self.state.told.values() if one.alert == alert), None)
        stage = told.stage if told else Stage.APPLIED  # what is applied and leaves nothing to remember is forgotten
        self._mark(alert, stage=stage, state="open" if told and told.is_open else "closed")

    def _mark(self, alert: str, **changes: object) -> None:
        self.alerts[alert] = replace(self.alerts[alert], **changes)


def _order(known: Known) -> tuple[date, int, Reference]:
    match known.fact:
        case RetirementRegistered():
            kind = 0
        case DeathReported():
            kind = 1
        case Answer():
            kind = 3
        case _:
            kind = 2
    return known.learnt, kind, known.reference
