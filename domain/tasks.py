"""What an office is asked to look into, beside the payment itself: doubts, terms that end, verifications due, second pensions."""

from collections.abc import Iterator
from datetime import date, timedelta

from msgspec import Struct

from domain.custody import acquitted_in_vain, release_due, stays_of
from domain.dossier import Dossier, by_day, days_of_death
from domain.facts import (
    WEAK,
    Acquitted,
    DeclaredMissing,
    Detained,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
    GoneMissing,
    Known,
    Paroled,
    ParoleRevoked,
    PensionAdjusted,
    Reappeared,
    Reference,
    Released,
    Scheme,
    Sentenced,
    Wanted,
)
from domain.facts.justice import Justice
from domain.kinds import Kind
from domain.law import Law
from domain.links import Twin
from domain.money import fen
from domain.months import Month, month_of
from domain.survival import verification

_DOUBTED: dict[type, Kind] = {
    GoneMissing: Kind.MISSING,
    DeclaredMissing: Kind.MISSING,
    Reappeared: Kind.REAPPEARANCE,
    Wanted: Kind.CUSTODY,
    Detained: Kind.CUSTODY,
    Sentenced: Kind.IMPRISONMENT,
    Paroled: Kind.RELEASE,
    ParoleRevoked: Kind.IMPRISONMENT,
    Released: Kind.RELEASE,
    Acquitted: Kind.ACQUITTAL,
}
_RULES = {
    Kind.MISSING: "missing-suspends",
    Kind.REAPPEARANCE: "reappearance-pays-back",
    Kind.CUSTODY: "custody-suspends",
    Kind.IMPRISONMENT: "sentence-stops",
    Kind.RELEASE: "release-resumes",
    Kind.ACQUITTAL: "acquittal-pays-back",
}


_SAY_NOTHING_OF_LIFE = (
    PensionAdjusted,
    DuplicateBenefitFound,
    DuplicateBenefitSettled,
    GoneMissing,
    DeclaredMissing,
    Wanted,
    Acquitted,  # nobody is prosecuted who has died
)


_OF_SECOND_PENSIONS = (DuplicateBenefitFound, DuplicateBenefitSettled)


class Task(Struct, frozen=True):
    """Something to verify, to remind of or to settle: why, under which rule, since which month, by which facts; `amount` in fen.

    `by`: the last day on which it helps.
    """

    kind: Kind
    rule: str
    first: Month
    facts: tuple[Reference, ...]
    amount: int = 0
    by: date = date.max


def tasks(dossier: Dossier, law: Law, today: date, *, dead: bool) -> Iterator[Task]:
    """The tasks that stand on a day, at most one of each kind. `dead`: a death is confirmed, so that nobody is reminded."""
    doubts = list(_doubts(dossier))
    yield from doubts
    if (known := acquitted_in_vain(dossier, law)) and not any(task.kind is Kind.ACQUITTAL for task in doubts):
        yield Task(Kind.ACQUITTAL, _RULES[Kind.ACQUITTAL], month_of(known.fact.effective), (known.reference,))
    if conflict := _conflict(dossier):
        yield conflict
    if (found := _second_pension(dossier, dead=dead)) is not None:
        yield found
    if dead:
        return
    if (stay := release_due(stays_of(dossier, law))) and stay.ends_on and stay.ends_on < today:
        yield Task(Kind.RELEASE_DUE, "release-due", month_of(stay.ends_on), stay.facts)
    due = verification(dossier.living, law, dossier.division)
    if due and due.warned <= today <= due.due:
        facts = (due.last.reference,)
        yield Task(Kind.VERIFICATION_DUE, "verification-cycle", month_of(due.due), facts, by=due.due)


def due_days(dossier: Dossier, law: Law) -> Iterator[date]:
    """The days on which a task begins or ends of itself, past ones among them."""
    if found := verification(dossier.living, law, dossier.division):
        yield found.warned
        yield found.due + timedelta(days=1)
    if (stay := release_due(stays_of(dossier, law))) and stay.ends_on:
        yield stay.ends_on + timedelta(days=1)


