"""Every retiree's history, one after the other: for questions to the whole log that decide about one person at a time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from uuid import UUID

import msgspec

from domain.decide import AlertEscalated, AlertRaised, AlertWithdrawn
from domain.facts import Known, Person
from domain.history import Event, FactPublished
from infra import codec, log
from infra.database import Database, Rows
from infra.keys import KeyRing
from infra.row import Row
from infra.session import Session
from infra.sql import statements
from infra.submissions import name_tags

SQL = statements("histories")
_PAGE = 500
"""People read at a time: memory holds as many histories, however long the log is."""
_decode_person = msgspec.json.Decoder(Person).decode

History = list[Known | AlertRaised | AlertWithdrawn | AlertEscalated]
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

        Names are compared by the tags that decisions use, made anew from what is sealed; of the erased nobody knows them.
        Raises `WrongKeyError`.
        """
        after = b""
        while True:
            with self._database.transaction() as connection:
                page = connection.execute(SQL["retirees_page"], {"after": after, "limit": _PAGE}).fetchall()
                streams = self._read(connection, page) if page else {}
            if not page:
                return
            found = ((stream, self._history(stream, key, streams.get(stream, []))) for _, stream, _, key in page)
            yield len(page), [(stream, history) for stream, history in found if any(_facts(history))]
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

    def _history(self, retiree: UUID, wrapped: bytes | None, events: Sequence[Event]) -> History:
        facts = [event for event in events if isinstance(event, FactPublished)]
        if wrapped is None:
            names: Iterator[str | None] = iter([None] * len(facts))
        else:
            opened = self._keys.open_all([(retiree, wrapped, fact.sealed) for fact in facts])
            names = iter(name_tags(self._keys, [_decode_person(plain) for plain in opened]))
        told = [event.known(next(names)) if isinstance(event, FactPublished) else event for event in events]
        return [one for one in told if isinstance(one, Known | AlertRaised | AlertWithdrawn | AlertEscalated)]


def _facts(history: Iterable[object]) -> Iterator[bool]:
    return (isinstance(one, Known) for one in history)
