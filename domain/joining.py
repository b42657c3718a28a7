"""Two records of one person: joined under one of them, which goes on for both, and parted when that is taken back.

The facts of the record that rests are brought over to the one that leads, so that a history is whole by itself. Parting
leaves each with its own facts, as if they had never been one. What was paid meanwhile was paid, and is made up for like
any other month.
"""

from collections.abc import Iterable
from uuid import UUID

from msgspec.structs import replace

from domain.bounding import bounded
from domain.decide import RetireeState, evolve, office_of
from domain.entitlement import settled_on
from domain.facts import Answer, IdentityLinked, Known, PensionPaid, Reference
from domain.handover import Handover, evolve_handover, touches_handover
from domain.law import Law
from domain.links import RecordsJoined, RecordsParted, loose
from domain.recalling import named, of_facts
from domain.refusals import Refused
from domain.telling import AlertWithdrawn


def leads(one: RetireeState, other: RetireeState) -> bool:
    """Whether of two records the first goes on: the one that is registered, that others are joined to, of whom anything is known.

    Raises `Refused("already-linked")` when the other one leads a third record itself.
    """
    first = _weight(one) >= _weight(other)
    if (other if first else one).joined:
        raise Refused("already-linked", "data.person.other_identity_number", "a third number is linked to it")
    return first


def _weight(state: RetireeState) -> tuple[bool, bool, bool]:
    return state.registered, bool(state.joined), state.seen is not None


def parting(state: RetireeState, known: Known) -> UUID | None:
    """The record that a fact parts from this one: it takes back what tied the two.

    Raises `Refused("others-follow")` when a third one is tied through it.
    """
    gone = set(named(known))
    left = [link for link in state.links if link.by not in gone]
    if len(left) == len(state.links):
        return None
    off = loose(state.joined, left)
    if len(off) > 1:
        raise Refused("others-follow", "data.retracts", "a third number is linked through this one")
    return off[0] if off else None


def brought_over(record: UUID, facts: Iterable[Known]) -> list[Known]:
    """The facts that go from a record to the one that leads it; answers and payments are about its own alerts and money."""
    return [replace(known, under=record) for known in facts if _goes(known)]


def taken_along(record: UUID, facts: Iterable[Known], own: Iterable[Known]) -> list[Known]:
    """The facts that came under a record's number while another one led it, beside its own."""
    there = {known.reference for known in own}
    return [
        replace(known, under=None)
        for known in facts
        if known.under == record and known.reference not in there and _goes(known)
    ]


def left_with(facts: Iterable[Known], other: UUID) -> list[Known]:
    """The facts of a record that led, without those of the one that parts from it."""
    return [known for known in facts if known.under != other or not _goes(known)]


def _goes(known: Known) -> bool:
    return not isinstance(known.fact, Answer | PensionPaid | IdentityLinked)


def regrouped(
    state: RetireeState, event: RecordsJoined | RecordsParted, facts: Iterable[Known], law: Law
) -> RetireeState:
    """The state of a record that has these facts from now on."""
    if isinstance(event, RecordsJoined) and not event.leads:
        return evolve(state, event)
    facts = list(facts)
    before = settled_on(state.dossier, law, event.day)
    paid = before.paid, before.settled
    made = of_facts(facts)
    if isinstance(event, RecordsParted):
        if event.settled:
            paid = event.paid, event.settled
        elif not made.first:
            paid = (), None
    dossier = bounded(replace(made, paid=paid[0], settled=paid[1]))
    return evolve(replace(state, dossier=dossier, handover=_handover(facts)), event)


def _handover(facts: Iterable[Known]) -> Handover:
    """How far a handover is after these facts, in their order; what was taken back before it came does nothing."""
    handover = Handover()
    gone: set[Reference] = set()
    for known in facts:
        if touches_handover(known) and known.reference not in gone:
            handover = evolve_handover(handover, known)
        gone.update(named(known))
    return handover


def rested(retiree: UUID, state: RetireeState, by: Reference, law: Law) -> list[AlertWithdrawn]:
    """The alerts of a record that another one goes on for: they need no answer any more."""
    office = office_of(state.dossier, law)
    return [
        AlertWithdrawn(alert=alert, retiree=retiree, office=office, evidence=(by,))
        for alert in state.open_alerts.values()
    ]
