"""Who an event is from: signatures by CloudEvents' verifiability extension, DSSE in the attribute `dssematerial`.

What is signed are digests: one of the attributes that CloudEvents defines and the data, and one of the extensions that the
signature names. An extension is taken for text, but for those in `_TIMES`. In binary mode every byte of the data counts. In
structured mode they are a JSON value, and programs differ in which bytes that is: as it stands, without white space, or with the
space behind the colon (as in the published vectors); any of the three will do.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from domain.refusals import Refused
from domain.sources import Register, SourceKey
from infra import dsse
from infra.dsse import EnvelopeError, SigningKey, UnknownKeyError, VerifyingKey, WrongSignatureError, from_base64
from services.accepting.envelopes import SIGNATURE, Envelope

TYPE: Final = "https://cloudevents.io/verifiability/dsse/v0.1"
_KNOWN_LIMIT: Final = 10_000
"""Sources of which is kept what holds for them."""
_SIGNATURES: Final = 8
"""On one event at most: each costs a tenth of a millisecond to check."""
_TIMES: Final = frozenset({"expirytime", "recordedtime"})
"""Extensions that are times, of those that CloudEvents documents."""
_DEFINED: Final = frozenset(
    {"id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time", SIGNATURE}
)


class Material(Struct, frozen=True, omit_defaults=True):
    """What is signed: the digests in base64, and the extensions in the order in which they are digested."""

    core: str
    ext: str | None = None
    signedextattrs: list[str] | None = None


class _Trust(NamedTuple):
    """What holds for a source: whether it must sign, and with what, and whether it must number its events."""

    must_be_signed: bool
    keys: Mapping[str, SourceKey]
    sequence_required: bool = False


_Moments = tuple[datetime, datetime]
"""When something was received, and when it is looked at."""
_NOTHING = _Trust(must_be_signed=False, keys={})
_materials = msgspec.json.Decoder(Material)


class Verifier:
    """Checks events against the register as of one moment."""

    def __init__(self, register: Register | None = None) -> None:
        self._register = register or Register()
        self._known: dict[str, _Trust] = {}

    def signed_by(self, envelope: Envelope, received: datetime, now: datetime | None = None) -> str:
        """The key that signed an event; empty: it is not signed and need not be. Raises `Refused`.

        A key must be good at `received`, and not be revoked at `now` (None: then too): whoever has one that was lost may say when.
        """
        moments = received, now or received
        trust = self._known.get(envelope.source) or self._find(envelope.source)
        material = envelope.extensions.get(SIGNATURE)
        if not material:
            if trust.must_be_signed:
                raise Refused("signature-missing", SIGNATURE)
            return ""
        if not isinstance(material, str):
            raise Refused("signature-invalid", SIGNATURE, "it is no base64")
        key = _checked(envelope, material, trust.keys, moments)
        if code := _why_not(key, moments):
            raise Refused(code, SIGNATURE, key.keyid)
        return key.keyid

    def may_be_unnumbered(self, source: str) -> None:
        """Raise `Refused` when the events of a source must be numbered."""
        if (self._known.get(source) or self._find(source)).sequence_required:
            raise Refused("sequence-missing", "sequence")

    def _find(self, source: str) -> _Trust:
        terms = self._register.terms(source)
        trust = _Trust(terms.must_be_signed, terms.keys, terms.sequence_required) if terms else _NOTHING
        if len(self._known) >= _KNOWN_LIMIT:  # publishers make sources up as they like
            self._known.clear()
        self._known[source] = trust
        return trust


@lru_cache(maxsize=4)
def verifier_of(register: Register) -> Verifier:
    """The verifier of a register, which stays the same object until something in it changes."""
    return Verifier(register)


def sign(envelope: Envelope, key: SigningKey, extensions: Sequence[str] = ()) -> str:
    """The value of `dssematerial` for an event, over these extensions as well. Raises `ValueError` for one that cannot be signed."""
    if wrong := _cannot_sign(extensions):
        raise ValueError(wrong)
    core = _text(_core(envelope, bytes(envelope.data)))
    material = Material(core, _text(_ext(envelope, extensions)), list(extensions)) if extensions else Material(core)
    return _text(msgspec.json.encode(key.envelope(TYPE, msgspec.json.encode(material))))


def _checked(envelope: Envelope, material: str, keys: Mapping[str, SourceKey], moments: _Moments) -> SourceKey:
    """The key that signed an event as it stands: one that is good when there is one. Raises `Refused`."""
    try:
        signed = dsse.decode(from_base64(material))
        key = keys[_signer(signed, keys, moments)]
        told = _material(signed.body)
    except UnknownKeyError:
        raise Refused("signing-key-unknown", SIGNATURE) from None
    except WrongSignatureError:
        raise Refused("signature-invalid", SIGNATURE, "the signature is not this key's") from None
    except EnvelopeError as error:
        raise Refused("signature-invalid", SIGNATURE, str(error)) from None
    if _of_digest(told.core) not in _cores(envelope):
        raise Refused("signature-invalid", SIGNATURE, "attributes or data are not those that were signed")
    if told.ext is not None and _of_digest(told.ext) != _ext(envelope, told.signedextattrs or ()):
        raise Refused("signature-invalid", SIGNATURE, "extensions are not those that were signed")
    return key


def _signer(signed: dsse.Envelope, keys: Mapping[str, SourceKey], moments: _Moments) -> str:
    """The name of the key that signed; where several did, as when one takes over from another, one that is good."""
    if signed.payloadType != TYPE:
        raise EnvelopeError("it is signed as something else")
    if len(signed.signatures) > _SIGNATURES:
        raise EnvelopeError("it has too many signatures")
    known = {one.keyid for one in signed.signatures} & keys.keys()
    good = {keyid for keyid in known if not _why_not(keys[keyid], moments)}
    with suppress(UnknownKeyError, WrongSignatureError):
        return dsse.verify(signed, {keyid: _verifying(keys[keyid].public) for keyid in good})
    return dsse.verify(signed, {keyid: _verifying(keys[keyid].public) for keyid in known})


def _why_not(key: SourceKey, moments: _Moments) -> str:
    """The code with which a key does not count for what was received at some moment, and is looked at now; empty: it does."""
    received, now = moments
    if key.revoked_since and now >= key.revoked_since:
        return "signing-key-revoked"
    if received < key.valid_from or (key.valid_until and received >= key.valid_until):
        return "signing-key-expired"
    return ""


def _material(body: bytes) -> Material:
    """What was signed. The digest alone is what the first draft of the extension signed, and two of its vectors still do."""
    if len(body) == 32:
        return Material(_text(body))
    try:
        told = _materials.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EnvelopeError("what was signed are no digests") from None
    if (told.ext is None) != (told.signedextattrs is None):
        raise EnvelopeError("of ext and signedextattrs one is missing")
    if wrong := _cannot_sign(told.signedextattrs or ()):
        raise EnvelopeError(wrong)
    return told


def _cannot_sign(extensions: Sequence[str]) -> str:
    if len(set(extensions)) < len(extensions):
        return "an extension is named twice"
    if not _DEFINED.isdisjoint(extensions):
        return "what is no extension is named as one"
    return ""


def _of_digest(text: str) -> bytes:
    try:
        digest = from_base64(text)
    except EnvelopeError:
        digest = b""
    if len(digest) != 32:
        raise Refused("signature-invalid", SIGNATURE, "a digest has 32 bytes")
    return digest


def _cores(envelope: Envelope) -> Iterable[bytes]:
    """The digests that fit an event."""
    data = bytes(envelope.data)
    yield _core(envelope, data)
    if not envelope.exact and data:
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # what is no JSON has no other form
            yield _core(envelope, msgspec.json.format(data, indent=-1))
        yield _core(envelope, b" " + data)


def _core(envelope: Envelope, data: bytes) -> bytes:
    attributes = (
        envelope.id,
        envelope.source,
        envelope.specversion,
        envelope.type,
        envelope.datacontenttype or "",
        envelope.dataschema or "",
        envelope.subject or "",
        _second(envelope.time_text) if envelope.time_text else "",
    )
    parts = [sha256(text.encode()).digest() for text in attributes]
    return sha256(b"".join((*parts, sha256(data).digest()))).digest()


def _ext(envelope: Envelope, names: Iterable[str]) -> bytes:
    parts = (sha256(_canonical(name, envelope.extensions.get(name))).digest() for name in names)
    return sha256(b"".join(parts)).digest()


def _canonical(name: str, value: str | int | bool | None) -> bytes:  # noqa: FBT001 - the value of an attribute
    """The bytes of an extension that are digested; of none as of an empty one."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if name in _TIMES and isinstance(value, str):
        return _second(value).encode()
    return str(value).encode()


def _second(text: str) -> str:
    """A time in UTC, cut to the second: no two programs keep as many digits. What is no time stays as it is."""
    try:
        moment = datetime.fromisoformat(text.upper())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@lru_cache(maxsize=1_024)
def _verifying(public: bytes) -> VerifyingKey:
    return VerifyingKey(public)
