"""A long history: a retiree with 10,000 events must cost as much to decide on as one with ten."""

from collections.abc import Iterator, Sequence
from itertools import islice
from time import monotonic

from services.application import Changqing
from services.demo.sample import Event
from tests.bench import ours
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.stream import Sent, Story

UNIT = "ms/submission"
REPORT_SHORT = Figure("ours: a death report, alone, after a short history", UNIT)
REPORT_LONG = Figure("ours: a death report, alone, after a long history", UNIT)
RETRACTION_SHORT = Figure("ours: its retraction, alone, after a short history", UNIT)
RETRACTION_LONG = Figure("ours: its retraction, alone, after a long history", UNIT)

_TIMES = 5
"""Samples are small and many here, as what is looked for is a small difference."""


def measure(bench: Bench) -> None:
    """Both kinds live in one log and were made through the real path; each sample asks the same of both."""
    sizes = bench.sizes
    count = sizes.long_retirees
    story = Story()
    registrations = story.told(count * (1 + bench.repeats * _TIMES), {"registration": 1})
    lasting, others = story.registered[:count], story.registered[count:]
    with bench.server.copy_of() as dsn, ours.changqing(dsn) as application:
        ours.load(application, registrations, sizes.batch)
        ours.load(application, list(_facts(story, others, sizes.short)), sizes.batch)
        brief = (ours.events(application) - count) / len(others)
        before = ours.events(application)
        told = _live_long(bench, application, _facts(story, lasting, sizes.long), sizes.long * count)
        long = (ours.events(application) - before) / count
        bench.note(
            f"{len(others)} retirees with {sizes.short} facts more than the first ({brief:,.0f} events), "
            f"{count} with {told // count:,} ({long:,.0f} events)"
        )
        turns = (others[n : n + count] for n in range(0, len(others), count))

        def sample(report: Figure, retraction: Figure, retirees: Sequence[Event]) -> Sample:
            reports, retractions = zip(*(tuple(_died_and_lives(story, retiree)) for retiree in retirees), strict=True)
            with bench.timed(settle=False) as reporting:
                ours.load(application, reports, 1)
            with bench.timed(settle=False) as retracting:
                ours.load(application, retractions, 1)
            each_ms = 1000 / len(retirees)
            return {report: reporting.seconds * each_ms, retraction: retracting.seconds * each_ms}

        bench.compare(
            {
                "short": lambda: sample(REPORT_SHORT, RETRACTION_SHORT, next(turns)),
                "long": lambda: sample(REPORT_LONG, RETRACTION_LONG, lasting),
            },
            _TIMES,
        )
    bench.claim_ratio("a report, after a long history / a short one", REPORT_LONG, REPORT_SHORT, at_most=1.2)
    bench.claim_ratio("a retraction, likewise", RETRACTION_LONG, RETRACTION_SHORT, at_most=1.2)


def _live_long(bench: Bench, application: Changqing, facts: Iterator[Sent], wanted: int) -> int:
    """Tell the facts until they end or the time for it is over; how many were told."""
    told, until = 0, monotonic() + bench.sizes.long_budget
    while monotonic() < until and (batch := list(islice(facts, bench.sizes.batch))):
        ours.load(application, batch, len(batch))
        told += len(batch)
        bench.say(f"{told:,} of {wanted:,} facts of long histories")
    return told


def _facts(story: Story, retirees: Sequence[Event], each: int) -> Iterator[Sent]:
    """Facts about each retiree in turn, four at a time: another pension, a rumour, a death and its retraction."""
    for _ in range(each // 4):
        for retiree in retirees:
            yield story.again(retiree)
            yield story.report(retiree, strong=False)
            yield from _died_and_lives(story, retiree)


def _died_and_lives(story: Story, retiree: Event) -> Iterator[Sent]:
    yield story.report(retiree, strong=True)
    yield story.last_retracted()
