"""Every retiree's history, one after the other: for questions to the whole log that decide about one person at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.facts import Known, Person
from domain.history import Event, FactMoved, FactPublished
from domain.links import RecordsJoined, RecordsParted
from domain.replaying import Moved, Told, facts_of
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.database import Database, Rows
from infra.keys import KeyRing
from infra.row import Row
from infra.sealed import person_of
from infra.session import Session
from infra.sql import statements
from infra.submissions import name_tags

SQL = statements("histories")
_PAGE = 500
"""People read at a time: memory holds as many histories, however long the log is."""
decode_person = msgspec.json.Decoder(Person).decode

History = list[Told]
"""What bears on decisions about one retiree, in the order of the log."""


class Histories:
    """The retirees as the log has them up to `position`, its end when this was made."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys
        with database.transaction() as connection:
            self.position = log.last_position(connection)
            row = connection.execute(SQL["retirees_count"]).fetchone()
        self.people = int(row[0]) if row else 0
        """How many people the ledger knows, whether registered or not."""

    def pages(self) -> Iterator[tuple[int, list[tuple[UUID, History]]]]:
        """Pages of retirees, in an order of no meaning that is always the same, each with how many people were read for it.

        A record that another one leads is a history of its own up to there. Raises `WrongKeyError`.
        """
        after = b""
        while True:
            with self._database.transaction() as connection:
                page = connection.execute(SQL["retirees_page"], {"after": after, "limit": _PAGE}).fetchall()
                streams = self._read(connection, page) if page else {}
                wrapped = {stream: key for _, stream, _, key in page if key is not None}
                records = {record for events in streams.values() for record in records_of(events)}
                wrapped |= wrapped_keys(connection, records - wrapped.keys()) if records else {}
            if not page:
                return
            found = ((stream, told_of(self._keys, stream, wrapped, streams.get(stream, []))) for _, stream, *_ in page)
            yield len(page), [(stream, history) for stream, history in found if facts_of(history)]
            after = page[-1][0]  # the tag

    def _read(self, connection: Session, page: Sequence[Rows]) -> dict[UUID, list[Event]]:
        given = {"streams": [stream for _, stream, _, _ in page], "until": self.position}
        rows = (Row._make(row) for row in connection.execute(SQL["events_of"], given).fetchall())
        found = {stream: list(group) for stream, group in groupby(rows, key=attrgetter("stream"))}
        for _, stream, version, _ in page:
            if version > 0 and (stream not in found or found[stream][0].version > 1):  # its beginning is archived
                whole = log.read_stream(connection, stream, until=version)
                found[stream] = [row for row in whole if row.position <= self.position]
        return {stream: [codec.decode(*row).event for row in rows] for stream, rows in found.items()}


def told_of(keys: KeyRing, retiree: UUID, wrapped: Mapping[UUID, bytes], events: Iterable[Event]) -> list[Told]:
    """What bears on decisions of a retiree's events; `wrapped`: the keys of the records they were told under.

    Names are compared by tags, made anew from what is sealed; of the erased nobody knows them. Raises `WrongKeyError`.
    """
    events = list(events)
    facts = [fact for event in events if (fact := published_of(event))]
    given = [(record, wrapped[record], fact.sealed) for fact in facts if (record := fact.under or retiree) in wrapped]
    names = iter(name_tags(keys, [decode_person(person_of(plain)) for plain in keys.open_all(given)]))
    known = iter([fact.known(next(names) if (fact.under or retiree) in wrapped else None) for fact in facts])
    return [told for event in events if (told := _told(event, known, retiree))]


def stored_history(
    session: Session, keys: KeyRing, retiree: UUID, until: int = log.LAST
) -> tuple[list[Event], list[Told]]:
    """A retiree's events up to a version, and what of them bears on decisions. Raises `WrongKeyError`."""
    events = [codec.decode(*row).event for row in log.read_stream(session, retiree, until=until)]
    return events, told_of(keys, retiree, wrapped_keys(session, {retiree, *records_of(events)}), events)


def records_of(events: Iterable[Event]) -> set[UUID]:
    """The other records that facts of a stream were told under."""
    return {fact.under for event in events if (fact := published_of(event)) and fact.under}


def wrapped_keys(session: Session, records: Iterable[UUID]) -> dict[UUID, bytes]:
    """The wrapped keys of these records, of those that have one."""
    return dict(session.execute(statements("ledger")["key_find"], {"retirees": list(records)}).fetchall())


def published_of(event: Event) -> FactPublished | None:
    """The fact in an event, told here or to another record."""
    return event if isinstance(event, FactPublished) else event.published if isinstance(event, FactMoved) else None


def _told(event: Event, facts: Iterator[Known], retiree: UUID) -> Told | None:
    match event:
        case FactPublished():
            return next(facts)
        case FactMoved(of=of, at_once=at_once):
            known = replace(next(facts), under=None if of == retiree else of)
            return known if at_once else Moved(known)
        case RecordsJoined() | RecordsParted() | AlertRaised() | AlertWithdrawn() | AlertEscalated():
            return event
        case _:
            return None
