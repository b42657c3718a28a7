"""Webhooks for tests: a deliverer in a thread, and what it should have delivered."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from ipaddress import ip_network
from threading import Event as Flag
from threading import Thread

from domain.consumers import Terms
from domain.facts import DeathReported, Department
from domain.history import Entry
from domain.refusals import Refused
from infra import codec, log
from infra.consumers import Consumers
from infra.database import Database
from infra.ledger import Ledger
from infra.webhooks import Reach, Sender
from services.consumers.deliverer import Deliverer
from services.consumers.patience import Patience
from services.tracing import Tracing
from tests.building import number_of, retirement, submission
from tests.receiving import Got, Receiver

TODAY = date(2024, 6, 10)
HOOK = "agency-hook"
ALERTS = ("pension-alert-*",)
QUICK = Patience(
    first=timedelta(milliseconds=20), longest=timedelta(milliseconds=100), tries=3, asked=timedelta(seconds=2)
)
LOOPBACK = Reach([ip_network("127.0.0.0/8")])


def tell(ours: Ledger, people: range) -> None:
    """Each is registered and dies: three alerts or so each."""
    for n in people:
        died = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
        told = submission(retirement(), f"r{n}", number=number_of(n)), submission(died, f"d{n}", number=number_of(n))
        for answer in ours.accept(told, TODAY):
            assert not isinstance(answer, Refused)


def entries(database: Database) -> list[Entry]:
    with database.transaction() as connection:
        return codec.entries(log.read(connection, 0, 100_000))


def alerts(database: Database) -> list[str]:
    """The ids of the alerts' events, as the log has them."""
    return [str(one.position) for one in entries(database) if one.name.startswith("pension-alert-")]


def register(consumers: Consumers, receiver: Receiver, types: tuple[str, ...] = ALERTS, name: str = HOOK) -> None:
    terms = Terms(department=Department.AGENCY, kind="webhook", url=receiver.url, types=types)
    receiver.secret = consumers.register(name, terms, "operator", 0)


@contextmanager
def delivering(
    consumers: Consumers,
    patience: Patience = QUICK,
    sender: Callable[[], Sender] | None = None,
    tracing: Tracing | None = None,
) -> Iterator[None]:
    stop = Flag()
    process = Deliverer(consumers, sender or partial(Sender, LOOPBACK), stop, patience, tracing)
    thread = Thread(target=process.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def wait_until(reached: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ids(got: list[Got]) -> list[str]:
    return [one.id for one in got]
