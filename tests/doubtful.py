"""A ledger behind a proxy that loses its commits, in every way and at every message."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import count
from time import monotonic

import pytest

from domain.facts import DeathReported
from domain.history import Receipt
from domain.law import Law
from domain.refusals import Refused
from infra.batch import Batch, InDoubtError
from infra.database import Database, DatabaseError
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.submissions import Prepared, Submission
from tests.building import retirement, submission
from tests.crowd import somebody
from tests.delayed import waiting
from tests.proxy import Cut, Fault, Message, Proxy, Session, no_fault
from tests.wholeness import as_first, assert_as_told, receipts, whole_log

TODAY = date(2024, 4, 10)
PATIENCE = 60


def deaths(people: Sequence[int]) -> list[Submission]:
    died = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
    return [submission(died, f"death-{n}", number=somebody(n)) for n in people]


def registrations(people: Sequence[int]) -> list[Submission]:
    return [submission(retirement(), f"registration-{n}", number=somebody(n)) for n in people]


class Doubtful:
    """A ledger behind a proxy, and beside it a way to the same database that nothing disturbs."""

    def __init__(self, dsn: str, keys: KeyRing, law: Law) -> None:
        self.proxy = Proxy(dsn)
        # One connection, so that the next commit is the ledger's and not that of another one being made.
        self.database = Database(self.proxy.dsn, max_size=1, plans_kept=True)
        self.ledger = Ledger(self.database, keys, law)
        self.beside = Ledger(Database(dsn), keys, law)
        self._people = count(1)
        for one in (self.ledger, self.beside):
            one.check_key()

    def close(self) -> None:
        self.proxy.fault = no_fault
        self.database.close()
        self.beside.database.close()
        self.proxy.close()

    def batch(self, size: int, *, known: bool = True) -> list[Submission]:
        """Of people nobody met before, or of as many known and new ones as go into it, the known first."""
        people = [next(self._people) for _ in range(size)]
        met = people[: (size + 1) // 2] if known else []
        if met:
            receipts(self.beside.accept(registrations(met), TODAY))
        return deaths(people)

    def in_thread(self, pool: ThreadPoolExecutor, batch: list[Submission]) -> "Future[list[Receipt | Refused]]":
        return pool.submit(self.ledger.accept, batch, TODAY)

    def wait_for_waiters(self, number: int) -> None:
        """Until so many sessions of this database wait for a lock."""
        deadline = monotonic() + PATIENCE
        while waiting(self.beside.database.dsn) != number:
            assert monotonic() < deadline

    def assert_stored_once(self, batch: list[Submission], answers: Sequence[Receipt | Refused]) -> None:
        self.beside.database._pool.check()  # PostgreSQL may have been away
        told = receipts(answers)
        assert [(one.source, one.id) for one in batch] == [(receipt.source, receipt.id) for receipt in told]
        assert_as_told(whole_log(self.beside.database), told)
        assert as_first(self.ledger.accept(batch, TODAY)) == as_first(answers), "a repeat gets the receipt it had"


@contextmanager
def doubtful_ledger(dsn: str, keys: KeyRing, law: Law) -> Iterator[Doubtful]:
    made = Doubtful(dsn, keys, law)
    try:
        yield made
    finally:
        made.close()


def watch_doubts(monkeypatch: pytest.MonkeyPatch) -> list[InDoubtError]:
    """Every doubt that arises from now on: a test that never made any proves nothing."""
    found: list[InDoubtError] = []
    accept = Batch.accept

    def watched(self: Batch, given: Sequence[Prepared]) -> list[Receipt | Refused]:
        try:
            return accept(self, given)
        except InDoubtError as error:
            found.append(error)
            raise

    monkeypatch.setattr(Batch, "accept", watched)
    return found


# Faults. Each strikes once: the first commit after it was assigned.


def once(strikes: Callable[[Session, Message], bool], then: Callable[[Session, Message], None]) -> Fault:
    """A fault that does something at the first message of which that holds."""
    lock = threading.Lock()
    struck: list[Message] = []

    def fault(session: Session, message: Message) -> None:
        with lock:
            mine = not struck and strikes(session, message)
            if mine:
                struck.append(message)
        if mine:
            then(session, message)

    return fault


def before_commit(_: Session, message: Message) -> bool:
    return message.asks_to_commit


def after_commit(_: Session, message: Message) -> bool:
    return message.says_committed


def with_commit() -> Callable[[Session, Message], bool]:
    """At the message with which the server has all it needs to commit."""
    asked: list[Session] = []

    def strikes(session: Session, message: Message) -> bool:
        if message.asks_to_commit:
            asked.append(session)
        return session in asked and message.ends_a_request

    return strikes


def lose(_: Session, message: Message) -> None:
    """Neither this message nor anything after it."""
    raise Cut


def pass_on(_: Session, message: Message) -> None:
    """This message, and nothing after it."""
    raise Cut(message.raw)


def pass_half(_: Session, message: Message) -> None:
    raise Cut(message.raw[: len(message.raw) // 2])


class Withheld:
    """A commit that reaches the server late, while the client has hung up and asks again."""

    def __init__(self) -> None:
        self.fault = once(before_commit, self._withhold)
        self._arrived = threading.Event()
        self._released = threading.Event()
        self.session: Session | None = None

    def _withhold(self, session: Session, message: Message) -> None:
        self.session = session
        session.hang_up()
        self._arrived.set()
        assert self._released.wait(PATIENCE)

    def wait(self) -> Session:
        assert self._arrived.wait(PATIENCE)
        assert self.session is not None
        return self.session

    def deliver(self) -> None:
        self._released.set()


class Counting:
    """Cuts at the n-th message of either end, whole messages or in the middle of one; says whether it came to that."""

    def __init__(self, nth: int, *, from_client: bool, half: bool) -> None:
        self._left = nth
        self._from_client = from_client
        self._half = half
        self.asked = False

    @property
    def struck(self) -> bool:
        return self._left < 0

    def __call__(self, session: Session, message: Message) -> None:
        if message.from_client is not self._from_client or self.struck:
            return
        self._left -= 1
        if self.struck:
            raise Cut(message.raw[: len(message.raw) // 2] if self._half else b"")


def sweep(doubtful: Doubtful, size: int, *, from_client: bool, half: bool) -> int:
    """Cut one transaction after the other, each a message later, until one has no message left; how many there were."""
    sent = []
    for nth in count():
        batch = doubtful.batch(size)
        cutting = doubtful.proxy.fault = Counting(nth, from_client=from_client, half=half)
        try:
            answers = doubtful.ledger.accept(batch, TODAY)
        except DatabaseError:  # before the commit: nothing is stored, and the sender sends again
            answers = doubtful.ledger.accept(batch, TODAY)
        doubtful.proxy.fault = no_fault
        sent += receipts(answers)
        if not cutting.struck:
            break
    assert_as_told(whole_log(doubtful.beside.database), sent)
    assert len({receipt.position for receipt in sent}) == len(sent)
    return nth
