"""Two hundred readers and a hundred writers for a minute, then far more than there is room for: real processes, a real PostgreSQL.

Readers and writers think two seconds on average between an answer and the next question, as people and their systems do.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec
import pytest

from domain.facts import VisitMade
from domain.history import FactPublished
from domain.law import Law
from infra.database import Database
from infra.embedded import Postgres
from infra.keys import KeyRing
from infra.ledger import Ledger
from tests.conftest import copied
from tests.crowding import Answer, Asker, crowd, percentile, statuses, thinking
from tests.peopled import ACCOUNTS, READERS, WRITERS, peopled, reading, writing
from tests.serving import Served, processes
from tests.viewing import entries

SECONDS = 60
THINK = 2.0
REACHED_MS = 200
OVERLOAD = 1_000
_REFUSED = {429, 503}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def city(
    postgres_server: Postgres, migrated: str, keys: KeyRing, law: Law, tmp_path: Path
) -> Iterator[tuple[Served, Database]]:
    """The API in a process for each processor, over 2,000 people."""
    with copied(postgres_server, migrated) as dsn, closing(Database(dsn)) as database:
        peopled(Ledger(database, keys, law), database, 2_000)
        with processes(dsn, tmp_path, ACCOUNTS, workers=os.cpu_count() or 2) as served:
            yield served, database


def test_two_hundred_read_and_a_hundred_write_for_a_minute(city: tuple[Served, Database], seed: int) -> None:
    served, database = city
    before = _visits(database)
    readers = [Asker(reading(served, database, n, seed), thinking(Random(n), THINK)) for n in range(READERS)]  # noqa: S311 - a seed, not secrecy
    writers = [Asker(writing(served, n, seed), thinking(Random(-n), THINK)) for n in range(WRITERS)]  # noqa: S311
    answers = crowd(served.url, [*readers, *writers], SECONDS)
    reads = [one for one in answers if one.kind != "write"]
    writes = [one for one in answers if one.kind == "write"]
    _say(f"{len(reads) / SECONDS:.0f} reads and {len(writes) / SECONDS:.0f} writes a second", reads, writes)
    assert statuses(answers) == {200: len(answers)}
    assert all(msgspec.json.decode(one.body)["status"] == "accepted" for one in writes)
    assert _visits(database) - before == len(writes)  # nothing was answered that is not there


def test_whoever_there_is_no_room_for_is_told_when_to_come_again(city: tuple[Served, Database], seed: int) -> None:
    served, database = city
    at_once = [Asker(reading(served, database, n % READERS, seed), lambda: 0.0) for n in range(OVERLOAD)]
    answers = crowd(served.url, at_once, 15)
    _say(f"{OVERLOAD} at once: {statuses(answers)}", [one for one in answers if one.status == 200])
    assert set(statuses(answers)) <= {200, *_REFUSED}
    assert all(int(one.after) > 0 for one in answers if one.status in _REFUSED)
    few = [Asker(reading(served, database, n, seed), thinking(Random(n), THINK)) for n in range(10)]  # noqa: S311
    again = crowd(served.url, few, 10)
    assert again
    assert set(statuses(again[-10:])) == {200}


def _visits(database: Database) -> int:
    found = 0
    after = 0
    while page := entries(database, after):
        found += sum(isinstance(one.event, FactPublished) and isinstance(one.event.fact, VisitMade) for one in page)
        after = page[-1].position
    return found


def _say(what: str, *kinds: list[Answer]) -> None:
    print(f"\n{what}, on {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")  # noqa: T201 - the figure
    for answers in kinds:
        for kind in sorted({one.kind for one in answers}):
            mine = [one for one in answers if one.kind == kind]
            waits = ", ".join(f"p{percent} {percentile(mine, percent):.0f} ms" for percent in (50, 90, 99))
            print(f"  {kind}: {len(mine)}, {waits}")  # noqa: T201
        if answers:
            reached = "reached" if percentile(answers, 99) <= REACHED_MS else "not reached"
            print(f"  together p99 {percentile(answers, 99):.0f} ms; {REACHED_MS} ms is {reached}")  # noqa: T201
