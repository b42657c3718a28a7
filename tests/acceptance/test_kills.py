"""Each process is killed with -9 in the middle of 2,000 events; everything comes back, and nothing is lost or doubled."""

import json
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import NamedTuple

import httpx
import pytest
from confluent_kafka import KafkaError, Producer

from tests.acceptance.running import (
    PENSION,
    SHENZHEN_COMMUNITY,
    Json,
    Somebody,
    System,
    alive,
    processes_of,
    somebody,
    wait_until,
)

EVENTS = 2_000
BLOCKS, IN_A_BLOCK = 8, 100
"""In each block a hundred are registered and reported dead, and fifty of the deaths are taken back."""


KILLED_AT = {
    "api": (400, 1_200),
    "intake": (400,),
    "relay": (200, 800),
    "project": (200, 800),
    "postgres": (400,),
    "kafka": (400,),
    "supervisor": (400,),
}
"""After how many events each is killed; those that are back at once, several times."""


HELD_BACK = 1_600
"""How many events are published before the last kill is over."""

Publish = Callable[[Sequence[tuple[Somebody, Json]]], None]


class Crowd(NamedTuple):
    """People of one kill, their events in the order of publishing, and how their pensions must stand at the end."""

    tag: str
    events: list[tuple[Somebody, Json]]
    expected: dict[str, str]
    """By the id of the registration: `stopped` or `payable`."""


class Logged(NamedTuple):
    """A row of the log."""

    position: int
    stream: str
    version: int
    name: str
    state: str


class Told(NamedTuple):
    """An alert as it stands on the topic: whose it is by its key, and its position by its id."""

    key: str
    position: int


# --- what must hold, as pure functions, so that they can be shown to fail


def faults_of_log(rows: Sequence[Logged]) -> list[str]:
    """Holes, and streams whose versions do not count 1, 2, 3 in the order of positions."""
    found = []
    positions = [row.position for row in rows]
    if positions != list(range(1, len(rows) + 1)):
        found.append("positions are not 1 to the last without a hole")
    versions: dict[str, int] = defaultdict(int)
    for row in rows:
        versions[row.stream] += 1
        if row.version != versions[row.stream]:
            found.append(f"position {row.position} is version {row.version} of its stream, not {versions[row.stream]}")
            versions[row.stream] = row.version
    return found


def faults_of_topic(rows: Iterable[Logged], told: Iterable[Told]) -> list[str]:
    """Alerts of the log that are not on the topic, others that are, and first tellings out of a retiree's order."""
    logged = {row.position: row.stream for row in rows if row.name.startswith("pension-alert-")}
    first: dict[int, str] = {}
    found = []
    last: dict[str, int] = defaultdict(int)
    for alert in told:
        if alert.position in first:
            continue
        first[alert.position] = alert.key
        if alert.position < last[alert.key]:
            found.append(f"{alert.position} of {alert.key} was told after {last[alert.key]}")
        last[alert.key] = max(last[alert.key], alert.position)
    found += [f"{position} is in the log, not on the topic" for position in sorted(logged.keys() - first.keys())]
    found += [f"{position} is on the topic, not in the log" for position in sorted(first.keys() - logged.keys())]
    found += [f"{p} has another's key" for p in sorted(logged.keys() & first.keys()) if logged[p] != first[p]]
    return found


LOG = [
    Logged(1, "a", 1, "death-reported.v1", ""),
    Logged(2, "a", 2, "pension-alert-raised.v1", ""),
    Logged(3, "b", 1, "pension-alert-raised.v1", ""),
    Logged(4, "a", 3, "pension-alert-withdrawn.v1", ""),
]
TOLD = [Told("a", 2), Told("b", 3), Told("a", 4)]


def test_the_checks_pass_what_is_right_repeats_included() -> None:
    assert faults_of_log(LOG) == []
    assert faults_of_topic(LOG, TOLD) == []
    assert faults_of_topic(LOG, [*TOLD, *TOLD]) == []
    assert faults_of_topic(LOG, [Told("b", 3), Told("a", 2), Told("a", 4)]) == []


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([LOG[0], *LOG[2:]], id="a hole"),
        pytest.param([LOG[0], LOG[0], *LOG[2:]], id="a position twice"),
        pytest.param([LOG[0], LOG[1]._replace(version=3), *LOG[2:]], id="a version left out"),
        pytest.param([LOG[0], LOG[1], LOG[2], LOG[3]._replace(version=2)], id="a version twice"),
    ],
)
def test_the_check_of_the_log_can_fail(rows: list[Logged]) -> None:
    assert faults_of_log(rows)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(TOLD[:-1], id="one is missing"),
        pytest.param([*TOLD, Told("a", 1)], id="one that is no alert of the log"),
        pytest.param([TOLD[2], TOLD[1], TOLD[0]], id="out of order"),
        pytest.param([TOLD[0], Told("a", 3), TOLD[2]], id="under another's key"),
        pytest.param([], id="nothing"),
    ],
)
def test_the_check_of_the_topic_can_fail(told: list[Told]) -> None:
    assert faults_of_topic(LOG, told)


