"""One retiree's history as decisions need it, and the state after it: what the ledger keeps at hand, out of the log alone."""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from domain.decide import fact_recorded, known_with
from domain.facts import Known
from domain.joining import left_with, regrouped
from domain.law import Law
from domain.links import RecordsJoined, RecordsParted
from domain.recalling import leans_on_all, recalled
from domain.state import RetireeState, evolve
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn


class Moved(Struct, frozen=True):
    """A fact that came over from another record of the same person."""

    known: Known


Told = Known | Moved | RecordsJoined | RecordsParted | AlertRaised | AlertWithdrawn | AlertEscalated
"""What bears on decisions about one retiree."""


def facts_of(history: Iterable[Told]) -> list[Known]:
    """The facts that a history leaves its retiree with, in the order in which they came there."""
    facts: list[Known] = []
    for one in history:
        match one:
            case Known():
                facts.append(one)
            case Moved(known=known):
                facts.append(known)
            case RecordsParted(other=other):
                facts = left_with(facts, other)
            case _:
                pass
    return facts


def replayed(history: Iterable[Told], law: Law) -> RetireeState:
    """The state after a history, in the order of the log."""
    state = RetireeState()
    before: list[Told] = []
    for one in history:
        match one:
            case Known():
                if leans_on_all(state.dossier, one):
                    state = replace(state, dossier=recalled(state.dossier, facts_of(before)))
                state = evolve(state, fact_recorded(one, known_with(state, one, law, one.learnt), law))
            case Moved():
                pass  # what it is for follows
            case RecordsJoined() | RecordsParted():
                state = regrouped(state, one, facts_of([*before, one]), law)
            case _:
                state = evolve(state, one)
        before.append(one)
    return state
