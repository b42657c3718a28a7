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
SHORT = Figure("ours: a death report or its retraction, alone, after a short history", UNIT)
LONG = Figure("ours: the same after a long history", UNIT)

_ROUNDS = 5
"""How often in a sample each of the long-lived is reported dead and that is retracted."""


def measure(bench: Bench) -> None:
    """Both kinds live in one log and were made through the real path; each sample asks the same of both."""
    sizes = bench.sizes
    count = sizes.long_retirees
    each = count * _ROUNDS
    story = Story()
    registrations = story.told(count + each * bench.repeats, {"registration": 1})
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
        turns = iter([others[n * each : (n + 1) * each] for n in range(bench.repeats)])

        def sample(figure: Figure, retirees: Sequence[Event]) -> Sample:
            sent = [one for retiree in retirees for one in _died_and_lives(story, retiree)]
            with bench.timed() as watch:
                ours.load(application, sent, 1)
            return {figure: watch.seconds * 1000 / len(sent)}

        bench.compare({"short": lambda: sample(SHORT, next(turns)), "long": lambda: sample(LONG, lasting * _ROUNDS)})
    bench.claim_ratio("after a long history / after a short one", LONG, SHORT, at_most=1.2)


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
