"""The append path on a real PostgreSQL: gapless, once, and nobody in clear."""

import base64
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from psycopg import sql

from domain.decide import decide
from domain.disclosures import DataDisclosed
from domain.facts import DeathReported, DeathRetracted, Department, Person
from domain.history import Entry, FactPublished, Outcome, Receipt
from domain.law import Law
from domain.refusals import Refused
from domain.state import FactRecorded, RetireeState, evolve
from domain.told import AlertRaised
from infra import batch, codec, log, retirees
from infra.database import Database, DatabaseError
from infra.keys import KeyRing, WrongKeyError
from infra.ledger import Ledger, append_plain
from infra.submissions import Submission
from infra.views import Views
from services.accepting.cloudevents import structured
from tests.building import number_of, retirement, submission
from tests.wholeness import as_first

TODAY = date(2024, 4, 10)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
DISCLOSED = DataDisclosed(
    department="community", actor="a", purpose="visit", legal_basis="Art. 6", fields=("name",), retirees=()
)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def entries(database: Database) -> list[Entry]:
    with database.transaction() as connection:
        return [codec.decode(*row) for row in log.read(connection, 0, 100_000)]


def head(database: Database) -> int:
    with database.transaction() as connection:
        return log.last_position(connection)


def accepted(answers: list[Receipt | Refused]) -> list[Receipt]:
    assert all(isinstance(answer, Receipt) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Receipt)]


def refusals(answers: list[Receipt | Refused]) -> list[str | None]:
    return [answer.code if isinstance(answer, Refused) else None for answer in answers]


def assert_whole(database: Database) -> list[Entry]:
    """Positions from 1 without a hole up to the head, versions of each stream likewise; gives the log."""
    found = entries(database)
    assert [entry.position for entry in found] == list(range(1, len(found) + 1))
    assert head(database) == len(found)
    versions: dict[UUID, list[int]] = defaultdict(list)
    for entry in found:
        versions[entry.stream].append(entry.version)
    assert all(list(range(1, len(of) + 1)) == of for of in versions.values())
    with database.transaction() as connection:
        stored = dict(connection.execute("select stream, version from ledger.stream where version > 0").fetchall())
    assert stored == {stream: len(of) for stream, of in versions.items()}
    assert all(one.recorded_at <= other.recorded_at for one, other in pairwise(found))
    return found


# Positions and receipts


def test_positions_begin_at_one_and_follow_on_each_other_across_batches(ours: Ledger) -> None:
    first = accepted(ours.accept([submission(retirement()), submission(DIED)], TODAY))
    second = accepted(ours.accept([submission(retirement(), "2", number=number_of(2))], TODAY))
    found = assert_whole(ours.database)
    assert [entry.name for entry in found] == [
        "retirement-registered.v1",
        "death-reported.v1",
        *["pension-alert-raised.v1"] * 3,
        "retirement-registered.v1",
    ]
    assert [receipt.position for receipt in (*first, *second)] == [1, 2, 6]
    for receipt in (*first, *second):
        entry = found[receipt.position - 1]
        assert isinstance(entry.event, FactPublished)
        assert (entry.event.source, entry.event.id) == (receipt.source, receipt.id)
        assert (entry.stream, entry.recorded_at) == (receipt.retiree, receipt.recorded_at)
        assert entry.event.learnt == TODAY


def test_an_empty_batch_has_no_answers(ours: Ledger) -> None:
    assert ours.accept([], TODAY) == []
    assert head(ours.database) == 0


def test_a_refused_submission_leaves_its_neighbours_alone_and_no_hole(ours: Ledger) -> None:
    answers = ours.accept(
        [
            submission(retirement(), "1"),
            submission(retirement(), "2", number="110105194912310021"),
            submission(DIED, "3", department=Department.ENTERPRISE),
            submission(retirement(date(2024, 4, 11)), "4"),
            submission(retirement(date(1949, 12, 31)), "5"),
            submission(DIED, "6"),
            submission(retirement(), "7", number=number_of(2)),
        ],
        TODAY,
    )
    assert refusals(answers) == [
        None,
        "identity-number-invalid",
        "not-your-fact",
        "date-in-future",
        "date-before-birth",
        None,
        None,
    ]
    facts = [e.event.id for e in assert_whole(ours.database) if isinstance(e.event, FactPublished)]
    assert facts == ["1", "6", "7"]


