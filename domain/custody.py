"""Custody and sentences: what the facts of justice, whatever the order they came in, do to the months of a pension.

Begun in month M: from M+1 on; ended in N: paid again from N+1 (law.md, what happens to the pension; 劳社厅函〔2001〕44号,
劳社厅函〔2003〕315号). Parole that is revoked stops the very month.
"""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

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
from domain.kinds import Kind
from domain.law import Law
from domain.months import Month, month_of, plus
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

    def reason(self, law: Law) -> Reason:
        """As a reason of the timeline, by the rule of the day it began."""
        # after parole adjustments begin with the next year; a sentence served out does not wait for it
        until = Month(f"{self.last[:4]}-12") if self.parole and self.last else None
        rule = law.rule(self.rule, self.began).citation
        return Reason(self.kind, self.first, self.last, _STATUS[self.kind], rule, self.facts, until)


def stays(turns: Iterable[Known], law: Law) -> list[Stay]:
    """The stays of one person, in order. `turns`: facts that stand, by their effective day."""
    walk = _Walk(law)
    for known in turns:
        walk.past(known.fact.effective)
        walk.take(known)
    last = walk.open
    if last and last.kind is Kind.LENIENCY and last.ends_on:  # it ends by itself
        last = replace(last, last=max(month_of(last.ends_on), last.first))
    return [*walk.settled, *walk.episode, *([last] if last else [])]


class _Walk:
    """Through the facts by day. `episode`: the stays of a case that an acquittal would undo; `settled`: those of older ones."""

    def __init__(self, law: Law) -> None:
        self._law = law
        self.settled: list[Stay] = []
        self.episode: list[Stay] = []
        self.open: Stay | None = None

    def past(self, day: date) -> None:
        """Leniency ends with its term; prison does only when somebody says so."""
        if self.open and self.open.kind is Kind.LENIENCY and self.open.ends_on and self.open.ends_on < day:
            self._close(month_of(self.open.ends_on), None)
            self._settle()

    def take(self, known: Known) -> None:  # noqa: C901, PLR0912 - one case for each kind of fact
        """One fact more. What makes no sense after the ones before it changes nothing."""
        fact, month = known.fact, month_of(known.fact.effective)
        after = plus(month, 1)
        match fact:
            case Wanted():
                if self.open is None:
                    self._begin(known, Kind.CUSTODY, "wanted-suspends", after)
            case Detained():
                if self.open is None or self.open.kind is Kind.LENIENCY or self.open.rule == "wanted-suspends":
                    self._begin(known, Kind.CUSTODY, "custody-suspends", after)
            case Sentenced(sentence=sentence) if sentence.custodial:
                served = "criminal-detention-stops" if sentence is Sentence.CRIMINAL_DETENTION else "sentence-stops"
                free = self.open is None and fact.serves_from
                self._begin(known, Kind.IMPRISONMENT, served, plus(month_of(free), 1) if free else after, fact.ends_on)
            case Sentenced():
                self._lenient(known, fact.ends_on)
                if self._law.rule("custody-before-leniency", fact.effective).pays_back:
                    self.episode = [stay for stay in self.episode if stay.kind is not Kind.CUSTODY]
            case Paroled():
                self._lenient(known, fact.ends_on, parole=True)
            case ParoleRevoked():
                self._begin(known, Kind.IMPRISONMENT, "parole-revoked-stops", month, last=plus(month, -1))
            case Released(discharge=discharge):
                self._close(month, known.reference)
                if discharge is Discharge.SERVED:
                    self._settle()
            case Acquitted():
                self.open, self.episode = None, []
                if fact.case:
                    self.settled = [stay for stay in self.settled if stay.case != fact.case]
            case _:
                pass

    def _begin(
        self, known: Known, kind: Kind, rule: str, first: Month, ends_on: date | None = None, last: Month | None = None
    ) -> None:
        self._close(last or month_of(known.fact.effective), None)
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
        self._begin(known, Kind.LENIENCY, "leniency-continues", plus(month_of(known.fact.effective), 1), ends_on)
        assert self.open
        self.open = replace(self.open, parole=parole)

    def _close(self, last: Month, by: Reference | None) -> None:
        if self.open is None:
            return
        if last >= self.open.first:
            facts = (*self.open.facts, by) if by else self.open.facts
            self.episode.append(replace(self.open, last=last, facts=facts))
        self.open = None

    def _settle(self) -> None:
        self.settled += self.episode
        self.episode = []


def release_due(found: Iterable[Stay]) -> Stay | None:
    """The term that goes on and says when it ends."""
    return next((s for s in found if s.last is None and s.kind is Kind.IMPRISONMENT and s.ends_on), None)
