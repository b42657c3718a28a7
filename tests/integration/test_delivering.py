"""Webhooks to a real receiver: in order, signed, nothing missed whatever fails, and what is given up is a dead letter."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event as Flag
from uuid import uuid4

import pytest
from msgspec.structs import replace

from domain.consumers import ConsumerEnded, ConsumerReplayed, DeliveryGivenUp, Terms
from domain.disclosures import DataDelivered
from domain.facts import Department
from domain.history import FactPublished
from domain.law import Law
from domain.refusals import Refused
from domain.told import AlertRaised
from infra import codec
from infra.consumers import Consumers
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.migrations import migrate
from infra.webhooks import Reach, Sender
from services.consumers import deliverer
from services.consumers.showing import line
from tests.building import number_of
from tests.certificates import localhost
from tests.delivering import ALERTS, HOOK, LOOPBACK, QUICK, alerts, delivering, entries, ids, register, tell, wait_until
from tests.mortal import kill, mortal_postgres, restart
from tests.receiving import Got, Receiver, receiving

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


@pytest.fixture
def consumers(database: Database, keys: KeyRing) -> Consumers:
    return Consumers(database, keys)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def test_every_alert_arrives_once_in_order_signed_and_naming_nobody(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    tell(ours, range(1, 11))
    register(consumers, receiver)
    with delivering(consumers):
        receiver.wait(len(alerts(database)))
        tell(ours, range(11, 21))
        got = receiver.wait(len(alerts(database)))
        wait_until(lambda: line(consumers, HOOK).waiting == 0)
    assert ids(got) == alerts(database) == ids(receiver.tried)
    assert all(one.verified for one in got)
    assert {one.headers["content-type"] for one in got} == {"application/cloudevents+json; charset=UTF-8"}
    sent = json.dumps([one.body for one in got], ensure_ascii=False)
    assert not any(number_of(n) in sent for n in range(1, 21))
    assert "王小明" not in sent


def test_every_alert_that_was_delivered_is_recorded_as_handed_over_to_that_consumer(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    tell(ours, range(1, 6))
    register(consumers, receiver)
    with delivering(consumers):
        receiver.wait(len(alerts(database)))
        wait_until(lambda: line(consumers, HOOK).waiting == 0)
    recorded = [one.event for one in entries(database) if isinstance(one.event, DataDelivered)]
    assert {(one.department, one.outlet) for one in recorded} == {("social-insurance", f"webhook:{HOOK}")}
    raised = [one.event.alert for one in entries(database) if isinstance(one.event, AlertRaised)]
    assert [alert for one in recorded for alert in one.alerts] == raised
    shown = line(consumers, HOOK)
    assert (shown.state, shown.delivered, shown.behind_seconds) == ("current", len(raised), 0)


def test_a_receiver_that_fails_for_a_while_in_every_way_misses_nothing_and_gets_all_in_order(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    failures = iter([500, 503, 429, 408, 425, 502, 301, 504, 404, 500] * 3)
    receiver.answer = lambda _: next(failures, 204)
    register(consumers, receiver)
    with delivering(consumers, replace(QUICK, tries=4)):
        tell(ours, range(1, 16))
        got = receiver.wait(len(alerts(database)))
    assert ids(got) == alerts(database)
    assert len(receiver.tried) == len(got) + 30


def test_a_receiver_that_is_not_there_is_found_when_it_comes_back_and_shown_as_failing_meanwhile(
    ours: Ledger, consumers: Consumers, database: Database
) -> None:
    with receiving() as away:
        register(consumers, away)
    tell(ours, range(1, 4))
    with delivering(consumers):
        wait_until(lambda: line(consumers, HOOK).tries > 3)
        shown = line(consumers, HOOK)
        assert (shown.state, shown.error, shown.waiting) == ("failing", "unreachable", len(alerts(database)))
        with receiving() as back:
            back.secret = away.secret
            found = consumers.find(HOOK).terms
            consumers.change(HOOK, replace(found, url=back.url), "operator")
            assert ids(back.wait(len(alerts(database)))) == alerts(database)


def test_another_url_is_tried_at_once_however_long_the_old_one_was_to_be_left_alone(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    receiver.answer = lambda _: (503, {"retry-after": "3600"})
    patient = replace(QUICK, asked=timedelta(days=1))
    register(consumers, receiver)
    tell(ours, range(1, 3))
    with delivering(consumers, patient), receiving() as other:
        other.secret = receiver.secret
        receiver.wait_tried(1)
        wait_until(lambda: line(consumers, HOOK).tries == 1)
        shown = line(consumers, HOOK)
        assert shown.next_try is not None
        assert shown.next_try > datetime.now(UTC) + timedelta(minutes=50)
        consumers.change(HOOK, replace(consumers.find(HOOK).terms, url=other.url), "operator")
        assert ids(other.wait(len(alerts(database)))) == alerts(database)
    assert len(receiver.tried) == 1


def test_what_a_receiver_will_not_have_becomes_a_dead_letter_and_the_next_goes_on(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    tell(ours, range(1, 6))
    refused, others = alerts(database)[2], [one for one in alerts(database) if one != alerts(database)[2]]
    receiver.answer = lambda got: 422 if got.id == refused else 204
    register(consumers, receiver)
    with delivering(consumers):
        assert ids(receiver.wait(len(others))) == others
        wait_until(lambda: line(consumers, HOOK).dead_letters == 1)
        (letter,) = consumers.outlets.dead_letters(HOOK, 10)
        assert (letter.event, letter.tries, letter.code, letter.state) == (refused, 3, "http-422", "dead")
        told = [one.event for one in entries(database) if isinstance(one.event, DeliveryGivenUp)]
        assert [(one.consumer, one.event, one.position) for one in told] == [(HOOK, refused, int(refused))]
        assert consumers.replay_letters(HOOK, "operator") == [refused]
        wait_until(lambda: len(ids(receiver.tried)) == len(others) + 6)
        wait_until(lambda: consumers.outlets.dead_letters(HOOK, 10)[0].state == "dead")
        receiver.answer = lambda _: 204
        assert consumers.replay_letters(HOOK, "operator", [refused]) == [refused]
        assert ids(receiver.wait(len(others) + 1)) == [*others, refused]
        wait_until(lambda: line(consumers, HOOK).dead_letters == 0)
    replayed = [one.event.events for one in entries(database) if isinstance(one.event, ConsumerReplayed)]
    assert replayed == [(refused,), (refused,)]
    assert refused not in ids([one for one in receiver.tried if not one.verified])


def test_when_a_receiver_is_away_for_longer_than_we_wait_everything_older_is_a_dead_letter_and_can_be_replayed(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    receiver.answer = lambda _: 503
    tell(ours, range(1, 4))
    register(consumers, receiver)
    with delivering(consumers, replace(QUICK, give_up=timedelta(milliseconds=200))):
        wait_until(lambda: line(consumers, HOOK).dead_letters == len(alerts(database)))
        receiver.answer = lambda _: 204
        assert consumers.replay_letters(HOOK, "operator") is not None
        assert ids(receiver.wait(len(alerts(database)))) == alerts(database)


def test_a_receiver_that_is_gone_ends_and_goes_on_from_its_place_when_it_is_changed(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    register(consumers, receiver)
    with delivering(consumers):
        tell(ours, range(1, 3))
        before = len(receiver.wait(len(alerts(database))))
        receiver.answer = lambda _: 410
        tell(ours, range(3, 5))
        wait_until(lambda: line(consumers, HOOK).state == "ended")
        told = [one.event for one in entries(database) if isinstance(one.event, ConsumerEnded)]
        assert [(one.by, one.reason) for one in told] == [("changqing deliver", "http-410")]
        assert len(receiver.tried) == before + 1
        receiver.answer = lambda _: 204
        consumers.change(HOOK, consumers.find(HOOK).terms, "operator")
        assert ids(receiver.wait(len(alerts(database)))) == alerts(database)


def test_everything_after_a_position_is_sent_again_under_the_same_ids(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    tell(ours, range(1, 6))
    register(consumers, receiver)
    with delivering(consumers):
        all_ = alerts(database)
        receiver.wait(len(all_))
        wait_until(lambda: line(consumers, HOOK).waiting == 0)
        consumers.replay(HOOK, "operator", int(all_[3]), date(2024, 4, 10))
        got = receiver.wait(2 * len(all_) - 4)
    assert ids(got) == all_ + all_[4:]
    with pytest.raises(Refused, match="position-ahead"):
        consumers.replay(HOOK, "operator", 10**6, date(2024, 4, 10))


def test_nothing_is_sent_for_long_after_an_end_although_much_was_read_already(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    def answer(_: Got) -> int:
        time.sleep(0.1)
        return 204

    tell(ours, range(1, 21))
    receiver.answer = answer
    register(consumers, receiver)
    with delivering(consumers):
        receiver.wait(2)
        consumers.end(HOOK, "operator", "钥匙外泄")
        wait_until(lambda: all(thread.name != f"deliver {HOOK}" for thread in threading.enumerate()))
    assert len(receiver.tried) < len(alerts(database))


@pytest.mark.parametrize("late", [410, (503, {"retry-after": "3600"})])
def test_what_the_old_receiver_says_after_it_was_moved_from_is_of_no_account_to_the_new_one(
    ours: Ledger,
    consumers: Consumers,
    receiver: Receiver,
    database: Database,
    late: int | tuple[int, dict[str, str]],
) -> None:
    came, moved = Flag(), Flag()

    def answer(_: Got) -> int | tuple[int, dict[str, str]]:
        came.set()
        moved.wait(10)
        return late

    receiver.answer = answer
    tell(ours, range(1, 3))
    register(consumers, receiver)
    with delivering(consumers, replace(QUICK, asked=timedelta(days=1))), receiving() as other:
        other.secret = receiver.secret
        assert came.wait(30)
        consumers.change(HOOK, replace(consumers.find(HOOK).terms, url=other.url), "operator")
        moved.set()
        assert ids(other.wait(len(alerts(database)))) == alerts(database)
    assert consumers.find(HOOK).ended is None
    assert len(receiver.tried) == 1


def test_a_dead_letter_that_fails_again_holds_up_nothing_that_is_new(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    tell(ours, range(1, 3))
    first = alerts(database)
    poison, other = first[:2]
    receiver.answer = lambda got: 422 if got.id in (poison, other) else 204
    register(consumers, receiver)
    with delivering(consumers, replace(QUICK, first=timedelta(), longest=timedelta())):  # due again at once, always
        wait_until(lambda: line(consumers, HOOK).dead_letters == 2)
        receiver.answer = lambda got: 500 if got.id == poison else 204
        consumers.replay_letters(HOOK, "operator")
        tell(ours, range(3, 6))
        got = ids(receiver.wait(len(alerts(database)) - 1))
        wait_until(lambda: line(consumers, HOOK).dead_letters == 1)
        (letter,) = consumers.outlets.dead_letters(HOOK, 10)
    assert sorted(got, key=int) == [one for one in alerts(database) if one != poison]
    assert [one for one in got if one != other] == [one for one in alerts(database) if one not in (poison, other)]
    assert (letter.event, letter.state) == (poison, "again")


def test_one_that_is_stuck_in_a_request_keeps_nobody_from_stopping(
    ours: Ledger, consumers: Consumers, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, over = Flag(), Flag()

    def answer(_: Got) -> int:
        came.set()
        over.wait(60)
        return 204

    monkeypatch.setattr(deliverer, "LEAVE_SECONDS", 0.1)
    receiver.answer = answer
    register(consumers, receiver)
    tell(ours, range(1, 2))
    try:
        with delivering(consumers, sender=partial(Sender, LOOPBACK, seconds=60)):
            assert came.wait(30)
    finally:
        over.set()


def test_of_two_processes_one_delivers_and_the_other_takes_over(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    register(consumers, receiver)
    with delivering(consumers):
        with delivering(consumers):
            tell(ours, range(1, 11))
            receiver.wait(len(alerts(database)))
            wait_until(lambda: line(consumers, HOOK).waiting == 0)
        tell(ours, range(11, 16))
        got = receiver.wait(len(alerts(database)))
    assert ids(got) == alerts(database)


def test_each_consumer_has_a_place_of_its_own_and_one_that_fails_holds_up_nobody(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    tell(ours, range(1, 6))
    receiver.answer = lambda _: 503
    register(consumers, receiver)
    with delivering(consumers), receiving() as other:
        other.secret = consumers.register(
            "life-feed",
            Terms(department=Department.AGENCY, kind="webhook", url=other.url, types=("death-*",)),
            "operator",
            0,
        )
        got = other.wait(5)
        receiver.answer = lambda _: 204
        receiver.wait(len(alerts(database)))
    deaths = [one for one in entries(database) if isinstance(one.event, FactPublished) and "death" in one.name]
    assert ids(got) == [str(one.position) for one in deaths]
    assert all(one.verified for one in got + receiver.taken)


def test_while_a_secret_is_rotated_the_receiver_may_hold_either_and_then_the_new_one_only(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    register(consumers, receiver)
    old = receiver.secret
    now = datetime.now(UTC)
    with delivering(consumers):
        fresh = consumers.rotate(HOOK, "operator", now, now + timedelta(hours=1))
        tell(ours, range(1, 2))
        assert all(one.verified for one in receiver.wait(len(alerts(database))))
        receiver.secret = fresh
        tell(ours, range(2, 3))
        assert all(one.verified for one in receiver.wait(len(alerts(database))))
        consumers.rotate(HOOK, "operator", now, now)
        before, receiver.secret = len(alerts(database)), old
        tell(ours, range(3, 4))
        assert not any(one.verified for one in receiver.wait(len(alerts(database)))[before:])


def test_no_redirect_is_followed(ours: Ledger, consumers: Consumers, receiver: Receiver) -> None:
    with delivering(consumers), receiving() as elsewhere:
        receiver.answer = lambda _: (307, {"location": elsewhere.url})
        register(consumers, receiver)
        tell(ours, range(1, 2))
        wait_until(lambda: line(consumers, HOOK).tries >= 3)
        assert elsewhere.tried == []
        assert line(consumers, HOOK).error == "http-307"


def test_a_name_that_leads_where_webhooks_may_not_go_gets_nothing(
    ours: Ledger, consumers: Consumers, receiver: Receiver
) -> None:
    terms = Terms(department=Department.AGENCY, kind="webhook", url=f"https://localhost:{receiver.port}/")
    consumers.register(HOOK, terms, "operator", 0)
    tell(ours, range(1, 2))
    with delivering(consumers, sender=partial(Sender, Reach())):
        wait_until(lambda: line(consumers, HOOK).tries >= 2)
    assert line(consumers, HOOK).error == "address-refused"
    assert receiver.tried == []


def test_tls_is_checked_by_the_name_although_we_connect_to_the_address_that_was_looked_at(
    ours: Ledger, consumers: Consumers, database: Database, tmp_path: Path
) -> None:
    authority, certificate = localhost(tmp_path)
    with receiving(certificate) as safe:
        url = f"https://localhost:{safe.port}/"
        terms = Terms(department=Department.AGENCY, kind="webhook", url=url, types=ALERTS)
        safe.secret = consumers.register(HOOK, terms, "operator", 0)
        tell(ours, range(1, 3))
        with delivering(consumers):
            wait_until(lambda: line(consumers, HOOK).error == "tls-failed")
        with delivering(consumers, sender=partial(Sender, LOOPBACK, authorities=authority)):
            assert ids(safe.wait(len(alerts(database)))) == alerts(database)
            assert safe.taken[0].headers["host"] == f"localhost:{safe.port}"
            wrong = replace(terms, url=f"https://127.0.0.1:{safe.port}/")
            consumers.change(HOOK, wrong, "operator")
            tell(ours, range(3, 4))
            wait_until(lambda: line(consumers, HOOK).state == "failing")
            assert line(consumers, HOOK).error == "tls-failed"


def test_a_process_killed_at_any_moment_misses_nothing_and_repeats_only_under_the_same_ids(
    ours: Ledger, consumers: Consumers, receiver: Receiver, database: Database, dsn: str, tmp_path: Path
) -> None:
    register(consumers, receiver)
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "CHANGQING_KEY": bytes(range(32)).hex(),
        "CHANGQING_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }
    told = 0
    for killed_after in (3, 25, 60):
        process = subprocess.Popen([sys.executable, "-m", "services.cli", "deliver"], env=environment)
        try:
            tell(ours, range(told + 1, told + 21))
            told += 20
            receiver.wait(min(killed_after, len(alerts(database))), 60)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    with delivering(consumers):
        wait_until(lambda: set(ids(receiver.tried)) == set(alerts(database)))
        wait_until(lambda: line(consumers, HOOK).waiting == 0)
    first_of_each = list(dict.fromkeys(ids(receiver.taken)))
    assert first_of_each == alerts(database)


def test_when_postgresql_is_killed_under_it_delivering_goes_on_by_itself_once_that_is_back(
    receiver: Receiver, keys: KeyRing, law: Law
) -> None:
    with mortal_postgres() as server:
        migrate(server.dsn("own"))
        before, theirs = Database(server.dsn("own")), Database(server.dsn("own"))
        consumers = Consumers(theirs, keys)
        register(consumers, receiver)
        with delivering(consumers):
            tell(Ledger(before, keys, law), range(1, 6))
            receiver.wait(5)
            kill(server)
            restart(server)
            after = Database(server.dsn("own"))
            tell(Ledger(after, keys, law), range(6, 11))
            everything = alerts(after)
            wait_until(lambda: set(ids(receiver.taken)) == set(everything), 60)
        assert list(dict.fromkeys(ids(receiver.taken))) == everything
        for database in (before, theirs, after):
            database.close()


def test_a_name_is_never_used_again_and_the_register_follows_from_the_log(
    consumers: Consumers, receiver: Receiver, database: Database
) -> None:
    register(consumers, receiver)
    consumers.end(HOOK, "operator", "换系统")
    with pytest.raises(Refused, match="consumer-exists"):
        register(consumers, receiver)
    names = [one.name for one in entries(database)]
    assert names == ["consumer-registered.v1", "consumer-ended.v1"]
    for deed in (partial(consumers.end, uuid4().hex, "operator", "none"), partial(consumers.find, "nobody")):
        with pytest.raises(Refused, match="unknown-consumer"):
            deed()


def test_a_secret_is_kept_encrypted_and_only_under_its_own_name(
    consumers: Consumers, receiver: Receiver, database: Database, keys: KeyRing
) -> None:
    register(consumers, receiver)
    (entry,) = entries(database)
    (secret,) = consumers.find(HOOK).secrets
    assert receiver.secret.removeprefix("whsec_").encode() not in codec.encode(entry.event)
    assert len(consumers.signing(consumers.find(HOOK), datetime.now(UTC))[0]) == 32
    with pytest.raises(Exception, match="does not fit"):
        keys.open_secret("another", secret.sealed)