def _doubts(dossier: Dossier) -> Iterator[Task]:
    """Turns told by somebody whose word is looked into first, or of somebody under another name."""
    if not dossier.turns and not dossier.verified:
        return
    turning = dossier.turning
    if len(turning) == len(dossier.turns) and len(dossier.living) == len(dossier.verified):
        return  # all told by who knows, of this person
    doubted: dict[Kind, list[Known]] = {}
    for known in (*dossier.turns, *reversed(dossier.verified)):
        if dossier.misnames(known):
            doubted.setdefault(Kind.IDENTITY_MISMATCH, []).append(known)
        elif known.department in WEAK and type(known.fact) in _DOUBTED and not _known_better(known, turning):
            doubted.setdefault(_DOUBTED[type(known.fact)], []).append(known)
    for kind, facts in doubted.items():
        rule, day = _RULES.get(kind, "identity-mismatch"), min(known.fact.effective for known in facts)
        yield Task(kind, rule, month_of(day), tuple(known.reference for known in facts))


def _known_better(doubted: Known, turning: list[Known]) -> bool:
    """Whether somebody who knows spoke of the matter on that day or since, or said the same last."""
    about = isinstance(doubted.fact, Justice)
    spoken = [k for k in turning if type(k.fact) in _DOUBTED and isinstance(k.fact, Justice) == about]
    if not spoken:
        return False
    last = spoken[-1]
    return last.fact.effective >= doubted.fact.effective or _DOUBTED[type(last.fact)] is _DOUBTED[type(doubted.fact)]


def _conflict(dossier: Dossier) -> Task | None:
    """Life after death: a verification, a sentence, a return; or two days of death. A person settles which is true."""
    confirmed, seen = dossier.confirmed, dossier.verified or dossier.turns
    if not confirmed or (len(confirmed) == 1 and not seen):
        return None
    died = confirmed[0].fact.effective
    told = (*dossier.living, *dossier.turning) if seen else ()
    later = [known for known in told if known.fact.effective > died and _alive(known)]
    if days_of_death(confirmed) < 2 and not later:
        return None
    facts = (*(known.reference for known in confirmed[:2]), *(known.reference for known in later))
    return Task(Kind.CONFLICT, "facts-conflict", month_of(died), facts)


def _alive(known: Known) -> bool:
    """Whether a fact says that its person lived on its day."""
    return not isinstance(known.fact, _SAY_NOTHING_OF_LIFE)


def _second_pension(dossier: Dossier, *, dead: bool) -> Task | None:
    if dossier.twice and (found := _registered_besides(dossier)):
        return _to_settle(found.fact.effective, found.reference)
    if dead:
        return None
    found = None
    for known in dossier.turns:
        if isinstance(known.fact, _OF_SECOND_PENSIONS) and not dossier.misnames(known):
            found = known if isinstance(known.fact, DuplicateBenefitFound) else None
    if found is None or not isinstance(found.fact, DuplicateBenefitFound):
        return None
    resident = found.fact.scheme is Scheme.RESIDENT  # of others nothing is returned here, by agreement one goes on
    amount = fen(found.fact.basic_received) if found.fact.basic_received and resident else 0
    return _to_settle(found.fact.effective, found.reference, amount)


def two_pensions(dossier: Dossier, twin: Twin) -> Task | None:
    """Two records of this person, each with a pension, until it is settled which goes on; asked of the one that leads."""
    return _to_settle(twin.day, twin.by) if twin.leads and not _settled_since(dossier, twin.day) else None


def _registered_besides(dossier: Dossier) -> Known | None:
    """The first registration under another number of this person, which brings a pension; None once that is settled."""
    counting = dossier.registrations[0].under
    found = min((known for known in dossier.registrations if known.under != counting), key=by_day)
    return None if _settled_since(dossier, found.learnt) else found


def _settled_since(dossier: Dossier, learnt: date) -> bool:
    return any(isinstance(k.fact, DuplicateBenefitSettled) and k.learnt >= learnt for k in dossier.turning)


def _to_settle(since: date, by: Reference, amount: int = 0) -> Task:
    return Task(Kind.DUPLICATE_BENEFIT, "duplicate-benefit", month_of(since), (by,), amount)
