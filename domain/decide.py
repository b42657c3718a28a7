"""Deciding: a state and a fact in, facts and alerts out. Evolving: the state after them.

The state of one retiree is all that a decision needs and no more: the dossier of what bears on entitlement, and the open
alerts. Its size does not grow with the length of the history.
"""

from datetime import date
from typing import assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.alerts import Action, Instruction, Kind, Standing, Strength, difference, standing
from domain.dossier import Dossier, bounded
from domain.entitlement import learned, review
from domain.facts import MAY_PUBLISH, Known, Reference
from domain.law import Citation, Law
from domain.money import Yuan
from domain.months import Month
from domain.refusals import Refused


class AlertRaised(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-raised.v1"):
    """An office must act. `replaces`: the alerts it takes the place of, which need no answer any more.

    `months` and `amount` (yuan) are of the months `first_month` to `last_month`; 0 and 0.00 where nothing was paid yet.
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


class AlertWithdrawn(Struct, frozen=True, kw_only=True, tag_field="name", tag="pension-alert-withdrawn.v1"):
    """An alert no longer holds and nothing takes its place."""

    alert: str
    retiree: UUID
    office: str
    evidence: tuple[Reference, ...]


class FactRecorded(Struct, frozen=True):
    """A published fact enters the history; `dossier` is what is known with it."""

    known: Known
    dossier: Dossier


Decision = FactRecorded | AlertRaised | AlertWithdrawn


class RetireeState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What deciding needs of one retiree: the dossier, and the alerts that are open."""

    dossier: Dossier = Dossier()
    open_alerts: dict[Action, str] = {}
    alerts_raised: int = 0

    @property
    def registered(self) -> bool:
        """Whether the retiree is known to us; until then facts are parked."""
        return self.dossier.registered is not None


def decide(retiree: UUID, state: RetireeState, known: Known, law: Law, today: date) -> list[Decision]:
    """What follows from a newly learned fact: the fact itself, then the alerts it raises or withdraws.

    Raises `Refused` as `check` does. The state must fit the fact as `domain.dossier.learn` says.
    """
    check(known, today)
    after = learned(state.dossier, known, law)
    return [FactRecorded(known, bounded(after)), *_alerts(retiree, state, after, known.reference, law, today)]


def check(known: Known, today: date) -> None:
    """Raise `Refused`: `not-your-fact` when the department may not publish it, `date-in-future`."""
    if known.department not in MAY_PUBLISH[type(known.fact)]:
        raise Refused("not-your-fact", "type", f"{known.department} may not publish this")
    if known.fact.effective > today:
        raise Refused("date-in-future", "data.effective", "the day has not come yet")


def evolve(state: RetireeState, decision: Decision) -> RetireeState:
    """The state after a decision. Never refuses."""
    match decision:
        case FactRecorded():
            return replace(state, dossier=decision.dossier)
        case AlertRaised():
            gone = set(decision.replaces)
            still = {action: alert for action, alert in state.open_alerts.items() if alert not in gone}
            opened = still | {decision.action: decision.alert}
            return replace(state, open_alerts=opened, alerts_raised=state.alerts_raised + 1)
        case AlertWithdrawn():
            still = {a: alert for a, alert in state.open_alerts.items() if alert != decision.alert}
            return replace(state, open_alerts=still)
        case _:
            assert_never(decision)


def standing_of(dossier: Dossier, law: Law, today: date) -> Standing:
    """The instructions that hold for a dossier on `today`."""
    registered = dossier.registration
    if registered is None or (not dossier.deaths and all(run.pays for run in dossier.paid)):
        return {}  # nothing speaks against a month, and every one was paid: the most there are
    return standing(review(dossier, law, today), registered.monthly_pension, law, today)


def _alerts(
    retiree: UUID, state: RetireeState, after: Dossier, cause: Reference, law: Law, today: date
) -> list[AlertRaised | AlertWithdrawn]:
    before = standing_of(state.dossier, law, today)
    now = standing_of(after, law, today)
    if not (before or now or state.open_alerts):
        return []
    given = difference(before, now, cause, law, today)
    if not given and not (set(state.open_alerts) - set(now) - {Action.RESUME}):
        return []
    raised = {instruction.terms.action for instruction in given}
    lapsed = [
        alert
        for action, alert in state.open_alerts.items()
        if action in raised or (action not in now and (action is not Action.RESUME or Action.STOP in raised))
    ]
    office = _office(after, law)
    if not given:
        return [AlertWithdrawn(alert=alert, retiree=retiree, office=office, evidence=(cause,)) for alert in lapsed]
    return [
        _raise(retiree, state.alerts_raised + n, instruction, office, tuple(lapsed) if n == 1 else ())
        for n, instruction in enumerate(given, start=1)
    ]


def _raise(retiree: UUID, number: int, given: Instruction, office: str, replaces: tuple[str, ...]) -> AlertRaised:
    terms = given.terms
    return AlertRaised(
        alert=f"{retiree}-{number}",
        retiree=retiree,
        kind=terms.kind,
        action=terms.action,
        first_month=terms.first_month,
        last_month=terms.last_month,
        months=terms.months,
        amount=terms.amount,
        strength=terms.strength,
        rule=given.rule,
        evidence=given.evidence,
        office=office,
        act_by=given.act_by,
        replaces=replaces,
    )


def _office(dossier: Dossier, law: Law) -> str:
    """The agency that must act: that of the city of residence; by division code where the city has no file."""
    registered = dossier.registration
    if registered is None:
        return ""
    division = registered.residence_division
    city = law.city_of(division)
    return f"social-insurance/{city.code if city else division[:4] + '00000000'}"
