"""The publishers' client without a ledger: ids, signatures, the outbox, and patience."""

import base64
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from domain.facts import DeathReported, LifeEvent, Person, RetirementRegistered
from domain.refusals import Refused
from infra.dsse import SigningKey, VerifyingKey, decode, verify
from services.client import (
    ClientError,
    Event,
    LedgerKeys,
    Outbox,
    OutboxBusyError,
    Receipt,
    Retrying,
    Signer,
    UnreachableError,
    UntrustedError,
    event_id,
    heartbeat,
    life_event,
)
from services.client.outbox import Again
from services.client.receipts import PAYLOAD_TYPE, receipt_of
from services.client.retrying import Patience
from services.cloudevents import Publisher, department_of, structured, submission

NUMBER = "11010519491231002X"
SOMEBODY = Person(identity_number=NUMBER, name="王小明")
SOURCE = "/civil-affairs/shenzhen"
DEATH = DeathReported(effective=date(2026, 8, 12), document="示例民政〔2026〕47号")
SIGNER = Signer(SigningKey.from_seed(bytes(range(32))))
SEQUENCE = "sequence"


def death(record: str = "2026-47", **changes: Any) -> Event:
    fact = msgspec.structs.replace(DEATH, **changes)
    return life_event(fact, SOMEBODY, source=SOURCE, record=record)


def numbers(put: list[int | Refused]) -> list[int]:
    return [number for number in put if isinstance(number, int)]


def refused(*events: Event, outbox: Outbox) -> list[str]:
    return [one.code for one in outbox.put(events) if isinstance(one, Refused)]


def told(event: Event, status: str = "accepted") -> Receipt:
    return Receipt(source=event.source, id=event.id, status=status, code="" if status != "refused" else "no-local-law")


# --- events


@pytest.mark.parametrize(
    "fact",
    [
        DEATH,
        RetirementRegistered(
            effective=date(2010, 1, 15), monthly_pension="3200.00", residence_division="440304901001", special_groups=()
        ),
    ],
)
def test_what_the_client_makes_of_a_fact_the_ledger_takes_for_the_same_fact(fact: LifeEvent) -> None:
    source = SOURCE if isinstance(fact, DeathReported) else "/enterprise/sample-works"
    event = life_event(fact, SOMEBODY, source=source, record="47", time=datetime(2026, 8, 13, 1, tzinfo=UTC))
    envelope = structured(SIGNER.sign(event).json())
    taken = submission(envelope, Publisher("office", department_of(source), "http"))
    assert (taken.fact, taken.person, taken.id) == (fact, SOMEBODY, event.id)
    assert taken.time == datetime(2026, 8, 13, 1, tzinfo=UTC)


def test_an_event_read_and_written_again_keeps_its_data_byte_for_byte() -> None:
    data = b'{ "effective":"2026-08-12",\n "person": {"identity_number":"11010519491231002X"} }'
    line = b'{"specversion":"1.0","type":"x.v1","source":"/police/x","id":"1","data":%b,"comexampleext":7}' % data
    event = Event.read(line)
    assert event.data == data
    assert data in event.json()
    assert Event.read(event.json()) == event


def test_an_id_comes_out_the_same_and_another_for_a_correction() -> None:
    first = event_id(SOURCE, "death-reported.v1", "2026-47")
    assert first == "10ab59dc-65fb-5d81-a226-a01d42432886"
    others = {
        event_id(SOURCE, "death-reported.v1", "2026-47", 2),
        event_id(SOURCE, "death-reported.v1", "2026-48"),
        event_id(SOURCE, "death-retracted.v1", "2026-47"),
        event_id("/police/shenzhen", "death-reported.v1", "2026-47"),
    }
    assert len(others | {first}) == 5


def test_no_id_is_made_of_an_identity_number() -> None:
    with pytest.raises(Refused, match="identity-number-in-id"):
        death(record=f"死亡-{NUMBER}")


def test_a_line_without_an_id_is_known_by_the_number_of_its_record() -> None:
    line = death().json().replace(death().id.encode(), b"").replace(b'"id":""', b'"record":"2026-47"')
    event = Event.read(line)
    assert event == death()
    assert b"record" not in event.json()


