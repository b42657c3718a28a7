"""What stands of the handovers of a batch: how many people are how far, what is open and owed by whom, money, staff and room.

A batch is the publisher's: two publishers may give the same number, and one batch may go to several cities, each with its own law.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import EnterpriseKind, EnterpriseState
from domain.handover import Stage
from domain.law import Citation, CityLaw, Law, Step
from domain.money import Yuan, fen, yuan
from domain.settlement import archive_area_needed, fee_owed, keepers_needed, staff_needed
from infra.views import Views
from projections import handovers
from projections.handovers import HandoverLine

PAGE = 2_000
"""People read at a time."""


class OpenStep(Struct, frozen=True, kw_only=True):
    """A step that is open for `people`, and who may tell that it is done; `next`: for how many nothing else comes before it."""

    step: str
    name_zh: str
    name_en: str
    by: tuple[str, ...]
    people: int
    next: int


class FeeDue(Struct, frozen=True, kw_only=True):
    """What the law asks for `people` of one enterprise. Yuan; `amount` None: the law names none, it is told as assessed."""

    payer: str
    people: int
    amount: Yuan | None
    rule: Citation


class Batch(Struct, frozen=True, kw_only=True):
    """A batch of one publisher in one city, of people. `open`: proposed and neither completed nor refused, `returned` among them.

    `apart`: stay as managed (离休人员), `waiting`: not registered, both counted nowhere else. `offices`: those received, by division.
    Yuan. `files` that are, or are to be, kept; what the law of today says they take, None: it says nothing. `city` None: none of ours.
    """

    batch: str
    publisher: str
    enterprises: tuple[str, ...]
    city: str | None
    city_zh: str
    city_en: str
    first_proposed: date
    last_proposed: date
    people: int
    completed: int
    refused: int
    returned: int
    open: int
    apart: int
    waiting: int
    steps: tuple[OpenStep, ...]
    fees: tuple[FeeDue, ...]
    assessed: Yuan
    paid: Yuan
    staff: int | None
    files: int
    keepers: int | None
    archive_area: int | None
    offices: dict[str, int]


def batches(views: Views, law: Law, today: date, batch: str | None = None, city: str = "") -> list[Batch]:
    """Every batch, or those of one number; of one city where its code is given. Read page by page."""
    return counted((line for line in _lines(views, law, today, batch)), law, today, city)


def counted(lines: Iterable[HandoverLine], law: Law, today: date, city: str = "") -> list[Batch]:
    """The figures of the batches that lines are of, in the order of their numbers."""
    tallies: dict[tuple[str, str, str], _Tally] = {}
    for line in lines:
        code = line.law.city.code if line.law else ""
        if city in ("", code):
            key = line.proposal.batch or "", line.proposal.reference.source, code
            tallies.setdefault(key, _Tally()).add(line)
    return [_batch(key, tally, law, today) for key, tally in sorted(tallies.items())]


def _lines(views: Views, law: Law, today: date, batch: str | None) -> Iterator[HandoverLine]:
    after = UUID(int=0)
    while rows := _page(views, batch, after):
        for row in rows:
            yield from handovers.lines(row, law, today, batch)
        after = rows[-1]["retiree"]


def _page(views: Views, batch: str | None, after: UUID) -> list[dict[str, Any]]:
    return views.select(handovers.PAGE, {"batch": batch, "after": after, "limit": PAGE})


@dataclass
class _Tally:
    """What is counted of one batch, publisher and city. Fees by the law, kind and state they are due by; money in fen."""

    enterprises: set[str] = field(default_factory=set)
    days: list[date] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    steps: dict[str, Step] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)
    next: Counter[str] = field(default_factory=Counter)
    fees: Counter[tuple[date, EnterpriseKind, EnterpriseState]] = field(default_factory=Counter)
    laws: dict[date, CityLaw] = field(default_factory=dict)
    offices: Counter[str] = field(default_factory=Counter)
    assessed: int = 0
    paid: int = 0
    files: int = 0

    def add(self, line: HandoverLine) -> None:
        proposal = line.proposal
        if proposal.enterprise:
            self.enterprises.add(proposal.enterprise)
        self.days = [min([*self.days[:1], proposal.on]), max([*self.days[1:], proposal.on])]
        self.counts["people"] += 1
        self.counts[_how_far(line)] += 1
        self.assessed += line.assessed
        self.paid += line.paid
        if line.law is None or line.apart or line.stage is Stage.REFUSED:
            return
        self.laws[line.law.on] = line.law
        self.fees[line.law.on, proposal.kind, proposal.state] += 1
        self.files += max(line.files, 1)
        self.counts["returned"] += line.stage is Stage.RETURNED
        if line.stage is Stage.COMPLETED and line.office:
            self.offices[line.office] += 1
        for owed in line.missing:
            self.steps[owed.step.key] = owed.step
            self.missing[owed.step.key] += 1
            self.next[owed.step.key] += not owed.waits_for

    @property
    def served(self) -> int:
        """Who is handed over, or to be."""
        return self.counts["open"] + self.counts["completed"]


def _how_far(line: HandoverLine) -> str:
    if line.law is None:
        return "waiting"
    if line.apart:
        return "apart"
    return {Stage.COMPLETED: "completed", Stage.REFUSED: "refused"}.get(line.stage, "open")


def _batch(key: tuple[str, str, str], tally: _Tally, law: Law, today: date) -> Batch:
    batch, publisher, code = key
    local = law.city_law(code, today) if code else None
    counts, served = tally.counts, tally.served
    return Batch(
        batch=batch,
        publisher=publisher,
        enterprises=tuple(sorted(tally.enterprises)),
        city=code or None,
        city_zh=local.city.zh if local else "",
        city_en=local.city.en if local else "",
        first_proposed=tally.days[0],
        last_proposed=tally.days[1],
        people=counts["people"],
        completed=counts["completed"],
        refused=counts["refused"],
        returned=counts["returned"],
        open=counts["open"],
        apart=counts["apart"],
        waiting=counts["waiting"],
        steps=_steps(tally),
        fees=_fees(tally),
        assessed=yuan(tally.assessed),
        paid=yuan(tally.paid),
        staff=staff_needed(local, served) if local else None,
        files=tally.files,
        keepers=keepers_needed(local, tally.files) if local else None,
        archive_area=archive_area_needed(local, tally.files) if local else None,
        offices=dict(sorted(tally.offices.items())),
    )


def _steps(tally: _Tally) -> tuple[OpenStep, ...]:
    """In the order of the law."""
    order = list(dict.fromkeys(step.key for law in tally.laws.values() for step in law.steps))
    return tuple(
        OpenStep(
            step=step.key,
            name_zh=step.name_zh,
            name_en=step.name_en,
            by=step.by,
            people=tally.missing[step.key],
            next=tally.next[step.key],
        )
        for step in sorted(tally.steps.values(), key=lambda step: order.index(step.key))
    )


def _fees(tally: _Tally) -> tuple[FeeDue, ...]:
    """By rule: enterprises of several kinds may come under one."""
    found: dict[Citation, FeeDue] = {}
    for (on, kind, state), people in sorted(tally.fees.items()):
        owed = fee_owed(tally.laws[on], people, kind, state)
        if owed is None:
            continue
        due = FeeDue(payer=owed.payer, people=people, amount=owed.amount, rule=owed.rule)
        if before := found.get(owed.rule):
            amount = yuan(fen(before.amount) + fen(due.amount)) if before.amount and due.amount else None
            due = replace(due, people=before.people + people, amount=amount)
        found[owed.rule] = due
    return tuple(found.values())
