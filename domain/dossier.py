"""The dossier: what is known of one retiree, reduced to what can still bear on the pension.

It stands for the set of the facts: in whatever order they were learned, dossiers of the same facts answer alike. Its size
does not grow with their number. What a later fact can only meet by its name (a report that was taken back before it
came, a document that was taken back) is a `Mark`, looked up by key when a fact asks for it.
"""

from collections.abc import Iterable
from datetime import date
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import STRONG, DeathReported, DeathRetracted, Department, Known, Reference, RetirementRegistered
from domain.months import Month
from domain.timeline import Run

Mark = str
"""A report (source and id) or a document (department and number) that was taken back."""

KEEP = 20
"""Reports of one weight that a dossier keeps, the earliest; what lies beyond changes nothing until one of them goes."""


class Dossier(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What bears on one retiree's pension.

    `registered`: the registration that counts; `first`: when we learned of one first, and by which. `deaths`: reports that nobody has taken
    back, the earliest death first; `surplus`: the log has more of them. `retractors`: departments that took a report
    back. `retracted`: the marks made or asked for so far, not all of them. `paid`: the months to `settled`, as they
    were paid or not, which nothing learned later can change.
    """

    registered: Known | None = None
    first: tuple[date, Reference] | None = None
    deaths: tuple[Known, ...] = ()
    surplus: bool = False
    retractors: frozenset[Department] = frozenset()
    retracted: frozenset[Mark] = frozenset()
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
        return any(self._mismatch(known) for known in self.deaths)

    def _confirms(self, known: Known) -> bool:
        return known.department in STRONG and not self._mismatch(known) and not self._undocumented(known)

    def _mismatch(self, known: Known) -> bool:
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
    death cannot come back without a new one. `retracted` must hold the marks that `asks` names, and where `leans_on_all`
    says so, the dossier must be of all facts.
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
            if _mark(known.reference) in dossier.retracted:
                return _take_back(dossier, known)
            if _document(known) in dossier.retracted:
                return dossier
            return replace(dossier, deaths=tuple(sorted((*dossier.deaths, known), key=_by_day)))
        case DeathRetracted(retracts=id_):
            target = Reference(known.reference.source, id_)
            after = replace(dossier, retractors=dossier.retractors | {known.department})
            report = next((report for report in dossier.deaths if report.reference == target), None)
            if report is None:  # it is still to come, or nobody will ever know of it
                return replace(after, retracted=after.retracted | {_mark(target)})
            return _take_back(after, report)


def asks(known: Known) -> tuple[Mark, ...]:
    """The marks that a fact may meet."""
    if not isinstance(known.fact, DeathReported):
        return ()
    return (_mark(known.reference), *filter(None, [_document(known)]))


def leans_on_all(dossier: Dossier, known: Known) -> bool:
    """Whether a fact may give weight to reports that `bounded` left out, so that the dossier must be made anew from the log."""
    return dossier.surplus and not isinstance(known.fact, DeathReported)


def bounded(dossier: Dossier) -> Dossier:
    """The dossier without the reports that change nothing: later ones of the same weight. One in another name is kept."""
    if len(dossier.deaths) <= KEEP:
        return dossier
    sure = list(dossier.confirmed)
    unsure = [known for known in dossier.deaths if known not in sure]
    misnamed = islice(filter(dossier._mismatch, unsure[KEEP:]), 1)  # noqa: SLF001 - of the same room
    kept = tuple(sorted({*sure[:KEEP], *unsure[:KEEP], *misnamed}, key=_by_day))
    return dossier if len(kept) == len(dossier.deaths) else replace(dossier, deaths=kept, surplus=True)


def precedence(department: str, effective: date, reference: Reference) -> tuple[bool, date, Reference]:
    """Which of two registrations counts: the one whose precedence is greater, the agency's own before an enterprise's."""
    return department == Department.AGENCY, effective, reference


def _precedence(known: Known) -> tuple[bool, date, Reference]:
    return precedence(known.department, known.fact.effective, known.reference)


def _take_back(dossier: Dossier, report: Known) -> Dossier:
    document = _document(report)
    deaths = tuple(
        known
        for known in dossier.deaths
        if known.reference != report.reference and (document is None or _document(known) != document)
    )
    return replace(dossier, deaths=deaths, retracted=dossier.retracted | ({document} if document else set()))


def _mark(reference: Reference) -> Mark:
    return f"{reference.source}\0{reference.id}"  # a source begins with a slash, a department does not


def _document(known: Known) -> Mark | None:
    document = known.fact.document
    return f"{known.department}\0{document}" if document else None


def _by_day(known: Known) -> tuple[date, Reference]:
    return known.fact.effective, known.reference
