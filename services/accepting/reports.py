"""Reports of sources on the wire: heartbeats, closed batches and numbers that are not in use, to what the log keeps of them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from domain.completeness import (
    QUIET_DAYS,
    SEQUENCE_LIMIT,
    BatchClosed,
    Report,
    SequencesUnused,
    SourceHeartbeat,
)
from domain.refusals import Refused
from services.accepting.cloudevents import Envelope, Publisher, data_of, digest_of, sequence_of

_Number = Annotated[int, Meta(ge=0, le=SEQUENCE_LIMIT)]
_Numbered = Annotated[int, Meta(ge=1, le=SEQUENCE_LIMIT)]
_Batch = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class Heartbeat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data of `source-heartbeat.v1`. `sequence`: the highest number sent; `until`: nothing will be heard before."""

    sequence: _Number | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class Closed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data of `batch-closed.v1`: how many events of a batch were sent, and their first and last number where they have any."""

    batch: _Batch
    count: _Number
    first: _Numbered | None = None
    last: _Numbered | None = None


class Unused(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data of `sequences-unused.v1`: nothing was or will be sent under these numbers."""

    first: _Numbered
    last: _Numbered


REPORTS: dict[str, type[Struct]] = {
    "source-heartbeat.v1": Heartbeat,
    "batch-closed.v1": Closed,
    "sequences-unused.v1": Unused,
}
"""What stands in `data` of each kind of report."""
_decoders = {name: msgspec.json.Decoder(type_) for name, type_ in REPORTS.items()}


def report(envelope: Envelope, publisher: Publisher, now: datetime | None = None) -> Report:
    """The report in an envelope, if the publisher may speak for its source. Raises `Refused`."""
    data = data_of(envelope, publisher, _decoders.get(envelope.type))
    common: dict[str, Any] = {
        "source": envelope.source,
        "id": envelope.id,
        "department": publisher.department,
        "published_by": publisher.name,
        "channel": publisher.channel,
        "digest": digest_of(envelope),
        "time": envelope.time,
        "sequence": sequence_of(envelope),
    }
    match data:
        case Heartbeat(sequence=last, until=until):
            if until and until > (now or datetime.now(UTC)) + timedelta(days=QUIET_DAYS):
                raise Refused("invalid-field", "data.until", f"at most {QUIET_DAYS} days ahead")
            return SourceHeartbeat(**common, last=last, until=until)
        case Closed(batch=batch, count=count, first=first, last=last):
            if (first is None) != (last is None):
                raise Refused("missing-field", "data.first" if first is None else "data.last")
            _check_run(first or 0, last or 0)
            return BatchClosed(**common, batch=batch, count=count, first=first, last=last)
        case _:
            _check_run(data.first, data.last)
            return SequencesUnused(**common, first=data.first, last=data.last)


def _check_run(first: int, last: int) -> None:
    if last < first:
        raise Refused("invalid-field", "data.last", "smaller than first")
