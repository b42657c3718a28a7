"""Our side: every callable of the product that is measured stands here, and nowhere else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from threading import Event as Flag
from time import thread_time
from unittest.mock import patch
from uuid import UUID

from domain.facts import Known
from domain.history import Receipt, Taken
from domain.told import Told
from infra import codec, log
from infra.batch import Batch
from infra.database import Database
from infra.keys import KeyRing
from infra.retirees import Found
from infra.row import Row
from infra.statutes import the_law
from infra.submissions import Prepared
from services.accepting.cloudevents import structured, submission
from services.accepting.intake import Answer, Received, accept
from services.application import Changqing
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


def load_on(application: Changqing, sent: Sequence[Sent], day: date, batch: int) -> list[UUID]:
    """A bulk load of what was told on a day of the past; whom each is about."""
    retirees: list[UUID] = []
    for begin in range(0, len(sent), batch):
        submissions = [submission(structured(one.body), one.publisher) for one in sent[begin : begin + batch]]
        receipts = application.ledger.accept(submissions, day)
        retirees += [receipt.retiree for receipt in receipts if isinstance(receipt, Receipt)]
    assert len(retirees) == len(sent), "some were refused"
    return retirees


def let_pass(application: Changqing, day: date) -> None:
    """The clock deals with whatever fell due until a day."""
    application.ledger.pass_days(day, Flag(), lambda *_: None)


def open_alerts(application: Changqing) -> dict[UUID, Told]:
    """One alert of everybody who has any that is still open."""
    with application.database.transaction() as connection:
        rows = connection.execute("select stream, state from ledger.stream where state is not null").fetchall()
    told = ((stream, state.told.values()) for stream, data in rows if (state := codec.decode_state(data)))
    return {stream: one for stream, alerts in told for one in alerts if one.is_open}


class Deciding:
    """How often it was decided on facts of each kind, and the seconds it took of the processor."""

    def __init__(self) -> None:
        self.times: dict[type, int] = {}
        self.seconds: dict[type, float] = {}


@contextmanager
def deciding() -> Iterator[Deciding]:
    """Counts what deciding takes: the whole of it, from a state that is loaded to the state and the events to be stored."""
    counted, decide = Deciding(), Batch._decide
    times, seconds = counted.times, counted.seconds

    def timed(batch: Batch, found: Found, prepared: Prepared, known: Known, *, alone: bool) -> None:
        kind, begun = type(known.fact), thread_time()
        decide(batch, found, prepared, known, alone=alone)
        took = thread_time() - begun
        seconds[kind] = seconds.get(kind, 0.0) + took
        times[kind] = times.get(kind, 0) + 1

    with patch.object(Batch, "_decide", timed):
        yield counted


def check(answers: Sequence[Answer]) -> None:
    """Fail unless everything was accepted: a refusal costs less, and would be counted as work."""
    refused = [answer for answer in answers if not isinstance(answer, Taken)]
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
