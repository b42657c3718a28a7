"""Two records of one person, joined and parted: which facts each of them has, and its state with them.

Parting leaves each with its own facts, as if they had never been one. What was paid meanwhile was paid, and is made up for
like any other month.
"""

from collections.abc import Iterable
from uuid import UUID

from msgspec.structs import replace

from domain.bounding import bounded
from domain.decide import office_of
from domain.dossier import Dossier
from domain.entitlement import settled_on
from domain.facts import (
    Answer,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
    IdentityLinked,
    Known,
    PensionAdjusted,
    PensionPaid,
    Reference,
    RetirementRegistered,
)
from domain.handover import Handover, evolve_handover, touches_handover
from domain.law import Law
from domain.links import RecordsJoined, RecordsParted, loose
from domain.recalling import named, of_facts
from domain.refusals import Refused
from domain.state import RetireeState, evolve
from domain.told import AlertWithdrawn

_OF_ALERTS = (Answer, PensionPaid, IdentityLinked)
_OF_A_PENSION = (
    *_OF_ALERTS,
    RetirementRegistered,
    PensionAdjusted,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
)


def leads(one: RetireeState, other: RetireeState) -> bool:
    """Whether of two records that are to be joined the first leads: the registered one, or the one that others are joined to.

    Raises `Refused("already-linked")` when a third record is joined to the other one, or has a pension besides.
    """
    first = (one.registered, bool(one.joined)) >= (other.registered, bool(other.joined))
    lead, led = (one, other) if first else (other, one)
    if led.joined or lead.twin or (lead.joined and led.registered):
        raise Refused("already-linked", "data.person.other_identity_number", "a third number is linked to it")
    return first


def parting(state: RetireeState, known: Known) -> UUID | None:
    """The record that a fact parts from this one: it takes back what tied the two.

    Raises `Refused`: `others-follow` when a third one is tied through it; `invalid-field` when it would correct a link, as
    nothing can take the place of one.
    """
    gone = set(named(known))
    left = [link for link in state.links if link.by not in gone]
    if len(left) == len(state.links):
        return None
    if known.fact.corrects and any(link.by.id == known.fact.corrects for link in state.links):
        raise Refused("invalid-field", "data.corrects", "a link of two numbers is taken back by fact-retracted.v1")
    off = loose(state.joined, left)
    if len(off) > 1:
        raise Refused("others-follow", "data.retracts", "a third number is linked through this one")
    return off[0] if off else None


def concerns_both(known: Known) -> bool:
    """Whether a fact is about the person and not about one of two pensions."""
    return not isinstance(known.fact, _OF_A_PENSION)


def shared(facts: Iterable[Known], whose: UUID) -> list[Known]:
    """The facts about the person that the record of another pension has too."""
    return [replace(known, under=whose) for known in facts if concerns_both(known)]


def brought_over(facts: Iterable[Known], whose: UUID) -> list[Known]:
    """The facts that go from a record to the one that goes on for it."""
    return [replace(known, under=whose) for known in facts if _goes(known)]


def taken_along(facts: Iterable[Known], whose: UUID, own: Iterable[Known]) -> list[Known]:
    """The facts that came under a record's number while another one went on for it, beside its own."""
    there = {known.reference for known in own}
    return [
        replace(known, under=None)
        for known in facts
        if known.under == whose and known.reference not in there and _goes(known)
    ]


def left_with(facts: Iterable[Known], other: UUID) -> list[Known]:
    """The facts of a record without those of the one that parts from it."""
    return [known for known in facts if known.under != other or not _goes(known)]


def _goes(known: Known) -> bool:
    return not isinstance(known.fact, _OF_ALERTS)


def regrouped(
    state: RetireeState, event: RecordsJoined | RecordsParted, facts: Iterable[Known], law: Law
) -> RetireeState:
    """The state of a record that has these facts from now on."""
    if isinstance(event, RecordsJoined) and not (event.leads or event.both):
        return evolve(state, event)
    facts = list(facts)
    before = settled_on(state.dossier, law, event.day)
    made = of_facts(facts)
    if not made.registrations and before.first is None:
        made = replace(made, first=None)  # that of another record, which brought no pension here
    paid = before
    if isinstance(event, RecordsParted) and (event.settled or not made.first):
        paid = Dossier(paid=event.paid, settled=event.settled, payments=event.payments)
    dossier = bounded(replace(made, paid=paid.paid, settled=paid.settled, payments=paid.payments))
    return evolve(replace(state, dossier=dossier, handover=_handover(facts)), event)


def _handover(facts: Iterable[Known]) -> Handover:
    """How far a handover is after these facts, by the day they were learned; what was taken back before it came does nothing."""
    handover = Handover()
    gone: set[Reference] = set()
    for known in sorted(facts, key=lambda one: one.learnt):
        if touches_handover(known):
            handover = evolve_handover(handover, known, gone=known.reference in gone)
        gone.update(named(known))
    return handover


def rested(retiree: UUID, state: RetireeState, by: Reference, law: Law) -> list[AlertWithdrawn]:
    """The alerts of a record that another one goes on for: they need no answer any more."""
    office = office_of(state.dossier, law)
    return [
        AlertWithdrawn(alert=alert, retiree=retiree, office=office, evidence=(by,))
        for alert in state.open_alerts.values()
    ]
