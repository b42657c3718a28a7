"""Read models folded from the log by the pure functions, in memory: nothing is stored, nothing of the views is believed.

Memory holds a part at a time, of the log and of the view alike. What is written once follows from one entry, so it goes page by page
of the log; what is kept of a retiree follows from one stream, so it goes by ranges of ids; alerts go by shares of what is told of
them. Of one retiree, and of few, only the streams that bear on them are read.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql

from domain.history import Entry
from infra.database import Database
from infra.folding import Owns, share
from infra.log_until import OF_ALERTS, PAGE, LogUntil, Range
from projections import ALERT_INBOX, ROSTER, ReadModel

A_SHARE = 100_000
"""Events of the log for each range of ids, and for each share of the alerts."""
_ROSTERS = 4
"""Rosters alone take so many times less memory than all that is kept of a retiree."""
FEW = 5_000
"""So many people are replayed by their streams; of more the whole log is."""
Say = Callable[[int, int], None]
"""Told how much is done, of how much."""


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


class _Part(NamedTuple):
    """Rows of a read model that stand for themselves, and which rows of the view are to be the same ones."""

    model: ReadModel
    rows: dict[Any, Any]
    where: sql.Composable = sql.SQL("true")
    owns: Owns = lambda _: True


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
        say: Say = lambda _done, _of: None,
    ) -> None:
        self._database = database
        self._models = models
        self._log = LogUntil(database, until)
        self._retiree = retiree
        self._community = community
        self._people: set[UUID] | None = None
        self._say = say
        self._ranges = _ranges(until // A_SHARE + 1)

    def rows(self) -> Iterator[Row]:
        """Every row that follows from the log."""
        for part in self._parts():
            for key, row in part.rows.items():
                yield Row(part.model, key, row, None)

    def compared(self) -> Iterator[Row]:
        """Every row that follows from the log or stands in the views as they were known at the position; those that differ, too."""
        for part in self._parts():
            for seen in self._seen(part.model, part.where):
                key = getattr(seen, part.model.row.__struct_fields__[0])
                if part.owns(key) and self._wanted(seen):
                    yield Row(part.model, key, part.rows.pop(key, None), seen)
            for key, row in part.rows.items():
                yield Row(part.model, key, row, None)

    def _parts(self) -> Iterator[_Part]:
        self._people = self._served() if self._community else {self._retiree} if self._retiree else None
        models = [model for model in self._models if self._people is None or "retiree" in model.row.__struct_fields__]
        if self._people is not None and len(self._people) <= FEW:
            where = sql.SQL("retiree = any({})").format(sql.Literal(list(self._people)))
            for model, rows in folded(models, [self._log.of_some(self._people)], lambda _: True):
                yield _Part(model, self._only_wanted(rows), where)
            return
        once = [model for model in models if model.once]
        of_streams = [model for model in models if model.row.__struct_fields__[0] == "retiree"]
        others = [model for model in models if model not in (*once, *of_streams, ALERT_INBOX)]
        steps = _Steps(self._say, self._log.until, bool(once or others), len(of_streams) and len(self._ranges))
        yield from self._by_pages(once, others, steps)
        for within in self._ranges if of_streams else ():
            where = sql.SQL("retiree between {} and {}").format(sql.Literal(within.first), sql.Literal(within.last))
            for model, rows in folded(of_streams, self._log.of_range(within), within.__contains__):
                yield _Part(model, self._only_wanted(rows), where, within.__contains__)
            steps.of_range()
        if ALERT_INBOX in models:
            for number in range(len(self._ranges)):
                owns = share(number, len(self._ranges))
                for model, rows in folded([ALERT_INBOX], self._log.pages(OF_ALERTS), owns):
                    yield _Part(model, self._only_wanted(rows), owns=owns)

    def _by_pages(self, once: Sequence[ReadModel], others: Sequence[ReadModel], steps: "_Steps") -> Iterator[_Part]:
        """What is written once, by its positions; with it what is of no retiree, which is little."""
        held = [(model, dict[Any, Any]()) for model in others]
        after = 0
        for page in self._log.pages() if once or others else ():
            for model, rows in held:
                _fold(model, rows, page, lambda _: True)
            last = page[-1].position
            for model, rows in folded(once, [page], lambda _: True):
                where = sql.SQL("position > {} and position <= {}").format(sql.Literal(after), sql.Literal(last))
                yield _Part(model, self._only_wanted(rows), where)
            after = last
            steps.of_log(last)
        for model in once:  # nothing follows from the log there
            outside = sql.SQL("(position > {} or position < 1)").format(sql.Literal(after))
            yield _Part(model, {}, outside)
        for model, rows in held:
            yield _Part(model, {key: row for key, row in rows.items() if row is not None})

    def _only_wanted(self, rows: dict[Any, Any]) -> dict[Any, Any]:
        return rows if self._people is None else {key: row for key, row in rows.items() if self._wanted(row)}

    def _wanted(self, row: Any) -> bool:
        return self._people is None or row.retiree in self._people

    def _served(self) -> set[UUID]:
        """Those whom the division has or serves, by the roster as the log has it."""
        code, found = self._community, set[UUID]()
        ranges = _ranges(len(self._ranges) // _ROSTERS + 1)
        for number, within in enumerate(ranges, start=1):
            for _, rows in folded([ROSTER], self._log.of_range(within), within.__contains__):
                found |= {
                    row.retiree
                    for row in rows.values()
                    if row.registered and (row.community.startswith(code) or row.serving.startswith(code))
                }
            self._say(number, len(ranges))
        return found

    def _seen(self, model: ReadModel, where: sql.Composable) -> Iterator[Any]:
        """Rows of a view as it was known at the position."""
        fields = model.row.__struct_fields__
        query = sql.SQL("select {} from {} where {}").format(
            sql.SQL(", ").join(map(sql.Identifier, fields)), sql.Identifier("known", model.table), where
        )
        with self._database.transaction() as connection:
            connection.execute("select set_config('changqing.known_at', %s, true)", [str(self._log.until)])
            with connection.cursor("seen") as cursor:
                cursor.itersize = PAGE
                cursor.execute(query)
                while page := list(islice(cursor, PAGE)):
                    for values in page:
                        yield model.row(**dict(zip(fields, values, strict=True)))


def _ranges(so_many: int) -> list[Range]:
    return [Range(number, so_many) for number in range(so_many)]


class _Steps:
    """How much of a whole replay is done: events of the log read once for what goes by pages, and once for what goes by ranges."""

    def __init__(self, say: Say, until: int, pages: bool, ranges: int) -> None:  # noqa: FBT001 - of one caller
        self._say = say
        self._until = until
        self._pages = until if pages else 0
        self._ranges = ranges
        self._done = 0

    def of_log(self, position: int) -> None:
        """Read up to a position."""
        self._say(position, self._of)

    def of_range(self) -> None:
        """One more range is done."""
        self._done += 1
        self._say(self._pages + self._until * self._done // self._ranges, self._of)

    @property
    def _of(self) -> int:
        return self._pages + (self._until if self._ranges else 0)


def folded(
    models: Sequence[ReadModel], pages: Iterable[Iterable[Entry]], owns: Owns
) -> list[tuple[ReadModel, dict[Any, Any]]]:
    """The rows of some read models by the pure folds alone, of the keys that are owned."""
    held: list[tuple[ReadModel, dict[Any, Any]]] = [(model, {}) for model in models]
    for page in pages:
        for model, rows in held:
            _fold(model, rows, page, owns)
    return [(model, {key: row for key, row in rows.items() if row is not None}) for model, rows in held]


def _fold(model: ReadModel, rows: dict[Any, Any], page: Iterable[Entry], owns: Owns) -> None:
    for entry in page:
        for key in model.keys(entry):
            if owns(key):
                rows[key] = model.fold(key, rows.get(key), entry)
