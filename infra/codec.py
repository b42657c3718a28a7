"""Events to the bytes that are stored, and back. The stored name says the type; the bytes are JSON that people can read.

A decision state is stored beside its stream only to be at hand: it follows from the log, and one of another form is thrown
away and made anew from it. So it needs no upcasters.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.decide import RetireeState
from domain.facts import LIFE_EVENTS
from domain.history import STORED_NAMES, Entry, Event, FactPublished
from infra.upcasting import UPCASTERS, Older, Upcaster

_encoder = msgspec.json.Encoder()
_STATE = b"\x03"
"""The form of a decision state; 1 had none in front."""
_state_encoder = msgspec.msgpack.Encoder()
_state_decoder = msgspec.msgpack.Decoder(RetireeState)


class Codec:
    """Events by stored name: `names` has the newest versions with their types, `upcasters` every older one."""

    def __init__(self, names: Mapping[str, type[Any]], upcasters: Mapping[str, Upcaster]) -> None:
        # A fact as published is stored under the name of its fact.
        self._names = {LIFE_EVENTS[name] if type_ is FactPublished else type_: name for name, type_ in names.items()}
        newest: dict[str, Callable[[bytes], Any]] = {
            n: msgspec.json.Decoder(type_).decode for n, type_ in names.items()
        }
        older = Older(names, upcasters)

        def decode(position: int, recorded_at: datetime, stream: UUID, version: int, name: str, state: bytes) -> Entry:
            """The entry of a stored row, in the newest version and under its name.

            `KeyError`: a name that this version of the program does not know; it must stop whoever reads.
            """
            try:
                read = newest[name]
            except KeyError:
                name, read = older[name]
            return Entry(position, recorded_at, stream, version, name, read(state))

        self.decode = decode  # no method: whoever replays the log pays for every look-up at every event

    def stored_name(self, event: Event) -> str:
        """The name an event is stored under."""
        return self._names[type(event.fact if isinstance(event, FactPublished) else event)]


_product = Codec(STORED_NAMES, UPCASTERS)
stored_name = _product.stored_name
decode = _product.decode


def encode(event: Event) -> bytes:
    """The bytes of an event."""
    return _encoder.encode(event)


def encode_state(state: RetireeState) -> bytes:
    """The bytes of a decision state, the form it has in front. Marks are kept apart: they are looked up by key."""
    if state.dossier.marks:
        state = replace(state, dossier=replace(state.dossier, marks={}, marked=True))
    return _STATE + _state_encoder.encode(state)


def decode_state(data: bytes | None) -> RetireeState | None:
    """A decision state; None when there is none, or one of another form: it must be made anew from the log."""
    return _state_decoder.decode(data[1:]) if data and data[:1] == _STATE else None
