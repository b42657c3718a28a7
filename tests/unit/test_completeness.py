"""What came of each source, and what both sides are told: whatever the order, the repeats and the restarts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.completeness import (
    BatchClosed,
    BatchComplete,
    BatchIncomplete,
    Finding,
    Fork,
    SequencesUnused,
    SourceForkFound,
    SourceGapClosed,
    SourceGapFound,
    SourceHeard,
    SourceHeartbeat,
    SourceSilent,
)
from domain.dispositions import SubmissionRefused
from domain.facts import DeathReported, Department
from domain.history import Entry, Event, FactPublished
from projections.source_fold import Held, fold
from projections.sources import SourceRow, batch_due, due, expecting, findings

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
GRACE = timedelta(seconds=60)
SOURCE = "/civil-affairs/shenzhen"
OURS = Department.CIVIL_AFFAIRS


def fact(id_: str, sequence: int | None = None, batch: str | None = None) -> FactPublished:
    return FactPublished(
        source=SOURCE,
        id=id_,
        department=OURS,
        published_by="gateway",
        channel="http",
        learnt=date(2026, 3, 2),
        fact=DeathReported(effective=date(2026, 3, 1)),
        sealed=b"",
        digest=b"",
        sequence=sequence,
        batch=batch,
    )


def _report(id_: str) -> dict[str, object]:
    return {
        "source": SOURCE,
        "id": id_,
        "department": OURS,
        "published_by": "gateway",
        "channel": "http",
        "digest": b"",
    }


def heartbeat(id_: str, last: int | None = None, until: datetime | None = None) -> SourceHeartbeat:
    return SourceHeartbeat(**_report(id_), last=last, until=until)  # type: ignore[arg-type] # as is said above


def closed(id_: str, batch: str, count: int, first: int | None = None, last: int | None = None) -> BatchClosed:
    return BatchClosed(**_report(id_), batch=batch, count=count, first=first, last=last)  # type: ignore[arg-type] # likewise


def unused(id_: str, first: int, last: int) -> SequencesUnused:
    return SequencesUnused(**_report(id_), first=first, last=last)  # type: ignore[arg-type] # likewise


class Log:
    """A log in memory; findings stand in it on a stream of their own, as they do in the ledger."""

    def __init__(self, minutes: int | None = None) -> None:
        self.entries: list[Entry] = []
        self.now = BEGAN
        self.told = 0
        self.minutes = minutes

    def add(self, event: Event) -> None:
        finding = isinstance(event, Finding)
        self.told += finding
        position = len(self.entries) + 1
        version = self.told if finding else position
        self.entries.append(Entry(position, self.now, UUID(int=finding), version, "", event))

    def wait(self, **how: float) -> None:
        self.now += timedelta(**how)

    @property
    def findings(self) -> list[Finding]:
        return [entry.event for entry in self.entries if isinstance(entry.event, Finding)]


class Watcher:
    """Whoever folds the log and tells. It may be far behind, and there may be several of it."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.position = 0
        self.held = Held()
        if log.minutes is not None:
            row = SourceRow(source=SOURCE, department=OURS)
            self.held.sources[SOURCE] = expecting(row, log.minutes, BEGAN)

    def read(self, count: int = 10**6) -> None:
        fold(self.held, self.log.entries[self.position : self.position + count])
        self.position = min(len(self.log.entries), self.position + count)

    def look(self) -> list[Finding]:
        """Tell what is due, unless somebody told more than was read; as the ledger does with the stream's version."""
        row = self.held.sources.get(SOURCE)
        if row is None or row.told != self.log.told:
            return []
        found = findings(row, list(self.held.batches.values()), self.log.now, GRACE)
        for one in found:
            self.log.add(one)
        return found

    def settle(self) -> None:
        """Read and tell until there is nothing more to tell."""
        self.read()
        while self.look():
            self.read()

    @property
    def row(self) -> SourceRow:
        return self.held.sources[SOURCE]


def missing(row: SourceRow) -> set[int]:
    return {number for one in row.missing for number in range(one.first, one.last + 1)}


def watched(*events: Event, minutes: int | None = None) -> Watcher:
    log = Log(minutes)
    for event in events:
        log.add(event)
    watcher = Watcher(log)
    watcher.settle()
    return watcher


# Numbers


def test_a_number_left_out_is_told_after_the_grace_and_once() -> None:
    watcher = watched(fact("a", 1), fact("b", 2), fact("d", 4))
    assert watcher.log.findings == []
    watcher.log.wait(seconds=59)
    watcher.settle()
    assert watcher.log.findings == []
    watcher.log.wait(seconds=1)
    watcher.settle()
    watcher.log.wait(days=1)
    watcher.settle()
    assert watcher.log.findings == [SourceGapFound(source=SOURCE, department=OURS, first=3, last=3, since=BEGAN)]


