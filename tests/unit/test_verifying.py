"""Signatures of events: the published vectors of CloudEvents' verifiability extension, and what counts for whom and when."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import Department
from domain.refusals import Refused
from domain.sources import Policy, Register, Registered, SourceKey
from infra.dsse import SigningKey
from services.accepting.envelopes import Envelope, binary, structured
from services.accepting.verifying import TYPE, Verifier, sign

PUBLISHED = SigningKey(
    derive_private_key(97358161215184420915383655311931858321456579547487070936769975997791359926199, SECP256R1()),
    "testkey",
)
OURS, OTHER = SigningKey.from_seed(bytes(range(32))), SigningKey.from_seed(bytes(32))
CITY = "/civil-affairs/shenzhen"
MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
EXAMPLE = {
    "specversion": "1.0",
    "id": "1",
    "source": "example/uri",
    "type": "example.type",
    "datacontenttype": "application/json",
    "data": {"hello": "world"},
}


def trusting(source: str, *keys: SigningKey, revoked: datetime | None = None, signed: bool = False) -> Verifier:
    """A verifier that knows keys of a source, good in March and April."""
    known = (
        SourceKey(
            source=source,
            keyid=key.keyid,
            public=key.public,
            valid_from=MARCH,
            valid_until=MAY,
            revoked_since=revoked,
        )
        for key in keys
    )
    agreed = Policy(must_be_signed=signed)
    registered = Registered(source=source, department=Department.CIVIL_AFFAIRS, office="", policy=agreed)
    return Verifier(Register([registered], known))


def envelope_of(event: dict[str, Any]) -> Envelope:
    return structured(json.dumps(event).encode())


def material_of(payload: bytes, sig: str) -> str:
    signed = {
        "payloadType": TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": "testkey", "sig": sig}],
    }
    return base64.b64encode(json.dumps(signed).encode()).decode()


def indented(event: dict[str, Any], case: str) -> bytes:
    """An event with its data as the vectors have them, white space and all; the first four were indented by more than they are shown."""
    if "data" not in event:
        return json.dumps(event).encode()
    data = b'{\n    "hello" : "world"\n  }' if case in "1234" else b'{\n  "hello" : "world"\n }'
    others = {name: value for name, value in event.items() if name != "data"}
    return json.dumps(others).encode()[:-1] + b', "data" : ' + data + b"}"


CORE = b'{"core":"%b"}'
EXTENDED = b'{"core":"%b","ext":"%b","signedextattrs":%b}'
ONE = EXTENDED % (
    b"LTgQKHGheg6T48xpGGr5zNkdhp22kenZCOqicFtI4SA=",
    b"kU1P8bDaEnyNhglWzdTJNHh77khNWSZebBUxufVM2pU=",
    b'["exta"]',
)
TWO = EXTENDED % (
    b"LTgQKHGheg6T48xpGGr5zNkdhp22kenZCOqicFtI4SA=",
    b"HB1pe431FoQZRsJbyLNMq0QaAvqPtmhdi8dHGShbJAU=",
    b'["exta","extb"]',
)
ZULU = CORE % b"wKCa8sq3dyg/00ZiDQy/aXAY1tepQnrKLa6xP0Y3D/Q="
ZULU_SIG = "UMqiNYp7SQZq6MHdms4dn2msHGinLHvZaUV3ghcj/cn5Bi3d5jz0sfhm9pZ89CcOa+WWtjY6cZvj7c/tOWsTVg=="
ONE_SIG = "lpOpsjRvv4PCoNsAIRDYu1zaZSAVEvj5RC1FJMrL12zBKkb1N8EHiPsqI1+HwEyWOvHu7xq5h0d7pVY4AtIN3w=="
TWO_SIG = "2g1UoAQpz1oPjZTPRZe+yvLzZQNECZakjbZVXizDwdMneIH++/53uXN2bCSkVJImfwOiYyKBm4mvsMHJXIUhzg=="
DRAFT = base64.b64decode("5xz5/VtoxNJVYaYxmLeL6xL9I6Cav9P3goh6qyCYGfQ=")
DRAFT_SIG = "wYj8bRPXYCILrywsP7WGUBwTJsnZHYXMHiXFmYhuBGa9Mhp7X4vE7QAbHWo+Wf+cMDAb3zuypF5UmWpdkIPjiQ=="
BYTES = {"type": "example.type.binary", "datacontenttype": "application/octet-stream", "data_base64": "8J+koQ=="}
BYTES_SIG = "F2ip0xmgJX3ugHZC6tMrr7A2Eqai08raGrTwdyh/OGDIIrF7ByM2yITLKqNrF3dzZGR2o0Cs9fEBFdLxROUyEQ=="
EVENTS = {
    "1": EXAMPLE,
    "2": EXAMPLE | {"subject": ""},
    "3": EXAMPLE | {"subject": "", "time": "2020-06-18T17:24:53Z"},
    "4": EXAMPLE | {"subject": "", "time": "2020-06-18T19:24:53+02:00"},
    "5": {name: value for name, value in EXAMPLE.items() if name != "data"} | BYTES,
    "6a": EXAMPLE | {"exta": "value1"},
    "6b": EXAMPLE | {"exta": "value1", "extb": "value2"},
    "7": EXAMPLE | {"exta": "value1", "extb": "value2"},
}
SIGNED = {
    "1": (DRAFT, DRAFT_SIG, []),
    "2": (DRAFT, DRAFT_SIG, []),
    "3": (ZULU, ZULU_SIG, []),
    "4": (ZULU, ZULU_SIG, []),
    "5": (CORE % b"qCSeiZkS+hH9WiClfq6plfqYNVy2kvxWRfoBrLEzoDk=", BYTES_SIG, []),
    "6a": (ONE, ONE_SIG, ["exta"]),
    "6b": (ONE, ONE_SIG, ["exta"]),
    "7": (TWO, TWO_SIG, ["exta", "extb"]),
}


@pytest.mark.parametrize("case", EVENTS)
def test_the_published_vectors_verify(case: str) -> None:
    payload, sig, _ = SIGNED[case]
    event = indented(EVENTS[case] | {"dssematerial": material_of(payload, sig)}, case)
    assert trusting("example/uri", PUBLISHED).signed_by(structured(event), APRIL) == "testkey"


@pytest.mark.parametrize("case", ["3", "4", "5", "6a", "6b", "7"])
def test_the_published_vectors_are_what_we_sign(case: str) -> None:
    """The first two are of an earlier draft, which signed the digest alone."""
    payload, sig, extensions = SIGNED[case]
    envelope = structured(indented(EVENTS[case], case))
    if "data" in EVENTS[case]:
        envelope = msgspec.structs.replace(envelope, data=msgspec.Raw(b" " + bytes(envelope.data)))
    made, told = (
        json.loads(base64.b64decode(one)) for one in (sign(envelope, PUBLISHED, extensions), material_of(payload, sig))
    )
    assert made == told


def test_two_published_vectors_have_a_wrong_letter_at_the_end_and_are_refused_as_they_stand() -> None:
    """Cases 6a and 6b end on `9` where base64 ends on `=`: one byte more than was signed. Mended they verify, as above."""
    event = EVENTS["6a"] | {"dssematerial": material_of(ONE + b"=", ONE_SIG)}
    assert refused(trusting("example/uri", PUBLISHED), event, APRIL) == "signature-invalid"


@pytest.mark.parametrize(
    "payload",
    [
        EXTENDED % (b"x", b"x", b'["exta","exta"]'),
        EXTENDED % (b"x", b"x", b'["exta","id"]'),
        EXTENDED % (b"x", b"x", b'["dssematerial"]'),
        b'{"core":"x","signedextattrs":["exta"]}',
        b'{"core":"x","ext":"x"}',
        b'{"core":"AAAA"}',
        b"[]",
    ],
)
def test_material_that_contradicts_itself_is_refused_however_well_it_is_signed(payload: bytes) -> None:
    digest = base64.b64encode(bytes(32))
    signed = OURS.envelope(TYPE, payload.replace(b'"x"', b'"%b"' % digest))
    event = EXAMPLE | {"dssematerial": base64.b64encode(msgspec.json.encode(signed)).decode()}
    assert refused(trusting("example/uri", OURS), event, APRIL) == "signature-invalid"


# What counts


def signed(event: dict[str, Any], *extensions: str, key: SigningKey = OURS) -> dict[str, Any]:
    return event | {"dssematerial": sign(envelope_of(event), key, extensions)}


def refused(verifier: Verifier, event: dict[str, Any], at: datetime) -> str:
    with pytest.raises(Refused) as why:
        verifier.signed_by(envelope_of(event), at)
    assert why.value.path == "dssematerial"
    return why.value.code


OF_CITY = EXAMPLE | {"source": CITY, "time": "2026-04-01T08:00:00.25+08:00", "sequence": "7", "urgent": True, "part": 3}


def test_a_key_counts_from_its_day_until_before_its_last_and_until_it_is_revoked() -> None:
    event, good = signed(OF_CITY), trusting(CITY, OURS)
    assert good.signed_by(envelope_of(event), MARCH) == OURS.keyid
    assert refused(good, event, datetime(2026, 2, 28, tzinfo=UTC)) == "signing-key-expired"
    assert refused(good, event, MAY) == "signing-key-expired"
    revoked = trusting(CITY, OURS, revoked=APRIL)
    assert revoked.signed_by(envelope_of(event), MARCH) == OURS.keyid
    assert refused(revoked, event, APRIL) == "signing-key-revoked"


def test_who_must_sign_is_refused_without_a_signature_and_who_need_not_is_held_to_one_that_is_there() -> None:
    strict, lenient, nothing = trusting(CITY, OURS, signed=True), trusting(CITY, OURS), Verifier()
    for stripped in (OF_CITY, OF_CITY | {"dssematerial": ""}, OF_CITY | {"dssematerial": None}):
        assert refused(strict, stripped, APRIL) == "signature-missing"
        assert lenient.signed_by(envelope_of(stripped), APRIL) == nothing.signed_by(envelope_of(stripped), APRIL) == ""
    below = OF_CITY | {"source": CITY + "/nanshan"}
    assert refused(strict, below, APRIL) == "signature-missing"
    assert strict.signed_by(envelope_of(OF_CITY | {"source": CITY + "2"}), APRIL) == ""
    stranger = signed(OF_CITY, key=OTHER)
    for verifier in (strict, lenient, nothing):
        assert refused(verifier, stranger, APRIL) == "signing-key-unknown"
    assert refused(nothing, signed(OF_CITY), APRIL) == "signing-key-unknown"


@pytest.mark.parametrize(
    "altered",
    [
        {"id": "2"},
        {"source": CITY + "/nanshan"},
        {"type": "other.type"},
        {"subject": "x"},
        {"dataschema": "x"},
        {"datacontenttype": None},
        {"time": "2026-04-01T00:00:01Z"},
        {"time": None},
        {"data": {"hello": "sun"}},
        {"data": {"hello ": "world"}},
        {"sequence": "8"},
        {"sequence": None},
        {"urgent": False},
        {"part": 4},
        {"dssematerial": "AAAA"},
        {"dssematerial": "?"},
        {"dssematerial": 7},
    ],
    ids=str,
)
def test_whatever_is_altered_after_signing_is_refused(altered: dict[str, Any]) -> None:
    verifier = trusting(CITY, OURS, signed=True)
    event = signed(OF_CITY, "sequence", "urgent", "part", "absent")
    assert verifier.signed_by(envelope_of(event), APRIL) == OURS.keyid
    assert refused(verifier, event | altered, APRIL) == "signature-invalid"


def test_what_is_not_signed_may_be_added_and_the_same_instant_may_be_written_otherwise() -> None:
    event = signed(OF_CITY, "sequence") | {"time": "2026-04-01T00:00:00.9999999Z", "traceparent": "00-x"}
    assert trusting(CITY, OURS).signed_by(envelope_of(event), APRIL) == OURS.keyid


def test_white_space_counts_in_binary_mode_where_data_are_bytes_and_not_in_structured_mode() -> None:
    attributes = {name: str(value) for name, value in EXAMPLE.items() if name != "data"}
    material = sign(binary(attributes, b'{"hello":"world"}'), OURS)
    verifier = trusting("example/uri", OURS)
    assert verifier.signed_by(binary(attributes | {"dssematerial": material}, b'{"hello":"world"}'), APRIL)
    with pytest.raises(Refused):
        verifier.signed_by(binary(attributes | {"dssematerial": material}, b'{"hello": "world"}'), APRIL)
    spaced = json.dumps(EXAMPLE | {"dssematerial": material}, indent=4).encode()
    assert verifier.signed_by(structured(spaced), APRIL)


def test_while_one_key_takes_over_from_another_both_may_sign() -> None:
    first, second = (json.loads(base64.b64decode(sign(envelope_of(OF_CITY), key))) for key in (OTHER, OURS))
    both = first | {"signatures": first["signatures"] + second["signatures"]}
    event = OF_CITY | {"dssematerial": base64.b64encode(json.dumps(both).encode()).decode()}
    good = SourceKey(
        source=CITY, keyid=OURS.keyid, public=OURS.public, valid_from=MARCH, valid_until=None, revoked_since=None
    )
    gone = msgspec.structs.replace(good, keyid=OTHER.keyid, public=OTHER.public, revoked_since=MARCH)
    registered = Registered(source=CITY, department=Department.CIVIL_AFFAIRS, office="", policy=Policy())
    assert Verifier(Register([registered], [good, gone])).signed_by(envelope_of(event), APRIL) == OURS.keyid
    assert refused(Verifier(Register([registered], [gone])), event, APRIL) == "signing-key-revoked"
    many = first | {"signatures": first["signatures"] * 9}
    flood = OF_CITY | {"dssematerial": base64.b64encode(json.dumps(many).encode()).decode()}
    assert refused(trusting(CITY, OTHER), flood, APRIL) == "signature-invalid"


@given(st.text(), st.binary())
def test_rubbish_for_a_signature_is_a_coded_refusal(text: str, content: bytes) -> None:
    verifier = trusting(CITY, OURS, signed=True)
    for material in (text, base64.b64encode(content).decode()):
        with pytest.raises(Refused):
            verifier.signed_by(envelope_of(OF_CITY | {"dssematerial": material}), APRIL)


def test_what_cannot_be_signed_is_not() -> None:
    for names in (["id"], ["sequence", "sequence"], ["dssematerial"]):
        with pytest.raises(ValueError, match="named"):
            sign(envelope_of(OF_CITY), OURS, names)
