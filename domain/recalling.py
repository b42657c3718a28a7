"""The dossier out of all facts: where one that was left out may count again, or the facts are no longer the same."""

from collections.abc import Iterable, Iterator, Set

from msgspec.structs import replace

from domain.dossier import (
    DEATHS,
    RETRACTIONS,
    Dossier,
    bears,
    by_day,
    days_of_death,
    has,
    in_turn,
    latest_first,
    learn,
    name_of,
    ranked,
)
from domain.facts import TURNS, DeathRetracted, Known, Reference, RetirementRegistered, SurvivalVerified, taken_back
from domain.marks import Mark, corrected_mark, document_mark, kept_elsewhere, taken_back_mark


def leans_on_all(dossier: Dossier, known: Known) -> bool:
    """Whether with this fact one that was left out may count, so that the dossier must be `recalled` first."""
    if dossier.left_out is None and not (dossier.more and _may_name_another(known)):
        return False
    if not bears(known):
        return False
    after = learn(dossier, known)
    if name_of(after) != name_of(dossier):
        return True
    kept = (*dossier.registrations, *dossier.verified, *dossier.turns)
    return (dossier.more and any(has(kept, target) for target in named(known))) or _leans_on_deaths(dossier, after)


def _may_name_another(known: Known) -> bool:
    """Whether a fact may be about one that was told before, or about who it is."""
    return known.fact.corrects is not None or isinstance(known.fact, (RetirementRegistered, *RETRACTIONS))


def _leans_on_deaths(before: Dossier, after: Dossier) -> bool:
    left = before.left_out
    if left is None:
        return False
    if left.misnamed and not after.mismatch:
        return True
    confirming = next(iter(after.confirmed), None)
    if confirming:
        fewer_days = days_of_death(after.confirmed) < days_of_death(before.confirmed)
        return left.sure is not None and (fewer_days or left.sure < by_day(confirming))
    doubtful = after.doubtful
    return bool(left.sure or not doubtful or (left.unsure and left.unsure < by_day(doubtful[0])))


def recalled(dossier: Dossier, facts: Iterable[Known]) -> Dossier:
    """The dossier with every fact that stands, out of all facts that it is of."""
    return replace(
        of_facts(facts),
        first=dossier.first,
        paid=dossier.paid,
        settled=dossier.settled,
        payments=dossier.payments,
        marks=dossier.marks,
        marked=dossier.marked,
    )


def of_facts(facts: Iterable[Known]) -> Dossier:
    """What `learn` makes of facts, whatever their order, with nothing left out; nothing is known of what was paid."""
    facts = tuple(facts)
    deaths = [known for known in facts if isinstance(known.fact, DEATHS)]
    registrations = [known for known in facts if isinstance(known.fact, RetirementRegistered)]
    retractions = [(target, known) for known in facts for target in _retracted(known)]
    back = {target for target, _ in retractions}
    replaced = {target for known in facts for target in _corrected(known)}
    documents = {document_mark(known) for known in deaths if known.reference in back} - {None}
    gone = back | replaced
    standing = [known for known in facts if known.reference not in gone]
    return Dossier(
        registrations=ranked(known for known in standing if isinstance(known.fact, RetirementRegistered)),
        first=min(((known.learnt, known.reference) for known in registrations), default=None),
        deaths=tuple(
            sorted(
                (k for k in standing if isinstance(k.fact, DEATHS) and document_mark(k) not in documents), key=by_day
            )
        ),
        verified=latest_first(known for known in standing if isinstance(known.fact, SurvivalVerified)),
        turns=tuple(sorted((known for known in standing if isinstance(known.fact, TURNS)), key=in_turn)),
        retractors=frozenset(
            known.department
            for target, known in retractions
            if isinstance(known.fact, DeathRetracted) or has(deaths, target)
        ),
        marks=dict(_marks(facts, deaths, back, replaced, documents)),
    )


def named(known: Known) -> list[Reference]:
    """The facts that one takes back or takes the place of."""
    return [Reference(known.reference.source, id_) for id_ in taken_back(known.fact)]


def _corrected(known: Known) -> Iterator[Reference]:
    if known.fact.corrects:
        yield Reference(known.reference.source, known.fact.corrects)


def _retracted(known: Known) -> Iterator[Reference]:
    if isinstance(known.fact, RETRACTIONS):
        yield Reference(known.reference.source, known.fact.retracts)


def _marks(
    facts: Iterable[Known],
    deaths: Iterable[Known],
    back: Iterable[Reference],
    replaced: Set[Reference],
    documents: Iterable[Mark | None],
) -> Iterator[tuple[Mark, Mark | None]]:
    """What a fact still to come may meet: what was taken back or corrected before it came, and documents taken back."""
    came = {known.reference for known in facts}
    yield from ((taken_back_mark(target), None) for target in back if target not in came)
    yield from ((corrected_mark(target), None) for target in replaced if target not in came)
    yield from ((document, None) for document in documents if document)
    # a retraction of the corrected report may still come, and takes its document back too
    yield from ((kept_elsewhere(k.reference), document_mark(k)) for k in deaths if k.reference in replaced)