# --- the events


def crowd(tag: str) -> Crowd:
    """2,000 people with 5,000 events: registered, dead, and half of them alive again."""
    events: list[tuple[Somebody, Json]] = []
    expected: dict[str, str] = {}
    for block in range(BLOCKS):
        people = [(f"{tag}-{block}-{n}", somebody()) for n in range(IN_A_BLOCK)]
        expected |= {id_: "payable" if n % 2 else "stopped" for n, (id_, _) in enumerate(people)}
        events += [(who, _registration(tag, id_, who)) for id_, who in people]
        events += [(who, _event("death-reported.v1", tag, id_, who, "2024-03-12")) for id_, who in people]
        events += [
            (who, _event("death-retracted.v1", tag, f"{id_}-back", who, "2024-07-05", retracts=id_))
            for id_, who in people[1::2]
        ]
    assert len(events) == EVENTS
    return Crowd(tag, events, expected)


def _registration(tag: str, id_: str, who: Somebody) -> Json:
    more = {"monthly_pension": PENSION, "residence_division": SHENZHEN_COMMUNITY}
    return _event("retirement-registered.v1", tag, id_, who, "2015-06-30", department="enterprise", **more)


def _event(
    type_: str, tag: str, id_: str, who: Somebody, on: str, department: str = "civil-affairs", **data: str
) -> Json:
    return {
        "specversion": "1.0",
        "type": type_,
        "source": f"/{department}/{tag}",
        "id": id_,
        "datacontenttype": "application/json",
        "data": {"person": who.data, "effective": on} | data,
    }


def publish_around(killed: threading.Event, publish: Publish, events: Sequence[tuple[Somebody, Json]]) -> None:
    """Publish most of the events, and the rest after the last kill: so that each comes in the middle, however slow it is."""
    publish(events[:HELD_BACK])
    assert killed.wait(150), "the kills did not come to an end"
    publish(events[HELD_BACK:])


def publish_to_kafka(system: System, events: Sequence[tuple[Somebody, Json]]) -> None:
    """Publish to the departments' topics over a second and more, each person under a key of their own."""
    errors: list[KafkaError] = []
    producer = Producer(
        {"bootstrap.servers": system.bootstrap, "acks": "all", "enable.idempotence": True, "log_level": 0}
    )
    for n, (who, event) in enumerate(events):
        department = event["source"].split("/")[1]
        producer.produce(
            f"intake.{department}",
            json.dumps(event, ensure_ascii=False).encode(),
            str(hash(who)),
            on_delivery=lambda error, _: errors.append(error) if error else None,
        )
        if n % 50 == 49:
            producer.poll(0)
            time.sleep(0.03)
    assert producer.flush(120) == 0, "Kafka did not take everything"
    assert not errors, errors[:3]


def publish_over_http(system: System, events: Sequence[tuple[Somebody, Json]]) -> None:
    """Post batches of 25 of one department, one after the other, each until it gets its receipts."""
    for account in ("enterprise", "civil-affairs"):
        mine = [event for _, event in events if event["source"].startswith(f"/{account}/")]
        with system.client(account) as client:
            for n in range(0, len(mine), 25):
                receipts = _post_until_answered(client, mine[n : n + 25])
                assert {receipt["status"] for receipt in receipts} <= {"accepted", "parked"}, receipts


def _post_until_answered(client: httpx.Client, batch: list[Json]) -> list[Json]:
    body = json.dumps(batch, ensure_ascii=False).encode()
    deadline = time.monotonic() + 90
    while True:
        try:
            answer = client.post(
                "/v1/events", content=body, headers={"content-type": "application/cloudevents-batch+json"}
            )
            if answer.status_code == 200:
                receipts: list[Json] = answer.json()
                return receipts
            assert answer.status_code == 503, answer.text
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the API did not come back within 90 s"
        time.sleep(0.1)


# --- the kills


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """The one system that is killed again and again; in the end nothing of it is left."""
    running = System(options=("--people", "50"))
    try:
        running.start()
        running.wait_ready()
        yield running
    finally:
        running.close()


def taken_in(system: System, tag: str) -> int:
    ((number,),) = system.query("select count(*) from ledger.inbox where source like %(like)s", {"like": f"/%/{tag}"})
    return int(number)


def reached(number: int, system: System, tag: str, publishing: "Future[None]") -> int:
    """How many are taken in, once it is that number; raises what publishing raised."""
    if publishing.done():
        publishing.result()
    found = taken_in(system, tag)
    return found if found >= number else 0


