"""The log up to a position, read in the ways that a replay wants it: whole, by ranges of streams, by names, and of some retirees."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from domain.facts import LIFE_EVENTS
from domain.facts.answers import Answer
from domain.history import STORED_NAMES, Entry, FactMoved, FactPublished
from domain.links import RecordsJoined, RecordsParted
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.database import Database
from infra.row import Row
from infra.sql import statements
from infra.upcasting import UPCASTERS

SQL = statements("replay")
PAGE = 5_000
_ALERTS = (AlertRaised, AlertWithdrawn, AlertEscalated)
_OF_RETIREES = (FactPublished, FactMoved, RecordsJoined, RecordsParted, *_ALERTS)
_HIGHEST = (1 << 128) - 1


def _with_older(names: Iterable[str]) -> list[str]:
    """Stored names, and those under which older versions stored the same."""
    found = set(names)
    while older := {old for old, one in UPCASTERS.items() if one.becomes in found} - found:
        found |= older
    return sorted(found)


OF_OTHERS = _with_older(name for name, kind in STORED_NAMES.items() if kind not in _OF_RETIREES)
"""What stands in streams that are no retiree's; some of it names retirees."""
OF_ALERTS = _with_older(
    [name for name, kind in STORED_NAMES.items() if kind in _ALERTS]
    + [name for name, fact in LIFE_EVENTS.items() if issubclass(fact, Answer)]
)
"""What is told of alerts."""


class Range:
    """One of several ranges of ids that together are all."""

    def __init__(self, number: int, of: int) -> None:
        self.first = UUID(int=(_HIGHEST + 1) * number // of)
        self.last = UUID(int=(_HIGHEST + 1) * (number + 1) // of - 1)

    def __contains__(self, key: UUID) -> bool:
        return self.first <= key <= self.last


class LogUntil:
    """The log up to a position."""

    def __init__(self, database: Database, until: int) -> None:
        self._database = database
        self.until = until

    def pages(self, names: Sequence[str] = (), within: Range | None = None) -> Iterator[list[Entry]]:
        """All of it in its order, a page at a time; only some names, or only the streams of a range."""
        after = 0
        while after < self.until:
            with self._database.transaction() as connection:
                rows = log.read(connection, after, PAGE, until=self.until, names=names)
            if not rows:
                return
            after = rows[-1].position
            yield codec.entries([row for row in rows if within is None or row.stream in within])

    def of_range(self, within: Range) -> Iterator[list[Entry]]:
        """The streams of a range of ids, by their index; where some of the log is archived, out of all of it."""
        with self._database.transaction() as connection:
            (in_files,) = connection.execute(SQL["in_files"]).fetchone() or (False,)
            if not in_files:
                given = {"first": within.first, "last": within.last, "until": self.until}
                with connection.cursor("of_range") as cursor:
                    cursor.itersize = PAGE
                    cursor.execute(SQL["of_streams"], given, binary=True)
                    while page := cursor.fetchmany(PAGE):
                        yield codec.entries([Row(*row) for row in page])
                return
        yield from self.pages(within=within)

    def of_some(self, retirees: Iterable[UUID]) -> list[Entry]:
        """What bears on some retirees: the streams of all the records that were ever one with theirs, and what names them elsewhere."""
        entries: dict[int, Entry] = {}
        streams = list(dict.fromkeys(retirees))
        known = set(streams)
        with self._database.transaction() as connection:
            while streams:
                found = codec.entries(log.read_stream(connection, streams.pop()))
                entries |= {entry.position: entry for entry in found}
                joined = {entry.event.other for entry in found if isinstance(entry.event, RecordsJoined)}
                streams += joined - known
                known |= joined
        for page in self.pages(OF_OTHERS):
            entries |= {entry.position: entry for entry in page}
        return [entries[position] for position in sorted(entries) if position <= self.until]
