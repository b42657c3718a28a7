"""The dossier: what is known of one retiree, reduced to what can still bear on the pension.

It stands for the set of the facts: in whatever order they were learned, dossiers of the same facts answer alike. Its size
does not grow with their number. What a later fact can only meet by its name (a report that was taken back before it
came, a document that was taken back, a report that was left out) is a mark, looked up by key when a fact asks for it.
"""

from bisect import bisect
from collections.abc import Iterable
from datetime import date
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from domain.absence import last_reappearance
from domain.facts import (
    STRONG,
    TURNS,
    WEAK,
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    Department,
    FactRetracted,
    Known,
    Reference,
    RetirementRegistered,
    SurvivalVerified,
)
from domain.marks import OTHER, Mark, asks, corrected_mark, document_mark, kept_elsewhere, kinds, taken_back_mark
from domain.months import Month
from domain.payments import Payment, corrected, without
from domain.timeline import Run

Day = tuple[date, Reference]
DEATHS = (DeathReported, DeathDeclared)
RETRACTIONS = (DeathRetracted, FactRetracted)


class LeftOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the log has beyond the reports kept: the earliest that confirmed a death, the earliest that did not, and whether one gave another name."""

    sure: Day | None = None
    unsure: Day | None = None
    misnamed: bool = False


class Dossier(Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """What bears on one retiree's pension, of the facts that nobody has taken back.

    A dossier never changes, so what is once read out of it is kept beside it (`dict`), and is no part of it.

    `registrations`: the one that counts first; `first`: when we learned of one first, and by which. `deaths`: the
    earliest first; `left_out`: of those that are not kept. `verified`: verifications of survival, the latest first.
    `turns`: custody, sentences, absence and the like, by day. `more`: of these three some are left out. `retractors`:
    departments that took a report of a death back. `marks`: those made or asked for so far, not all of them; `marked`:
    the kinds of those that are kept apart. `paid`: the months to `settled`, as they were paid or not by what was known,
    which nothing learned later can change; `payments`: what the agency told of them since, and of what came back.
    """

    registrations: tuple[Known, ...] = ()
    first: tuple[date, Reference] | None = None
    deaths: tuple[Known, ...] = ()
    left_out: LeftOut | None = None
    verified: tuple[Known, ...] = ()
    turns: tuple[Known, ...] = ()
    more: bool = False
    retractors: frozenset[Department] = frozenset()
    marks: dict[Mark, Mark | None] = {}
    marked: str = ""
    paid: tuple[Run, ...] = ()
    settled: Month | None = None
    payments: tuple[Payment, ...] = ()

    @property
    def registered(self) -> Known | None:
        """The registration that counts."""
        return self.registrations[0] if self.registrations else None

    @property
    def registration(self) -> RetirementRegistered | None:
        """What the registration that counts says; None: not registered."""
        return self.registrations[0].fact if self.registrations else None  # type: ignore[return-value] # only such are put there

    @property
    def twice(self) -> bool:
        """Whether two records of this person are registered, each with a pension of its own."""
        return len(self.registrations) > 1 and len({known.under for known in self.registrations}) > 1

    @property
    def division(self) -> str:
        """The community that serves, as registered; empty while nobody is."""
        return self.registration.residence_division if self.registration else ""

    @cached_property
    def confirmed(self) -> tuple[Known, ...]:
        """The reports that confirm a death: of a strong source, of this person, and surely another than one taken back."""
        return tuple([known for known in self.deaths if self._confirms(known)])

    def asks(self, known: Known) -> list[Mark]:
        """The marks that a fact may meet and that may be kept apart. Seldom any: most are of facts left out, which few facts name."""
        return [mark for mark in asks(known) if mark[0] in self.marked] if self.marked else []

    def without_marks(self) -> "Dossier":
        """The dossier as it is stored, its marks being kept apart."""
        return replace(self, marks={}, marked=kinds([*self.marks, *self.marked])) if self.marks else self

    @property
    def overruled(self) -> list[Known]:
        """Declarations of a court whose person was seen since: they count no more, and nobody asks whether they are true."""
        return [known for known in self.deaths if self._is_overruled(known)] if self.turns else []

    @property
    def doubtful(self) -> list[Known]:
        """The reports that confirm nothing and are looked into."""
        return [known for known in self.deaths if not self._confirms(known) and not self._is_overruled(known)]

    @property
    def mismatch(self) -> bool:
        """Whether a report of a death gives another name than the registration."""
        return any(map(self.misnames, self.deaths))

    @cached_property
    def turning(self) -> list[Known]:
        """The turns that count: told by who knows, of this person."""
        if not self.turns:
            return []
        name = name_of(self)
        return [
            known
            for known in self.turns
            if known.department not in WEAK and (known.name_tag is None or name is None or known.name_tag == name)
        ]

    @cached_property
    def living(self) -> tuple[Known, ...]:
        """The verifications of this person, the latest first."""
        name = name_of(self)
        return tuple(
            known for known in self.verified if known.name_tag is None or name is None or known.name_tag == name
        )

    def misnames(self, known: Known) -> bool:
        """The number fits and the name does not. A name that was not given says nothing."""
        tag = known.name_tag
        if not tag or not self.registrations:
            return False
        name = self.registrations[0].name_tag
        return tag != name and bool(name)

    def _confirms(self, known: Known) -> bool:
        return (
            known.department in STRONG
            and not (known.fact.document is None and known.department in self.retractors)  # perhaps the same death
            and not self.misnames(known)
            and not (self.turns and self._is_overruled(known))
        )

    def _is_overruled(self, known: Known) -> bool:
        if not self.turns or not isinstance(known.fact, DeathDeclared) or self.misnames(known):
            return False  # nobody was seen again
        seen = last_reappearance(self.turning)
        return seen is not None and seen >= known.fact.effective


def learn(dossier: Dossier, known: Known) -> Dossier:
    """The dossier with one more fact.

    A retraction undoes the fact it names; of a death, also every report of the same department under the same document:
    the same death cannot come back without a new one. A correction takes the place of the fact it names. `marks` must
    hold what `asks` names, and where `leans_on_all` says so, the dossier must be `recalled` first.
    """
    if corrects := known.fact.corrects:
        by = None if is_gone(dossier, known) else known.reference
        dossier = _correct(dossier, Reference(known.reference.source, corrects), by)
    match known.fact:
        case RetirementRegistered():
            return _with_registration(dossier, known)
        case DeathReported() | DeathDeclared():
            return _with_death(dossier, known)
        case DeathRetracted(retracts=id_):
            return _retract(dossier, Reference(known.reference.source, id_), known.department, of_death=True)
        case FactRetracted(retracts=id_):
            return _retract(dossier, Reference(known.reference.source, id_), known.department)
        case _:
            return dossier if is_gone(dossier, known) else _with(dossier, known)


def is_gone(dossier: Dossier, known: Known) -> bool:
    """Whether a fact was taken back or corrected before it came."""
    return bool(dossier.marks) and (
        taken_back_mark(known.reference) in dossier.marks or corrected_mark(known.reference) in dossier.marks
    )


def bears(known: Known) -> bool:
    """Whether a fact can touch what a dossier answers."""
    return type(known.fact) in _BEARING or known.fact.corrects is not None


def days_of_death(reports: Iterable[Known]) -> int:
    """On how many days somebody is said to have died. A court says when at the latest, so it contradicts nobody."""
    return len({known.fact.effective for known in reports if not isinstance(known.fact, DeathDeclared)})


def precedence(department: str, effective: date, reference: Reference) -> tuple[bool, date, Reference]:
    """Which of two registrations counts: the one whose precedence is greater, the agency's own before an enterprise's."""
    return department == Department.AGENCY, effective, reference


def _precedence(known: Known) -> tuple[bool, date, Reference]:
    return precedence(known.department, known.fact.effective, known.reference)


def _with_death(dossier: Dossier, known: Known) -> Dossier:
    if marks := dossier.marks:
        if taken_back_mark(known.reference) in marks:
            return _take_back(dossier, known.reference, document_mark(known), known.department)
        if corrected_mark(known.reference) in marks:
            return replace(dossier, marks={**marks, kept_elsewhere(known.reference): document_mark(known)})
        if document_mark(known) in marks:
            return dossier
    at = bisect(dossier.deaths, by_day(known), key=by_day)
    return replace(dossier, deaths=(*dossier.deaths[:at], known, *dossier.deaths[at:]))


def _with_registration(dossier: Dossier, known: Known) -> Dossier:
    first = known.learnt, known.reference
    first = min(dossier.first, first) if dossier.first else first
    if is_gone(dossier, known):
        return replace(dossier, first=first)
    registrations = ranked((*dossier.registrations, known)) if dossier.registrations else (known,)
    return replace(dossier, first=first, registrations=registrations)


def _with(dossier: Dossier, known: Known) -> Dossier:
    """The dossier with a verification or a turn."""
    if isinstance(known.fact, SurvivalVerified):
        return replace(dossier, verified=latest_first((*dossier.verified, known)))
    if isinstance(known.fact, TURNS):
        at = bisect(dossier.turns, in_turn(known), key=in_turn)
        return replace(dossier, turns=(*dossier.turns[:at], known, *dossier.turns[at:]))
    return dossier  # it only corrects


def _retract(dossier: Dossier, target: Reference, by: Department, *, of_death: bool = False) -> Dossier:
    report = next((report for report in dossier.deaths if report.reference == target), None)
    if report:
        return _take_back(dossier, target, document_mark(report), by)
    if (document := dossier.marks.get(kept_elsewhere(target), OTHER)) != OTHER:
        return _take_back(dossier, target, document, by)
    if of_death:
        dossier = replace(dossier, retractors=dossier.retractors | {by})
    return _without(dossier, target, taken_back_mark(target))


def _correct(dossier: Dossier, target: Reference, by: Reference | None) -> Dossier:
    """The dossier without a fact that is corrected; what it told of money stays until what corrects it is heard, if it is."""
    if by and any(one.reference == target for one in dossier.payments):
        return replace(dossier, payments=corrected(dossier.payments, target, by))
    report = next((report for report in dossier.deaths if report.reference == target), None)
    if report:  # a retraction may still come, and takes its document back too
        deaths = tuple(known for known in dossier.deaths if known is not report)
        return replace(dossier, deaths=deaths, marks={**dossier.marks, kept_elsewhere(target): document_mark(report)})
    return _without(dossier, target, corrected_mark(target))


def _without(dossier: Dossier, target: Reference, mark: Mark) -> Dossier:
    """The dossier without a fact that is no death; where it has none, with a mark: it is still to come, or left out."""

    def others(facts: tuple[Known, ...]) -> tuple[Known, ...]:
        return tuple(known for known in facts if known.reference != target)

    if any(one.reference == target for one in dossier.payments):
        return replace(dossier, payments=without(dossier.payments, target))
    if has((*dossier.registrations, *dossier.verified, *dossier.turns), target):
        return replace(
            dossier,
            registrations=others(dossier.registrations),
            verified=others(dossier.verified),
            turns=others(dossier.turns),
        )
    return replace(dossier, marks={**dossier.marks, mark: None})


def has(facts: Iterable[Known], target: Reference) -> bool:
    """Whether a fact is among some."""
    return any(known.reference == target for known in facts)


def latest_first(verified: Iterable[Known]) -> tuple[Known, ...]:
    """Verifications in the order a dossier has them."""
    return tuple(sorted(verified, key=by_day, reverse=True))


def ranked(registrations: Iterable[Known]) -> tuple[Known, ...]:
    """Registrations in the order a dossier has them."""
    return tuple(sorted(registrations, key=_precedence, reverse=True))


def _take_back(dossier: Dossier, report: Reference, document: Mark | None, by: Department) -> Dossier:
    deaths = tuple(
        [
            known
            for known in dossier.deaths
            if known.reference != report and (document is None or document_mark(known) != document)
        ]
    )
    # The mark of the document is all that is left; of a report without one nothing is needed, as it was seen.
    marks = {**dossier.marks, document: None} if document else dossier.marks
    return replace(dossier, deaths=deaths, retractors=dossier.retractors | {by}, marks=marks)


def name_of(dossier: Dossier) -> str | None:
    """What stands for the name under which somebody is registered."""
    return dossier.registrations[0].name_tag if dossier.registrations else None


def by_day(known: Known) -> Day:
    """The order of facts in the world."""
    return known.fact.effective, known.reference


def in_turn(known: Known) -> tuple[date, int, Reference]:
    """The order of turns in the world: of one day, what begins comes before what ends it."""
    return known.fact.effective, _RANKS[type(known.fact)], known.reference


_RANKS = {kind: rank for rank, kind in enumerate(TURNS)}
_BEARING = frozenset({RetirementRegistered, SurvivalVerified, *DEATHS, *RETRACTIONS, *TURNS})
