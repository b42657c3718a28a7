"""What was taken back or corrected before it came, or was left out, is met by whatever names it, however it was sent."""

from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from random import Random
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.decide import decide
from domain.facts import DeathReported, DeathRetracted, FactRetracted, LifeEvent, SurvivalVerified
from domain.history import FactPublished
from domain.law import Law
from domain.marks import kinds
from domain.recalling import leans_on_all, recalled
from domain.state import RetireeState, evolve
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.submissions import Submission
from tests.building import AGENCY, CIVIL_AFFAIRS, number_of, retirement, submission

TODAY = date(2024, 4, 10)
PEOPLE = 40


def sent(rng: Random, person: int) -> list[Submission]:
    """Reports and verifications, more than a dossier keeps, and what takes some of them back or corrects them; in any order."""
    days = [TODAY - timedelta(days=n) for n in range(20)]
    facts: list[tuple[LifeEvent, str]] = [(retirement(), "r")]
    for n in range(rng.randrange(4, 12)):
        died = DeathReported(effective=rng.choice(days), document=rng.choice(["甲", "乙", "丙", None]))
        facts.append((died, f"d{n}"))
        facts.append((SurvivalVerified(effective=rng.choice(days)), f"v{n}"))
        if rng.random() < 0.4:
            facts.append((DeathRetracted(effective=TODAY, retracts=f"d{n}"), f"dr{n}"))
        if rng.random() < 0.2:
            facts.append((replace(died, effective=rng.choice(days), corrects=f"d{n}"), f"dc{n}"))
        if rng.random() < 0.2:
            facts.append((SurvivalVerified(effective=rng.choice(days), corrects=f"v{n}"), f"vc{n}"))
        if rng.random() < 0.2:
            facts.append((FactRetracted(effective=TODAY, retracts=f"v{n}"), f"vr{n}"))
    rng.shuffle(facts)
    return [
        submission(
            fact,
            f"{person}-{id_}",
            number=number_of(person),
            department=CIVIL_AFFAIRS if id_.startswith("d") else AGENCY,
        )
        for fact, id_ in (_named(fact, id_, person) for fact, id_ in facts)
    ]


def _named(fact: LifeEvent, id_: str, person: int) -> tuple[LifeEvent, str]:
    """Ids are of a person, as they are of a source."""
    for name in ("retracts", "corrects"):
        if target := getattr(fact, name, None):
            fact = replace(fact, **{name: f"{person}-{target}"})
    return fact, id_


def without_marks(state: RetireeState) -> RetireeState:
    return replace(state, dossier=replace(state.dossier, marks={}, marked=""))


@pytest.mark.parametrize("seed", range(3))
def test_states_are_those_of_one_who_has_every_mark_at_hand(
    database: Database, keys: KeyRing, law: Law, seed: int
) -> None:
    rng, ours = Random(seed), Ledger(database, keys, law)  # noqa: S311 - a seed, not secrecy
    waiting = [sent(rng, person) for person in range(1, PEOPLE + 1)]
    while waiting:  # alone, a few, or many at a time
        batch = [
            one
            for life in rng.sample(waiting, min(len(waiting), rng.choice([1, 3, 30])))
            for one in (life.pop() for _ in range(min(len(life), rng.choice([1, 1, 4]))))
        ]
        ours.accept(batch, TODAY)
        waiting = [life for life in waiting if life]

    with database.transaction() as connection:
        entries = [codec.decode(*row) for row in log.read(connection, 0, 100_000)]
        stored = dict(connection.execute("select stream, state from ledger.stream where state is not null").fetchall())
    tag, met = keys.tag("name", "王小明").hex(), set[str]()
    for stream, told in groupby(sorted(entries, key=attrgetter("stream", "position")), key=attrgetter("stream")):
        facts = [entry.event.known(tag) for entry in told if isinstance(entry.event, FactPublished)]
        state = RetireeState()
        for n, known in enumerate(facts):
            if leans_on_all(state.dossier, known):
                state = replace(state, dossier=recalled(state.dossier, facts[:n]))
            for decision in decide(UUID(int=stream.int), state, known, law, TODAY):
                state = evolve(state, decision)
            state = state.on(TODAY, law)
        assert stream in stored
        found = codec.decode_state(stored[stream])
        assert found
        again = codec.decode_state(codec.encode_state(state))
        assert again
        assert without_marks(found) == without_marks(again)
        assert found.dossier.marked == again.dossier.marked == kinds(state.dossier.marks)
        met |= set(found.dossier.marked)
    assert met == set("+-~")
