"""Our side: every callable of the product that is measured stands here, and nowhere else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from domain.history import Receipt
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.row import Row
from infra.statutes import the_law
from services.application import Changqing
from services.cloudevents import structured
from services.intake import Answer, Received, accept
from tests.bench.stream import Sent

KEY = bytes(range(32))


@contextmanager
def changqing(dsn: str) -> Iterator[Changqing]:
    """The application on a database, connected and with its keys cold."""
    application = Changqing(dsn, KeyRing(KEY), the_law())
    try:
        application.ledger.check_key()
        yield application
    finally:
        application.close()


def received(sent: Sent) -> Received:
    """A submission as every intake hands it on: still to be read."""
    return Received(partial(structured, sent.body), sent.publisher)


def submit(application: Changqing, sent: Sequence[Sent]) -> list[Answer]:
    """A batch through the one handler: parse, validate, inbox, decide, encrypt, append; on disk when it returns."""
    return accept(application, [received(one) for one in sent])


def load(application: Changqing, sent: Sequence[Sent], batch: int) -> None:
    """A bulk load: everything, in transactions of `batch` submissions. Each of them must be accepted."""
    for begin in range(0, len(sent), batch):
        check(submit(application, sent[begin : begin + batch]))


def check(answers: Sequence[Answer]) -> None:
    """Fail unless everything was accepted: a refusal costs less, and would be counted as work."""
    refused = [answer for answer in answers if not isinstance(answer, Receipt)]
    assert not refused, f"{len(refused)} refused, the first as {refused[0].code}"


def replay(database: Database, lot: int) -> int:
    """Read the whole log to decoded facts, in lots that are let go at once, as a rebuild does; how many."""
    count = 0
    for rows in log.scan_plain(database):
        for begin in range(0, len(rows), lot):
            count += len(codec.entries(rows[begin : begin + lot]))
        del rows
    return count


def iterate(database: Database) -> int:
    """Read the whole log as rows, undecoded, as a rebuild does; how many."""
    return sum(map(len, log.scan(database)))


def stored(database: Database) -> list[Row]:
    """The whole log as rows in memory."""
    return [row for rows in log.scan(database) for row in rows]


def events(application: Changqing) -> int:
    """How many events the log has."""
    with application.database.transaction() as connection:
        return log.last_position(connection)