def test_what_only_overtook_another_is_no_gap() -> None:
    watcher = watched(fact("b", 2), fact("c", 3))
    watcher.log.wait(seconds=30)
    watcher.log.add(fact("a", 1))
    watcher.log.wait(hours=1)
    watcher.settle()
    assert watcher.log.findings == []


def test_a_gap_is_closed_when_the_last_of_it_has_come() -> None:
    watcher = watched(fact("d", 4))
    watcher.log.wait(minutes=2)
    watcher.settle()
    for id_, number in (("b", 2), ("a", 1)):
        watcher.log.add(fact(id_, number))
        watcher.settle()
    assert [type(one) for one in watcher.log.findings] == [SourceGapFound]
    watcher.log.add(fact("c", 3))
    watcher.settle()
    assert watcher.log.findings[1:] == [SourceGapClosed(source=SOURCE, department=OURS, first=1, last=3)]


def test_a_heartbeat_speaks_of_what_did_not_come_and_is_heard_itself() -> None:
    watcher = watched(fact("a", 1), heartbeat("h", last=3))
    assert missing(watcher.row) == {2, 3}
    assert watcher.row.heard == BEGAN


def test_numbers_that_are_not_in_use_are_missing_no_more() -> None:
    watcher = watched(fact("z", 5_000), unused("u", 1, 4_990))
    assert missing(watcher.row) == set(range(4_991, 5_000))
    watcher = watched(unused("u", 1, 4_999), fact("z", 5_000))
    assert (missing(watcher.row), watcher.row.highest) == (set(), 5_000)


def test_a_number_given_twice_is_a_fork_and_a_repeat_is_none() -> None:
    watcher = watched(fact("a", 1), fact("b", 1), fact("b", 1), fact("a", 1))
    forks = (Fork(1, "a", "b"),)
    assert watcher.log.findings == [SourceForkFound(source=SOURCE, department=OURS, forks=forks)]
    assert watcher.row.forked == 1


def test_a_source_that_begins_anew_is_told_of_all_its_forks_some_at_a_time() -> None:
    watcher = watched(*(fact(f"{turn}-{n}", n) for turn in "ab" for n in range(1, 251)))
    assert [len(one.forks) for one in watcher.log.findings if isinstance(one, SourceForkFound)] == [100, 100, 50]


# Batches


def test_a_batch_is_complete_when_as_many_came_as_were_sent_in_whatever_order() -> None:
    for events in ((fact("a", batch="1"), fact("b", batch="1"), closed("c", "1", 2)),) * 2:
        for order in (events, events[::-1]):
            watcher = watched(*order)
            assert watcher.log.findings == [BatchComplete(source=SOURCE, department=OURS, batch="1", count=2)]


def test_a_batch_that_is_not_whole_is_told_with_the_numbers_that_miss_and_once_more_when_it_is() -> None:
    watcher = watched(fact("a", 1, "1"), fact("c", 3, "1"), closed("x", "1", 3, first=1, last=3))
    watcher.log.wait(seconds=60)
    watcher.settle()
    told = BatchIncomplete(source=SOURCE, department=OURS, batch="1", count=3, arrived=2, missing=((2, 2),))
    assert told in watcher.log.findings
    watcher.log.add(fact("b", 2, "1"))
    watcher.settle()
    assert [type(one) for one in watcher.log.findings] == [
        SourceGapFound,
        BatchIncomplete,
        SourceGapClosed,
        BatchComplete,
    ]


def test_more_than_were_sent_is_no_whole_batch_either() -> None:
    watcher = watched(fact("a", batch="1"), fact("b", batch="1"), closed("x", "1", 1))
    watcher.log.wait(seconds=60)
    watcher.settle()
    (told,) = watcher.log.findings
    assert isinstance(told, BatchIncomplete)
    assert (told.count, told.arrived) == (1, 2)


# Silence


def test_a_silent_source_is_told_once_and_once_that_it_is_heard() -> None:
    log = Log(minutes=30)
    watcher = Watcher(log)
    log.add(heartbeat("1"))
    for minutes in (29, 1, 60):
        log.wait(minutes=minutes)
        watcher.settle()
    expected = BEGAN + timedelta(minutes=30)
    assert log.findings == [SourceSilent(source=SOURCE, department=OURS, heard=BEGAN, expected=expected)]
    log.add(heartbeat("2"))
    watcher.settle()
    assert log.findings[1:] == [SourceHeard(source=SOURCE, department=OURS, heard=log.now)]
    log.wait(minutes=30)
    watcher.settle()
    assert [type(one) for one in log.findings] == [SourceSilent, SourceHeard, SourceSilent]


