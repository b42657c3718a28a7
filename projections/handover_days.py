"""Handovers as they stood on a day: what was told of a later day counts as not told yet."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from domain.facts import Reference
from domain.handover import Handover
from domain.handover.evolving import taken_back


def as_of(handover: Handover, day: date) -> Handover:
    """The handover without what is of a later day, as if that had been taken back."""
    while (later := next(_later(handover, day), None)) is not None:
        handover = taken_back(handover, later)
    return handover


def on_day(found: Mapping[str, Any], day: date) -> Mapping[str, Any]:
    """A row of the handovers' queries as it stood on a day."""
    told = msgspec.json.decode(found["handover"], type=Handover)
    then = as_of(told, day)
    if then is told:
        return found
    both = then.proposal, then.earlier and then.earlier.proposal
    return {
        **found,
        "handover": msgspec.json.encode(then).decode(),
        "batches": [one.batch or "" for one in both if one],
    }


def _later(handover: Handover, day: date) -> Iterator[Reference]:
    earlier = _later(handover.earlier, day) if handover.earlier else iter(())
    single = [one for one in (handover.outcome, handover.proposal) if one]
    yield from (
        one.reference for one in (*single, *handover.done, *handover.moves, *handover.receptions) if one.on > day
    )
    yield from earlier
