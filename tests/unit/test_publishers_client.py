"""The publishers' client without a ledger: ids, signatures, receipts, and patience."""

import base64
import json
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from domain.facts import DeathReported, LifeEvent, RetirementRegistered
from domain.refusals import Refused
from infra.dsse import SigningKey, VerifyingKey, decode, verify
from services.accepting.cloudevents import Publisher, department_of, structured, submission
from services.client import (
    Event,
    LedgerKeys,
    Outbox,
    Retrying,
    Signer,
    UnreachableError,
    UntrustedError,
    event_id,
    life_event,
)
from services.client.receipts import PAYLOAD_TYPE, receipt_of
from services.client.retrying import Patience
from tests.publishers import DEATH, NUMBER, SEQUENCE, SIGNER, SOMEBODY, SOURCE, death

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
            b'{"specversion":"1.0","type":"x","source":"/police/y","data":1,"data_base64":"MQ=="}',
            "not-cloudevents",
            "data_base64",
        ),
        (b'{"specversion":"1.0","type":"x","source":"/wedding-office/x"}', "not-your-source", "source"),
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
