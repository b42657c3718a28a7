"""One client alone, one submission after the other, against the library saving one event."""

from functools import partial

import uvloop

from tests.bench import bulk, ours, people, stock
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.single import STOCK_1, UNIT, gathered

GATHERED = Figure("ours: one client alone through the Gatherer, full work from raw JSON", UNIT)
DIRECT = Figure("ours: one client alone straight into intake.accept, full work from raw JSON", UNIT)
DEATHS = Figure(
    "ours: one client alone straight into intake.accept, of deaths, rumours, retractions and corrections", UNIT
)
SAVE = Figure("stock: Application.save of one event of a retiree in memory; nothing loaded or decided", UNIT)
INSERT = Figure("stock: recorder.insert_events of one of our very events; nothing loaded, decided or encoded", UNIT)


def measure(bench: Bench) -> None:
    """How long one waits: the rate of a single client is the inverse of its latency."""
    alone = bench.sizes.alone
    sent = {mix: people.told(bench, mix)[:alone] for mix in (people.YEARS, people.DYING)}
    work = people.work(bench)[: min(alone, bench.sizes.people)]
    inserted = stock.stored_events(bulk.sample_log(bench).rows[:alone])

    def through_gatherer() -> Sample:
        with people.changqing(bench) as application:
            with bench.timed() as watch:
                uvloop.run(gathered(application, sent[people.YEARS], 1))
            return {GATHERED: alone / watch.seconds}

    def direct(figure: Figure, mix: str) -> Sample:
        with people.changqing(bench, mix) as application:
            with bench.timed() as watch:
                ours.load(application, sent[mix], 1)
            return {figure: alone / watch.seconds}

    def save() -> Sample:
        with people.stock_application(bench) as app:
            loaded: list[stock.Retiree] = [app.repository.get(id_) for id_, _ in work]
            with bench.timed() as watch:
                for retiree, (_, content) in zip(loaded, work, strict=True):
                    retiree.tell(content)
                    app.save(retiree)
            return {SAVE: len(work) / watch.seconds}

    def load_decide_save() -> Sample:
        with people.stock_application(bench) as app:
            with bench.timed() as watch:
                stock.load_decide_save(app, work)
            return {STOCK_1: len(work) / watch.seconds}

    def insert() -> Sample:
        with people.stock_application(bench) as app:
            with bench.timed() as watch:
                for one in inserted:
                    app.recorder.insert_events([one])
            return {INSERT: len(inserted) / watch.seconds}

    bench.compare(
        {
            "ours, Gatherer": through_gatherer,
            "ours, direct": partial(direct, DIRECT, people.YEARS),
            "ours, direct, deaths": partial(direct, DEATHS, people.DYING),
            "stock save": save,
            "stock load-decide-save": load_decide_save,
            "stock insert": insert,
        }
    )
    bench.claim_ratio("one client, Gatherer / stock save of one event", GATHERED, SAVE, at_least=1)
    bench.claim_ratio("one client, direct / stock save of one event", DIRECT, SAVE, at_least=1)
    bench.claim_ratio("one client, direct, deaths and the like / stock save of one event", DEATHS, SAVE, at_least=1)
    bench.claim_ratio("one client, direct / stock insert of one event", DIRECT, INSERT, at_least=1)
    bench.claim_ratio("one client, direct / stock load-decide-save", DIRECT, STOCK_1, at_least=1)
