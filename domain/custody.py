"""Custody and sentences: what the facts of justice, whatever the order they came in, do to the months of a pension.

Begun in month M: from M+1 on; ended in N: paid again from N+1 (law.md, what happens to the pension; 劳社厅函〔2001〕44号,
劳社厅函〔2003〕315号). Parole that is revoked stops the very month.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from domain.dossier import Dossier
from domain.facts import (
    Acquitted,
    Detained,
    Discharge,
    Known,
    Paroled,
    ParoleRevoked,
    Reference,
    Released,
    Sentence,
    Sentenced,
    Wanted,
)
from domain.facts.justice import Justice
from domain.kinds import Kind
from domain.law import Law
from domain.months import Month, month_of, plus
from domain.remembered import once
from domain.timeline import Reason, Status

_STATUS = {Kind.IMPRISONMENT: Status.STOPPED, Kind.CUSTODY: Status.SUSPENDED, Kind.LENIENCY: Status.UNADJUSTED}


class Stay(Struct, frozen=True, kw_only=True):
    """A time in custody, in prison, or on leniency: `first` month it touches, the day it began, its facts and its rule.

    `last`: the last month, None while it goes on. `ends_on`: the last day of its term, as the judgment says.
    """

    kind: Kind
    rule: str
    began: date
    first: Month
    facts: tuple[Reference, ...]
    case: str | None
    last: Month | None = None
    ends_on: date | None = None
    parole: bool = False

    @property
    def held(self) -> bool:
        """Whether its owner is behind a door that a release opens."""
        return self.kind is not Kind.LENIENCY and self.rule != "wanted-suspends"

    def reasons(self, law: Law, division: str) -> Iterator[Reason]:
        """As a reason of the timeline, by the rule of the day it began; as two where only its first months are recovered."""
        # after parole adjustments begin with the next year; a sentence served out does not wait for it
        until = Month(f"{self.last[:4]}-12") if self.parole and self.last else None
        rule = law.local(self.rule, self.began, division)
        whole = Reason(self.kind, self.first, self.last, _STATUS[self.kind], rule.citation, self.facts, until)
        if rule.recovers_months is None:
            yield whole
            return
        kept = plus(self.first, rule.recovers_months)
        if self.first < kept:
            yield replace(whole, last=min(plus(kept, -1), self.last or kept))
        if self.last is None or kept <= self.last:
            yield replace(whole, first=kept, kept=True)


def stays_of(dossier: Dossier, law: Law) -> tuple[Stay, ...]:
    """The stays of a dossier's owner, by the facts that count."""
    return _stays_of(dossier, law) if dossier.turns else ()


@once
def _stays_of(dossier: Dossier, law: Law) -> tuple[Stay, ...]:
    return tuple(stay for case in _cases_of(dossier, law) for stay in case.stays)


def acquitted_in_vain(dossier: Dossier, law: Law) -> Known | None:
    """An acquittal that fits no custody that was told of, while months were suspended for one: perhaps it is of that case."""
    if not any(stay.kind is Kind.CUSTODY for stay in stays_of(dossier, law)):
        return None
    return next((case.in_vain for case in _cases_of(dossier, law) if case.in_vain), None)


@once
def _cases_of(dossier: Dossier, law: Law) -> "list[_Case]":
    """The cases of one person, by the facts that count, in the order of their days."""
    cases: list[_Case] = []
    for known in dossier.turning:
        if isinstance(known.fact, Justice):
            _take(cases, known, known.fact, law)
    for case in cases:
        case.past(date.max)
    return cases


def _take(cases: list["_Case"], known: Known, fact: Justice, law: Law) -> None:
    """One fact more; the case it is of becomes the last of `cases`."""
    day, release = fact.effective, fact if isinstance(fact, Released) else None
    for case in cases:
        if (stay := case.open) is None:
            continue
        if stay.ends_on and stay.ends_on < day:
            case.past(day)
        if release and stay.held:  # who is free is free of every case
            case.release(known, release)
    case = _of(cases, fact.case) or _Case(law)
    case.number = case.number or fact.case
    case.take(known)
    if not cases or case is not cases[-1]:
        if case in cases:
            cases.remove(case)
        cases.append(case)


def _of(cases: list["_Case"], number: str | None) -> "_Case | None":
    """The case of a number, or the last one that had none yet; without a number the last one that is not over."""
    unnamed = None
    for case in reversed(cases):
        if case.number == number if number else not case.over:
            return case
        if unnamed is None and case.number is None and not case.over:
            unnamed = case
    return unnamed


