"""The watch over sources on a real ledger: what is found is told once, wherever a watch dies and however many there are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from threading import Event
from typing import Any

import msgspec
import pytest
from eventsourcing.persistence import IntegrityError

from domain.completeness import (
    BatchComplete,
    Finding,
    SourceForkFound,
    SourceGapClosed,
    SourceGapFound,
    SourceHeartbeat,
)
from domain.facts import DeathReported, Department
from domain.history import Taken
from domain.law import Law
from domain.refusals import Refused
from domain.sources import Policy, Registered
from domain.told import AlertRaised
from infra import follower, watching
from infra.database import Database
from infra.follower import follow
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.outbox import Outbox
from infra.watching import Watch
from projections.source_findings import FINDINGS_AT_A_TIME
from projections.source_fold import needed
from projections.source_past import Stands
from services.accepting.cloudevents import Publisher, structured
from services.accepting.intake import Received, Refusal, accept
from services.application import Changqing
from tests.building import number_of, retirement, submission
from tests.viewing import entries

TODAY = date(2024, 4, 10)
DIED = DeathReported(effective=date(2024, 1, 31))
SOURCE = "/civil-affairs/shenzhen"
LATER = timedelta(minutes=2)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def tell(ours: Ledger, *numbers: int | None, batch: str | None = None, prefix: str = "") -> None:
    sent = [
        msgspec.structs.replace(
            submission(DIED, f"{prefix}{number}", number=number_of(number or 0)), sequence=number, batch=batch
        )
        for number in numbers
    ]
    assert not [one for one in ours.accept(sent, TODAY) if isinstance(one, Refused)]


def report(id_: str, **more: Any) -> SourceHeartbeat:
    return SourceHeartbeat(
        source=SOURCE,
        id=id_,
        department=Department.CIVIL_AFFAIRS,
        published_by="gateway",
        channel="http",
        digest=str(more).encode(),
        **more,
    )


def found(database: Database) -> list[Finding]:
    return [entry.event for entry in entries(database) if isinstance(entry.event, Finding)]


def caught_up(watch: Watch) -> Watch:
    """Read everything, a few entries at a time, and tell what is due in two minutes; until there is nothing more."""
    while True:
        while some := entries(watch.database, watch.position())[:3]:
            watch.handle(some)
        if not watch.look(datetime.now(UTC) + LATER):
            return watch


@pytest.fixture
def watch(database: Database) -> Watch:
    return Watch(database, timedelta(seconds=60))


def test_what_is_missing_given_twice_and_whole_is_told_once(ours: Ledger, watch: Watch) -> None:
    tell(ours, 1, 2, 5, batch="a")
    tell(ours, 2, prefix="other-")
    tell(ours, None, None, prefix="unnumbered-")
    caught_up(watch)
    tell(ours, 3, 4, batch="a")
    caught_up(watch)
    caught_up(Watch(watch.database, timedelta(0)))
    forked, gap, shut = found(watch.database)
    assert isinstance(gap, SourceGapFound)
    assert isinstance(forked, SourceForkFound)
    assert isinstance(shut, SourceGapClosed)
    assert (gap.first, gap.last) == (shut.first, shut.last) == (3, 4)
    assert [(one.sequence, one.id, one.other) for one in forked.forks] == [(2, "2", "other-2")]


def test_a_report_has_a_receipt_at_its_place_and_is_known_when_it_comes_again(ours: Ledger, database: Database) -> None:
    first, again, other = ours.report([report("h", last=3), report("h", last=3), report("h", last=4)])
    assert isinstance(first, Taken)
    assert first == again
    assert ours.report([report("h", last=3)]) == [msgspec.structs.replace(first, known=True)]
    assert isinstance(other, Refused)
    assert other.code == "id-conflict"
    (entry,) = entries(database)
    assert entry.position == first.position
    assert isinstance(entry.event, SourceHeartbeat)
    assert entry.event.last == 3
    (fact,) = ours.accept([submission(DIED, "h")], TODAY)
    assert isinstance(fact, Refused)
    assert fact.code == "id-conflict"


def test_many_report_the_same_at_once_and_it_stands_once(ours: Ledger, database: Database) -> None:
    ours.check_key()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ours.report([report("h", last=3)])[0], range(40)))
    assert len({answer.position for answer in answers if isinstance(answer, Taken)}) == 1
    assert len(entries(database)) == 1


class Dies(Exception):  # noqa: N818 - not an error of ours: a kill
    pass


@pytest.mark.parametrize("at", ["_held", "fold_remembering", "_save", "_leave", "findings", "lock_streams", "append"])
def test_a_watch_that_dies_anywhere_leaves_nothing_twice_and_nothing_out(
    ours: Ledger, watch: Watch, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    real = getattr(watching, at)
    calls = 0

    def dying(*given: Any, **named: Any) -> Any:
        """Every other call does its work and dies before the commit."""
        nonlocal calls
        calls += 1
        answer = real(*given, **named)
        if calls % 2:
            raise Dies
        return answer

    monkeypatch.setattr(watching, at, dying)
    tell(ours, 1, 4, batch="a")
    tell(ours, 1, prefix="other-")
    told = False
    for turn in range(40):
        if turn == 20:
            told = True
            tell(ours, 2, 3, batch="a")
        try:
            caught_up(Watch(watch.database, timedelta(seconds=60)))
        except Dies:
            continue
    assert told
    assert [type(one) for one in found(watch.database)] == [SourceForkFound, SourceGapFound, SourceGapClosed]


def test_two_watches_at_once_tell_everything_once(ours: Ledger, database: Database) -> None:
    """As after a leader was cut off and does not know it yet: the lock is not what keeps them apart."""
    for number in range(2, 40, 2):
        tell(ours, number)

    def work(_: int) -> None:
        mine = Watch(database, timedelta(0))
        for _turn in range(30):
            try:
                caught_up(mine)
            except IntegrityError:
                continue  # the other one has read it

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    gaps = [one.first for one in found(database) if isinstance(one, SourceGapFound)]
    assert sorted(gaps) == list(range(1, 39, 2))


def test_a_watch_that_has_not_read_what_was_told_tells_nothing(ours: Ledger, watch: Watch) -> None:
    tell(ours, 3)
    watch.handle(entries(watch.database))
    assert watch.look(datetime.now(UTC) + LATER) == 1
    assert watch.look(datetime.now(UTC) + LATER) == 0
    assert len(found(watch.database)) == 1


@pytest.mark.parametrize(
    ("behind", "told"), [(timedelta(0), []), (timedelta(hours=1), [SourceGapFound, SourceGapClosed])]
)
def test_a_watch_that_was_away_tells_what_is_still_so(
    ours: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch, behind: timedelta, told: list[type[Finding]]
) -> None:
    """One that is not far behind tells as it reads, as there may be more to read for ever."""
    monkeypatch.setattr(watching, "BEHIND", behind)
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.0)
    tell(ours, 2)
    tell(ours, 1)
    watch = Watch(database, timedelta(0))
    while some := entries(database, watch.position())[:1]:
        watch.handle(some)
    watch.rest()
    assert [type(one) for one in found(database)] == told


def test_a_watch_that_follows_tells_by_itself(
    ours: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.05)
    watch, stop = Watch(database, timedelta(0)), Event()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, database, "sources", watch.position, watch.handle, stop, watch.rest)
        tell(ours, 2)
        while not found(database):
            assert not following.done()
            stop.wait(0.02)
        tell(ours, 1)
        while len(found(database)) < 2:
            assert not following.done()
            stop.wait(0.02)
        stop.set()
        following.result()
    assert [type(one) for one in found(database)] == [SourceGapFound, SourceGapClosed]


def test_names_as_long_as_they_may_be_are_counted_once(ours: Ledger, watch: Watch) -> None:
    """In four bytes a character, and such that PostgreSQL cannot make them shorter."""
    random = Random(4)  # noqa: S311 - a seed, not secrecy

    def long(prefix: str = "") -> str:
        return prefix + "".join(chr(random.randint(0x20000, 0x2A000)) for _ in range(255 - len(prefix)))

    source, batch = long("/civil-affairs/"), long()
    sent = [
        msgspec.structs.replace(submission(DIED, long(), number=number_of(n)), source=source, batch=batch, sequence=n)
        for n in (1, 2)
    ]
    assert not [one for one in ours.accept(sent, TODAY) if isinstance(one, Refused)]
    read = entries(watch.database)
    watch.handle(read)
    with watch.database.transaction() as connection:
        held = watching._held(connection, needed(read), Stands())
    assert len(held.members) == 2
    assert held.batches[source, batch].arrived == 2


def test_more_than_one_look_tells_is_told_by_the_next(ours: Ledger, watch: Watch) -> None:
    tell(ours, *range(2, 500, 2))
    watch.handle(entries(watch.database))
    assert watch.look(datetime.now(UTC) + LATER) == FINDINGS_AT_A_TIME
    caught_up(watch)
    gaps = [one.first for one in found(watch.database) if isinstance(one, SourceGapFound)]
    assert gaps == list(range(1, 499, 2))


# Through the one handler


@pytest.fixture
def application(dsn: str, keys: KeyRing, law: Law) -> Iterator[Changqing]:
    made = Changqing(dsn, keys, law)
    yield made
    made.close()


def sent(type_: str, id_: str, data: dict[str, Any], **attributes: Any) -> Received:
    event = {"specversion": "1.0", "type": type_, "source": SOURCE, "id": id_, "data": data, **attributes}
    publisher = Publisher("gateway", Department.CIVIL_AFFAIRS, "http")
    return Received(partial(structured, msgspec.json.encode(event)), publisher)


def death(id_: str, number: int, **attributes: Any) -> Received:
    person = {"identity_number": number_of(number)}
    return sent("death-reported.v1", id_, {"person": person, "effective": "2024-01-31"}, **attributes)


def test_life_events_and_reports_of_one_batch_are_answered_in_their_order(application: Changqing, watch: Watch) -> None:
    answers = accept(
        application,
        [
            sent("batch-closed.v1", "b", {"batch": "2024-04", "count": 2, "first": 1, "last": 3}),
            death("1", 1, sequence="0001", sequencetype="Integer", batch="2024-04"),
            death("x", 2, sequence="one"),
            sent("source-heartbeat.v1", "h", {"sequence": 3}),
            death("3", 3, sequence=3, batch="2024-04"),
            sent("source-heartbeat.v1", "p", {"person": {}}),
        ],
    )
    assert [one.code if isinstance(one, Refusal) else one.id for one in answers] == [
        "b",
        "1",
        "sequence-invalid",
        "h",
        "3",
        "unknown-field",
    ]
    numbers = [getattr(one.event, "sequence", None) for one in entries(watch.database)]
    assert [number for number in numbers if number is not None] == [1, 3]
    caught_up(watch)
    assert {type(one) for one in found(watch.database)} == {SourceGapFound, BatchComplete}


@pytest.mark.parametrize(
    ("type_", "data", "code", "path"),
    [
        ("source-heartbeat.v1", {"sequence": -1}, "invalid-field", "data.sequence"),
        ("source-heartbeat.v1", {"until": "2999-01-01T00:00:00Z"}, "invalid-field", "data.until"),
        ("batch-closed.v1", {"batch": "1"}, "missing-field", "data.count"),
        ("batch-closed.v1", {"batch": number_of(1), "count": 1}, "identity-number-in-id", "data.batch"),
        ("batch-closed.v1", {"batch": "1", "count": 1, "first": 2}, "missing-field", "data.last"),
        ("sequences-unused.v1", {"first": 3, "last": 2}, "invalid-field", "data.last"),
    ],
)
def test_a_report_that_is_not_one_is_refused_where_it_is_wrong(
    application: Changqing, type_: str, data: dict[str, Any], code: str, path: str
) -> None:
    (answer,) = accept(application, [sent(type_, "1", data)])
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.path) == (code, path)


def test_events_of_a_source_that_must_number_them_are_refused_without_a_number(application: Changqing) -> None:
    agreed = Registered(
        source="/civil-affairs", department=Department.CIVIL_AFFAIRS, office="", policy=Policy(sequence_required=True)
    )
    application.sources.add(agreed, "operator 7")
    answers = accept(
        application, [death("1", 1), death("2", 2, sequence="7"), sent("source-heartbeat.v1", "h", {"sequence": 7})]
    )
    assert [one.code if isinstance(one, Refusal) else one.status for one in answers] == [
        "sequence-missing",
        "parked",
        "accepted",
    ]


def test_a_repeat_under_another_number_is_known_and_its_new_number_is_told_to_be_missing(
    application: Changqing, watch: Watch
) -> None:
    accept(application, [death("1", 1, sequence=1)])
    (again,) = accept(application, [death("1", 1, sequence=2)])
    accept(application, [death("3", 3, sequence=3)])
    assert isinstance(again, Taken)
    assert again.known
    caught_up(watch)
    assert [(one.first, one.last) for one in found(watch.database) if isinstance(one, SourceGapFound)] == [(2, 2)]
    accept(application, [sent("sequences-unused.v1", "u", {"first": 2, "last": 2})])
    caught_up(watch)
    assert [type(one) for one in found(watch.database)] == [SourceGapFound, SourceGapClosed]


def test_an_alert_is_found_by_its_name(ours: Ledger, database: Database) -> None:
    ours.accept([submission(retirement(), "r")], TODAY)
    tell(ours, None)
    ours.accept([submission(DIED, "d")], TODAY)
    raised = [entry.event for entry in entries(database) if isinstance(entry.event, AlertRaised)]
    outbox = Outbox(database)
    assert raised
    assert [outbox.alert(one.alert) for one in raised] == raised
    assert outbox.alert(f"{raised[0].retiree}-99") is None
    assert outbox.alert("no such name") is None
