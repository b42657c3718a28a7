"""What an office must be told: instructions as alerts, in place of those that no longer hold; and deadlines that passed."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from uuid import UUID

from msgspec.structs import replace

from domain.alerts import GRANT_BACK, OFF, Action, Instruction, Standing, grant_back
from domain.facts import (
    Reference,
)
from domain.law import Law
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn, Stage, Told


def raised(
    retiree: UUID,
    told: Mapping[str, Told],
    given: list[Instruction],
    now: Standing,
    before: int,
    office: str,
    cause: Reference | None,
) -> list[AlertRaised | AlertWithdrawn]:
    """Instructions as alerts, the first in place of everything that no longer holds; or that withdrawn. `before`: how many there were."""
    slots = {instruction.terms.slot for instruction in given}
    off = any(instruction.terms.action in OFF for instruction in given)
    lapsed = [
        one.alert
        for slot, one in told.items()
        # a resumption stands, whatever else comes, until the next stop; what survivors return, until they are granted it again
        if slot in slots
        or (
            slot not in now
            and slot != one.alert
            and not (slot == Action.RESUME and not off)
            and not (slot == GRANT_BACK and Action.GRANT not in now)
        )
    ]
    if not given:
        evidence = (cause,) if cause else ()
        return [AlertWithdrawn(alert=alert, retiree=retiree, office=office, evidence=evidence) for alert in lapsed]
    prefix = str(retiree)
    return [
        _alert(f"{prefix}-{before + n}", retiree, instruction, office, tuple(lapsed) if n == 1 else ())
        for n, instruction in enumerate(given, start=1)
    ]


def grants_returned(
    told: Mapping[str, Told], now: Standing, cause: Reference | None, law: Law, today: date
) -> list[Instruction]:
    """What survivors must return because the death they were paid after is taken back."""
    granted = told.get(Action.GRANT)
    if granted is None or granted.stage is not Stage.APPLIED or Action.GRANT in now:
        return []
    given = grant_back(granted.terms, granted.moved, cause, law, today)
    return [replace(given, evidence=(granted.by, *given.evidence))] if granted.by else [given]


def resumed_again(told: Mapping[str, Told], cause: Reference | None, law: Law, today: date) -> list[Instruction]:
    """A resumption whose application `cause` took back, from the month it was to begin with; what survivors are to return by it."""
    given = []
    for slot in (Action.RESUME, GRANT_BACK):
        one = told.get(slot)
        if one and cause and one.is_open and one.by == cause:
            rule = law.rule("fact-corrected", today)
            act_by = today + timedelta(days=rule.act_within_days)
            given.append(Instruction(one.terms, rule.citation, (*filter(None, (one.granted,)), cause), act_by))
    return given


def escalations(retiree: UUID, told: Mapping[str, Told], office: str, today: date) -> Iterator[AlertEscalated]:
    """The alerts whose day has passed, each once."""
    for one in told.values():
        if one.is_open and not one.escalated and one.act_by < today:
            yield AlertEscalated(alert=one.alert, retiree=retiree, office=office, act_by=one.act_by)


def _alert(id_: str, retiree: UUID, given: Instruction, office: str, replaces: tuple[str, ...]) -> AlertRaised:
    terms = given.terms
    return AlertRaised(
        alert=id_,
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
        late=given.late,
    )
