"""The cost of one decided event in a log of five million events, against a log of a hundred thousand."""

from collections.abc import Sequence

import psycopg

from services.application import Changqing
from tests.bench import crowd, ours
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.server import count_rows
from tests.bench.stream import Sent, Story

UNIT = "ms/submission"
SINGLE_SMALL = Figure("ours: a death report, submitted alone; small log", UNIT)
SINGLE_LARGE = Figure("ours: a death report, submitted alone; large log", UNIT)
BATCH_SMALL = Figure("ours: death reports in batches; small log", UNIT)
BATCH_LARGE = Figure("ours: death reports in batches; large log", UNIT)

_TIMES = 3
"""Samples are small and many here, as what is looked for is a small difference."""
_SPARED = 0.3
"""The share of registered people of whom nothing else is told, for the measured reports to be about."""


def measure(bench: Bench) -> None:
    """The same reports about the same retirees in both logs; nobody is reported twice."""
    sizes = bench.sizes
    story = Story(spared=_SPARED)
    chapters = list(crowd.chapters(story, sizes.scale_submissions))
    with bench.server.copy_of() as small, bench.server.copy_of() as large:
        crowd.fill(bench, small, chapters, 0)
        crowd.fill(bench, large, chapters, sizes.scale_copies)
        bench.server.checkpoint()
        _measure(bench, small, large, _reports(story))


def _measure(bench: Bench, small: str, large: str, reports: Sequence[Sent]) -> None:
    """Connections stay open throughout, as a service's do; a first share, which does not count, warms them up."""
    sizes = bench.sizes
    each = sizes.scale_singles + sizes.scale_batch
    times = min(_TIMES, (len(reports) // each - 1) // bench.repeats)
    assert times, f"only {len(reports):,} people were spared, too few for so many repeats"
    shares = [reports[n * each : (n + 1) * each] for n in range(1 + bench.repeats * times)]
    bench.note(f"{_size(small)} against {_size(large)}; a sample is about {each:,} of them at random")

    def sample(application: Changqing, single: Figure, batched: Figure, sent: Sequence[Sent]) -> Sample:
        alone, together = sent[: sizes.scale_singles], sent[sizes.scale_singles :]
        with bench.timed(settle=False) as one:
            ours.load(application, alone, 1)
        with bench.timed(settle=False) as many:
            ours.load(application, together, sizes.scale_batch)
        return {single: one.seconds * 1000 / len(alone), batched: many.seconds * 1000 / len(together)}

    with ours.changqing(small) as in_small, ours.changqing(large) as in_large:
        small_turns, large_turns = iter(shares), iter(shares)
        sample(in_small, SINGLE_SMALL, BATCH_SMALL, next(small_turns))
        sample(in_large, SINGLE_LARGE, BATCH_LARGE, next(large_turns))
        bench.compare(
            {
                "small log": lambda: sample(in_small, SINGLE_SMALL, BATCH_SMALL, next(small_turns)),
                "large log": lambda: sample(in_large, SINGLE_LARGE, BATCH_LARGE, next(large_turns)),
            },
            times,
        )
    bench.claim_ratio("alone, large log / small log", SINGLE_LARGE, SINGLE_SMALL, at_most=1.2)
    bench.claim_ratio("in batches, large log / small log", BATCH_LARGE, BATCH_SMALL, at_most=1.2)


def _size(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        events, retirees = count_rows(connection, "ledger.event"), count_rows(connection, "ledger.identity")
    return f"{events:,} events of {retirees:,} retirees"


def _reports(story: Story) -> list[Sent]:
    """A confirmed death of everybody who was spared, in random order: anywhere in the log."""
    return [story.report(retiree, strong=True) for retiree in story.shuffled(story.spared)]