def test_a_source_that_was_never_heard_is_silent_too() -> None:
    log = Log(minutes=30)
    log.wait(minutes=31)
    Watcher(log).settle()
    assert [type(one) for one in log.findings] == [SourceSilent]


def test_who_said_that_nothing_will_be_heard_is_not_silent_before() -> None:
    log = Log(minutes=30)
    watcher = Watcher(log)
    log.add(heartbeat("1", until=BEGAN + timedelta(days=7)))
    log.wait(days=7)
    watcher.settle()
    assert log.findings == []
    log.wait(minutes=30)
    watcher.settle()
    assert [type(one) for one in log.findings] == [SourceSilent]


def test_of_whom_nothing_need_be_heard_nobody_is_told_anything() -> None:
    watcher = watched(fact("a"))
    watcher.log.wait(days=365)
    watcher.settle()
    assert watcher.log.findings == []


# What always holds

_IDS = st.sampled_from("abcdefgh")
_BATCHES = st.sampled_from([None, "1", "2"])
_EVENTS = st.one_of(
    st.builds(fact, _IDS, st.one_of(st.none(), st.integers(1, 12)), _BATCHES),
    st.builds(heartbeat, _IDS.map("h-".__add__), st.one_of(st.none(), st.integers(1, 12))),
    st.builds(closed, _IDS.map("c-".__add__), st.sampled_from(["1", "2"]), st.integers(0, 5)),
    st.builds(unused, _IDS.map("u-".__add__), st.integers(1, 6), st.integers(6, 12)),
)
_ARRIVALS = st.one_of(
    st.builds(fact, _IDS, st.one_of(st.none(), st.integers(1, 12)), _BATCHES),
    st.builds(heartbeat, _IDS.map("h-".__add__), st.one_of(st.none(), st.integers(1, 12))),
)


@given(st.lists(_ARRIVALS, max_size=20), st.randoms(use_true_random=False))
def test_whatever_the_order_and_the_repeats_the_same_is_missing_and_the_same_is_given_twice(
    events: list[FactPublished | SourceHeartbeat], random: Random
) -> None:
    def known(watcher: Watcher) -> object:
        if not watcher.held.sources:
            return None
        numbers = {number: set(ids) for (_, number), ids in watcher.held.numbers.items() if ids}
        counts = {batch: row.arrived for batch, row in watcher.held.batches.items()}
        return watcher.row.highest, missing(watcher.row), numbers, counts, watcher.row.forked

    repeated = [*events, *random.choices(events, k=len(events))] if events else []
    random.shuffle(repeated)
    assert known(watched(*events)) == known(watched(*repeated))


@given(st.lists(st.builds(fact, _IDS, st.integers(1, 12)), max_size=20), st.integers(1, 20))
def test_missing_is_what_did_not_come_below_the_highest(events: list[FactPublished], count: int) -> None:
    watcher = watched(*events[:count])
    numbers = {event.sequence for event in events[:count] if event.sequence}
    if numbers:
        assert missing(watcher.row) == set(range(1, max(numbers))) - numbers


_STEPS = st.lists(
    st.one_of(
        _EVENTS,
        st.tuples(st.just("wait"), st.integers(1, 90)),
        st.tuples(st.just("read"), st.integers(1, 5)),
        st.tuples(st.just("look"), st.integers(0, 2)),
        st.tuples(st.just("restart"), st.integers(0, 2)),
    ),
    max_size=40,
)


@settings(max_examples=400)
@given(_STEPS, st.sampled_from([None, 1]))
def test_both_sides_are_told_everything_once_however_often_watchers_die_and_however_many_there_are(
    steps: Sequence[object], minutes: int | None
) -> None:
    """Each of three watchers reads as far as it comes, tells what it believes is due, and is now and then a new one."""
    log = Log(minutes)
    watchers = [Watcher(log) for _ in range(3)]
    for step in steps:
        match step:
            case ("wait", int(seconds)):
                log.wait(seconds=seconds)
            case ("read", int(count)):
                for watcher in watchers[::-1]:
                    watcher.read(count)
            case ("look", int(which)):
                watchers[which].look()
            case ("restart", int(which)):
                watchers[which] = Watcher(log)
            case FactPublished() | SourceHeartbeat() | BatchClosed() | SequencesUnused():
                log.add(step)
            case _:
                raise AssertionError(step)
    last = Watcher(log)
    last.settle()
    log.wait(minutes=2)
    last.settle()
    if SOURCE not in last.held.sources:
        return
    _nothing_left(last)
    _once_each(log, last)


