"""The commit whose answer is lost: whatever happens to the connection, the server or the COMMIT itself, each event is stored
once and its sender gets its receipt.

Between the ledger and PostgreSQL stands a proxy that knows their messages.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import count
from time import monotonic

import pytest

from domain.facts import DeathReported
from domain.history import Receipt
from domain.law import Law
from domain.refusals import Refused
from infra import database, ledger
from infra.batch import InDoubtError
from infra.database import DatabaseError
from infra.embedded import Postgres
from infra.keys import KeyRing
from infra.migrations import migrate
from tests.building import number_of, retirement, submission
from tests.doubtful import (
    PATIENCE,
    TODAY,
    Doubtful,
    Withheld,
    after_commit,
    before_commit,
    doubtful_ledger,
    lose,
    once,
    pass_half,
    pass_on,
    sweep,
    watch_doubts,
    with_commit,
)
from tests.mortal import kill, mortal_postgres, restart
from tests.proxy import Cut, Fault, Message, Session, no_fault
from tests.wholeness import as_first, assert_as_told, receipts, whole_log


@pytest.fixture
def doubtful(dsn: str, keys: KeyRing, law: Law) -> Iterator[Doubtful]:
    with doubtful_ledger(dsn, keys, law) as made:
        yield made


@pytest.fixture(autouse=True)
def doubts(monkeypatch: pytest.MonkeyPatch) -> list[InDoubtError]:
    return watch_doubts(monkeypatch)


SIZES = pytest.mark.parametrize("size", [1, 50], ids=["one", "fifty"])
KNOWN = pytest.mark.parametrize("known", [True, False], ids=["known", "newcomers"])


@SIZES
@KNOWN
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda: once(before_commit, lose), id="the commit is lost"),
        pytest.param(lambda: once(before_commit, pass_half), id="half the commit arrives"),
        pytest.param(lambda: once(with_commit(), pass_on), id="the commit arrives and nobody waits for its answer"),
        pytest.param(lambda: once(after_commit, lose), id="the answer is lost"),
        pytest.param(lambda: once(after_commit, pass_half), id="half the answer arrives"),
    ],
)
def test_whichever_way_a_commit_is_lost_the_sender_gets_its_receipts(
    doubtful: Doubtful, doubts: list[InDoubtError], size: int, known: bool, fault: Callable[[], Fault]
) -> None:
    batch = doubtful.batch(size, known=known)
    doubtful.proxy.fault = fault()
    answers = doubtful.ledger.accept(batch, TODAY)
    assert len(doubts) == 1
    doubtful.assert_stored_once(batch, answers)


def test_refusals_conflicts_and_repeats_in_a_lost_batch_are_answered_as_they_would_have_been(
    doubtful: Doubtful,
) -> None:
    known, *rest = doubtful.batch(5)
    (before,) = receipts(doubtful.beside.accept([known], TODAY))
    wrong = submission(retirement(date(2024, 4, 11)), "in-future", number=number_of(500))
    conflict = submission(DeathReported(effective=date(2024, 2, 1)), known.id, number=known.person.identity_number)
    doubtful.proxy.fault = once(after_commit, lose)
    answers = doubtful.ledger.accept([known, wrong, *rest, conflict, rest[0]], TODAY)
    assert [answer.code if isinstance(answer, Refused) else None for answer in answers] == [
        None,
        "date-in-future",
        *[None] * 4,
        "id-conflict",
        None,
    ]
    assert as_first(answers[:1]) == [before]
    assert as_first(answers[-1:]) == as_first(answers[2:3])
    assert_as_told(whole_log(doubtful.beside.database), [one for one in answers if isinstance(one, Receipt)])


def test_an_answer_that_is_lost_again_and_again_is_asked_for_again(
    doubtful: Doubtful, doubts: list[InDoubtError]
) -> None:
    """The commits that are lost before they arrive leave nothing; the one that arrives is found in the inbox."""
    losses = iter([before_commit, before_commit, before_commit, after_commit])
    batch = doubtful.batch(5)

    def fault(session: Session, message: Message) -> None:
        if strikes[0](session, message) and b"COMMIT" in message.raw and session in writing:
            strikes[0] = next(losses, lambda *_: False)
            raise Cut
        if b"ledger.inbox (" in message.raw:  # only they write; a pool's new connection commits as well
            writing.append(session)

    strikes: list[Callable[[Session, Message], bool]] = [next(losses)]
    writing: list[Session] = []
    doubtful.proxy.fault = fault
    answers = doubtful.ledger.accept(batch, TODAY)
    assert len(doubts) == 4
    doubtful.proxy.fault = no_fault
    doubtful.assert_stored_once(batch, answers)


# Every boundary


@pytest.mark.parametrize("half", [False, True], ids=["between messages", "within messages"])
@pytest.mark.parametrize("end", ["the ledger's", "PostgreSQL's"])
def test_cut_at_any_message_of_a_transaction_nothing_is_lost_or_doubled(
    doubtful: Doubtful, doubts: list[InDoubtError], end: str, half: bool
) -> None:
    messages = sweep(doubtful, 1, from_client=end == "the ledger's", half=half)
    assert messages > 20
    assert doubts


# The old session is still busy


@SIZES
@KNOWN
@pytest.mark.parametrize("arrives", [True, False], ids=["arrives late", "never arrives"])
def test_who_asks_while_the_old_session_is_still_at_work_waits_for_it_and_finds_what_became_of_it(
    doubtful: Doubtful, doubts: list[InDoubtError], size: int, known: bool, arrives: bool
) -> None:
    batch, late = doubtful.batch(size, known=known), Withheld()
    doubtful.proxy.fault = late.fault
    with ThreadPoolExecutor(1) as pool:
        sending = doubtful.in_thread(pool, batch)
        session = late.wait()
        doubtful.wait_for_waiters(1)
        assert not sending.done()
        if not arrives:
            session.cut()
        late.deliver()
        answers = sending.result(PATIENCE)
    assert len(doubts) == 1
    doubtful.assert_stored_once(batch, answers)


@SIZES
def test_a_publisher_who_sends_to_another_process_meanwhile_gets_the_very_same_receipts(
    doubtful: Doubtful, size: int
) -> None:
    batch, late = doubtful.batch(size), Withheld()
    doubtful.proxy.fault = late.fault
    with ThreadPoolExecutor(2) as pool:
        sending = doubtful.in_thread(pool, batch)
        late.wait()
        elsewhere = pool.submit(doubtful.beside.accept, batch[::-1], TODAY)
        doubtful.wait_for_waiters(2)
        late.deliver()
        answers = sending.result(PATIENCE)
        assert elsewhere.result(PATIENCE) == answers[::-1]
    doubtful.assert_stored_once(batch, answers)


def test_a_session_that_nobody_ends_holds_others_up_for_a_bounded_time(
    dsn: str, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a machine or its network is gone and nobody tells PostgreSQL: it ends the session by itself."""
    monkeypatch.setattr(database, "HELD_SECONDS", 1)
    with doubtful_ledger(dsn, keys, law) as doubtful:
        batch, late = doubtful.batch(1), Withheld()
        doubtful.proxy.fault = late.fault
        with ThreadPoolExecutor(1) as pool:
            sending = doubtful.in_thread(pool, batch)
            late.wait()
            answers = sending.result(PATIENCE)  # the session is gone, and so is what it had not committed
            late.deliver()
        doubtful.assert_stored_once(batch, answers)