@pytest.mark.parametrize(
    ("line", "code", "path"),
    [
        (b"{", "malformed-json", ""),
        (b"[]", "not-cloudevents", ""),
        (b'{"specversion":"0.3","type":"x","source":"/y"}', "not-cloudevents", "specversion"),
        (b'{"specversion":"1.0","source":"/y"}', "not-cloudevents", "type"),
        (b'{"specversion":"1.0","type":"x","source":"/y","id":"a\\u0000b"}', "invalid-field", "id"),
        (b'{"specversion":"1.0","type":"x","source":"/y","id":"11010519491231002X"}', "identity-number-in-id", "id"),
        (b'{"specversion":"1.0","type":"x","source":"/y","time":"2026-01-02T03:04:05"}', "invalid-field", "time"),
        (b'{"specversion":"1.0","type":"x","source":"/y","time":"20260102T030405Z"}', "invalid-field", "time"),
        (b'{"specversion":"1.0","type":"x","source":"/y","time":7}', "invalid-field", "time"),
        (b'{"specversion":"1.0","type":"x","source":"/y","ext":{}}', "invalid-field", "ext"),
        (b'{"specversion":"1.0","type":"x","source":"/y","ext":4294967296}', "not-cloudevents", "ext"),
        (b'{"specversion":"1.0","type":"x","source":"/y","ext":"a\\nb"}', "not-cloudevents", "ext"),
        (b'{"specversion":"1.0","type":"x","source":"/y","Batch_No":"7"}', "not-cloudevents", "Batch_No"),
        (b'{"specversion":"1.0","type":"x","source":"/y","subject":7}', "invalid-field", "subject"),
        (
            b'{"specversion":"1.0","type":"x","source":"/y","data":1,"data_base64":"MQ=="}',
            "not-cloudevents",
            "data_base64",
        ),
        (b'{"specversion":"1.0","type":"x","source":"/y","data":{"a":"\\ud800"}}', "malformed-json", ""),
    ],
)
def test_what_a_ledger_could_answer_to_nobody_comes_back_at_once(line: bytes, code: str, path: str) -> None:
    with pytest.raises(Refused) as caught:
        Event.read(line)
    assert (caught.value.code, caught.value.path) == (code, path)


# --- signatures


PUBLISHED = 97358161215184420915383655311931858321456579547487070936769975997791359926199
"""The private key of the extension's test vectors, on P-256."""


def test_a_signature_is_the_one_that_the_extension_publishes() -> None:
    """Its case of binary data: ECDSA of RFC 6979 comes out the same in every program."""
    signer = Signer(SigningKey(derive_private_key(PUBLISHED, SECP256R1()), "testkey"))
    event = Event(
        source="example/uri",
        id="1",
        type="example.type.binary",
        data=base64.b64decode("8J+koQ=="),
        attributes={"datacontenttype": "application/octet-stream"},
        base64=True,
    )
    envelope = decode(base64.b64decode(str(signer.sign(event).attributes["dssematerial"])))
    assert envelope.body == b'{"core":"qCSeiZkS+hH9WiClfq6plfqYNVy2kvxWRfoBrLEzoDk="}'
    (one,) = envelope.signatures
    assert one.keyid == "testkey"
    assert one.sig == "F2ip0xmgJX3ugHZC6tMrr7A2Eqai08raGrTwdyh/OGDIIrF7ByM2yITLKqNrF3dzZGR2o0Cs9fEBFdLxROUyEQ=="


@pytest.mark.parametrize(
    ("extensions", "digest"),
    [
        ({"exta": "value1"}, "kU1P8bDaEnyNhglWzdTJNHh77khNWSZebBUxufVM2pU="),
        ({"exta": "value1", "extb": "value2"}, "HB1pe431FoQZRsJbyLNMq0QaAvqPtmhdi8dHGShbJAU="),
    ],
)
def test_the_digest_of_extensions_is_the_one_that_the_extension_publishes(
    extensions: dict[str, str], digest: str
) -> None:
    signed = SIGNER.sign(msgspec.structs.replace(death(), attributes=dict(extensions)))
    said = json.loads(decode(base64.b64decode(str(signed.attributes["dssematerial"]))).body)
    assert (said["ext"], said["signedextattrs"]) == (digest, [*extensions])


