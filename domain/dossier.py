"""The dossier: what is known of one retiree, reduced to what can still bear on the pension.

It stands for the set of the facts: in whatever order they were learned, dossiers of the same facts answer alike. Its size
does not grow with their number. What a later fact can only meet by its name (a report that was taken back before it
came, a document that was taken back, a report that was left out) is a mark, looked up by key when a fact asks for it.
"""

from bisect import bisect
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import STRONG, DeathReported, DeathRetracted, Department, Known, Reference, RetirementRegistered
from domain.months import Month
from domain.timeline import Run

Mark = str
"""A report or a document that was taken back; or a report that was left out, whose value is its document's mark."""

KEEP = 5
"""Reports of one weight that a dossier keeps, the earliest; what lies beyond changes nothing until those are gone."""

_Day = tuple[date, Reference]


class LeftOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the log has beyond the reports kept: the earliest that confirmed a death, the earliest that did not, and whether one gave another name."""

    sure: _Day | None = None
    unsure: _Day | None = None
    misnamed: bool = False


class Dossier(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What bears on one retiree's pension.

    `registered`: the registration that counts; `first`: when we learned of one first, and by which. `deaths`: reports
    that nobody has taken back, the earliest death first; `left_out`: of those that are not kept. `retractors`:
    departments that took a report back. `marks`: those made or asked for so far, not all of them. `paid`: the months to
    `settled`, as they were paid or not, which nothing learned later can change.
    """

    registered: Known | None = None
    first: tuple[date, Reference] | None = None
    deaths: tuple[Known, ...] = ()
    left_out: LeftOut | None = None
    retractors: frozenset[Department] = frozenset()
    marks: dict[Mark, Mark | None] = {}
    paid: tuple[Run, ...] = ()
    settled: Month | None = None

    @property
    def registration(self) -> RetirementRegistered | None:
        """What the registration that counts says; None: not registered."""
        return self.registered.fact if self.registered else None  # type: ignore[return-value] # only such are put there

    @property
    def confirmed(self) -> Iterable[Known]:
        """The reports that confirm a death: of a strong source, of this person, and surely another than one taken back."""
        return (known for known in self.deaths if self._confirms(known))

    @property
    def mismatch(self) -> bool:
        """Whether a report gives another name than the registration."""
        return any(self.misnames(known) for known in self.deaths)

    def _confirms(self, known: Known) -> bool:
        return known.department in STRONG and not self.misnames(known) and not self._undocumented(known)

    def misnames(self, known: Known) -> bool:
        """The number fits and the name does not. A name that was not given says nothing."""
        name = self.registered.name_tag if self.registered else None
        return bool(known.name_tag and name and known.name_tag != name)

    def _undocumented(self, known: Known) -> bool:
        """A report without a document, from a department that took one back: it may be the same death, so it only suspects."""
        assert isinstance(known.fact, DeathReported)
        return known.fact.document is None and known.department in self.retractors


def learn(dossier: Dossier, known: Known) -> Dossier:
    """The dossier with one more fact.

    A retraction undoes the report it names, and every report of the same department under the same document: the same
    death cannot come back without a new one. `marks` must hold what `asks` names, and where `leans_on_all` says so, the
    dossier must be `recalled` first.
    """
    match known.fact:
        case RetirementRegistered():
            first = known.learnt, known.reference
            return replace(
                dossier,
                registered=max(dossier.registered or known, known, key=_precedence),
                first=min(dossier.first or first, first),
            )
        case DeathReported():
            if _taken_back(known.reference) in dossier.marks:
                return _take_back(dossier, known.reference, _document(known))
            if _document(known) in dossier.marks:
                return dossier
            at = bisect(dossier.deaths, _by_day(known), key=_by_day)
            return replace(dossier, deaths=(*dossier.deaths[:at], known, *dossier.deaths[at:]))
        case DeathRetracted(retracts=id_):
            after = replace(dossier, retractors=dossier.retractors | {known.department})
            return _retract(after, Reference(known.reference.source, id_))


def asks(known: Known) -> tuple[Mark, ...]:
    """The marks that a fact may meet."""
    match known.fact:
        case DeathReported():
            return (_taken_back(known.reference), *filter(None, [_document(known)]))
        case DeathRetracted(retracts=id_):
            return (_kept_elsewhere(Reference(known.reference.source, id_)),)
        case _:
            return ()