def test_a_refused_id_may_be_used_again_by_a_submission_that_is_sound(ours: Ledger) -> None:
    wrong = submission(retirement(), number="110105194912310021")
    assert refusals(ours.accept([wrong], TODAY)) == ["identity-number-invalid"]
    assert refusals(ours.accept([wrong, submission(retirement())], TODAY)) == ["identity-number-invalid", None]
    assert len(assert_whole(ours.database)) == 1


def test_all_refused_takes_no_position_and_leaves_nothing_of_anybody(ours: Ledger) -> None:
    ours.accept([submission(retirement(date(2024, 4, 11))), submission(DIED, department=Department.ENTERPRISE)], TODAY)
    assert head(ours.database) == 0
    with ours.database.transaction() as connection:
        for table in ("event", "inbox", "stream", "identity", "retiree_key"):
            query = sql.SQL("select count(*) from ledger.{}").format(sql.Identifier(table))
            assert connection.execute(query).fetchone() == (0,), table


@pytest.mark.parametrize("where", ["source", "id"])
def test_a_zero_character_never_reaches_the_database(where: str) -> None:
    """JSON may say \\u0000, PostgreSQL's text may not: one such id would fail its whole batch."""
    event = {"specversion": "1.0", "type": "death-reported.v1", "source": "/police/x", "id": "1", "data": {}}
    assert structured(msgspec.json.encode(event)).id == "1"
    with pytest.raises(Refused) as caught:
        structured(msgspec.json.encode({**event, where: "/police/a\0b"}))
    assert (caught.value.code, caught.value.path) == ("invalid-field", where)


def test_a_report_about_somebody_erased_fails_nobody_else(ours: Ledger) -> None:
    """Destroying the key erases the person; publishers do not know, and go on reporting."""
    (erased,) = accepted(ours.accept([submission(retirement())], TODAY))
    with psycopg.connect(ours.database.dsn) as connection:  # as erasing does it, with its owner's rights
        connection.execute("delete from ledger.retiree_key where retiree = %s", [erased.retiree])
    answers = ours.accept([submission(DIED), submission(retirement(), "2", number=number_of(2))], TODAY)
    assert isinstance(answers[1], Receipt)
    assert_whole(ours.database)


# Repeats and conflicts


def test_a_repeat_gets_the_receipt_it_had(ours: Ledger) -> None:
    one, other = submission(retirement()), submission(DIED)
    first = accepted(ours.accept([one, other], TODAY))
    again = accepted(ours.accept([other, one, other], date(2024, 7, 1)))
    assert all(receipt.known for receipt in again)
    assert as_first(again) == [first[1], first[0], first[1]]
    assert len(assert_whole(ours.database)) == 5


def test_a_repeat_within_one_batch_shares_its_receipt(ours: Ledger) -> None:
    one, other, third = accepted(ours.accept([submission(retirement()), submission(DIED), submission(DIED)], TODAY))
    assert other == third != one
    assert Counter(entry.name for entry in assert_whole(ours.database))["death-reported.v1"] == 1


def test_the_same_id_of_another_source_is_another_event(ours: Ledger) -> None:
    accepted(ours.accept([submission(retirement()), submission(DIED, department=Department.POLICE)], TODAY))
    accepted(ours.accept([submission(DIED, department=Department.CIVIL_AFFAIRS)], TODAY))
    assert Counter(entry.name for entry in assert_whole(ours.database))["death-reported.v1"] == 2


def test_the_same_id_with_other_content_is_refused_and_the_first_stands(ours: Ledger) -> None:
    first = ours.accept([submission(retirement())], TODAY)
    other = submission(retirement(pension="9999.00"))
    assert refusals(ours.accept([other], TODAY)) == ["id-conflict"]
    assert as_first(ours.accept([submission(retirement())], TODAY)) == first
    assert len(assert_whole(ours.database)) == 1


