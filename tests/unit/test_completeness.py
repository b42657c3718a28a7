"""What came of each source, and what both sides are told: whatever the order, the repeats and the restarts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.completeness import (
    SEQUENCE_LIMIT,
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
    SourceJumpFound,
    SourceSilent,
)
from domain.dispositions import SubmissionRefused
from domain.facts import DeathReported, Department
from domain.history import Entry, Event, FactPublished
from domain.sources import SourceNumbersSet
from projections import runs, source_fold, sources
from projections.runs import RUNS
from projections.source_findings import batch_due, due, findings
from projections.source_fold import Held, fold
from projections.sources import FORKS_KEPT, IDS_KEPT, SourceRow, expecting

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


def numbers_set(highest: int) -> SourceNumbersSet:
    return SourceNumbersSet(source=SOURCE, highest=highest, reason="", by="operator 7")


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


def test_a_refused_number_is_filled_and_shows_nothing_of_others() -> None:
    watcher = watched(fact("a", 1), refused("b", 2), refused("f", 6), fact("d", 4))
    assert (watcher.row.highest, missing(watcher.row)) == (4, {3})
    watcher.log.add(fact("g", 7))
    watcher.settle()
    assert (watcher.row.highest, missing(watcher.row)) == (7, {3, 5})


@pytest.mark.parametrize(
    "wild", [fact("w", SEQUENCE_LIMIT), heartbeat("w", SEQUENCE_LIMIT), unused("w", 1, SEQUENCE_LIMIT)]
)
def test_a_number_far_too_high_is_told_and_ends_nothing(wild: Event) -> None:
    watcher = watched(fact("a", 1), wild, fact("b", 2), fact("d", 4))
    watcher.log.wait(minutes=1)
    watcher.settle()
    (gap,) = watcher.log.findings
    assert isinstance(gap, SourceGapFound)
    assert (gap.first, gap.last) == (3, 3)


def test_a_number_far_too_high_is_told_until_the_numbers_go_on_below_it_and_once() -> None:
    watcher = watched(fact("a", 1), fact("w", SEQUENCE_LIMIT))
    watcher.log.add(fact("x", SEQUENCE_LIMIT - 7))
    watcher.settle()
    told = SourceJumpFound(source=SOURCE, department=OURS, sequence=SEQUENCE_LIMIT, highest=1)
    assert watcher.log.findings == [told]
    watcher.log.add(fact("b", 2))
    watcher.log.add(fact("y", SEQUENCE_LIMIT - 9))
    watcher.settle()
    assert [type(one) for one in watcher.log.findings] == [SourceJumpFound, SourceJumpFound]


def test_a_refused_number_far_too_high_is_nobodys_word() -> None:
    watcher = watched(fact("a", 1), refused("w", SEQUENCE_LIMIT))
    assert watcher.log.findings == []
    assert watcher.row.highest == 1


def test_a_source_that_began_elsewhere_goes_on_where_an_operator_says() -> None:
    watcher = watched(fact("a", 5_000_000), fact("b", 5_000_001), numbers_set(4_999_999), fact("d", 5_000_003))
    watcher.log.wait(minutes=1)
    watcher.settle()
    assert [(type(one), getattr(one, "first", None)) for one in watcher.log.findings] == [
        (SourceGapFound, 5_000_002),
    ]
    assert watcher.row.highest == 5_000_003


def test_numbers_that_are_set_back_close_what_was_told_beyond_and_tell_anew_what_misses_still() -> None:
    watcher = watched(fact("a", 1), fact("w", 900_000))
    watcher.log.wait(minutes=1)
    watcher.settle()
    watcher.log.add(numbers_set(3))
    watcher.log.add(fact("e", 5))
    watcher.log.wait(minutes=1)
    watcher.settle()
    told = [(type(one), one.first, one.last) for one in watcher.log.findings if not isinstance(one, SourceForkFound)]  # type: ignore[union-attr] # of gaps
    assert told == [
        (SourceGapFound, 2, 899_999),
        (SourceGapClosed, 2, 899_999),
        (SourceGapFound, 2, 3),
        (SourceGapFound, 4, 4),
    ]


# Rubbish


def test_gaps_without_end_become_a_coarse_one_that_is_told_once_and_closed_when_all_of_it_is_said_not_to_be_in_use() -> (
    None
):
    watcher = watched(*(fact(str(n), n) for n in range(2, 2 * 3_000, 2)))
    watcher.log.wait(minutes=1)
    watcher.settle()
    assert len(watcher.row.missing) == RUNS
    for n in range(6_000, 6_100, 2):
        watcher.log.add(fact(str(n), n))
        watcher.log.wait(minutes=1)
        watcher.settle()
    found = [one for one in watcher.log.findings if isinstance(one, SourceGapFound)]
    assert [one.coarse for one in found] == [False] * (RUNS - 1) + [True]
    assert (found[-1].first, found[-1].last) == (2 * RUNS - 1, 5_997)
    watcher.log.add(unused("u", 1, 6_100))
    watcher.settle()
    assert len([one for one in watcher.log.findings if isinstance(one, SourceGapClosed)]) == RUNS
    assert (watcher.row.missing, watcher.row.gaps) == ((), ())


def test_a_new_gap_is_told_by_itself_again_once_there_are_fewer_of_them() -> None:
    watcher = watched(*(fact(str(n), n) for n in range(2, 2 * RUNS + 20, 2)), fact("1", 1))
    watcher.log.add(fact("z", 2 * RUNS + 20))
    watcher.log.wait(minutes=1)
    watcher.settle()
    last = [one for one in watcher.log.findings if isinstance(one, SourceGapFound)][-1]
    assert (last.first, last.last, last.coarse) == (2 * RUNS + 19, 2 * RUNS + 19, False)


def test_a_batch_that_lacks_very_much_is_told_in_a_message_that_kafka_takes() -> None:
    watcher = watched(
        *(fact(str(n), n, "1") for n in range(2, 2 * 3_000, 2)), closed("c", "1", 2 * 3_000, first=1, last=2 * 3_000)
    )
    watcher.log.wait(minutes=1)
    watcher.settle()
    (told,) = [one for one in watcher.log.findings if isinstance(one, BatchIncomplete)]
    assert len(told.missing) == RUNS
    assert told.missing_count == sum(last - first + 1 for first, last in told.missing)
    assert len(msgspec.json.encode(told)) < 100_000


def test_a_number_given_without_end_is_counted_and_not_kept() -> None:
    watcher = watched(*(fact(str(n), 1) for n in range(500)))
    assert watcher.row.forked == 499
    assert len(watcher.held.numbers[SOURCE, 1]) == IDS_KEPT
    watcher = Watcher(watcher.log)
    for n in range(500, 4_000):
        watcher.log.add(fact(str(n), n % 1_700 + 2))
    watcher.read()
    assert len(watcher.row.forks) == FORKS_KEPT


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
    told = BatchIncomplete(
        source=SOURCE, department=OURS, batch="1", count=3, arrived=2, missing=((2, 2),), missing_count=1
    )
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
_WILD = st.one_of(
    st.builds(refused, _IDS, st.integers(1, 20)),
    st.builds(fact, _IDS, st.integers(1, 40)),
    st.builds(unused, _IDS.map("u-".__add__), st.integers(1, 30), st.integers(30, 40)),
    st.builds(numbers_set, st.integers(0, 40)),
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


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(_EVENTS, _WILD), max_size=40), st.randoms(use_true_random=False))
def test_where_the_bounds_bite_nothing_missing_is_forgotten_and_nothing_grows(
    monkeypatch: pytest.MonkeyPatch, events: list[Event], random: Random
) -> None:
    """Three runs, two forks, two ids and a jump of five at the most, with a watcher that looks now and then."""
    for name, bound in (("FORKS_KEPT", 2), ("IDS_KEPT", 2), ("JUMP", 5)):
        monkeypatch.setattr(sources, name, bound)
    monkeypatch.setattr(source_fold, "IDS_KEPT", 2)
    monkeypatch.setattr(runs, "RUNS", 3)
    log = Log()
    watchers = [Watcher(log) for _ in range(2)]
    for event in events:
        log.add(event)
        log.wait(seconds=random.choice([0, 60]))
        one = random.choice(watchers)
        one.read(random.randint(0, 5))
        one.look()
    last = Watcher(log)
    last.settle()
    log.wait(minutes=2)
    last.settle()
    if SOURCE not in last.held.sources:
        return
    _nothing_left(last)
    row = last.row
    highest, truly = _by_definition([entry.event for entry in log.entries], 5)
    exact = {number for one in row.missing if not one.coarse for number in range(one.first, one.last + 1)}
    assert row.highest == highest
    assert exact <= truly <= missing(row)
    assert len(row.missing) <= 3
    assert len(row.gaps) <= 6
    assert not row.ended
    assert all(len(ids) <= 2 for ids in last.held.numbers.values())
    assert sorted(row.missing, key=lambda one: one.first) == list(row.missing)


def _by_definition(events: Sequence[Event], jump: int) -> tuple[int, set[int]]:
    """The highest number and what is missing, number by number."""
    highest, missing, refused_ahead, far = 0, set[int](), set[int](), set[int]()
    for event in events:
        last: int | None = None
        filled = set[int]()
        match event:
            case FactPublished(sequence=int() as last):
                filled = {last}
            case SequencesUnused(first=first, last=last):
                filled = set(range(first, last + 1))
            case SubmissionRefused(sequence=int() as number) if number <= highest + jump:
                refused_ahead.add(number)
                missing.discard(number)
            case SourceHeartbeat(last=last):
                pass
            case SourceNumbersSet(highest=highest):
                while highest + 1 in far:
                    highest += 1
                missing = {number for number in missing if number <= highest}
                far = set()
            case _:
                pass
        if last is not None and last > highest + jump:
            far = far | {last} if last - 1 in far or last in far else {last}
        elif last is not None and last > highest:
            missing |= set(range(highest + 1, last + 1)) - refused_ahead
            highest, far = last, set()
        missing -= filled
        refused_ahead = {number for number in refused_ahead if number > highest}
    return highest, missing


def _nothing_left(watcher: Watcher) -> None:
    row = watcher.row
    told = {number for gap in row.gaps for number in range(gap.first, gap.last + 1)}
    grown = {number for one in row.missing if one.coarse for number in range(one.first, one.last + 1)}
    assert missing(row) <= told | grown
    assert all(set(range(gap.first, gap.last + 1)) & missing(row) for gap in row.gaps)
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
    assert set(shut) == set(found) - {(gap.first, gap.last) for gap in watcher.row.gaps}
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
