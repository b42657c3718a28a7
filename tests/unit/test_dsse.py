"""The envelope that receipts and life events are signed in, against the numbers published for it."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from infra.dsse import (
    Envelope,
    EnvelopeError,
    Signature,
    SigningKey,
    UnknownKeyError,
    VerifyingKey,
    WrongSignatureError,
    decode,
    from_base64,
    keyid_of,
    pae,
    verify,
)

PUBLISHED = SigningKey(
    derive_private_key(97358161215184420915383655311931858321456579547487070936769975997791359926199, SECP256R1()),
    "testkey",
)
"""The key of the test vectors of CloudEvents' verifiability extension."""
VERIFIABILITY = "https://cloudevents.io/verifiability/dsse/v0.1"

OURS = SigningKey.from_seed(bytes(range(32)))
TYPE, BODY = "text/plain", "王小明 2026-03-01".encode()
KNOWN = {OURS.keyid: VerifyingKey(OURS.public)}


def test_type_and_bytes_are_signed_with_their_lengths() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"  # the example of the protocol's text
    )
    assert pae("类", b"") == "DSSEv1 3 类 0 ".encode()


@pytest.mark.parametrize(
    ("payload", "published"),
    [
        (
            base64.b64decode("5xz5/VtoxNJVYaYxmLeL6xL9I6Cav9P3goh6qyCYGfQ="),
            "wYj8bRPXYCILrywsP7WGUBwTJsnZHYXMHiXFmYhuBGa9Mhp7X4vE7QAbHWo+Wf+cMDAb3zuypF5UmWpdkIPjiQ==",
        ),
        (
            b'{"core":"wKCa8sq3dyg/00ZiDQy/aXAY1tepQnrKLa6xP0Y3D/Q="}',
            "UMqiNYp7SQZq6MHdms4dn2msHGinLHvZaUV3ghcj/cn5Bi3d5jz0sfhm9pZ89CcOa+WWtjY6cZvj7c/tOWsTVg==",
        ),
        (
            b'{"core":"qCSeiZkS+hH9WiClfq6plfqYNVy2kvxWRfoBrLEzoDk="}',
            "F2ip0xmgJX3ugHZC6tMrr7A2Eqai08raGrTwdyh/OGDIIrF7ByM2yITLKqNrF3dzZGR2o0Cs9fEBFdLxROUyEQ==",
        ),
    ],
)
def test_the_published_signatures_are_made_and_known(payload: bytes, published: str) -> None:
    envelope = PUBLISHED.envelope(VERIFIABILITY, payload)
    assert envelope.signatures == [Signature(published, "testkey")]
    assert verify(envelope, {"testkey": VerifyingKey(PUBLISHED.public)}) == "testkey"


def test_ed25519_signs_as_its_standard_says() -> None:
    """The third vector of RFC 8032, section 7.1, shows that the bytes of a seed are taken as it takes them."""
    seed = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
    assert SigningKey.from_seed(seed).public.hex() == "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"


def test_an_envelope_verifies_until_anything_in_it_is_altered() -> None:
    envelope = OURS.envelope(TYPE, BODY)
    assert verify(envelope, KNOWN) == OURS.keyid == keyid_of(OURS.public)
    (signature,) = envelope.signatures
    for altered in (
        Envelope(envelope.payload, "text/html", [signature]),
        Envelope(base64.b64encode(BODY + b"!").decode(), TYPE, [signature]),
        Envelope(envelope.payload, TYPE, [Signature("", OURS.keyid)]),
        Envelope(envelope.payload, TYPE, [Signature(base64.b64encode(bytes(64)).decode(), OURS.keyid)]),
    ):
        with pytest.raises(WrongSignatureError):
            verify(altered, KNOWN)


def test_a_key_that_nobody_knows_says_nothing_and_one_known_is_enough() -> None:
    stranger = SigningKey.from_seed(bytes(32))
    envelope = stranger.envelope(TYPE, BODY)
    with pytest.raises(UnknownKeyError):
        verify(envelope, KNOWN)
    both = Envelope(envelope.payload, TYPE, [*envelope.signatures, OURS.signature(TYPE, BODY)])
    assert verify(both, KNOWN) == OURS.keyid


def test_what_is_no_envelope_or_no_base64_is_said_to_be_none() -> None:
    for body in (
        b"",
        b"\xff",
        b"[]",
        b'{"payload":"","payloadType":""}',
        b'{"payload":1,"payloadType":"","signatures":[]}',
    ):
        with pytest.raises(EnvelopeError):
            decode(body)
    assert from_base64("-_8=") == from_base64("+/8=")
    for text in ("a", "ä===", "ab c"):
        with pytest.raises(EnvelopeError):
            from_base64(text)
    for raw in (b"", bytes(31), bytes(65)):
        with pytest.raises(EnvelopeError):
            VerifyingKey(raw)


def test_a_new_key_is_in_a_file_of_its_own_that_its_owner_alone_reads(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    made = SigningKey.make_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SigningKey.from_file(file).public == made.public
    with pytest.raises(EnvelopeError, match="was not made"):
        SigningKey.make_file(file)
    file.write_text("nothing")
    with pytest.raises(EnvelopeError, match="PKCS #8"):
        SigningKey.from_file(file)