def kill(system: System, process: str) -> None:
    """Kill it, and wait until another one is there in its place."""
    old = system.pid(process)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: not alive(old), f"{process} to be dead", 10, 0.01)
    if process == "supervisor":
        assert system.wait_end(10) == -signal.SIGKILL
        system.start()
        system.wait_ready()
    else:
        wait_until(lambda: system.pid(process) not in {0, old} and alive(system.pid(process)), f"{process} to be back")


@pytest.mark.parametrize("process", KILLED_AT)
def test_killed_amid_2000_events_nothing_is_lost_and_nothing_doubled(system: System, process: str) -> None:
    people = crowd(f"killed-{process}")
    publish = publish_over_http if process == "api" else publish_to_kafka
    with ThreadPoolExecutor(1) as pool:
        killed = threading.Event()
        publishing = pool.submit(publish_around, killed, partial(publish, system), people.events)
        began, back = 0.0, 0.0
        for amid in KILLED_AT[process]:
            found = wait_until(partial(reached, amid, system, people.tag, publishing), f"{amid} events", 60, 0.02)
            assert found < EVENTS, "the kill must come in the middle"
            began = began or time.monotonic()
            kill(system, process)
            back = back or time.monotonic() - began
        killed.set()
        publishing.result(120)
    wait_until(lambda: taken_in(system, people.tag) >= EVENTS, "all events to be taken in", 90, 0.2)
    wait_until(lambda: healthy(system), "the system to be healthy", 60)
    system.settled()
    whole = time.monotonic() - began
    lasted = f"started again after {back:.1f} s, all done after {whole:.1f} s"
    print(f"\n{process} killed at {KILLED_AT[process]} of {EVENTS}, {lasted}")  # noqa: T201

    rows = [
        Logged(*row)
        for row in system.query(
            "select position, stream::text, version, name, convert_from(state, 'UTF8') from ledger.event order by position"
        )
    ]
    assert faults_of_log(rows) == []
    assert faults_of_topic(rows, told_on_topic(system)) == []
    every_event_is_in_the_log_once(system, people, rows)
    every_event_has_its_one_receipt(system, people)
    every_pension_stands_as_it_must(system, people, rows)


def healthy(system: System) -> bool:
    """Whether the API is ready with its views at the head, and each process and server is alive."""
    try:
        answer = system.get("/readyz")
    except httpx.TransportError:
        return False
    if answer.status_code != 200:
        return False
    ready = answer.json()
    living = all(alive(system.pid(p)) for p in ("api", "intake", "relay", "project", "postgres", "kafka"))
    return living and ready["status"] == "ready" and ready["views"] == ready["position"] == system.position()


def told_on_topic(system: System) -> list[Told]:
    """The alerts on the topic, read anew from its beginning."""
    records = system.fresh_topic("alerts.pension")
    return [Told(record.key.decode(), int(record.json["id"])) for record in records]


def every_event_is_in_the_log_once(system: System, people: Crowd, rows: Sequence[Logged]) -> None:
    sent = sorted((event["source"], event["id"]) for _, event in people.events)
    given = {"like": f"/%/{people.tag}"}
    inbox = system.query("select source, id, position from ledger.inbox where source like %(like)s", given)
    assert sorted((source, id_) for source, id_, _ in inbox) == sent
    published = [(row.position, json.loads(row.state)) for row in rows if not row.name.startswith("pension-alert-")]
    facts = [(s["source"], s["id"], p) for p, s in published if s.get("source", "").endswith(f"/{people.tag}")]
    assert sorted((source, id_) for source, id_, _ in facts) == sent
    assert sorted(facts) == sorted(inbox)


def every_event_has_its_one_receipt(system: System, people: Crowd) -> None:
    given = {"like": f"/%/{people.tag}"}
    inbox = system.query("select source, id, position from ledger.inbox where source like %(like)s", given)
    receipts = chain.from_iterable(system.fresh_topic(f"receipts.{d}") for d in ("enterprise", "civil-affairs"))
    told = {
        (data["source"], data["id"], data.get("position"))
        for data in (record.json["data"] for record in receipts)
        if data["source"].endswith(f"/{people.tag}")
    }
    assert told == set(inbox)


def every_pension_stands_as_it_must(system: System, people: Crowd, rows: Sequence[Logged]) -> None:
    stands = system.query(
        "select source_id, status from views.roster where source = %(source)s", {"source": f"/enterprise/{people.tag}"}
    )
    assert dict(stands) == people.expected
    ((shown,),) = system.query("select count(*) from views.alert_inbox")
    assert shown == sum(row.name == "pension-alert-raised.v1" for row in rows)
    ((deeds,),) = system.query("select count(*) from views.audit_trail where deed = 'published'")
    assert deeds == system.facts()


def test_after_all_kills_it_still_ends_cleanly(system: System) -> None:
    system.signal(signal.SIGINT)
    assert system.wait_end(60) == 0
    assert processes_of(system.home) == {}
