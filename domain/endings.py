"""Why a pension is paid again, or months of it paid back: the facts that ended what spoke against them."""

from collections.abc import Iterable
from typing import NamedTuple

from domain.dossier import Dossier
from domain.facts import Acquitted, LifeEvent, Paroled, Reappeared, Released, Sentenced
from domain.kinds import Kind
from domain.months import Month, month_of, plus

_JUSTICE = frozenset({Kind.IMPRISONMENT, Kind.CUSTODY})
_RELEASE = (_JUSTICE, Kind.RELEASE, "release-resumes")
_LENIENCY = (_JUSTICE, Kind.RELEASE, "leniency-resumes")
_ACQUITTAL = (_JUSTICE, Kind.ACQUITTAL, "acquittal-pays-back")
_FOUND = (frozenset({Kind.MISSING}), Kind.REAPPEARANCE, "reappearance-pays-back")
_VERIFIED = (frozenset({Kind.VERIFICATION_OVERDUE}), Kind.SURVIVAL_VERIFIED, "verification-pays-back")
_BY_KIND: dict[type[LifeEvent], tuple[frozenset[Kind], Kind, str]] = {
    Released: _RELEASE,
    Paroled: _LENIENCY,
    Sentenced: _LENIENCY,
    Acquitted: _ACQUITTAL,
    Reappeared: _FOUND,
}
_DEATH = frozenset({Kind.DEATH})


class Ending(NamedTuple):
    """An end of reasons of some kinds, in a month (None: whenever): what it is told as and the rule it follows."""

    of: frozenset[Kind]
    kind: Kind
    rule: str
    month: Month | None


def endings(dossier: Dossier) -> tuple[Ending, ...]:
    """The last end of each sort that the facts tell of, by month."""
    if not dossier.turns and not dossier.verified:
        return _of_death(dossier)
    last = {ends[2]: (ends, known) for known in dossier.turning if (ends := _ends(known.fact))}
    if dossier.living:
        last["verified"] = _VERIFIED, dossier.living[0]
    found = [Ending(*ends, month_of(known.fact.effective)) for ends, known in last.values()]
    found.sort(key=lambda ending: ending.month or "")
    return (*found, *_of_death(dossier))


def why_again(ended: Iterable[Ending], why: Kind | None, since: Month) -> tuple[Kind, str]:
    """As what it is told, and under which rule, that months from `since` on are paid after all, which were not because of `why`."""
    fitting = [one for one in ended if why in one.of and (one.month is None or one.month >= plus(since, -1))]
    return (fitting[-1].kind, fitting[-1].rule) if fitting else (Kind.CORRECTION, "fact-corrected")


def _ends(fact: LifeEvent) -> tuple[frozenset[Kind], Kind, str] | None:
    ends = _BY_KIND.get(type(fact))
    return None if ends is _LENIENCY and isinstance(fact, Sentenced) and fact.sentence.custodial else ends


def _of_death(dossier: Dossier) -> tuple[Ending, ...]:
    if dossier.overruled:
        return (Ending(_DEATH, Kind.REAPPEARANCE, "reappearance-pays-back", None),)
    if dossier.mismatch:
        return (Ending(_DEATH, Kind.IDENTITY_MISMATCH, "identity-mismatch", None),)
    if dossier.retractors:
        return (Ending(_DEATH, Kind.DEATH_RETRACTED, "death-retracted", None),)
    return ()
