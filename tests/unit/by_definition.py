"""Entitlement by its definition: over the whole set of facts, with nothing left out and nothing remembered.

Slow and plain. The dossier must answer as this does, whatever it left out.
"""

from collections.abc import Iterable
from datetime import date

from domain.dossier import Dossier, precedence
from domain.entitlement import last_paid_month, timeline
from domain.facts import (
    STRONG,
    TURNS,
    WEAK,
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    FactRetracted,
    Known,
    LifeEvent,
    PensionPaid,
    Reappeared,
    Reference,
    RetirementRegistered,
    SurvivalVerified,
)
from domain.kinds import Kind
from domain.law import Law
from domain.months import Month, month_of, plus
from domain.timeline import Run, Timeline, joined, overwritten, run_of


def registration(facts: Iterable[Known]) -> Known | None:
    found = [known for known in standing(facts) if isinstance(known.fact, RetirementRegistered)]
    return max(found, key=lambda k: precedence(k.department, k.fact.effective, k.reference), default=None)


def taken_back(facts: Iterable[Known]) -> set[Reference]:
    """What retractions name, each of its own source."""
    return {
        Reference(known.reference.source, known.fact.retracts)
        for known in facts
        if isinstance(known.fact, DeathRetracted | FactRetracted)
    }


def standing(facts: Iterable[Known]) -> list[Known]:
    """The facts that nobody has taken back or corrected, by day."""
    facts = tuple(facts)
    corrected = {Reference(known.reference.source, known.fact.corrects) for known in facts if known.fact.corrects}
    gone = taken_back(facts) | corrected
    found = [known for known in facts if known.reference not in gone]
    return sorted(found, key=lambda known: (known.fact.effective, known.reference))


def live_deaths(facts: tuple[Known, ...]) -> list[Known]:
    """Reports that nobody has taken back, by their name or by their document; the earliest death first."""
    gone = taken_back(facts)
    reports = [known for known in facts if isinstance(known.fact, DeathReported | DeathDeclared)]
    documents = {(k.department, k.fact.document) for k in reports if k.reference in gone and k.fact.document}
    return [
        known
        for known in standing(facts)
        if known in reports and (known.department, known.fact.document) not in documents
    ]


def turning(facts: tuple[Known, ...]) -> list[Known]:
    found = [
        known
        for known in standing(facts)
        if isinstance(known.fact, TURNS) and known.department not in WEAK and not mismatches(known, facts)
    ]
    return sorted(found, key=lambda known: (known.fact.effective, TURNS.index(type(known.fact)), known.reference))


def verified(facts: tuple[Known, ...]) -> list[Known]:
    return [k for k in standing(facts) if isinstance(k.fact, SurvivalVerified) and not mismatches(k, facts)]


def mismatches(known: Known, facts: tuple[Known, ...]) -> bool:
    registered = registration(facts)
    return bool(registered and known.name_tag and registered.name_tag and known.name_tag != registered.name_tag)


def confirmed(facts: tuple[Known, ...]) -> list[Known]:
    gone = taken_back(facts)
    retractors = {
        known.department
        for known in facts
        if isinstance(known.fact, DeathRetracted)
        or (isinstance(known.fact, DeathReported | DeathDeclared) and known.reference in gone)
    }
    seen = max((k.fact.effective for k in turning(facts) if isinstance(k.fact, Reappeared)), default=date.min)
    return [
        known
        for known in live_deaths(facts)
        if known.department in STRONG
        and not mismatches(known, facts)
        and not (known.fact.document is None and known.department in retractors)
        and not (isinstance(known.fact, DeathDeclared) and known.fact.effective <= seen)
    ]


def doubtful(facts: tuple[Known, ...]) -> list[Known]:
    """Reports that are looked into: all but declarations of a court whose person was seen since."""
    seen = max((k.fact.effective for k in turning(facts) if isinstance(k.fact, Reappeared)), default=date.min)
    return [
        known
        for known in live_deaths(facts)
        if mismatches(known, facts) or not (isinstance(known.fact, DeathDeclared) and known.fact.effective <= seen)
    ]


def due(facts: Iterable[Known], law: Law, today: date) -> Timeline:
    """The timeline of a dossier that has what counts, and nothing else."""
    facts = tuple(facts)
    registered = registration(facts)
    dossier = Dossier(
        registrations=(registered,) if registered else (),
        deaths=tuple(confirmed(facts)[:1]),
        turns=tuple(turning(facts)),
        verified=tuple(verified(facts)[-1:]),
    )
    return timeline(dossier, law, today)


def paid(facts: tuple[Known, ...], law: Law, today: date) -> tuple[Run, ...]:
    """What was paid up to `today`: each month by what was known on its payment day, but for what the agency told since."""
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
        runs += [run_of(span).within(first, plus(until, -1)) for span in due(by_then, law, today) if until > first]
        first = until
    found = joined(runs)
    for known in reports(facts, found, law):
        found = overwritten(found, of_report(known.fact))
    return found


def reports(facts: Iterable[Known], thought: tuple[Run, ...], law: Law) -> list[Known]:
    """What the agency told of months, a correction in the place of what it corrects; not what was thought anyway and nobody contradicted."""
    told: list[Known] = []
    gone: set[Reference] = set()
    registered = False
    for known in facts:
        registered = registered or isinstance(known.fact, RetirementRegistered)
        source, corrects = known.reference.source, known.fact.corrects
        names = {Reference(source, id_) for id_ in (corrects, getattr(known.fact, "retracts", None)) if id_}
        gone |= names
        place = next((n for n, one in enumerate(told) if one.reference in names), None)
        if not isinstance(known.fact, PensionPaid) or known.reference in gone:
            told = [one for one in told if one.reference not in names]
        elif place is not None:
            told[place] = known
        else:
            run, settled = of_report(known.fact), last_paid_month(law, known.learnt)
            others = [of_report(one.fact) for one in told]
            before = joined(one.within(None, settled) for one in thought) if registered else ()
            if (
                not before
                or overwritten(before, run) != before
                or (run.last and run.last > settled)
                or any(run.within(other.first, other.last) for other in others)
            ):
                told.append(known)
    return told


def of_report(fact: LifeEvent) -> Run:
    """The months that a report speaks of, and whether they were paid."""
    assert isinstance(fact, PensionPaid)
    month = month_of(fact.effective)
    return Run(month, Month(fact.until) if fact.until else month, fact.paid, None if fact.paid else Kind.CORRECTION)