class _Case:
    """Through the facts of one case by day. `closed`: its stays so far, which an acquittal undoes; `over`: it has come to its end.

    `in_vain`: an acquittal that had none to undo.
    """

    def __init__(self, law: Law) -> None:
        self._law = law
        self.number: str | None = None
        self.closed: list[Stay] = []
        self.open: Stay | None = None
        self.over = False
        self.in_vain: Known | None = None

    @property
    def stays(self) -> list[Stay]:
        """Those that ended, and the one that goes on."""
        return [*self.closed, self.open] if self.open else self.closed

    def past(self, day: date) -> None:
        """Leniency ends with its term; prison does only when somebody says so."""
        if self.open and self.open.kind is Kind.LENIENCY and self.open.ends_on and self.open.ends_on < day:
            self._close(max(month_of(self.open.ends_on), self.open.first), None)
            self.over = True

    def take(self, known: Known) -> None:  # noqa: C901 - one case for each kind of fact
        """One fact more. What makes no sense after the ones before it changes nothing."""
        fact, month = known.fact, month_of(known.fact.effective)
        after = plus(month, 1)
        match fact:
            case Wanted():
                if self.open is None or self.open.kind is Kind.LENIENCY:
                    self._begin(known, Kind.CUSTODY, "wanted-suspends", after)
            case Detained():
                if self.open is None or not self.open.held:
                    self._begin(known, Kind.CUSTODY, "custody-suspends", after)
            case Sentenced(sentence=sentence) if sentence.custodial:
                served = "criminal-detention-stops" if sentence is Sentence.CRIMINAL_DETENTION else "sentence-stops"
                free = self.open is None and fact.serves_from
                self._begin(known, Kind.IMPRISONMENT, served, plus(month_of(free), 1) if free else after, fact.ends_on)
            case Sentenced():
                self._lenient(known, fact.ends_on)
                if self._law.rule("custody-before-leniency", fact.effective).pays_back:
                    self.closed = [stay for stay in self.closed if stay.kind is not Kind.CUSTODY]
            case Paroled():
                self._lenient(known, fact.ends_on, parole=True)
            case ParoleRevoked():
                self._begin(known, Kind.IMPRISONMENT, "parole-revoked-stops", month, last=plus(month, -1))
            case Released():
                self.release(known, fact)
            case Acquitted():
                self.in_vain = None if self.stays else known
                self.open, self.closed, self.over = None, [], True
            case _:
                pass

    def release(self, known: Known, fact: Released) -> None:
        """Its owner is free from the next month on; a term served is the end of the case.

        Leniency is no door to leave by: it ends with its term. Who is let out of custody on a suspended sentence still has it.
        """
        if self.open and self.open.kind is Kind.LENIENCY and not self._serves_out(self.open, fact):
            return
        self._close(month_of(fact.effective), known.reference)
        self.over = fact.discharge is Discharge.SERVED

    def _serves_out(self, stay: Stay, fact: Released) -> bool:
        """Whether a release tells that a term of leniency is over."""
        if fact.discharge is not Discharge.SERVED:
            return False
        return fact.effective >= stay.ends_on if stay.ends_on else month_of(fact.effective) > month_of(stay.began)

    def _begin(
        self, known: Known, kind: Kind, rule: str, first: Month, ends_on: date | None = None, last: Month | None = None
    ) -> None:
        self._close(last or month_of(known.fact.effective), None)
        self.over = False
        self.open = Stay(
            kind=kind,
            rule=rule,
            began=known.fact.effective,
            first=first,
            facts=(known.reference,),
            case=getattr(known.fact, "case", None),
            ends_on=ends_on,
        )

    def _lenient(self, known: Known, ends_on: date | None, *, parole: bool = False) -> None:
        """What is left of the term is served outside; where nobody says how long, as long as the judgment had it."""
        term = ends_on or (self.open.ends_on if self.open else None)
        self._begin(known, Kind.LENIENCY, "leniency-continues", plus(month_of(known.fact.effective), 1), term)
        assert self.open
        self.open = replace(self.open, parole=parole)

    def _close(self, last: Month, by: Reference | None) -> None:
        if self.open is None:
            return
        if last >= self.open.first:
            facts = (*self.open.facts, by) if by else self.open.facts
            self.closed.append(replace(self.open, last=last, facts=facts))
        self.open = None


def release_due(found: Iterable[Stay]) -> Stay | None:
    """The term that goes on and says when it ends."""
    return next((s for s in found if s.last is None and s.kind is Kind.IMPRISONMENT and s.ends_on), None)
