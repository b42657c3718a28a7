"""Dead letters as they stand: found, opened, and brought to an end, which the log is told in the same transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import dict_row

from domain.disclosures import DataDisclosed
from domain.dispositions import DeadLetterClosed
from domain.facts import Department
from domain.history import Receipt, Taken
from infra.database import HELD_SECONDS, Database
from infra.keys import KeyRing
from infra.ledger import append_plain
from infra.log import stream_of
from infra.reading import Reading, Transactions, Who
from infra.refused import SQL, Original

State = Literal["waiting", "replayed", "mended", "given-up"]


class Group(Struct, frozen=True, kw_only=True):
    """Letters of one failure of one department. `first`, `last`: when such letters came."""

    code: str
    path: str
    department: Department
    letters: int
    first: datetime
    last: datetime


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A letter. `position`: of the refusal in the log; `kept`: whether its bytes are here; `size`: in bytes; `successor`: the position of the fact that took its place."""

    place: str
    department: Department
    published_by: str
    channel: str
    topic: str | None
    partition: int | None
    offset: int | None
    size: int
    source: str | None
    id: str | None
    position: int
    recorded_at: datetime
    code: str
    path: str
    detail: str
    kept: bool
    state: State
    changed_at: datetime | None
    changed_by: str | None
    reason: str | None
    successor: int | None


class Wanted(Struct, frozen=True, kw_only=True):
    """Which letters: of a state; of a code, a path, a department where these are given."""

    state: State = "waiting"
    code: str | None = None
    path: str | None = None
    department: Department | None = None


class Letters:
    """The dead letters of a ledger."""

    def __init__(self, database: Database, keys: KeyRing, shown: Transactions | None = None) -> None:
        self._database = database
        self._keys = keys
        self._shown = shown or database

    def seen_by(self, who: Who) -> "Letters":
        """The same, of which only those are found that an account may see."""
        return Letters(self._database, self._keys, Reading(self._database, who))

    def groups(self, wanted: Wanted) -> list[Group]:
        """How many there are of each failure, the most first."""
        return [msgspec.convert(row, Group) for row in self._rows("letter_groups", msgspec.structs.asdict(wanted))]

    def page(self, wanted: Wanted, after: tuple[int, str] = (0, ""), limit: int = 200) -> list[DeadLetter]:
        """Letters in the order they came, after the position and place of one."""
        given = msgspec.structs.asdict(wanted) | {"after": after[0], "after_place": after[1], "limit": limit}
        return [msgspec.convert(row, DeadLetter) for row in self._rows("letter_page", given)]

    def find(self, place: str) -> DeadLetter | None:
        """The letter of a place."""
        rows = self._rows("letter_find", {"place": place})
        return msgspec.convert(rows[0], DeadLetter) if rows else None

    def original(self, place: str) -> Original | None:
        """The message as it came; None when it is not here (any more). Whoever shows it to somebody records that before."""
        (row,) = self._rows("letter_original", {"place": place}) or ({"sealed": None},)
        return _original(self._keys.open_letter(row["sealed"])) if row["sealed"] is not None else None

    def retiree(self, number: str) -> UUID | None:
        """Who has an identity number (in its normal form), if anybody here does."""
        rows = self._rows("retiree_of", {"tag": self._keys.tag("identity-number", number)})
        return rows[0]["retiree"] if rows else None

    @contextmanager
    def held(self, places: Iterable[str]) -> Iterator[None]:
        """Nobody else deals with these letters meanwhile: whoever wants to waits, `HELD_SECONDS` at the longest.

        A crash lets them go with its connection. It is not one of the pool's, where those who wait could use up all there are.
        """
        with self._database.own("changqing-dead-letters") as connection:
            connection.execute("select set_config('lock_timeout', %s, false)", [f"{HELD_SECONDS}s"])
            for place in sorted(places):  # in one order, so that no two wait for each other
                connection.execute(SQL["letter_hold"], {"place": place})
            yield

    def disclosed(self, place: str, disclosed: DataDisclosed) -> None:
        """Record that somebody is about to be shown a message."""
        with self._database.transaction() as connection:
            append_plain(connection, stream_of(f"dead-letter:{place}"), disclosed)

    def fails(self, place: str, by: str, code: str, path: str, detail: str) -> None:
        """Remember why it cannot be taken in now. The log was told by whoever tried."""
        given = {"place": place, "by": by, "code": code, "path": path, "detail": detail}
        with self._database.transaction() as connection:
            connection.execute(SQL["letter_fails"], given)

    def close(
        self,
        place: str,
        end: Literal["replayed", "mended", "given-up"],
        by: str,
        *,
        reason: str = "",
        receipt: Taken | None = None,
    ) -> bool:
        """Bring it to an end and let its bytes go; False when somebody else did before.

        A crash before the commit leaves it waiting, and the fact known: it is replayed once more, and closed then.
        """
        given: Mapping[str, Any] = {
            "place": place,
            "state": end,
            "by": by,
            "reason": reason or None,
            "successor": receipt and receipt.position,
        }
        with self._database.transaction() as connection:
            found = connection.execute(SQL["letter_close"], given).fetchone()
            if found:
                event = DeadLetterClosed(
                    place=place,
                    department=Department(found[0]),
                    end=end,
                    by=by,
                    reason=reason,
                    position=receipt.position if receipt else None,
                    retiree=receipt.retiree if isinstance(receipt, Receipt) else None,
                    source=receipt.source if receipt else None,
                    id=receipt.id if receipt else None,
                )
                append_plain(connection, stream_of(f"dead-letter:{place}"), event)
        return bool(found)

    def _rows(self, statement: str, given: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        with self._shown.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(SQL[statement], given).fetchall()


_original = msgspec.msgpack.Decoder(Original).decode
