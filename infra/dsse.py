"""DSSE, the Dead Simple Signing Envelope (protocol and envelope 1.0.2): bytes, what they are, and who signed them.

Receipts and life events are signed in it. Keys are Ed25519; ECDSA on P-256 with SHA-256 is there as well, which the
published vectors of CloudEvents' verifiability extension need and which departments' own key stores may give.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from msgspec import Struct

_HALF: Final = 32
"""Bytes of each of the two numbers of a signature on P-256."""
_ECDSA: Final = ECDSA(SHA256(), deterministic_signing=True)  # RFC 6979: nothing depends on a good random number


class EnvelopeError(ValueError):
    """An envelope is not one, or the key that should be in a file or in some bytes is none."""


class UnknownKeyError(ValueError):
    """None of the keys that an envelope names is known."""


class WrongSignatureError(ValueError):
    """A key that is known did not make the signature that names it."""


class Signature(Struct, frozen=True):
    """One signature: the key by its name, and the bytes as base64."""

    sig: str
    keyid: str = ""


class Envelope(Struct, frozen=True):
    """What was signed as base64, of which type it is, and the signatures. Members we do not know are passed over."""

    payload: str
    payloadType: str  # noqa: N815 - the name on the wire
    signatures: list[Signature]

    @property
    def body(self) -> bytes:
        """The bytes that were signed. Raises `EnvelopeError`."""
        return from_base64(self.payload)


class SigningKey:
    """A private key with its name: by default the first 16 hex digits of the public key's SHA-256."""

    def __init__(self, private: Ed25519PrivateKey | EllipticCurvePrivateKey, keyid: str = "") -> None:
        self._private = private
        self.public = _raw(private.public_key())
        self.keyid = keyid or keyid_of(self.public)

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The Ed25519 key of 32 secret bytes (RFC 8032)."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_file(cls, path: Path, keyid: str = "") -> Self:
        """The key in a PEM file (PKCS #8). Raises `EnvelopeError`, which repeats nothing of it."""
        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except OSError as error:
            raise EnvelopeError(f"{path} holds no signing key: {error.strerror}") from error
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise EnvelopeError(f"{path} holds no signing key: it must be PKCS #8 in PEM without a password") from None
        if isinstance(private, Ed25519PrivateKey):
            return cls(private, keyid)
        if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
            return cls(private, keyid)
        raise EnvelopeError(f"{path} holds a key of a kind that is not used: Ed25519 or P-256 it must be")

    @classmethod
    def make_file(cls, path: Path) -> Self:
        """A new Ed25519 key in a file that its owner alone may read. Raises `EnvelopeError` when there is a file already."""
        private = Ed25519PrivateKey.generate()
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise EnvelopeError(f"{path} was not made: {error.strerror}") from error
        with os.fdopen(handle, "wb") as file:
            file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(handle)
        return cls(private)

    def signature(self, payload_type: str, payload: bytes) -> Signature:
        """The signature of some bytes of a type."""
        message = pae(payload_type, payload)
        if isinstance(self._private, Ed25519PrivateKey):
            signed = self._private.sign(message)
        else:
            r, s = decode_dss_signature(self._private.sign(message, _ECDSA))
            signed = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
        return Signature(base64.b64encode(signed).decode(), self.keyid)

    def envelope(self, payload_type: str, payload: bytes) -> Envelope:
        """The envelope of some bytes of a type, signed."""
        return Envelope(base64.b64encode(payload).decode(), payload_type, [self.signature(payload_type, payload)])


class VerifyingKey:
    """A public key as it travels: 32 bytes of Ed25519, or a point on P-256 (33 or 65 bytes, SEC 1). Raises `EnvelopeError`."""

    def __init__(self, raw: bytes) -> None:
        try:
            if len(raw) == 32:
                self._check: Callable[[bytes, bytes], None] = Ed25519PublicKey.from_public_bytes(raw).verify
            else:
                self._check = _on_curve(EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw))
        except (ValueError, UnsupportedAlgorithm):
            raise EnvelopeError("this is no public key: 32 bytes of Ed25519, or 33 or 65 of P-256 are") from None
        self.raw = raw

    def made(self, signature: bytes, payload_type: str, payload: bytes) -> bool:
        """Whether this key made a signature of some bytes of a type."""
        try:
            self._check(signature, pae(payload_type, payload))
        except (InvalidSignature, ValueError):
            return False
        return True


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is really signed: type and bytes, each with its length before it, so that neither can pass for the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def verify(envelope: Envelope, keys: Mapping[str, VerifyingKey]) -> str:
    """The name of the first known key whose signature is right.

    Raises `EnvelopeError` for what is no base64, `UnknownKeyError` when no key is known, `WrongSignatureError`.
    """
    body, known = envelope.body, False
    for signature in envelope.signatures:
        if (key := keys.get(signature.keyid)) is not None:
            known = True
            if key.made(from_base64(signature.sig), envelope.payloadType, body):
                return signature.keyid
    if known:
        raise WrongSignatureError("the signature is not this key's")
    raise UnknownKeyError("no key of this name is known")


def keyid_of(public: bytes) -> str:
    """The name of a public key: the first 16 hex digits of the SHA-256 of its bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def decode(envelope: bytes) -> Envelope:
    """An envelope from its JSON. Raises `EnvelopeError`."""
    try:
        return _envelopes.decode(envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the first covers members of a wrong type too
        raise EnvelopeError("this is no DSSE envelope") from None


def from_base64(text: str) -> bytes:
    """Bytes from base64, the common alphabet or the one for URLs, as the envelope's definition allows. Raises `EnvelopeError`."""
    try:
        return base64.b64decode(text.encode("ascii").translate(_COMMON), validate=True)
    except ValueError:
        raise EnvelopeError("this is no base64") from None


_COMMON = bytes.maketrans(b"-_", b"+/")
_envelopes = msgspec.json.Decoder(Envelope)


def _raw(public: Ed25519PublicKey | EllipticCurvePublicKey) -> bytes:
    if isinstance(public, Ed25519PublicKey):
        return public.public_bytes_raw()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _on_curve(public: EllipticCurvePublicKey) -> Callable[[bytes, bytes], None]:
    def check(signature: bytes, message: bytes) -> None:
        if len(signature) != 2 * _HALF:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
        public.verify(encode_dss_signature(r, s), message, _ECDSA)

    return check
