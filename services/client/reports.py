"""What a source reports of itself, so that the ledger can tell whether all it sent is there. No report is about a person."""

from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import msgspec

from services.client.events import Event, event_id

HEARTBEAT: Final = "source-heartbeat.v1"
BATCH_CLOSED: Final = "batch-closed.v1"
UNUSED: Final = "sequences-unused.v1"
REPORTS: Final = frozenset({HEARTBEAT, BATCH_CLOSED, UNUSED})
"""Kinds of event that get no number of their own: numbers are for what must not be missed."""


def heartbeat(source: str, last: int | None = None, until: datetime | None = None) -> Event:
    """A source lives. `last`: the highest number it has given; `until`: nothing will come before (it must know its zone)."""
    data: dict[str, Any] = {}
    if last is not None:
        data["sequence"] = last
    if until is not None:
        data["until"] = until.isoformat()
    return _report(source, HEARTBEAT, str(uuid4()), data)


def batch_closed(source: str, batch: str, count: int, first: int | None = None, last: int | None = None) -> Event:
    """All events of a batch are sent, `count` of them; they name it by the attribute `batch`. With their numbers where they have any."""
    data: dict[str, Any] = {"batch": batch, "count": count}
    if first is not None and last is not None:
        data |= {"first": first, "last": last}
    return _report(source, BATCH_CLOSED, event_id(source, BATCH_CLOSED, batch), data)


def sequences_unused(source: str, first: int, last: int) -> Event:
    """Under the numbers from `first` to `last` nothing was or will be sent."""
    return _report(source, UNUSED, event_id(source, UNUSED, f"{first}-{last}"), {"first": first, "last": last})


def _report(source: str, type_: str, id_: str, data: dict[str, Any]) -> Event:
    attributes: dict[str, str | int | bool] = {"datacontenttype": "application/json"}
    return Event(source=source, type=type_, id=id_, data=msgspec.json.encode(data), attributes=attributes)
