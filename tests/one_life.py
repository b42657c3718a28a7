"""One retiree with thousands of facts: reports taken back, reports that stand, weak ones, misnamed ones, registrations."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from domain.dossier import Dossier
from domain.entitlement import review
from domain.facts import STRONG, DeathReported, DeathRetracted, Department, Known, LifeEvent
from domain.law import Law
from infra import codec
from infra.database import Database
from infra.ledger import Ledger
from infra.submissions import Prepared, Submission
from tests.building import PENSION, number_of, retirement, submission
from tests.unit import by_definition
from tests.wholeness import receipts

_BEGINS = date(2022, 1, 3)
_STRONG = sorted(STRONG)
_WEAK = (Department.COMMUNITY, Department.FAMILY)
_STANDING = 60
"""Reports of strong sources that stand at a time: three times what a dossier keeps."""


class Told(NamedTuple):
    """Submissions of one day."""

    day: date
    submissions: list[Submission]


def life(facts: int, in_a_batch: int, rng: Random) -> Iterator[Told]:
    """So many facts, told over two years."""
    standing: list[Submission] = []
    batches = -(-facts // in_a_batch)
    for batch in range(batches):
        day = _BEGINS + timedelta(days=batch * 730 // batches)
        first = batch * in_a_batch
        yield Told(day, [_next(n, day, standing, rng) for n in range(first, min(first + in_a_batch, facts))])


def _next(n: int, day: date, standing: list[Submission], rng: Random) -> Submission:
    kind = rng.random()
    if n == 0:
        return about(retirement(), "registered", Department.AGENCY, "王小明")
    if kind < 0.80 and (len(standing) >= _STANDING or (kind < 0.37 and standing)):
        return retraction(standing.pop(rng.randrange(len(standing))), f"{n}-back", day)
    on = day - timedelta(days=rng.randrange(600))
    if kind < 0.80:
        report = about(DeathReported(effective=on, document=f"{n}号"), f"{n}", rng.choice(_STRONG), "王小明")
        standing.append(report)
        return report
    if kind < 0.83:
        return about(DeathReported(effective=on), f"{n}", rng.choice(_STRONG), None)
    if kind < 0.94:
        name = "李小明" if rng.random() < 0.02 else None
        document = rng.choice([None, f"{n % 7}号"])
        return about(DeathReported(effective=on, document=document), f"{n}", rng.choice(_WEAK), name)
    department = rng.choice([Department.AGENCY, Department.ENTERPRISE])
    pension = rng.choice([PENSION, "2500.00"])
    return about(retirement(date(2020, 1, 1 + n % 31), pension), f"{n}", department, rng.choice([None, "王小明"]))


def about(fact: LifeEvent, id_: str, department: Department, name: str | None) -> Submission:
    return submission(fact, id_, number=number_of(1), name=name, department=department)


def retraction(report: Submission, id_: str, day: date) -> Submission:
    return about(DeathRetracted(effective=day, retracts=report.id), id_, report.department, None)


class Life:
    """A retiree's facts as they were told to a ledger."""

    def __init__(self, ledger: Ledger, law: Law) -> None:
        self._ledger = ledger
        self._law = law
        self.facts: list[Known] = []
        self.submissions: list[Submission] = []
        self.retiree: UUID | None = None
        self.day = _BEGINS

    @property
    def database(self) -> Database:
        return self._ledger.database

    def tell(self, told: Told) -> float:
        """Tell the ledger; how many seconds that took."""
        prepared = self._ledger.prepare(told.submissions)
        begun = monotonic()
        (self.retiree,) = {receipt.retiree for receipt in receipts(self._ledger.commit(prepared, told.day))}
        took = monotonic() - begun
        self.facts += [one.known(told.day) for one in prepared if isinstance(one, Prepared)]
        self.submissions += told.submissions
        self.day = told.day
        return took

    def state(self) -> bytes:
        with self.database.transaction() as connection:
            query = "select state from ledger.stream where stream = %s"
            ((stored,),) = connection.execute(query, [self.retiree]).fetchall()
        return bytes(stored)

    def dossier(self) -> Dossier:
        state = codec.decode_state(self.state())
        assert state is not None
        return state.dossier

    def standing(self, departments: Sequence[Department]) -> list[Submission]:
        """The reports of these departments that nobody has taken back, the earliest death first."""
        reports = {(one.source, one.id): one for one in self.submissions}
        live = by_definition.live_deaths(tuple(self.facts))
        found = [reports[known.reference.source, known.reference.id] for known in live]
        return [report for report in found if report.department in departments]

    def assert_as_defined(self) -> None:
        """The stored state answers as all facts do, by the definition."""
        facts = tuple(self.facts)
        found = review(self.dossier(), self._law, self.day)
        assert found.timeline == by_definition.due(facts, self._law, self.day)
        assert found.paid == by_definition.paid(facts, self._law, self.day)
        reports, sure = by_definition.live_deaths(facts), by_definition.confirmed(facts)
        assert bool(found.suspicion) == bool(reports and not sure)
        if found.suspicion:
            assert found.suspicion.mismatch == any(by_definition.mismatches(known, facts) for known in reports)
            assert found.suspicion.facts[:1] == (reports[0].reference,)


def live_through(ledger: Ledger, law: Law, facts: int, rng: Random) -> tuple[Life, str]:
    """A life and what comes after it, checked at every step; with a line of figures.

    After it: the earliest report that stands is taken back, and one that the state left out; then every one of strong sources but the
    last few; somebody registers them under another name; an earlier death is reported; the state is lost.
    """
    whole = Life(ledger, law)
    took = [whole.tell(told) for told in life(facts, 100, rng)]
    assert len(whole.state()) < 8_192
    kept = {known.reference.id for known in whole.dossier().deaths}
    standing = whole.standing(_STRONG)
    beyond = [report for report in standing if report.id not in kept]
    assert len(beyond) > 20, "most reports are not in the state"
    whole.assert_as_defined()

    day = whole.day
    after = [
        [retraction(standing[0], "a", day)],
        [retraction(beyond[-1], "b", day)],
        [retraction(report, f"c{n}", day) for n, report in enumerate(standing[1:-3])],
        [about(retirement(date(2021, 1, 31)), "d", Department.AGENCY, "李小明")],
        [about(DeathReported(effective=date(2020, 3, 1), document="d"), "e", Department.POLICE, "李小明")],
        [about(retirement(date(2021, 2, 1)), "f", Department.AGENCY, "王小明")],
    ]
    seconds = []
    for n, submissions in enumerate(after, start=1):
        seconds.append(whole.tell(Told(day + timedelta(days=40 * n), submissions)))
        whole.assert_as_defined()
    _lose_state(whole)
    report = about(DeathReported(effective=date(2020, 2, 1), document="g"), "g", Department.POLICE, "王小明")
    seconds.append(whole.tell(Told(day + timedelta(days=400), [report])))
    whole.assert_as_defined()
    assert len(whole.state()) < 8_192
    figures = (
        f"{facts} facts; state {len(whole.state())} bytes; a hundred facts {1000 * took[1]:.0f} ms at first, "
        f"{1000 * took[-1]:.0f} at last, {1000 * max(took):.0f} at most; "
        f"what came after {', '.join(f'{1000 * one:.0f}' for one in seconds)} ms"
    )
    return whole, figures


def _lose_state(whole: Life) -> None:
    """As after an update of the program that gave it another form."""
    owner = Database(whole.database.dsn, role=None)
    with owner.transaction() as connection:
        connection.execute("update ledger.stream set state = null where stream = %s", [whole.retiree])
    owner.close()
