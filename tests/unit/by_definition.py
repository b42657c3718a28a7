"""Entitlement by its definition: over the whole set of facts, with nothing left out and nothing remembered.

Slow and plain. The dossier must answer as this does, whatever it left out.
"""

from collections.abc import Iterable
from datetime import date

from domain.dossier import Dossier, precedence
from domain.entitlement import last_paid_month, timeline
from domain.facts import STRONG, DeathReported, DeathRetracted, Known, Reference, RetirementRegistered
from domain.law import Law
from domain.months import Month, plus
from domain.timeline import Run, Timeline, joined


def registration(facts: Iterable[Known]) -> Known | None:
    found = [known for known in facts if isinstance(known.fact, RetirementRegistered)]
    return max(found, key=lambda k: precedence(k.department, k.fact.effective, k.reference), default=None)


def live_deaths(facts: tuple[Known, ...]) -> list[Known]:
    """Reports that nobody has taken back, by their name or by their document; the earliest death first."""
    retracted = {
        Reference(known.reference.source, known.fact.retracts)
        for known in facts
        if isinstance(known.fact, DeathRetracted)
    }
    reports = [known for known in facts if isinstance(known.fact, DeathReported)]
    documents = {(k.department, k.fact.document) for k in reports if k.reference in retracted and k.fact.document}
    live = [k for k in reports if k.reference not in retracted and (k.department, k.fact.document) not in documents]
    return sorted(live, key=lambda known: (known.fact.effective, known.reference))


def mismatches(known: Known, facts: tuple[Known, ...]) -> bool:
    registered = registration(facts)
    return bool(registered and known.name_tag and registered.name_tag and known.name_tag != registered.name_tag)


def confirmed(facts: tuple[Known, ...]) -> list[Known]:
    retractors = {known.department for known in facts if isinstance(known.fact, DeathRetracted)}
    return [
        known
        for known in live_deaths(facts)
        if known.department in STRONG
        and not mismatches(known, facts)
        and not (known.fact.document is None and known.department in retractors)
    ]


def due(facts: Iterable[Known], law: Law) -> Timeline:
    """The timeline of a dossier that has the one death that counts, and nothing else."""
    facts = tuple(facts)
    return timeline(Dossier(registered=registration(facts), deaths=tuple(confirmed(facts)[:1])), law)


def paid(facts: tuple[Known, ...], law: Law, today: date) -> tuple[Run, ...]:
    """What was paid up to `today`: each month by what was known on its payment day."""
    end = plus(last_paid_month(law, today), 1)
    first_known = [known for known in facts if isinstance(known.fact, RetirementRegistered)]
    registered = min(first_known, key=lambda known: (known.learnt, known.reference))

    def told(known: Known) -> Month:
        """The first month that was paid after the fact was known together with its retiree."""
        return min(plus(last_paid_month(law, max(known.learnt, registered.learnt)), 1), end)

    runs: list[Run | None] = []
    first = Month("0001-01")
    for until in [*sorted({told(known) for known in facts if known is not registered}), end]:
        by_then = [known for known in facts if known is registered or told(known) <= first]
        runs += [
            Run(s.first, s.last, s.pays).within(first, plus(until, -1)) for s in due(by_then, law) if until > first
        ]
        first = until
    return joined(runs)