def test_other_content_under_the_id_of_a_neighbour_is_refused(ours: Ledger) -> None:
    answers = ours.accept([submission(retirement()), submission(retirement(pension="9999.00"))], TODAY)
    assert refusals(answers) == [None, "id-conflict"]
    assert len(assert_whole(ours.database)) == 1


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets so many batches look for repeats before any of them writes: each finds none."""

    def arrange(batches: int) -> None:
        barrier, look, lock = Barrier(batches), retirees.find, Lock()
        waiting = [batches]

        def looked(*given: Any) -> Any:
            found = look(*given)
            with lock:
                first_time, waiting[0] = waiting[0] > 0, waiting[0] - 1
            if first_time:
                barrier.wait(20)
            return found

        monkeypatch.setattr(batch, "find", looked)

    return arrange


def racing(ours: Ledger, batches: list[list[Submission]]) -> list[list[Receipt | Refused]]:
    with ThreadPoolExecutor(len(batches)) as threads:
        return list(threads.map(lambda batch: ours.accept(batch, TODAY), batches))


def test_racing_repeats_get_one_receipt(ours: Ledger, at_once: Callable[[int], None]) -> None:
    at_once(4)
    answers = racing(ours, [[submission(retirement())]] * 4)
    assert len({receipt.position for answer in answers for receipt in accepted(answer)}) == 1
    assert sum(not receipt.known for answer in answers for receipt in accepted(answer)) == 1
    assert [as_first(answer) for answer in answers[1:]] == [as_first(answer) for answer in answers[:-1]]
    assert len(assert_whole(ours.database)) == 1


@pytest.mark.parametrize("person", [1, 2], ids=["of one person", "of two people"])
def test_of_racing_submissions_in_conflict_one_is_accepted(
    ours: Ledger, at_once: Callable[[int], None], person: int
) -> None:
    at_once(2)
    other = submission(retirement(pension="9999.00"), number=number_of(person))
    neighbour = submission(retirement(), "neighbour", number=number_of(3))
    one, two = racing(ours, [[submission(retirement())], [other, neighbour]])
    assert sorted([*refusals(one), refusals(two)[0]], key=str) == [None, "id-conflict"]
    assert refusals(two)[1] is None
    assert len(assert_whole(ours.database)) == 2


def test_two_who_meet_somebody_new_at_once_give_one_id(ours: Ledger, at_once: Callable[[int], None]) -> None:
    at_once(2)
    one, two = racing(ours, [[submission(retirement())], [submission(DIED)]])
    assert accepted(one)[0].retiree == accepted(two)[0].retiree
    names = Counter(entry.name for entry in assert_whole(ours.database))
    assert names == {"retirement-registered.v1": 1, "death-reported.v1": 1, "pension-alert-raised.v1": 3}


def test_many_at_once_over_a_few_people_each_event_once(ours: Ledger, law: Law) -> None:
    everything: list[Submission] = []
    for person in range(1, 5):
        number = number_of(person)
        everything.append(submission(retirement(), f"{person}", number=number))
        for n in range(5):
            department = list(Department)[n]
            if department is not Department.ENTERPRISE:
                died = DeathReported(effective=date(2024, 1, 1 + n), document=f"{n}号")
                everything.append(submission(died, f"{person}-{n}", number=number, department=department))
                back = DeathRetracted(effective=TODAY, retracts=f"{person}-{n}")
                everything.append(submission(back, f"{person}-{n}-back", number=number, department=department))
    batches = [everything[k::11][::direction] for k in range(11) for direction in (1, -1)]  # each sent twice
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda batch: accepted(ours.accept(batch, TODAY)), batches))

    found = assert_whole(ours.database)
    facts = Counter((e.event.source, e.event.id) for e in found if isinstance(e.event, FactPublished))
    assert facts == Counter({(one.source, one.id): 1 for one in everything})
    assert Counter(r.known for batch in answers for r in batch) == Counter(
        {False: len(everything), True: len(everything)}
    )
    same = [accepted(as_first(batch)) for batch in answers]
    receipts = {(receipt.source, receipt.id): receipt for batch in same for receipt in batch}
    assert all(receipts[r.source, r.id] == r for batch in same for r in batch)
    assert len({entry.stream for entry in found}) == 4

    for stream in {entry.stream for entry in found}:  # deciding again on what is in the log gives what is in the log
        state, again = RetireeState(), []
        for entry in (entry for entry in found if entry.stream == stream):
            if isinstance(entry.event, FactPublished):
                tag = ours._keys.tag("name", "王小明").hex()
                decisions = decide(stream, state, entry.event.known(tag), law, TODAY)
                again += [one for one in decisions if not isinstance(one, FactRecorded)]
                for decision in decisions:
                    state = evolve(state, decision)
                state = state.on(TODAY, law)
        assert again == [e.event for e in found if e.stream == stream and not isinstance(e.event, FactPublished)]
        with ours.database.transaction() as connection:
            query = "select state from ledger.stream where stream = %s"
            ((stored,),) = connection.execute(query, [stream]).fetchall()
        assert codec.decode_state(stored) == codec.decode_state(codec.encode_state(state))


# Crashes


Dies = Callable[[Any], None]


def by_an_exception(_: Any) -> None:
    raise RuntimeError("out of memory, say")


def by_a_lost_connection(connection: Any) -> None:
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])


@pytest.fixture(params=["before the events", "after the events"])
def deadly(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Dies], None]:
    """Makes the first transaction that has steps between its positions and its commit die there."""

    def arrange(dies: Dies) -> None:
        copy, calls = log.copy_events, iter([True])

        def copying(connection: Any, *given: Any) -> None:
            first = next(calls, False)
            if first and request.param == "before the events":
                dies(connection)
            copy(connection, *given)
            if first and request.param == "after the events":
                dies(connection)

        monkeypatch.setattr(log, "copy_events", copying)

    return arrange


def _append(ours: Ledger) -> None:
    """As what has more to write beside it does: its positions and its commit are steps apart."""
    with ours.database.transaction() as connection:
        append_plain(connection, log.stream_of("reader"), DISCLOSED)


@pytest.mark.parametrize(
    ("dies", "error"), [(by_an_exception, RuntimeError), (by_a_lost_connection, DatabaseError)], ids=["error", "killed"]
)
def test_who_dies_with_positions_in_hand_leaves_no_hole_and_may_send_again(
    ours: Ledger, deadly: Callable[[Dies], None], dies: Dies, error: type[Exception]
) -> None:
    accepted(ours.accept([submission(retirement())], TODAY))
    deadly(dies)
    with pytest.raises(error):
        _append(ours)
    assert len(assert_whole(ours.database)) == 1
    (receipt,) = accepted(ours.accept([submission(DIED)], TODAY))
    assert receipt.position == 2
    assert len(assert_whole(ours.database)) == 5


def test_who_waited_for_the_dead_takes_its_positions(ours: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    holds, may_die, copy = Event(), Event(), log.copy_events

    def copying(connection: Any, placed: Any, events: Any) -> None:
        if not holds.is_set():
            holds.set()
            assert may_die.wait(20)
            by_a_lost_connection(connection)
        copy(connection, placed, events)

    monkeypatch.setattr(log, "copy_events", copying)
    with ThreadPoolExecutor(2) as threads:
        dying = threads.submit(_append, ours)
        assert holds.wait(20)
        waiting = threads.submit(ours.accept, [submission(retirement(), "2", number=number_of(2))], TODAY)
        with psycopg.connect(ours.database.dsn) as connection:  # until it waits for the head; services do not see that
            query = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            while connection.execute(query).fetchone() != (1,):
                connection.execute("select pg_sleep(0.01), pg_stat_clear_snapshot()")
        may_die.set()
        with pytest.raises(DatabaseError, match="not available"):
            dying.result(20)
        assert accepted(waiting.result(20))[0].position == 1
    assert len(assert_whole(ours.database)) == 1


def test_a_database_that_is_not_there_is_said_in_one_sentence(keys: KeyRing, law: Law, tmp_path: Path) -> None:
    nowhere = Database(f"postgresql:///x?host={tmp_path}")
    nowhere._pool.timeout = 0.2
    with pytest.raises(DatabaseError) as caught:
        Ledger(nowhere, keys, law).accept([submission(retirement())], TODAY)
    assert "\n" not in str(caught.value)
    nowhere.close()


# Parked facts


def test_a_parked_fact_takes_effect_when_its_retiree_is_registered(ours: Ledger) -> None:
    (parked,) = accepted(ours.accept([submission(DIED)], TODAY))
    assert parked.status is Outcome.PARKED
    assert [entry.name for entry in entries(ours.database)] == ["death-reported.v1"]

    (registered,) = accepted(ours.accept([submission(retirement())], date(2024, 5, 6)))
    assert (registered.status, registered.retiree) == (Outcome.ACCEPTED, parked.retiree)
    raised = [e.event for e in assert_whole(ours.database) if isinstance(e.event, AlertRaised)]
    assert [(a.action, a.first_month, a.amount) for a in raised] == [
        ("stop", "2024-02", "0.00"),
        ("recover", "2024-02", "13827.12"),
        ("grant", "2024-01", "0.00"),
    ]
    assert as_first(ours.accept([submission(DIED)], date(2024, 5, 7))) == [parked]


@pytest.mark.parametrize("others", [0, 40])
def test_a_report_that_was_taken_back_before_it_came_raises_nothing_however_many_come_with_it(
    ours: Ledger, others: int
) -> None:
    before = [submission(retirement()), submission(DeathRetracted(effective=TODAY, retracts="late"), "2")]
    accepted(ours.accept(before, TODAY))
    company = [submission(retirement(), f"{n}", number=number_of(n)) for n in range(10, 10 + others)]
    accepted(ours.accept([*company, submission(DIED, "late")], TODAY))
    assert Counter(entry.name for entry in assert_whole(ours.database)) == {
        "retirement-registered.v1": 1 + others,
        "death-retracted.v1": 1,
        "death-reported.v1": 1,
    }


def test_a_fact_and_its_registration_in_one_batch_are_decided_in_their_order(ours: Ledger) -> None:
    parked, registered = accepted(ours.accept([submission(DIED), submission(retirement())], TODAY))
    assert (parked.status, registered.status) == (Outcome.PARKED, Outcome.ACCEPTED)
    assert [entry.name for entry in assert_whole(ours.database)][1:] == [
        "retirement-registered.v1",
        *["pension-alert-raised.v1"] * 3,
    ]


def test_old_and_new_numbers_are_one_person(ours: Ledger) -> None:
    number = number_of(1)
    old = number[:6] + number[8:17]
    one, other = accepted(ours.accept([submission(retirement()), submission(DIED, number=old)], TODAY))
    assert one.retiree == other.retiree


def test_another_name_under_the_same_number_stops_nothing(ours: Ledger) -> None:
    accepted(ours.accept([submission(retirement()), submission(DIED, name="李小明")], TODAY))
    raised = [e.event for e in entries(ours.database) if isinstance(e.event, AlertRaised)]
    assert [(a.action, a.kind) for a in raised] == [("verify", "identity-mismatch")]


def test_a_disclosure_is_appended_to_a_stream_of_its_own(ours: Ledger) -> None:
    stream = uuid4()
    event = DataDisclosed(
        department="community", actor="a", purpose="visit", legal_basis="Art. 6", fields=("name",), retirees=(uuid4(),)
    )
    ours.append(stream, event)
    ours.append(stream, event)
    assert [(entry.stream, entry.version, entry.event) for entry in assert_whole(ours.database)] == [
        (stream, 1, event),
        (stream, 2, event),
    ]


# Personal data and keys


PERSON = Person(identity_number=number_of(1), name="司马相如意", phone="15400138000", address="示例路九百九十九号")


def everything_stored(database: Database) -> bytes:
    """Every row of every table of ours, as PostgreSQL dumps it in binary to its owner."""
    dump = b""
    with psycopg.connect(database.dsn) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            query = sql.SQL("copy (select * from {}.{}) to stdout (format binary)")
            with connection.cursor().copy(query.format(sql.Identifier(schema), sql.Identifier(table))) as copy:
                dump += b"".join(map(bytes, copy))
    return dump


def disguises(text: str) -> Iterator[bytes]:
    """A text as it may stand in a dump: plain, escaped, as hexadecimal, and inside Base64 at any offset."""
    plain = text.encode()
    yield plain
    yield text.encode("unicode_escape")
    yield text.encode("utf-16-be")
    yield plain.hex().encode()
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + plain)
        yield coded[(0, 2, 3)[offset] + 2 : -4]


def test_nobody_stands_in_the_database_in_clear(ours: Ledger) -> None:
    old = msgspec.structs.replace(PERSON, identity_number=number_of(1)[:6] + number_of(1)[8:17])
    answers = ours.accept(
        [
            submission(retirement(), person=PERSON),
            submission(DIED, person=PERSON),
            submission(DIED, "2", person=old, department=Department.COMMUNITY),
            submission(DIED, "3", person=Person(identity_number=number_of(2), name=PERSON.name)),
        ],
        TODAY,
    )
    accepted(answers)
    views = Views(ours.database)
    views.apply(entries(ours.database))

    dump = everything_stored(ours.database)
    assert dump.count("民政〔2024〕1号".encode()) >= 3, "what is not personal is found"
    for secret in (number_of(1), number_of(1)[:17], old.identity_number, PERSON.name, PERSON.phone, PERSON.address):
        assert secret is not None
        for disguise in disguises(secret):
            assert disguise not in dump, secret


def test_the_sealed_person_is_found_again_under_its_key_only(ours: Ledger, keys: KeyRing) -> None:
    (receipt,) = accepted(ours.accept([submission(retirement(), person=PERSON)], TODAY))
    ((wrapped,),) = _rows(ours, "select wrapped from ledger.retiree_key")
    event = entries(ours.database)[0].event
    assert isinstance(event, FactPublished)
    assert msgspec.json.decode(keys.open(receipt.retiree, wrapped, event.sealed), type=Person) == PERSON
    with pytest.raises(WrongKeyError, match="key is not the one"):
        KeyRing(b"\1" * 32).open(receipt.retiree, wrapped, event.sealed)
    with pytest.raises(WrongKeyError):
        keys.open(uuid4(), wrapped, event.sealed)
    with pytest.raises(WrongKeyError):
        keys.open(receipt.retiree, wrapped, event.sealed[:-1] + bytes([event.sealed[-1] ^ 1]))


def test_under_another_key_file_the_ledger_refuses_to_work_instead_of_forgetting_everybody(
    ours: Ledger, law: Law
) -> None:
    accepted(ours.accept([submission(retirement())], TODAY))
    with pytest.raises(WrongKeyError, match="key"):
        Ledger(ours.database, KeyRing(b"\1" * 32), law).accept([submission(DIED)], TODAY)
    assert len(assert_whole(ours.database)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "holds no key"), ("not hex", "holds no key"), ("ab" * 31, "64 hex digits"), ("", "64 hex digits")],
    ids=["no file", "no hex", "too short", "empty"],
)
def test_a_wrong_key_file_is_named_in_one_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(WrongKeyError, match=said) as caught:
        KeyRing.from_file(path)
    assert str(path) in str(caught.value)
    assert not content or content not in str(caught.value)


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    made = KeyRing.from_file(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyRing.from_file(path, create=True).tag("name", "x") == made.tag("name", "x")


def test_two_who_make_the_key_file_at_once_get_one_key(tmp_path: Path) -> None:
    for n in range(20):
        path, barrier = tmp_path / str(n), Barrier(4)

        def make(_: int, path: Path = path, barrier: Barrier = barrier) -> bytes:
            barrier.wait(20)
            return KeyRing.from_file(path, create=True).tag("name", "x")

        with ThreadPoolExecutor(4) as threads:
            assert len(set(threads.map(make, range(4)))) == 1


def _rows(ours: Ledger, query: str) -> list[tuple[Any, ...]]:
    with ours.database.transaction() as connection:
        return connection.execute(query.encode()).fetchall()
