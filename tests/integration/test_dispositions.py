"""Every submission has one disposition, which the log knows: refusals are told once, with a signed receipt, and can be asked for."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import psycopg
import pytest

from domain.dispositions import SubmissionRefused
from domain.facts import Department
from domain.history import Receipt
from domain.law import Law
from domain.refusals import Refused
from infra import codec, dsse, log
from infra.database import Database, DatabaseError
from infra.keys import KeyRing
from infra.refused import LETTER_LIMIT
from services.accepting.cloudevents import Publisher, structured
from services.accepting.dispositions import Dispositions
from services.accepting.intake import Answer, Received, Refusal, accept
from services.accepting.receipts import PAYLOAD_TYPE, Notary
from services.accounts import Account, Role
from services.application import Changqing
from services.bus.outgoing import receipts
from services.bus.worker import Arrived
from tests.building import number_of

PUBLISHER = Publisher("civil-affairs-gateway", Department.CIVIL_AFFAIRS, "http")
SOURCE = "/civil-affairs/shenzhen"


@pytest.fixture
def application(dsn: str, keys: KeyRing, law: Law) -> Iterator[Changqing]:
    made = Changqing(dsn, keys, law)
    yield made
    made.close()


@pytest.fixture
def dispositions(database: Database, keys: KeyRing) -> Dispositions:
    return Dispositions(database, Notary(keys))


def death(id_: str, *, on: str = "2024-03-12", number: str | None = None, **more: Any) -> bytes:
    person = {"identity_number": number or number_of(1), "name": "王小明"}
    event = {
        "specversion": "1.0",
        "type": "death-reported.v1",
        "source": SOURCE,
        "id": id_,
        "datacontenttype": "application/json",
        "data": {"person": person, "effective": on},
    }
    return json.dumps(event | more, ensure_ascii=False).encode()


def sent(body: bytes, publisher: Publisher = PUBLISHER) -> Received:
    return Received(partial(structured, body), publisher, body)


def arrived(body: bytes, offset: int) -> Received:
    return Arrived("intake.civil-affairs", 0, offset, (), body).received


def refused(answers: list[Answer]) -> list[Refusal]:
    assert all(isinstance(answer, Refusal) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Refusal)]


def told(database: Database) -> list[tuple[int, SubmissionRefused]]:
    """The refusals in the log, with their positions."""
    entries = [entry for rows in log.scan(database) for entry in codec.entries(rows)]
    return [(entry.position, entry.event) for entry in entries if isinstance(entry.event, SubmissionRefused)]


def account(role: Role, department: Department) -> Account:
    return Account(name="somebody", role=role, department=department)


CIVIL_AFFAIRS = account(Role.PUBLISHER, Department.CIVIL_AFFAIRS)
AUDITOR = account(Role.AUDITOR, Department.AGENCY)


# What the log tells


def test_a_refusal_is_told_to_the_log_once_however_often_it_is_sent(application: Changqing, database: Database) -> None:
    body = death("1", on="1900-01-01")
    answers = refused([*accept(application, [sent(body), sent(body)]), *accept(application, [sent(body)])])
    ((position, event),) = told(database)
    assert [answer.position for answer in answers] == [position] * 3
    assert [answer.known for answer in answers] == [False, True, True]
    assert (event.source, event.id, event.code, event.path) == (SOURCE, "1", "date-before-birth", "data.effective")
    assert (event.department, event.published_by, event.place) == (
        Department.CIVIL_AFFAIRS,
        "civil-affairs-gateway",
        "http:civil-affairs-gateway",
    )


def test_another_content_another_code_and_another_id_are_refusals_of_their_own(
    application: Changqing, database: Database
) -> None:
    bodies = [
        death("1", on="1900-01-01"),
        death("1", on="1901-01-01"),
        death("1", on="2999-01-01"),
        death("2", on="1900-01-01"),
    ]
    accept(application, [sent(body) for body in bodies])
    assert [(event.id, event.code) for _, event in told(database)] == [
        ("1", "date-before-birth"),
        ("1", "date-before-birth"),
        ("1", "date-in-future"),
        ("2", "date-before-birth"),
    ]


def test_what_has_no_id_is_known_by_its_bytes_over_http_and_by_its_place_on_kafka(
    application: Changqing, database: Database
) -> None:
    rubbish = b"{not json"
    first, again = refused(accept(application, [sent(rubbish), sent(rubbish)]))
    assert first.position == again.position
    one, two, once_more = refused(accept(application, [arrived(rubbish, 5), arrived(rubbish, 6), arrived(rubbish, 5)]))
    assert one.position != two.position
    assert once_more.position == one.position
    assert [event.place for _, event in told(database)] == [
        "http:civil-affairs-gateway",
        "kafka:intake.civil-affairs-0-5",
        "kafka:intake.civil-affairs-0-6",
    ]


def test_no_refusal_in_the_log_holds_what_was_sent(application: Changqing, dsn: str) -> None:
    number = number_of(1)
    bodies = [
        death(f"death-{number}"),
        death(
            "1", data={"person": {"identity_number": number, "name": "王小明", number: 1}, "effective": "2024-03-12"}
        ),
        death("2", data={"person": {"identity_number": number, "王小明": 1}, "effective": "2024-03-12"}),
        death("3", source=f"/civil-affairs/{number}"),
    ]
    answers = accept(application, [arrived(body, n) for n, body in enumerate(bodies)])
    with psycopg.connect(dsn) as connection:
        states = connection.execute("select convert_from(state, 'utf-8') from ledger.event").fetchall()
        letters = connection.execute("select dead_letter::text from ledger.dead_letter").fetchall()
    whole = repr(states) + repr(letters) + msgspec.json.encode(answers).decode()
    assert len(states) == len(letters) == len(bodies)
    assert number not in whole
    assert "王小明" not in whole


@pytest.mark.parametrize("name", ["13800138000", "张三", "of11010519491231002X"])
def test_the_name_of_a_member_that_may_be_somebodys_is_told_nowhere(
    application: Changqing, database: Database, name: str
) -> None:
    body = death("1").replace(b'"effective"', f'"{name}": 1, "effective"'.encode())
    (answer,) = refused(accept(application, [sent(body)]))
    ((_, event),) = told(database)
    assert (answer.code, answer.path, event.path) == ("unknown-field", "data", "data")


def test_a_refused_one_leaves_its_neighbours_alone_and_all_have_their_place(application: Changqing) -> None:
    bodies = [death("1"), death("2", on="1900-01-01"), death("3"), b"[", death("1")]
    answers = accept(application, [sent(body) for body in bodies])
    assert [type(answer) for answer in answers] == [Receipt, Refusal, Receipt, Refusal, Receipt]
    assert [answer.known for answer in answers] == [False, False, False, False, True]
    positions = [answer.position for answer in answers]
    assert positions[0] == positions[4]
    assert len(set(positions)) == 4


def test_refusals_told_by_two_at_once_are_told_once(
    application: Changqing, dsn: str, keys: KeyRing, law: Law, database: Database
) -> None:
    bodies = [death(str(n), on="1900-01-01") for n in range(200)]
    other = Changqing(dsn, keys, law)
    with ThreadPoolExecutor(4) as pool:
        parts = [
            pool.submit(accept, app, [arrived(body, n) for n, body in enumerate(some)])
            for app, some in ((application, bodies), (other, bodies[::-1]), (application, bodies), (other, bodies))
        ]
        answers = [answer for part in parts for answer in refused(part.result())]
    other.close()
    assert len(told(database)) == 200
    assert sum(not answer.known for answer in answers) == 200


def test_a_crash_between_the_facts_and_the_refusals_is_made_up_for_when_it_all_comes_again(
    application: Changqing, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [sent(death("1")), sent(death("2", on="1900-01-01"))]

    def away(*_: object) -> None:
        raise DatabaseError("PostgreSQL is away")

    with monkeypatch.context() as broken:
        broken.setattr("infra.refused.append", away)
        with pytest.raises(DatabaseError):
            accept(application, batch)
    assert told(database) == []
    answers = accept(application, batch)
    assert [(answer.status, answer.known) for answer in answers] == [("parked", True), ("refused", False)]
    assert [event.id for _, event in told(database)] == ["2"]


# Receipts


def test_the_receipt_over_http_and_the_one_that_the_relay_sends_are_the_same_object(
    application: Changqing, database: Database, keys: KeyRing
) -> None:
    notary = Notary(keys)
    answers = accept(application, [sent(death("1")), sent(death("2", on="1900-01-01"))])
    by_http = [msgspec.json.decode(msgspec.json.encode(notary.signed(answer))) for answer in answers]
    entries = [entry for rows in log.scan(database) for entry in codec.entries(rows)]
    relayed = [msgspec.json.decode(one.value) for entry in entries for one in receipts(entry, notary.signed)]
    assert [event["data"] for event in relayed] == by_http
    assert [event["id"] for event in relayed] == [f"receipt-{one['position']}" for one in by_http]


def test_anybody_with_the_public_key_can_verify_a_receipt(application: Changqing, keys: KeyRing) -> None:
    notary = Notary(keys)
    (key,) = notary.key_set()["keys"]
    public = dsse.VerifyingKey(dsse.from_base64(key["x"] + "="))
    for answer in accept(application, [sent(death("1")), sent(b"rubbish")]):
        told = msgspec.json.decode(msgspec.json.encode(notary.signed(answer)))
        proof = msgspec.convert(told.pop("proof"), dsse.Envelope)
        assert proof.payloadType == PAYLOAD_TYPE
        assert dsse.verify(proof, {key["kid"]: public}) == key["kid"]
        assert msgspec.json.decode(proof.body) == told
        altered = msgspec.structs.replace(proof, payload=proof.payload.replace("e", "f", 1))
        with pytest.raises(dsse.WrongSignatureError):
            dsse.verify(altered, {key["kid"]: public})


# Asking


def test_the_disposition_is_that_of_the_last_refusal_until_it_is_accepted(
    application: Changqing, dispositions: Dispositions
) -> None:
    accept(application, [sent(death("1", on="1900-01-01"))])
    accept(application, [sent(death("1", on="2999-01-01"))])
    found = dispositions.find(CIVIL_AFFAIRS, SOURCE, "1")
    assert (found.disposition, found.receipt.code) == ("refused", "date-in-future")
    assert [one.code for one in found.refusals] == ["date-before-birth"]
    (receipt,) = accept(application, [sent(death("1"))])
    found = dispositions.find(CIVIL_AFFAIRS, SOURCE, "1")
    assert (found.disposition, found.receipt.position) == ("parked", receipt.position)
    assert [one.code for one in found.refusals] == ["date-in-future", "date-before-birth"]
    accept(application, [sent(death("1", on="2024-03-13"))])
    found = dispositions.find(CIVIL_AFFAIRS, SOURCE, "1")
    assert found.disposition == "parked"
    assert [one.code for one in found.refusals] == ["id-conflict", "date-in-future", "date-before-birth"]


def test_what_was_parked_is_accepted_once_the_retirement_is_registered(
    application: Changqing, dispositions: Dispositions
) -> None:
    accept(application, [sent(death("1"))])
    assert dispositions.find(CIVIL_AFFAIRS, SOURCE, "1").disposition == "parked"
    person = {"identity_number": number_of(1), "name": "王小明"}
    data = {
        "person": person,
        "effective": "2015-06-30",
        "monthly_pension": "3456.78",
        "residence_division": "440304901001",
    }
    event = {
        "specversion": "1.0",
        "type": "retirement-registered.v1",
        "source": "/enterprise/shenzhen",
        "id": "1",
        "data": data,
    }
    accept(application, [sent(json.dumps(event).encode(), Publisher("e", Department.ENTERPRISE, "http"))])
    found = dispositions.find(CIVIL_AFFAIRS, SOURCE, "1")
    assert (found.disposition, found.receipt.status) == ("accepted", "parked")


def test_a_publisher_asks_for_its_own_and_an_auditor_for_any(
    application: Changqing, dispositions: Dispositions
) -> None:
    police = Publisher("police", Department.POLICE, "http")
    accept(application, [sent(death("1")), sent(death("2", on="1900-01-01")), sent(death("3"), police)])
    of_police = account(Role.PUBLISHER, Department.POLICE)
    for id_ in ("1", "2", "never"):
        with pytest.raises(Refused, match="receipt-unknown"):
            dispositions.find(of_police, SOURCE, id_)
    assert dispositions.find(of_police, SOURCE, "3").receipt.code == "not-your-source"
    with pytest.raises(Refused, match="receipt-unknown"):
        dispositions.find(CIVIL_AFFAIRS, SOURCE, "3")
    assert [dispositions.find(AUDITOR, SOURCE, id_).disposition for id_ in "123"] == ["parked", "refused", "refused"]


# What is kept


def test_what_came_by_kafka_is_kept_whole_and_once(application: Changqing, dsn: str, keys: KeyRing) -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_id", b"\xff")]
    message = Arrived("intake.civil-affairs", 0, 5, headers, b"\xff\x00")
    for _ in range(2):
        accept(application, [message.received])
    with psycopg.connect(dsn) as connection:
        ((place, sealed, state),) = connection.execute("select place, sealed, state from ledger.dead_letter").fetchall()
    assert (place, state) == ("intake.civil-affairs-0-5", "waiting")
    assert msgspec.msgpack.decode(keys.open_letter(sealed)) == [
        [[name.encode(), text] for name, text in headers],
        b"\xff\x00",
    ]


def test_of_a_message_that_is_too_long_the_place_is_kept(application: Changqing, dsn: str) -> None:
    accept(application, [arrived(b"x" * (LETTER_LIMIT + 1), 5)])
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select size, sealed from ledger.dead_letter").fetchall() == [
            (LETTER_LIMIT + 1, None)
        ]


def test_headers_count_as_much_as_the_bytes_behind_them(application: Changqing, dsn: str) -> None:
    headers = [("x-long", b"x" * LETTER_LIMIT)]
    accept(application, [Arrived("intake.civil-affairs", 0, 5, headers, b"{").received])
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select size, sealed from ledger.dead_letter").fetchall() == [(1, None)]


def test_where_the_topics_were_made_anew_a_letter_of_the_same_place_is_kept_beside_the_old_one(
    application: Changqing, dsn: str
) -> None:
    for body in (b"one", b"two", b"two", b"one"):
        accept(application, [arrived(body, 5)])
    with psycopg.connect(dsn) as connection:
        places = [place for (place,) in connection.execute("select place from ledger.dead_letter order by position")]
    assert len(places) == 2
    assert places[0] == "intake.civil-affairs-0-5"
    assert places[1].startswith("intake.civil-affairs-0-5-")


@pytest.mark.parametrize(
    "attempt", ["update ledger.refused set position = 1", "delete from ledger.refused", "truncate ledger.refused"]
)
def test_a_refusal_that_was_told_is_never_altered(application: Changqing, dsn: str, attempt: str) -> None:
    accept(application, [sent(b"rubbish")])
    with psycopg.connect(dsn) as owner, pytest.raises(psycopg.Error, match="what was recorded is never altered"):
        owner.execute(attempt.encode())


@pytest.mark.parametrize(
    "attempt",
    [
        "delete from ledger.dead_letter",
        "update ledger.dead_letter set place = 'x'",
        "update ledger.dead_letter set digest = ''",
    ],
)
def test_services_may_not_alter_what_came_and_where_it_stood(
    application: Changqing, database: Database, attempt: str
) -> None:
    accept(application, [arrived(b"rubbish", 5)])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction() as connection:
        connection.execute(attempt.encode())
