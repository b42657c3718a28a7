"""20,000 messages while workers, relay, Kafka and PostgreSQL are killed and stopped; 10,000 with every kind of defect."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag

import pytest

from infra.bus import Bus
from services.bus.outgoing import INTAKE_GROUP, LIFE_EVENTS
from tests.acceptance.dispositions import (
    Inbox,
    Published,
    faults_of_dispositions,
    faults_of_order,
    told_positions,
)
from tests.acceptance.mixed import mixed, publish
from tests.acceptance.raging import Rage, stopped
from tests.acceptance.running import System, wait_until
from tests.acceptance.test_kills import Logged, faults_of_log, faults_of_topic, healthy, told_on_topic
from tests.acceptance.test_repeats_and_refusals import BAD
from tests.crowd import chance

STRUCK = ["intake", "intake-2", "relay", "kafka", "postgres"]
DEPARTMENTS = ("enterprise", "civil-affairs")
STORM, RATE = 20_000, 160
"""Messages, and how many a second: so that the storm lasts two minutes."""
DEFECTS = 10_000
AWAY = 75.0
"""Seconds: longer than a rebalance waits for a worker to let its partitions go."""


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A system of these tests' own, with two intake workers."""
    running = System(options=("--people", "50", "--workers", "2"))
    try:
        running.start()
        running.wait_ready(240)
        yield running
    finally:
        running.close()


@pytest.mark.timeout(300)
def test_of_10000_submissions_with_every_kind_of_defect_each_has_its_receipt_and_the_good_ones_are_all_in(
    system: System, seed: int
) -> None:
    begun = time.monotonic()
    messages = mixed("defects", DEFECTS, chance(seed, "defects"), defects=0.3)
    assert {one.code for one in messages} >= {how.code for how in BAD.values()} | {None, "id-conflict"}
    published = publish(system, messages)
    taken_in(system, 120)
    print(f"\n{DEFECTS} submissions in {time.monotonic() - begun:.1f} s, with their making")  # noqa: T201
    everything_is_as_it_must_be(system, "defects", published)
    unnamed = sum(one.code is not None and one.id is None for one in published)
    refusals = {
        record.json["id"]
        for record in system.fresh_topic("receipts.civil-affairs")
        if record.json["data"]["status"] == "refused" and record.json["data"]["id"] is None
    }
    assert len(refusals) == unnamed, "each has a receipt of its own"


@pytest.mark.timeout(840)
def test_of_20000_events_in_a_storm_of_kills_each_has_exactly_one_disposition(system: System, seed: int) -> None:
    rng = chance(seed, "bus storm")
    messages = mixed("storm", STORM, rng, defects=0.03)
    rage, over = Rage(system, STRUCK, rng), Flag()
    with ThreadPoolExecutor(1) as pool:
        raging = pool.submit(rage.until, over)
        try:
            published = publish(system, messages, lambda n: n / RATE)
        finally:
            over.set()
            raging.result(240)
    calm = time.monotonic()
    taken_in(system, 240)
    wait_until(lambda: healthy(system), "every process to be back by itself", 120)
    print(f"\nkilled {rage.killed}, stopped {rage.stopped}; all done {time.monotonic() - calm:.1f} s after it")  # noqa: T201
    everything_is_as_it_must_be(system, "storm", published)
    assert all(rage.killed.values())


@pytest.mark.timeout(300)
def test_workers_that_wait_for_postgresql_through_a_rebalance_are_in_their_group_when_it_is_back(
    system: System, seed: int
) -> None:
    messages = mixed("outage", 1_000, chance(seed, "outage"), defects=0.1)
    with stopped(system.pid("postgres")):
        published = publish(system, messages)
        os.kill(system.pid("intake-2"), signal.SIGKILL)
        time.sleep(AWAY)
    bus = Bus({"bootstrap_servers": [system.bootstrap]})
    wait_until(lambda: bus.members(INTAKE_GROUP) == 2, "both workers to be in their group", 120, 0.5)
    taken_in(system, 120)
    everything_is_as_it_must_be(system, "outage", published)


def taken_in(system: System, seconds: float) -> None:
    """Wait until nothing is left to be taken in."""
    bus = Bus({"bootstrap_servers": [system.bootstrap]})
    topics = [f"intake.{department}" for department in DEPARTMENTS]
    wait_until(lambda: not any(bus.lag(INTAKE_GROUP, topics).values()), "everything to be taken in", seconds, 0.5)


def everything_is_as_it_must_be(system: System, tag: str, published: list[Published]) -> None:
    system.settled()
    inbox = [
        Inbox(*row)
        for row in system.query(
            "select source, id, position from ledger.inbox where source like %(like)s", {"like": f"/%/{tag}"}
        )
    ]
    ours = {one.id for one in published}  # the ids of each test are its own, and of some messages nobody knows one
    receipts = {
        department: [
            record.json for record in system.fresh_topic(f"receipts.{department}") if record.json["data"]["id"] in ours
        ]
        for department in DEPARTMENTS
    }
    places = {one.place for one in published}
    letters = [
        (record.key.decode(), record.json["refusal"]["code"])
        for record in system.fresh_topic("dead-letters")
        if record.key.decode() in places
    ]
    assert faults_of_dispositions(published, inbox, receipts, letters)[:5] == []
    assert faults_of_order(published, inbox)[:5] == []
    rows = [
        Logged(*row)
        for row in system.query("select position, stream::text, version, name, '' from ledger.event order by position")
    ]
    assert faults_of_log(rows)[:5] == []
    assert faults_of_topic(rows, told_on_topic(system))[:5] == []
    streams = {row.position: row.stream for row in rows}
    facts = {position: streams[position] for (position,) in system.query("select position from ledger.inbox")}
    assert told_positions(system.fresh_topic(LIFE_EVENTS)) == facts
