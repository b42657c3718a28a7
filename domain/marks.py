"""Marks: what a later fact can only meet by its name; kept apart from the dossier, and looked up when a fact asks for them."""

from collections.abc import Iterable

from domain.facts import (
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    FactRetracted,
    Known,
    Reference,
)

Mark = str
"""A fact or a document that was taken back, or a fact that was corrected; or one that was left out, whose value is its document's mark."""
LEFT_OUT = "+"
"""The kind of the marks of facts that were left out; which other facts name, never they themselves."""
OTHER = "!"
"""The value of the mark of a fact left out that is no report of a death."""


def asks(known: Known) -> tuple[Mark, ...]:
    """The marks that a fact may meet."""
    source, fact = known.reference.source, known.fact
    corrected = (kept_elsewhere(Reference(source, fact.corrects)),) if fact.corrects else ()
    match fact:
        case DeathReported() | DeathDeclared():
            own = taken_back_mark(known.reference), corrected_mark(known.reference)
            return (*own, *filter(None, [document_mark(known)]), *corrected)
        case DeathRetracted(retracts=id_) | FactRetracted(retracts=id_):
            return (kept_elsewhere(Reference(source, id_)), *corrected)
        case _:
            return (taken_back_mark(known.reference), corrected_mark(known.reference), *corrected)


def kinds(marks: Iterable[Mark]) -> str:
    """The kinds of some marks, each once: a mark begins with its kind."""
    return "".join(sorted({mark[0] for mark in marks}))


def taken_back_mark(report: Reference) -> Mark:
    """The mark of a fact that was taken back before it came."""
    return f"-{report.source}\0{report.id}"  # a source begins with a slash, a department does not


def corrected_mark(fact: Reference) -> Mark:
    """The mark of a fact that was corrected before it came."""
    return f"~{fact.source}\0{fact.id}"


def document_mark(known: Known) -> Mark | None:
    """The mark of the document a report came under."""
    document = known.fact.document
    return f"-{known.department}\0{document}" if document else None


def kept_elsewhere(report: Reference) -> Mark:
    """The mark of a fact that is in the log and no more in the dossier."""
    return f"{LEFT_OUT}{report.source}\0{report.id}"