def leans_on_all(dossier: Dossier, known: Known) -> bool:
    """Whether with this fact a report that was left out may count, so that the dossier must be `recalled` first."""
    left = dossier.left_out
    if left is None:
        return False
    after = learn(dossier, known)
    if _name(after) != _name(dossier):
        return True
    confirming = next(iter(after.confirmed), None)
    if confirming:
        return left.sure is not None and left.sure < _by_day(confirming)
    if left.sure or not after.deaths or (left.unsure and left.unsure < _by_day(after.deaths[0])):
        return True
    return left.misnamed and not after.mismatch


def recalled(dossier: Dossier, facts: Iterable[Known]) -> Dossier:
    """The dossier with every report that stands, out of all facts that it is of."""
    facts = tuple(facts)
    taken = {
        _taken_back(Reference(known.reference.source, known.fact.retracts))
        for known in facts
        if isinstance(known.fact, DeathRetracted)
    }
    reports = [(_taken_back(k.reference), _document(k), k) for k in facts if isinstance(k.fact, DeathReported)]
    documents = {document for name, document, _ in reports if name in taken} - {None}
    standing = (known for name, document, known in reports if name not in taken and document not in documents)
    return replace(dossier, deaths=tuple(sorted(standing, key=_by_day)), left_out=None)


def bounded(dossier: Dossier) -> Dossier:
    """The dossier without the reports that change nothing: later ones of the same weight. One in another name is kept."""
    if len(dossier.deaths) <= KEEP:
        return dossier
    sure = tuple(dossier.confirmed)
    unsure = tuple(known for known in dossier.deaths if known not in sure)
    misnamed = tuple(islice(filter(dossier.misnames, unsure[KEEP:]), 1))
    kept = {*sure[:KEEP], *unsure[:KEEP], *misnamed}
    gone = [known for known in dossier.deaths if known not in kept]
    if not gone:
        return dossier
    before = dossier.left_out or LeftOut()
    return replace(
        dossier,
        deaths=tuple(known for known in dossier.deaths if known in kept),
        left_out=LeftOut(
            sure=_earliest(before.sure, sure[KEEP:]),
            unsure=_earliest(before.unsure, [known for known in unsure[KEEP:] if known not in misnamed]),
            misnamed=before.misnamed or any(map(dossier.misnames, gone)),
        ),
        marks={**dossier.marks, **{_kept_elsewhere(known.reference): _document(known) for known in gone}},
    )


def precedence(department: str, effective: date, reference: Reference) -> tuple[bool, date, Reference]:
    """Which of two registrations counts: the one whose precedence is greater, the agency's own before an enterprise's."""
    return department == Department.AGENCY, effective, reference


def _precedence(known: Known) -> tuple[bool, date, Reference]:
    return precedence(known.department, known.fact.effective, known.reference)


def _retract(dossier: Dossier, target: Reference) -> Dossier:
    report = next((report for report in dossier.deaths if report.reference == target), None)
    if report:
        return _take_back(dossier, target, _document(report))
    if (name := _kept_elsewhere(target)) in dossier.marks:
        return _take_back(dossier, target, dossier.marks[name])
    # It is still to come, or nobody will ever know of it.
    return replace(dossier, marks={**dossier.marks, _taken_back(target): None})


def _take_back(dossier: Dossier, report: Reference, document: Mark | None) -> Dossier:
    deaths = tuple(
        known
        for known in dossier.deaths
        if known.reference != report and (document is None or _document(known) != document)
    )
    return replace(dossier, deaths=deaths, marks={**dossier.marks, document: None} if document else dossier.marks)


def _taken_back(report: Reference) -> Mark:
    return f"-{report.source}\0{report.id}"  # a source begins with a slash, a department does not


def _document(known: Known) -> Mark | None:
    document = known.fact.document
    return f"-{known.department}\0{document}" if document else None


def _kept_elsewhere(report: Reference) -> Mark:
    return f"+{report.source}\0{report.id}"


def _earliest(before: _Day | None, reports: Sequence[Known]) -> _Day | None:
    return min(filter(None, (before, *map(_by_day, reports[:1]))), default=None)


def _name(dossier: Dossier) -> str | None:
    return dossier.registered.name_tag if dossier.registered else None


def _by_day(known: Known) -> _Day:
    return known.fact.effective, known.reference