# PostgreSQL itself dies


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[Postgres]:
    with mortal_postgres() as server:
        yield server


_databases = count(1)


@pytest.fixture
def mortal(mortal_server: Postgres, keys: KeyRing, law: Law) -> Iterator[Doubtful]:
    """A ledger on a server of this module's own, which is there when the test begins."""
    if not mortal_server.alive:
        mortal_server.start()
    dsn = mortal_server.dsn(f"mortal_{next(_databases)}")
    migrate(dsn)
    with doubtful_ledger(dsn, keys, law) as made:
        yield made


@SIZES
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda: (before_commit, lose), id="before the commit arrives"),
        pytest.param(lambda: (with_commit(), pass_on), id="while it commits"),
        pytest.param(lambda: (after_commit, lose), id="before its answer comes back"),
    ],
)
def test_postgresql_killed_around_the_commit_comes_back_and_says_what_became_of_it(
    mortal: Doubtful,
    mortal_server: Postgres,
    doubts: list[InDoubtError],
    size: int,
    moment: Callable[[], tuple[Callable[[Session, Message], bool], Callable[[Session, Message], None]]],
) -> None:
    batch, killed = mortal.batch(size), threading.Event()
    strikes, then = moment()

    def kill_then(session: Session, message: Message) -> None:
        try:
            then(session, message)
        finally:
            kill(mortal_server)
            killed.set()

    mortal.proxy.fault = once(strikes, kill_then)
    with ThreadPoolExecutor(1) as pool:
        sending = mortal.in_thread(pool, batch)
        assert killed.wait(PATIENCE)
        restart(mortal_server)
        answers = sending.result(PATIENCE)
    assert doubts
    mortal.assert_stored_once(batch, answers)


@SIZES
def test_a_session_killed_while_it_commits_takes_all_others_with_it_and_the_receipts_are_right(
    mortal: Doubtful, doubts: list[InDoubtError], size: int
) -> None:
    """PostgreSQL ends every session and recovers when one of them dies by a kill -9."""

    def kill_session(session: Session, message: Message) -> None:
        assert session.backend is not None
        session.to_server(message)
        os.kill(session.backend, signal.SIGKILL)
        raise Cut

    batch = mortal.batch(size)
    mortal.proxy.fault = once(with_commit(), kill_session)
    answers = mortal.ledger.accept(batch, TODAY)
    mortal.assert_stored_once(batch, answers)


@pytest.mark.parametrize(
    "moment",
    [pytest.param(before_commit, id="the commit never arrived"), pytest.param(after_commit, id="it had committed")],
)
def test_when_postgresql_stays_away_the_sender_is_told_and_sending_again_gives_the_receipts(
    mortal: Doubtful,
    mortal_server: Postgres,
    doubts: list[InDoubtError],
    moment: Callable[[Session, Message], bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "RESOLVE_SECONDS", 0.5)
    mortal.database._pool.timeout = 0.2
    batch = mortal.batch(5)

    def kill_and_lose(session: Session, message: Message) -> None:
        kill(mortal_server)
        raise Cut

    mortal.proxy.fault = once(moment, kill_and_lose)
    begun = monotonic()
    with pytest.raises(DatabaseError) as caught:
        mortal.ledger.accept(batch, TODAY)
    assert 0.5 < monotonic() - begun < 10
    assert "\n" not in str(caught.value)
    assert len(doubts) == 1
    restart(mortal_server)
    mortal.database._pool.timeout = PATIENCE  # a pool that could not connect tries again ever later
    mortal.beside.database._pool.check()
    stored_before = len(whole_log(mortal.beside.database)) > 3  # the registrations
    assert stored_before is (moment is after_commit)
    mortal.assert_stored_once(batch, mortal.ledger.accept(batch, TODAY))
