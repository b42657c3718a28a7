"""CloudEvents 1.0 as they travel: attributes and data out of structured, batch and binary mode, nothing lost and nothing guessed.

An event as most are is decoded in one go. One with extensions, or with a defect, is looked at member by member.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from domain.refusals import Refused

T = TypeVar("T")

EVENT_LIMIT = 64 * 1024
"""Bytes of one event; in binary mode, of its data and attributes without what the transport adds."""
BATCH_LIMIT = 8 * 1024 * 1024
"""Bytes of one batch."""
BATCH_EVENTS = 1_000

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

SIGNATURE = "dssematerial"
"""The extension that holds the signature."""

Extension = str | int | bool
"""The value of an attribute that CloudEvents does not define; whatever else it is, is a string on the wire."""

_Text = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)")]
_Maybe = Annotated[str, Meta(max_length=2_048, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$(?!\n)")]


class Envelope(Struct, frozen=True):
    """The attributes that CloudEvents defines, and the data, still raw. None: not set, as is what is null."""

    specversion: str
    type: _Text
    source: _Text
    id: _Text
    time: Annotated[datetime, Meta(tz=True)] | None = None
    datacontenttype: Annotated[str, Meta(max_length=255)] | None = None
    data: Raw = Raw()
    dataschema: _Maybe | None = None
    subject: _Maybe | None = None

    @property
    def extensions(self) -> Mapping[str, Extension]:
        """Every attribute that CloudEvents does not define."""
        return {}

    @property
    def time_text(self) -> str | None:
        """The time as it was written: what a signature covers."""
        return self.time.isoformat() if self.time else None

    @property
    def exact(self) -> bool:
        """Whether the data are bytes to whoever sent them; in structured mode they are a JSON value, white space or not."""
        return False


class _Usual(Envelope, frozen=True, forbid_unknown_fields=True):
    """An event without anything else, as most are."""


class Extended(Envelope, frozen=True, kw_only=True):
    """An event with extensions, or with its data as base64."""

    more: Mapping[str, Extension]
    written: str | None
    bytewise: bool

    @property
    def extensions(self) -> Mapping[str, Extension]:
        """Every attribute that CloudEvents does not define."""
        return self.more

    @property
    def time_text(self) -> str | None:
        """The time as it was written."""
        return self.written

    @property
    def exact(self) -> bool:
        """Whether the data are bytes to whoever sent them."""
        return self.bytewise


_DEFINED: Final = frozenset(Envelope.__struct_fields__)
_NAME: Final = re.compile(r"[a-z0-9]+")
_CLEAR: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_usual = msgspec.json.Decoder(_Usual)
_any_extensions = msgspec.json.Decoder(Envelope)
_members = msgspec.json.Decoder(dict[str, Raw])
_extension: msgspec.json.Decoder[Extension | None] = msgspec.json.Decoder(Extension | None)
_base64 = msgspec.json.Decoder(bytes | None)
_written = msgspec.json.Decoder(str)
_batch = msgspec.json.Decoder(list[Raw])


def split_batch(body: bytes) -> list[bytes]:
    """The events of a batch, each still to be parsed. Raises `Refused` when the batch itself is no list or too long."""
    if len(body) > BATCH_LIMIT:
        raise Refused("body-too-large")
    events = decode(_batch, body, "")
    if len(events) > BATCH_EVENTS:
        raise Refused("body-too-large", "", f"{len(events)} events, the limit is {BATCH_EVENTS}")
    return [bytes(event) for event in events]


def structured(body: bytes) -> Envelope:
    """The envelope of a structured-mode event. Raises `Refused`."""
    if len(body) > EVENT_LIMIT:
        raise Refused("body-too-large")
    try:
        return _usual.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = decode(_members, body, "", "not-cloudevents")
    more = {
        name: value
        for name, raw in members.items()
        if name not in _DEFINED and name != "data_base64"
        if (value := _value(name, raw)) is not None
    }
    envelope = decode(_any_extensions, body, "", "not-cloudevents")
    written = decode(_written, members["time"], "time") if envelope.time else None
    data = decode(_base64, members["data_base64"], "data_base64") if "data_base64" in members else None
    if data is None:
        return _extended(envelope, more, written, envelope.data, bytewise=False)
    if "data" in members:
        raise Refused("not-cloudevents", "data_base64", "data is given as well")
    return _extended(envelope, more, written, Raw(data), bytewise=True)


def binary(attributes: Mapping[str, str], body: bytes) -> Envelope:
    """The envelope of a binary-mode event: attributes from headers without their prefix. Raises `Refused`."""
    if len(body) > EVENT_LIMIT:
        raise Refused("body-too-large")
    attributes = {name: _text(name, text) for name, text in attributes.items()}
    if len(body) + len("".join((*attributes, *attributes.values())).encode()) > EVENT_LIMIT:
        raise Refused("body-too-large", "", "data and attributes together")
    defined: dict[str, Any] = {name: text for name, text in attributes.items() if name in _DEFINED}
    if "data" in attributes:
        raise Refused("not-cloudevents", "data", "no attribute has this name")
    more: dict[str, Extension] = {name: text for name, text in attributes.items() if name not in defined}
    try:
        envelope = msgspec.convert(defined, Envelope)
    except msgspec.ValidationError as error:
        raise refusal(error, "", "not-cloudevents") from None
    return _extended(envelope, more, attributes.get("time"), Raw(body), bytewise=True)


@lru_cache(maxsize=256)
def is_json(datacontenttype: str | None) -> bool:
    """Whether data of a media type are JSON in UTF-8; JSON is what they are when none is given (RFC 2045, 6839, 8259)."""
    if datacontenttype is None:
        return True
    media, *parameters = (part.strip() for part in datacontenttype.lower().split(";"))
    charsets = [one.partition("=")[2].strip(' "') for one in parameters if one.partition("=")[0].strip() == "charset"]
    kind = media in ("application/json", "text/json") or re.fullmatch(r"[\w.!#$&^-]+/[\w.!#$&^+-]+\+json", media)
    return bool(kind) and all(charset in ("utf-8", "utf8", "us-ascii") for charset in charsets)


def media_of(content_type: str) -> str:
    """A media type without its parameters, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def attributes_of(envelope: Envelope) -> bytes:
    """What is kept beside the data, as JSON in one line: all attributes but `source`, `id` and `type`, which stand in clear.

    Of an event as most are `time` and `specversion` are left out as well: it stands in clear, and is always 1.0.
    """
    if not isinstance(envelope, Extended) and envelope.subject is None and envelope.dataschema is None:
        return _usual_attributes(envelope.datacontenttype)
    kept: dict[str, Extension | None] = {
        "specversion": envelope.specversion,
        "time": envelope.time_text,
        "datacontenttype": envelope.datacontenttype,
        "dataschema": envelope.dataschema,
        "subject": envelope.subject,
    }
    return msgspec.json.encode(
        {**{name: value for name, value in kept.items() if value is not None}, **envelope.extensions}
    )


