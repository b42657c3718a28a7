"""What sources report of themselves, into the log: beside the path of the facts, which stays as short as it is."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import psycopg
from msgspec.structs import replace

from domain.completeness import Report
from domain.history import Outcome, Taken
from domain.refusals import Refused
from infra import codec
from infra.database import Database
from infra.keys import KeyRing
from infra.log import Unplaced, append, lock_streams, stream_of
from infra.session import Session
from infra.sql import statements

SQL = statements("reports")
Key = tuple[str, str]


def stream_of_reports(source: str) -> UUID:
    """The stream of what a source reports, and of what is agreed with it; in the inbox it stands in the place of a retiree."""
    return stream_of(f"source:{source}")


def accept_reports(database: Database, keys: KeyRing, reports: Sequence[Report]) -> list[Taken | Refused]:
    """Accept reports in a transaction of their own; the answers are in their order. When this returns, they are on disk.

    The same (source, id) with the same content gets the receipt it had; with other content it is refused as `id-conflict`.
    A crash before the commit leaves nothing; after it, whoever sends again is known. Raises `DatabaseError`.
    """
    digests = keys.tags("content", [one.digest.hex() for one in reports])
    keyed = [replace(one, digest=digest) for one, digest in zip(reports, digests, strict=True)]
    while True:
        try:
            with database.transaction() as connection:
                return _accept(connection, keyed)
        except psycopg.errors.UniqueViolation:
            continue  # another transaction accepted one of them first: the next round sees it


def known_reports(database: Database, keys: KeyRing, reports: Sequence[Report]) -> list[bool]:
    """Whether each was accepted before with the same content. Raises `DatabaseError`."""
    digests = keys.tags("content", [one.digest.hex() for one in reports])
    asked = {"sources": [one.source for one in reports], "ids": [one.id for one in reports]}
    with database.transaction() as connection:
        rows = connection.execute(SQL["known"], asked).fetchall()
    found = {(source, id_): digest for source, id_, digest, *_ in rows}
    return [found.get((one.source, one.id)) == digest for one, digest in zip(reports, digests, strict=True)]


def _accept(connection: Session, reports: Sequence[Report]) -> list[Taken | Refused]:
    streams = lock_streams(connection, {stream_of_reports(one.source) for one in reports})
    versions = {stream: max(there.version, 0) for stream, there in streams.items()}
    asked = {"sources": [one.source for one in reports], "ids": [one.id for one in reports]}
    known = {
        (source, id_): (digest, _receipt(source, id_, position, recorded_at, known=True))
        for source, id_, digest, position, recorded_at in connection.execute(SQL["known"], asked).fetchall()
    }
    fresh: dict[Key, Report] = {}
    for one in reports:
        if (one.source, one.id) not in known:
            fresh.setdefault((one.source, one.id), one)
    if fresh:
        events = []
        for one in fresh.values():
            stream = stream_of_reports(one.source)
            versions[stream] += 1
            events.append(Unplaced(stream, versions[stream], codec.stored_name(one), codec.encode(one)))
        placed = append(connection, events)
        positions = range(placed.first, placed.first + len(events))
        connection.execute(
            SQL["inbox_save"],
            {
                "sources": [one.source for one in fresh.values()],
                "ids": [one.id for one in fresh.values()],
                "digests": [one.digest for one in fresh.values()],
                "positions": list(positions),
                "streams": [event.stream for event in events],
                "recorded_at": placed.recorded_at,
            },
        )
        for (key, one), position in zip(fresh.items(), positions, strict=True):
            known[key] = one.digest, _receipt(*key, position, placed.recorded_at)
    return [_answer(one, *known[one.source, one.id]) for one in reports]


def _answer(one: Report, digest: bytes, receipt: Taken) -> Taken | Refused:
    if digest != one.digest:
        return Refused("id-conflict", "id", "this id was used before with other content")
    return receipt


def _receipt(source: str, id_: str, position: int, recorded_at: datetime, *, known: bool = False) -> Taken:
    return Taken(
        source=source, id=id_, status=Outcome.ACCEPTED, position=position, recorded_at=recorded_at, known=known
    )
