"""Events to the bytes that are stored, and back. The stored name says the type; the bytes are JSON that people can read."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.decide import RetireeState
from domain.history import STORED_NAMES, Entry, Event, FactPublished

_encoder = msgspec.json.Encoder()
_decoders: dict[str, msgspec.json.Decoder[Event]] = {
    name: msgspec.json.Decoder(type_) for name, type_ in STORED_NAMES.items()
}
_state_encoder = msgspec.msgpack.Encoder()
_state_decoder = msgspec.msgpack.Decoder(RetireeState)
_NAMES: dict[type, str] = {type_: name for name, type_ in STORED_NAMES.items() if type_ is not FactPublished}


def stored_name(event: Event) -> str:
    """The name an event is stored under."""
    if isinstance(event, FactPublished):
        return str(event.fact.__struct_config__.tag)
    return _NAMES[type(event)]


def encode(event: Event) -> bytes:
    """The bytes of an event."""
    return _encoder.encode(event)


def decode(position: int, recorded_at: datetime, stream: UUID, version: int, name: str, state: bytes) -> Entry:
    """The entry of a stored row. `KeyError`: a name this version does not know; it must stop whoever reads."""
    return Entry(position, recorded_at, stream, version, name, _decoders[name].decode(state))


def encode_state(state: RetireeState) -> bytes:
    """The bytes of a decision state."""
    return _state_encoder.encode(state)


def decode_state(data: bytes | None) -> RetireeState:
    """A decision state; that of somebody nobody ever mentioned when there are no bytes."""
    return _state_decoder.decode(data) if data else RetireeState()
