"""Read models folded from the log by the pure functions, in memory: nothing is stored, nothing of the views is believed.

Of everybody it is done share by share of the keys, each in a pass of its own over the log, so that memory holds the rows
of one share. Of one retiree only the streams that bear on that one are read.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql

from domain.history import STORED_NAMES, Entry, FactMoved, FactPublished
from domain.links import RecordsJoined, RecordsParted
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.database import Database
from infra.folding import Owns, share
from projections import ROSTER, ReadModel

A_SHARE = 300_000
"""Events of the log for each share of the keys."""
PAGE = 5_000
_OF_RETIREES = (FactPublished, FactMoved, RecordsJoined, RecordsParted, AlertRaised, AlertWithdrawn, AlertEscalated)
_OF_OTHERS = [name for name, kind in STORED_NAMES.items() if kind not in _OF_RETIREES]
"""What stands in streams that are no retiree's; some of it names retirees."""


class Row(NamedTuple):
    """A row of a read model by its key: as the log has it, as the view has it, None where it has none."""

    model: ReadModel
    key: Any
    folded: Any
    seen: Any

    @property
    def differs(self) -> list[str]:
        """The fields in which the two are not the same; all where there is but one."""
        fields = self.model.row.__struct_fields__
        if self.folded is None or self.seen is None:
            return list(fields)
        return [field for field in fields if getattr(self.folded, field) != getattr(self.seen, field)]


class Replay:
    """The log up to a position, for some read models; `retiree`: of one alone, `community`: of those a division code has."""

    def __init__(
        self,
        database: Database,
        models: Sequence[ReadModel],
        until: int,
        *,
        retiree: UUID | None = None,
        community: str = "",
    ) -> None:
        self._database = database
        self._models = models
        self._until = until
        self._retiree = retiree
        self._community = community

    def rows(self) -> Iterator[Row]:
        """Every row that follows from the log."""
        for model, rows, _ in self._shares():
            for key, row in rows.items():
                yield Row(model, key, row, None)

    def compared(self) -> Iterator[Row]:
        """Every row that follows from the log or stands in the views as they were known at the position; those that differ, too."""
        for model, rows, owns in self._shares():
            for seen in self._seen(model):
                key = getattr(seen, model.row.__struct_fields__[0])
                if owns(key) and self._wanted(seen):
                    yield Row(model, key, rows.pop(key, None), seen)
            for key, row in rows.items():
                yield Row(model, key, row, None)

    def _shares(self) -> Iterator[tuple[ReadModel, dict[Any, Any], Owns]]:
        self._people = self._served() if self._community else {self._retiree} if self._retiree else None
        models = [model for model in self._models if self._people is None or "retiree" in model.row.__struct_fields__]
        shares = 1 if self._retiree else self._until // A_SHARE + 1
        for number in range(shares):
            owns = share(number, shares)
            for model, rows in folded(models, self._entries(), owns):
                yield model, {key: row for key, row in rows.items() if self._wanted(row)}, owns

    def _wanted(self, row: Any) -> bool:
        return self._people is None or row.retiree in self._people

    def _served(self) -> set[UUID]:
        """Those whom the division has or serves, by the roster as the log has it."""
        shares = self._until // A_SHARE + 1
        found = (
            row for number in range(shares) for _, rows in folded([ROSTER], self._entries(), share(number, shares))
            for row in rows.values()
        )  # fmt: skip
        code = self._community
        return {
            row.retiree
            for row in found
            if row.registered and (row.community.startswith(code) or row.serving.startswith(code))
        }

    def _entries(self) -> Iterator[list[Entry]]:
        if self._retiree:
            yield self._of_one(self._retiree)
            return
        after = 0
        while after < self._until:
            with self._database.transaction() as connection:
                rows = log.read(connection, after, PAGE, until=self._until)
            if not rows:
                return
            yield codec.entries(rows)
            after = rows[-1].position

    def _of_one(self, retiree: UUID) -> list[Entry]:
        """What bears on one retiree: the streams of all the records that were ever one with that one's, and what names them elsewhere."""
        entries: dict[int, Entry] = {}
        streams, read = [retiree], set[UUID]()
        with self._database.transaction() as connection:
            while streams:
                stream = streams.pop()
                read.add(stream)
                found = codec.entries(log.read_stream(connection, stream))
                entries |= {entry.position: entry for entry in found}
                joined = {entry.event.other for entry in found if isinstance(entry.event, RecordsJoined)}
                streams += [other for other in joined if other not in read and other not in streams]
            after = 0
            while rows := log.read(connection, after, PAGE, until=self._until, names=_OF_OTHERS):
                entries |= {entry.position: entry for entry in codec.entries(rows)}
                after = rows[-1].position
        return [entries[position] for position in sorted(entries) if position <= self._until]

    def _seen(self, model: ReadModel) -> Iterator[Any]:
        """The rows of a view as it was known at the position."""
        fields = model.row.__struct_fields__
        query = sql.SQL("select {} from {}").format(
            sql.SQL(", ").join(map(sql.Identifier, fields)), sql.Identifier("known", model.table)
        )
        if self._people is not None:
            query += sql.SQL(" where retiree = any({})").format(sql.Literal(list(self._people)))
        with self._database.transaction() as connection:
            connection.execute("select set_config('changqing.known_at', %s, true)", [str(self._until)])
            with connection.cursor("seen") as cursor:
                cursor.itersize = PAGE
                cursor.execute(query)
                while page := list(islice(cursor, PAGE)):
                    for values in page:
                        yield model.row(**dict(zip(fields, values, strict=True)))


def folded(
    models: Sequence[ReadModel], pages: Iterable[Iterable[Entry]], owns: Owns
) -> list[tuple[ReadModel, dict[Any, Any]]]:
    """The rows of some read models by the pure folds alone, of the keys that are owned."""
    held: list[tuple[ReadModel, dict[Any, Any]]] = [(model, {}) for model in models]
    for page in pages:
        for entry in page:
            for model, rows in held:
                for key in model.keys(entry):
                    if owns(key):
                        rows[key] = model.fold(key, rows.get(key), entry)
    return [(model, {key: row for key, row in rows.items() if row is not None}) for model, rows in held]
