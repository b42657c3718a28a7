"""What a dossier leaves out, so that its size does not grow with the number of facts."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice
from operator import eq

from msgspec.structs import replace

from domain.dossier import Day, Dossier, LeftOut, by_day, days_of_death
from domain.facts import Known
from domain.marks import OTHER, document_mark, kept_elsewhere
from domain.payments import fewest

KEEP = 5
"""Facts of one weight that a dossier keeps; what lies beyond changes nothing until those are gone."""


def bounded(dossier: Dossier) -> Dossier:
    """The dossier without the facts that change nothing.

    Registrations and verifications behind others of their kind, turns that are told again, reports of a later death. What the
    agency told of money long ago stays, and can no more be taken back.
    """
    if not _is_long(dossier):
        return dossier
    kept = (_registrations(dossier), _verified(dossier), _without_echoes(dossier.turns))
    everything = (dossier.registrations, dossier.verified, dossier.turns)
    if list(map(len, kept)) != list(map(len, everything)):
        dossier = _without(dossier, tuple(chain(*everything)), *kept)
    paid, payments = fewest(dossier.paid, dossier.payments)
    if payments is not dossier.payments:
        dossier = replace(dossier, paid=paid, payments=payments)
    return _bounded_deaths(dossier) if len(dossier.deaths) > KEEP else dossier


def _is_long(dossier: Dossier) -> bool:
    """Whether there is so much of anything that some of it may have to go: nearly nobody has."""
    return (
        len(dossier.registrations) > KEEP
        or len(dossier.deaths) > KEEP
        or len(dossier.verified) > KEEP
        or len(dossier.turns) > KEEP
        or len(dossier.payments) > KEEP
    )


def _without(
    dossier: Dossier,
    everything: tuple[Known, ...],
    registrations: tuple[Known, ...],
    verified: tuple[Known, ...],
    turns: tuple[Known, ...],
) -> Dossier:
    kept = set(map(id, (*registrations, *verified, *turns)))  # a reference takes longer to hash than to be the same
    gone = {kept_elsewhere(known.reference): OTHER for known in everything if id(known) not in kept}
    marks = {**dossier.marks, **gone}
    return replace(dossier, registrations=registrations, verified=verified, turns=turns, more=True, marks=marks)


def _registrations(dossier: Dossier) -> tuple[Known, ...]:
    """Those that count first, and the first of every record besides."""
    first = dossier.registrations[:KEEP]
    if len(dossier.registrations) <= KEEP or not dossier.twice:
        return first
    records = {known.under: known for known in reversed(dossier.registrations)}
    return tuple(known for known in dossier.registrations if known in first or records[known.under] is known)


def _verified(dossier: Dossier) -> tuple[Known, ...]:
    """The latest, of this person and of other names each."""
    if len(dossier.verified) <= KEEP:
        return dossier.verified
    if len(dossier.living) == len(dossier.verified):
        return dossier.verified[:KEEP]
    others = islice(filter(dossier.misnames, dossier.verified), KEEP)
    kept = set(map(id, (*others, *dossier.living[:KEEP])))
    return tuple(known for known in dossier.verified if id(known) in kept)


def _without_echoes(turns: tuple[Known, ...]) -> tuple[Known, ...]:
    """The turns without those that say what `KEEP` others say already."""
    days = [known.fact.effective for known in turns]
    if not any(map(eq, days, days[KEEP:])):
        return turns  # they are in the order of their days, and what says the same is of one day
    told: Counter[tuple[object, ...]] = Counter()
    kept = []
    for known in turns:
        says = known.department, known.fact, known.name_tag
        told[says] += 1
        if told[says] <= KEEP:
            kept.append(known)
    return tuple(kept)


def _bounded_deaths(dossier: Dossier) -> Dossier:
    """The dossier without later reports of the same weight. One in another name is kept, and one of another day."""
    sure, unsure, overruled = tuple(dossier.confirmed), tuple(dossier.doubtful), tuple(dossier.overruled)
    misnamed = tuple(islice(filter(dossier.misnames, unsure[KEEP:]), 1))
    another_day = islice(
        (known for known in sure[KEEP:] if days_of_death(sure[:KEEP]) < days_of_death((sure[0], known))), 1
    )
    kept = {*sure[:KEEP], *another_day, *unsure[:KEEP], *misnamed, *overruled[:KEEP]}
    gone = [known for known in dossier.deaths if known not in kept]
    if not gone:
        return dossier
    before = dossier.left_out or LeftOut()
    return replace(
        dossier,
        deaths=tuple(known for known in dossier.deaths if known in kept),
        left_out=LeftOut(
            sure=_earliest(
                before.sure, [*(known for known in sure if known not in kept), *overruled[KEEP:]]
            ),  # these are sure once nobody was seen since
            unsure=_earliest(before.unsure, [known for known in unsure[KEEP:] if known not in misnamed]),
            misnamed=before.misnamed or any(map(dossier.misnames, gone)),
        ),
        marks={**dossier.marks, **{kept_elsewhere(known.reference): document_mark(known) for known in gone}},
    )


def _earliest(before: Day | None, reports: Sequence[Known]) -> Day | None:
    return min(filter(None, (before, *map(by_day, reports[:1]))), default=None)