@lru_cache(maxsize=256)
def _usual_attributes(datacontenttype: str | None) -> bytes:
    return msgspec.json.encode({"datacontenttype": datacontenttype} if datacontenttype is not None else {})


def _extended(
    envelope: Envelope, more: Mapping[str, Extension], written: str | None, data: Raw, *, bytewise: bool
) -> Extended:
    return Extended(
        envelope.specversion,
        envelope.type,
        envelope.source,
        envelope.id,
        envelope.time,
        envelope.datacontenttype,
        data,
        envelope.dataschema,
        envelope.subject,
        more=more,
        written=written,
        bytewise=bytewise,
    )


def _value(name: str, raw: Raw) -> Extension | None:
    """The value of an extension in JSON: text, a whole number of 32 bits, or yes and no; null is as good as missing."""
    _check_name(name)
    try:
        value = _extension.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("not-cloudevents", name, "an attribute is text, a whole number, true or false") from None
    if isinstance(value, str):
        return _text(name, value)
    if value is not None and not -(2**31) <= value < 2**31:
        raise Refused("not-cloudevents", name, "a whole number has 32 bits")
    return value


def _text(name: str, text: str) -> str:
    _check_name(name)
    if not _CLEAR.fullmatch(text):
        raise Refused("not-cloudevents", name, "a control character, or what is no UTF-8")
    return text


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        shown = name if re.fullmatch(r"\w{1,40}", name) else ""
        raise Refused("not-cloudevents", shown, "the name of an attribute has small letters a to z and digits only")


def decode(decoder: msgspec.json.Decoder[T], body: bytes | Raw, at: str, missing: str = "missing-field") -> T:
    """What a decoder makes of some JSON. Raises `Refused` with the path under `at`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise refusal(error, at, missing) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed-json", at) from None


def refusal(error: msgspec.ValidationError, at: str, missing: str) -> Refused:
    """A validation error as a code and a path; what was given is left out, as it may be personal."""
    text = str(error)
    found = re.search(r" - at `\$\.?(.*?)`$", text)
    path = ".".join(part for part in (at, found.group(1) if found else "") if part)
    member = re.search(r"required field `(\w+)`", text)
    if member:
        return Refused(missing, f"{path}.{member.group(1)}".lstrip("."))
    unknown = re.search(r"unknown field `(\w{1,40})`", text)
    if unknown or "unknown field" in text:
        return Refused("unknown-field", f"{path}.{unknown.group(1)}" if unknown else path)
    detail = re.sub(r"(?<=value ).*$", "not among the allowed", text.split(" - at ", maxsplit=1)[0])
    return Refused("invalid-field", path, detail)
