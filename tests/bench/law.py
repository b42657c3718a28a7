"""What the law costs: deciding, entitlement and alerts included, against the whole of an accepted event, in bulk.

Both in time of the processor, ours and the server's: what waits for a busy machine or a disk is neither.
"""

from collections.abc import Sequence
from functools import partial
from time import process_time
from uuid import UUID

from services.application import Changqing, today
from tests.bench import ours
from tests.bench.lives import FACTS, NEXT, Asked, Lives
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.stream import Sent

UNIT = "µs of CPU/event"
_MIXES = {"usual lives": False, f"lives with 21 of {FACTS} facts of justice": True}


def measure(bench: Bench) -> None:
    """The same people in every sample, with their facts as the real path stored them; then what is told of them next."""
    for lives, hard in _MIXES.items():
        whole, law = Figure(f"{lives}: the whole of an accepted event", UNIT), Figure(f"{lives}: of it deciding", UNIT)
        name = f"lives_{hard}".lower()
        sent = _lived(bench, bench.server.keep(name), hard=hard)
        bench.compare({lives: partial(_sample, bench, name, sent, whole, law)})
        bench.claim_ratio(f"deciding / the whole of an event, {lives}", law, whole, at_most=0.5)


def _sample(bench: Bench, name: str, sent: Sequence[Sent], whole: Figure, law: Figure) -> Sample:
    with bench.server.copy_of(name) as dsn, ours.changqing(dsn) as application:
        with ours.deciding() as counted, bench.timed():
            before = process_time() + bench.server.processor_seconds()
            ours.load(application, sent, bench.sizes.batch)
            took = process_time() + bench.server.processor_seconds() - before
        each = 1e6 / len(sent)
        found = {whole: took * each, law: sum(counted.seconds.values()) * each}
    for kind in sorted(counted.times, key=lambda kind: -counted.seconds[kind] / counted.times[kind]):
        figure = Figure(f"{law.what}, {kind.__struct_config__.tag}", UNIT)  # type: ignore[attr-defined] # a fact has it
        found[figure] = counted.seconds[kind] / counted.times[kind] * 1e6
    return found


def _lived(bench: Bench, dsn: str, *, hard: bool) -> list[Sent]:
    """Let people live through the real path, each fact on its day; what is told of them next."""
    lives = Lives(bench.sizes.lives, hard=hard)
    bench.say(f"making {bench.sizes.lives:,} people with {FACTS} facts each")
    with ours.changqing(dsn) as application:
        numbers: dict[UUID, str] = {}
        for number in range(FACTS):
            told = lives.round(number, _asked(application, numbers))
            retirees = ours.load_on(application, told, lives.day_of(number), bench.sizes.batch)
            numbers = numbers or dict(zip(retirees, lives.numbers, strict=True))
        ours.let_pass(application, today())
        lives.now(asked := _asked(application, numbers))
        sent = lives.told(bench.sizes.lived, NEXT)
        bench.note(
            f"{len(numbers):,} people with {FACTS} facts each, {ours.events(application):,} events, {len(asked):,} open alerts; "
            f"then {len(sent):,} facts more, transactions of {bench.sizes.batch:,}"
        )
    bench.server.vacuum(dsn)
    return sent


def _asked(application: Changqing, numbers: dict[UUID, str]) -> list[Asked]:
    return [Asked(numbers[retiree], told.alert) for retiree, told in ours.open_alerts(application).items()]
