"""Events to the bytes that are stored, and back. The stored name says the type; the bytes are JSON that people can read.

A decision state is stored beside its stream only to be at hand: it follows from the log, and one of another form is thrown
away and made anew from it. So it needs no upcasters.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.facts import LIFE_EVENTS
from domain.history import STORED_NAMES, Entry, Event, FactPublished
from domain.state import RetireeState
from infra.upcasting import UPCASTERS, Older, Upcaster

_encoder = msgspec.json.Encoder()
_STATE = b"\x05"
"""The form of a decision state; 1 had none in front."""
_state_encoder = msgspec.msgpack.Encoder()
_state_decoder = msgspec.msgpack.Decoder(RetireeState)


class Codec:
    """Events by stored name: `names` has the newest versions with their types, `upcasters` every older one."""

    def __init__(self, names: Mapping[str, type[Any]], upcasters: Mapping[str, Upcaster]) -> None:
        # A fact as published is stored under the name of its fact.
        self._names = {LIFE_EVENTS[name] if type_ is FactPublished else type_: name for name, type_ in names.items()}
        reading: dict[str, tuple[str, Callable[[bytes], Any]]] = Older(names, upcasters)
        reading.update((name, (name, msgspec.json.Decoder(type_).decode)) for name, type_ in names.items())

        def decode(position: int, recorded_at: datetime, stream: UUID, version: int, name: str, state: bytes) -> Entry:
            """The entry of a stored row, in the newest version and under its name.

            `KeyError`: a name that this version of the program does not know; it must stop whoever reads.
            """
            name, read = reading[name]
            return Entry(position, recorded_at, stream, version, name, read(state))

        def entries(rows: Iterable[tuple[Any, ...]]) -> list[Entry]:
            """The entries of stored rows: `decode` for many, without a call for each.

            Whoever replays much takes a few hundred at a time: entries that stay in the processor's cache until they
            are let go cost a fifth less.
            """
            return [
                Entry(position, recorded_at, stream, version, name, read(state))
                for position, recorded_at, stream, version, stored, state in rows
                for name, read in (reading[stored],)
            ]

        # No methods: whoever replays the log pays for every look-up at every event.
        self.decode = decode
        self.entries = entries

    def stored_name(self, event: Event) -> str:
        """The name an event is stored under."""
        return self._names[type(event.fact if isinstance(event, FactPublished) else event)]


_product = Codec(STORED_NAMES, UPCASTERS)
stored_name = _product.stored_name
decode = _product.decode
entries = _product.entries


def encode(event: Event) -> bytes:
    """The bytes of an event."""
    return _encoder.encode(event)


def encode_state(state: RetireeState) -> bytes:
    """The bytes of a decision state, the form it has in front. Marks are kept apart: they are looked up by key."""
    if state.dossier.marks:
        state = replace(state, dossier=state.dossier.without_marks())
    return _STATE + _state_encoder.encode(state)


def decode_state(data: bytes | None) -> RetireeState | None:
    """A decision state; None when there is none, or one of another form: it must be made anew from the log."""
    return _state_decoder.decode(data[1:]) if data and data[:1] == _STATE else None
