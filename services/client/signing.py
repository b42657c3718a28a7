"""Signing events: DSSE as CloudEvents' verifiability extension (version 0.1) has it."""

import base64
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

import msgspec

from domain.refusals import Refused
from infra.dsse import EnvelopeError, SigningKey
from services.client.errors import ClientError
from services.client.events import MATERIAL, Event
from services.client.wellformed import Value

PAYLOAD_TYPE: Final = "https://cloudevents.io/verifiability/dsse/v0.1"

_TIMES: Final = frozenset({"expirytime", "recordedtime"})
"""Extensions that are times, of those that CloudEvents documents; to a signature all other texts are texts."""
_CORE: Final = ("datacontenttype", "dataschema", "subject", "time")


class Signer:
    """Signs events with a publisher's key; `keyid` is the name under which the ledger's operator registered it."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.keyid = key.keyid

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The signer with the private key in a PEM file. Raises `ClientError`."""
        try:
            return cls(SigningKey.from_file(path))
        except EnvelopeError as error:
            raise ClientError(str(error)) from None

    def sign(self, event: Event) -> Event:
        """The event with its signature, which covers everything in it; one that is signed already stays as it is.

        The type of the data is written down, as an absent one would be another. Raises `Refused` for a `time` that is none.
        """
        if MATERIAL in event.attributes:
            return event
        if event.data and "datacontenttype" not in event.attributes:
            event = event.with_attribute("datacontenttype", "application/json")
        extensions = sorted(set(event.attributes) - set(_CORE))
        envelope = self._key.envelope(PAYLOAD_TYPE, _material(event, extensions))
        return event.with_attribute(MATERIAL, base64.b64encode(msgspec.json.encode(envelope)).decode())


def _material(event: Event, extensions: list[str]) -> bytes:
    """The digests that are signed: of the core of an event, and of its extensions."""
    given = event.attributes
    core = [event.id, event.source, "1.0", event.type]
    core += [str(given.get(name, "")) if name != "time" else _moment(given.get(name)) for name in _CORE]
    parts = b"".join(sha256(text.encode()).digest() for text in core) + sha256(event.data).digest()
    said: dict[str, object] = {"core": _digest(parts)}
    if extensions:
        said["ext"] = _digest(b"".join(sha256(_written(name, given[name])).digest() for name in extensions))
        said["signedextattrs"] = extensions
    return msgspec.json.encode(said)


def _digest(parts: bytes) -> str:
    return base64.b64encode(sha256(parts).digest()).decode()


def _written(name: str, value: Value) -> bytes:
    if name in _TIMES:
        return _moment(value).encode()
    return (str(value).lower() if isinstance(value, bool) else str(value)).encode()


def _moment(time: Value | None) -> str:
    """A moment in UTC to the second, as all languages keep it."""
    if time is None:
        return ""
    try:
        moment = datetime.fromisoformat(str(time).upper())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        raise Refused("invalid-field", "time") from None