def test_a_moment_is_signed_in_utc_to_the_second_wherever_it_was_written() -> None:
    moments = ("2020-06-18T19:24:53.999+02:00", "2020-06-18T17:24:53Z", "2020-06-18T17:24:53.1Z")
    materials = {SIGNER.sign(death().with_attribute("time", at)).attributes["dssematerial"] for at in moments}
    assert len(materials) == 1


def test_a_signature_covers_every_extension_and_the_bytes_of_the_data() -> None:
    key = SigningKey.from_seed(bytes(32))
    event = death().with_attribute(SEQUENCE, "12")
    payloads = set()
    for changed in (
        event,
        event.with_attribute(SEQUENCE, "13"),
        event.with_attribute("partitionkey", "x"),
        msgspec.structs.replace(event, data=event.data.replace(b":", b": ")),
    ):
        envelope = decode(base64.b64decode(str(Signer(key).sign(changed).attributes["dssematerial"])))
        verify(envelope, {key.keyid: VerifyingKey(key.public)})
        payloads.add(envelope.payload)
    assert len(payloads) == 4


def test_what_is_signed_already_stays_as_it_is() -> None:
    signed = SIGNER.sign(death())
    assert Signer(SigningKey.from_seed(bytes(32))).sign(signed) == signed
    outbox = Outbox()
    outbox.put([signed], sign=SIGNER.sign, numbered=True)
    assert outbox.waiting(1, 1)[0].body == signed.json()


# --- receipts


LEDGER = SigningKey.from_seed(bytes(31) + b"\x01")
KEYS = LedgerKeys.of(
    json.dumps(
        {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "kid": LEDGER.keyid,
                    "x": base64.urlsafe_b64encode(LEDGER.public).rstrip(b"=").decode(),
                }
            ]
        }
    ).encode()
)
SAID = {"source": SOURCE, "id": "1", "status": "accepted", "position": 7}


def proven(said: dict[str, Any], beside: dict[str, Any] | None = None, key: SigningKey = LEDGER) -> bytes:
    proof = key.envelope(PAYLOAD_TYPE, json.dumps(said).encode())
    return msgspec.json.encode((beside or said) | {"proof": proof})


def test_with_the_ledgers_key_what_it_signed_counts_and_not_what_stands_beside_it() -> None:
    receipt = receipt_of(proven(SAID, SAID | {"position": 9, "status": "refused", "verified": True}), KEYS)
    assert (receipt.status, receipt.position, receipt.verified) == ("accepted", 7, True)
    assert receipt.proof is not None


def test_without_the_ledgers_key_a_receipt_never_passes_for_verified() -> None:
    assert not receipt_of(proven(SAID, SAID | {"verified": True}), None).verified


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(json.dumps(SAID).encode(), id="not signed"),
        pytest.param(proven(SAID, key=SigningKey.from_seed(bytes(32))), id="by another key"),
        pytest.param(proven(SAID).replace(b'"payload":"eyJ', b'"payload":"eyK'), id="altered"),
    ],
)
def test_a_receipt_that_the_ledger_did_not_sign_is_not_believed(answer: bytes) -> None:
    with pytest.raises(UntrustedError):
        receipt_of(answer, KEYS)


# --- the outbox


def test_an_event_put_twice_is_there_once_and_other_content_is_a_conflict() -> None:
    outbox = Outbox()
    first, again = numbers(outbox.put([death(), death()]))
    assert first == again
    assert refused(death(effective=date(2026, 8, 13)), outbox=outbox) == ["id-conflict"]
    assert outbox.left() == 1


def test_what_was_refused_can_be_mended_under_its_id_and_gets_a_number_of_its_own() -> None:
    outbox = Outbox()
    (number,) = numbers(outbox.put([death()], numbered=True))
    outbox.answered([(number, told(death(), "refused"))])
    assert outbox.left() == 0
    outbox.put([death(effective=date(2026, 8, 13))], numbered=True)
    (waiting,) = outbox.waiting(9, 9)
    assert json.loads(waiting.body)[SEQUENCE] == "0000000000000000002"


