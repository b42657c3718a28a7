"""What it costs to record a look before it is shown: many readers at once, each waiting until its look is on disk."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from domain.disclosures import DataDisclosed
from domain.history import Event
from infra.ledger import append_plain
from infra.log import stream_of
from services.application import Changqing
from tests.bench import ours
from tests.bench.runner import Bench, Figure, Sample

TOGETHER = Figure("looks, of many readers in one commit", "looks/s")
ALONE = Figure("looks, a commit each", "looks/s")
PEOPLE = 50
_LOOK = DataDisclosed(
    department="community",
    actor="a reader",
    purpose="社区服务 community service",
    legal_basis="个人信息保护法 第三十四条",
    fields=("identity_number", "name", "phone", "address", "monthly_pension", "status"),
    retirees=tuple(UUID(int=n) for n in range(1, PEOPLE + 1)),
)


def measure(bench: Bench) -> None:
    """The same looks both ways, by as many readers as there are clients elsewhere."""
    clients, looks = bench.sizes.clients, bench.sizes.concurrent // 2
    bench.note(f"{clients} readers at once, {looks:,} looks at {PEOPLE} people each")

    def sample(figure: Figure, append: Callable[[Changqing, UUID, Event], None]) -> Sample:
        with bench.server.copy_of() as dsn, ours.changqing(dsn) as application, ThreadPoolExecutor(clients) as readers:
            streams = [stream_of(f"reader:{n % clients}") for n in range(looks)]
            with bench.timed() as watch:
                list(readers.map(lambda stream: append(application, stream, _LOOK), streams))
            return {figure: looks / watch.seconds}

    bench.compare({"together": lambda: sample(TOGETHER, _together), "alone": lambda: sample(ALONE, _alone)})
    bench.claim_ratio("looks together / a commit each", TOGETHER, ALONE, at_least=3.0)


def _together(application: Changqing, stream: UUID, look: Event) -> None:
    application.ledger.append(stream, look)


def _alone(application: Changqing, stream: UUID, look: Event) -> None:
    with application.database.transaction() as connection:
        append_plain(connection, stream, look)