def _nothing_left(watcher: Watcher) -> None:
    row = watcher.row
    told = {number for first, last in row.gaps for number in range(first, last + 1)}
    assert missing(row) <= told
    assert all(set(range(first, last + 1)) & missing(row) for first, last in row.gaps)
    assert not row.forks
    assert due(row) is None
    for batch in watcher.held.batches.values():
        assert batch_due(batch) is None


def _once_each(log: Log, watcher: Watcher) -> None:
    found = [(one.first, one.last) for one in log.findings if isinstance(one, SourceGapFound)]
    shut = [(one.first, one.last) for one in log.findings if isinstance(one, SourceGapClosed)]
    numbers = [number for first, last in found for number in range(first, last + 1)]
    assert len(numbers) == len(set(numbers)), "a number is told to be missing once"
    assert len(shut) == len(set(shut))
    assert set(shut) == set(found) - set(watcher.row.gaps)
    forks = [one for event in log.findings if isinstance(event, SourceForkFound) for one in event.forks]
    assert len(forks) == len(set(forks)) == sum(len(ids) - 1 for ids in watcher.held.numbers.values() if ids)
    voices = [type(one) for one in log.findings if isinstance(one, SourceSilent | SourceHeard)]
    assert voices == [SourceSilent, SourceHeard] * (len(voices) // 2) + [SourceSilent] * (len(voices) % 2)


def test_a_source_is_covered_by_what_is_expected_of_the_one_above_it() -> None:
    above = "/civil-affairs"
    held = Held()
    held.sources[above] = expecting(SourceRow(source=above, department=OURS), 30, BEGAN)
    log = Log()
    log.wait(minutes=10)
    log.add(fact("a", 7))
    fold(held, log.entries)
    assert held.sources[above].heard == log.now
    assert held.sources[above].highest == 0, "numbers are each source's own"
    assert held.sources[SOURCE].highest == 7


@pytest.mark.parametrize("number", [1, 5, 9])
def test_a_row_in_order_has_nothing_missing(number: int) -> None:
    row = watched(*(fact(str(n), n) for n in range(1, number + 1))).row
    assert replace(row, heard=None) == SourceRow(source=SOURCE, department=OURS, highest=number)


# What was refused


def refused(id_: str | None, sequence: int, code: str = "missing-field", **more: object) -> SubmissionRefused:
    said = {"department": OURS, "source": SOURCE} | more
    return SubmissionRefused(
        published_by="gateway",
        place="http:gateway",
        path="",
        detail="",
        digest=b"",
        code=code,
        id=id_,
        sequence=sequence,
        **said,  # type: ignore[arg-type] # as is said above
    )


def test_a_refused_event_fills_its_number_and_the_corrected_one_keeps_it() -> None:
    watcher = watched(refused("a", 1), refused(None, 2), fact("a", 1), fact("b", 3))
    watcher.log.wait(hours=1)
    watcher.settle()
    assert missing(watcher.row) == set()
    assert watcher.log.findings == []


def test_other_content_under_an_id_and_a_number_that_were_taken_is_a_fork() -> None:
    watcher = watched(fact("a", 1), refused("a", 1, "id-conflict"), refused("a", 1, "id-conflict"))
    assert [one.forks for one in watcher.log.findings if isinstance(one, SourceForkFound)] == [(Fork(1, "a", None),)]


@pytest.mark.parametrize(
    "event",
    [
        refused("x", 2, "signature-invalid"),
        refused("x", 2, "signing-key-revoked"),
        refused("x", 2, "not-your-source", department=Department.POLICE),
        refused("x", 2, "not-your-source", source="nowhere"),
    ],
    ids=["signature", "key", "other department", "no source"],
)
def test_what_the_source_is_not_shown_to_have_sent_fills_nothing(event: SubmissionRefused) -> None:
    assert missing(watched(fact("a", 1), event, fact("c", 3)).row) == {2}


def test_a_refused_event_of_a_batch_is_counted_with_it_once_though_it_comes_again_corrected() -> None:
    watcher = watched(refused("a", 1, batch="1"), fact("a", 1, "1"), fact("b", 2, "1"), closed("c", "1", 2))
    assert watcher.log.findings == [BatchComplete(source=SOURCE, department=OURS, batch="1", count=2)]
