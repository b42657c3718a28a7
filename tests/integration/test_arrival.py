"""However one retiree's registration, death and retraction arrive, and however often: the history says the same."""

from collections import Counter
from datetime import date, timedelta
from itertools import count
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.entitlement import timeline
from domain.facts import DeathReported, DeathRetracted, LifeEvent
from domain.history import FactPublished, Receipt
from domain.law import Law
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from tests.building import number_of, retirement, submission
from tests.wholeness import as_first

FIRST_DAY = date(2024, 7, 3)
FACTS: list[LifeEvent] = [
    retirement(date(2020, 1, 31)),
    DeathReported(effective=date(2024, 3, 10), document="民政〔2024〕1号"),
    DeathRetracted(effective=date(2024, 7, 2), retracts="1"),
    DeathReported(effective=date(2024, 5, 20), document="民政〔2024〕2号"),
]
_people = count(1)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[int, list[int]]]:
    """All facts in any order, some again, cut into batches; each batch so many days after the one before."""
    again = draw(st.lists(st.integers(0, len(FACTS) - 1), max_size=5))
    order = draw(st.permutations([*range(len(FACTS)), *again]))
    batches: list[tuple[int, list[int]]] = []
    while order:
        size = draw(st.integers(1, len(order)))
        batches.append((draw(st.integers(0, 70)), order[:size]))
        order = order[size:]
    return batches


@given(batches=arrivals())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_with_repeats_gives_one_history_and_one_timeline(
    ours: Ledger, law: Law, batches: list[tuple[int, list[int]]]
) -> None:
    n = next(_people)
    events = [submission(fact, f"{n}-{index}", number=number_of(n)) for index, fact in enumerate(_facts_of(n))]
    day, receipts, retirees = FIRST_DAY, dict[int, set[bytes]](), set[UUID]()
    for days, batch in batches:
        day += timedelta(days=days)
        for index, answer in zip(batch, ours.accept([events[i] for i in batch], day), strict=True):
            assert isinstance(answer, Receipt)
            receipts.setdefault(index, set()).add(msgspec.json.encode(as_first([answer])))
            retirees.add(answer.retiree)
    assert all(len(of) == 1 for of in receipts.values()), "a repeat got another receipt"
    (retiree,) = retirees
    with ours.database.transaction() as connection:
        stored = log.lock_streams(connection, [retiree])[retiree]
        entries = [codec.decode(*row) for row in log.read(connection, 0, 100_000)]
    published = Counter(e.event.id for e in entries if e.stream == retiree and isinstance(e.event, FactPublished))
    assert published == Counter(event.id for event in events)
    state = codec.decode_state(stored.state)
    assert state is not None
    spans = timeline(state.dossier, law, day)
    assert [(span.first, span.last, span.status.value) for span in spans] == [
        ("2020-02", "2024-05", "payable"),
        ("2024-06", None, "stopped"),
    ]


def _facts_of(n: int) -> list[LifeEvent]:
    """The facts about the n-th person: the retraction names that person's first report of a death."""
    return [msgspec.structs.replace(f, retracts=f"{n}-1") if isinstance(f, DeathRetracted) else f for f in FACTS]