def test_what_was_refused_is_sent_again_as_it_was_under_the_same_number() -> None:
    outbox = Outbox()
    (number,) = numbers(outbox.put([death()], numbered=True))
    (before,) = outbox.waiting(9, 9)
    outbox.answered([(number, told(death(), "refused"))])
    outbox.put([death()], numbered=True, again=Again.NOTHING)
    assert outbox.left() == 0
    outbox.put([death()], numbered=True)
    assert [one.body for one in outbox.waiting(9, 9)] == [before.body]


def test_what_was_accepted_is_sent_again_only_when_that_is_asked_for() -> None:
    outbox = Outbox()
    (number,) = numbers(outbox.put([death()]))
    outbox.answered([(number, told(death()))])
    assert numbers(outbox.put([death()])) == [number]
    assert outbox.left() == 0
    outbox.put([death()], again=Again.EVERYTHING)
    assert outbox.left() == 1


def test_every_source_is_numbered_by_itself_without_a_hole_though_some_cannot_be_sent() -> None:
    outbox = Outbox()
    other = msgspec.structs.replace(death("9"), source="/police/shenzhen")
    huge = death("8", evidence="x" * 200).with_attribute("padding", "x" * 70_000)
    put = outbox.put([death("1"), other, huge, heartbeat(SOURCE, 1), death("2"), death("1")], numbered=True)
    assert [one.code for one in put if isinstance(one, Refused)] == ["body-too-large"]
    given = [(one.source, json.loads(one.body).get(SEQUENCE, "")[-1:]) for one in outbox.waiting(9, 1 << 20)]
    assert given == [(SOURCE, "1"), ("/police/shenzhen", "1"), (SOURCE, ""), (SOURCE, "2")]
    assert outbox.last_sequence(SOURCE) == 2


def test_numbers_that_the_publisher_gives_are_gone_on_from() -> None:
    outbox = Outbox()
    outbox.put([death("1").with_attribute(SEQUENCE, "41"), death("2")], numbered=True)
    outbox.number_after(SOURCE, 7)  # never back
    assert outbox.last_sequence(SOURCE) == 42


def test_of_many_put_together_none_is_there_when_one_cannot_be_sent() -> None:
    outbox = Outbox()
    with pytest.raises(Refused, match="id-conflict"):
        outbox.put([death("1"), death("2"), death("2", effective=date(2026, 8, 1))], numbered=True, whole=True)
    assert outbox.left() == outbox.last_sequence(SOURCE) == 0


def test_a_batch_is_as_much_as_a_channel_takes_and_never_nothing() -> None:
    outbox = Outbox()
    outbox.put([death(str(n)) for n in range(5)])
    size = len(outbox.waiting(1, 1)[0].body) + 1
    assert [one.number for one in outbox.waiting(9, 2 * size)] == [1, 2]
    assert [one.number for one in outbox.waiting(3, 9 * size)] == [1, 2, 3]


def test_kafkas_key_names_nobody_and_is_the_same_for_all_that_is_about_somebody() -> None:
    outbox = Outbox()
    wide = Person(identity_number="".join(chr(ord(c) + 0xFEE0) for c in NUMBER))
    also = life_event(DEATH, wide, source="/police/shenzhen", record="1")
    given = death("2").with_attribute("partitionkey", "file-7f3a")
    outbox.put([death(), also, given, heartbeat(SOURCE)])
    first, second, third, fourth = (one.key for one in outbox.waiting(9, 1 << 20))
    assert first == second
    assert NUMBER not in first
    assert (third, fourth) == ("file-7f3a", SOURCE)
    assert refused(death("3").with_attribute("partitionkey", NUMBER), outbox=outbox) == ["identity-number-in-id"]


def test_an_id_made_of_the_content_is_the_same_as_long_as_the_outbox_is_kept(tmp_path: Path) -> None:
    nameless = msgspec.structs.replace(death(), id="")
    assert refused(nameless, outbox=Outbox()) == ["not-cloudevents"]
    ids = set()
    for name in ("one", "one", "other"):
        with Outbox(tmp_path / name) as outbox:
            outbox.put([nameless])
            ids.add(outbox.waiting(1, 1)[0].id)
            assert outbox.left() == 1
    assert len(ids) == 2


def test_the_file_is_its_owners_alone_and_one_process_has_it_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "new" / "outbox.db"
    with Outbox(file) as outbox:
        outbox.put([death()])
        modes = {path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
        assert modes == {0o600}
        with pytest.raises(OutboxBusyError):
            Outbox(file)
    with Outbox(file) as outbox:
        assert outbox.left() == 1


def test_nobody_is_left_in_the_file_once_all_is_answered(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    with Outbox(file) as outbox:
        given = numbers(outbox.put([death(str(n)) for n in range(50)]))
        assert any(NUMBER.encode() in path.read_bytes() for path in tmp_path.iterdir())
        outbox.answered([(number, told(death())) for number in given])
    assert not any(NUMBER.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_file_that_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear colleagues, " * 100)
    with pytest.raises(ClientError, match="cannot be used as an outbox"):
        Outbox(file)
    assert file.read_text().startswith("Dear colleagues")


def test_what_a_program_makes_is_looked_at_like_what_is_read() -> None:
    wrong = [death("1").with_attribute("batchNo", "7"), msgspec.structs.replace(death("2"), id=f"x-{NUMBER}")]
    assert refused(*wrong, outbox=Outbox()) == ["not-cloudevents", "identity-number-in-id"]


def test_an_event_that_nobody_will_answer_can_be_given_up(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    outbox.put([death("1"), death("2")], numbered=True)
    assert outbox.drop(SOURCE, death("1").id)
    assert not outbox.drop(SOURCE, death("1").id)
    assert [one.id for one in outbox.waiting(9, 1 << 20)] == [death("2").id]
    assert outbox.last_sequence(SOURCE) == 2


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox:
        outbox.put([death("1")], numbered=True)
        (pages,) = outbox._db.execute("pragma page_count").fetchone()
        outbox._db.execute(f"pragma max_page_count = {pages + 1}")
        with pytest.raises(ClientError, match="full"):
            outbox.put([death(str(n)) for n in range(2, 99)], numbered=True)
        assert (outbox.left(), outbox.last_sequence(SOURCE)) == (1, 1)


KILLED = """
import sys
from pathlib import Path
from services.client import Event, Outbox
outbox = Outbox(Path(sys.argv[1]))
for n in range(100_000):
    outbox.put([Event(source="/police/x", id=str(n), type="x.v1", data=b"{}")], numbered=True)
    print(n, flush=True)
"""


def test_what_was_put_is_there_after_a_kill_in_its_order_and_the_numbers_go_on(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(200):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
    last = int(rest[-1]) if rest else last
    with Outbox(file) as outbox:
        ids = [int(one.id) for one in outbox.waiting(10_000, 1 << 30)]
        assert ids == list(range(len(ids)))
        assert len(ids) >= last + 1
        outbox.put([death()], numbered=True)
        assert outbox.last_sequence("/police/x") == len(ids)


# --- patience


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def patience(time: Time, retrying: Retrying) -> Patience:
    return Patience(retrying, lambda: time.now, time.sleep)


def test_pauses_grow_to_the_longest_and_end_with_the_budget() -> None:
    time = Time()
    waiting = patience(time, Retrying(budget=100, first=1, longest=8))

    def for_ever() -> None:
        while True:
            waiting.wait(UnreachableError("away"))

    with pytest.raises(UnreachableError, match="away"):
        for_ever()
    for pause, most in zip(time.pauses, [1, 2, 4, 8, 8, 8, 8, 8], strict=False):
        assert most / 2 <= pause <= most
    assert 90 < time.now <= 100


def test_a_ledger_that_says_when_is_not_asked_before() -> None:
    time = Time()
    waiting = patience(time, Retrying(budget=100, first=1, longest=8))
    waiting.wait(UnreachableError("busy", after=42))
    assert time.pauses == [42]
    with pytest.raises(UnreachableError):
        waiting.wait(UnreachableError("busy", after=60))
    waiting.answered()
    waiting.wait(UnreachableError("busy"))
    assert time.pauses[1] <= 1
