"""The outbox: events that wait for their receipts, in a file of SQLite that outlives whatever happens to the process.

An event is in it, numbered and signed, before it is sent, and its bytes leave it with the receipt: the file holds people
for as long as they wait, and is its owner's alone to read. Order is kept. A crash at any line leaves events that are sent
once more, which the ledger knows by source and id.
"""

import os
import re
import secrets
import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec
from msgspec.structs import replace

from domain.refusals import Refused
from services.client.channel import Waiting
from services.client.errors import ClientError, OutboxBusyError
from services.client.events import MATERIAL, SEQUENCE, Event, content_id, digest_of, ordering_key
from services.client.receipts import Receipt
from services.client.reports import REPORTS

_VERSION: Final = 1
_SCHEMA: Final = """
create table secret (value blob not null) strict;
create table source (name text primary key, last integer not null) strict, without rowid;
create table event (
    number integer primary key autoincrement, -- the order, never used twice
    source text not null,
    id text not null,
    digest blob not null, -- of the content, to know a repeat from a conflict
    sequence integer, -- its place among those of its source, where they are numbered
    key text not null, -- Kafka's
    body blob, -- as it is sent, null once it is answered
    status text not null, -- waiting, or the receipt's
    receipt blob, -- while it waits, that of the refused content whose place it took
    unique (source, id)
) strict;
create index waiting on event (number) where body is not null;
"""

_LIMIT: Final = 2**63
"""Numbers from here on SQLite has no room for; no ledger takes any of that size."""
_DIGITS = re.compile(r"[0-9]{1,64}").fullmatch

_WAITING: Final = "waiting"
_REFUSED: Final = "refused"

Sign = Callable[[Event], Event]


class Again(StrEnum):
    """What is sent once more although it has a receipt."""

    NOTHING = "nothing"
    REFUSED = "refused"
    EVERYTHING = "everything"


class Standing(NamedTuple):
    """An event that was put in; its receipt, None while it waits."""

    source: str
    id: str
    receipt: Receipt | None


class Outbox:
    """An outbox in a file, or in memory only when there is none. Exactly one process has a file at a time; one thread."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises `OutboxBusyError` when another process has it, `ClientError` when it is no outbox or cannot be written."""
        self.path = path
        self._lock = _locked(path) if path else None
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
            self._open()
        except (sqlite3.Error, ClientError) as error:
            self.close()
            raise ClientError(f"{path} cannot be used as an outbox: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if hasattr(self, "_db"):
            self._db.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def keeps(self) -> bool:
        """Whether what waits is there after the process."""
        return self.path is not None

    def put(
        self,
        events: Sequence[Event],
        *,
        sign: Sign | None = None,
        numbered: bool = False,
        again: Again = Again.REFUSED,
        whole: bool = False,
    ) -> list[int | Refused]:
        """Put events at the end, all on disk when this returns; the number of each, or why it cannot be sent at all.

        One that is there already keeps its number and its sequence, and waits anew if `again` says so. Other content
        under the same id is a conflict, unless the ledger refused what was there: then it takes that one's place, as a
        submission of its own. `numbered`: those without a `sequence` get the next of their source. `whole`: all of them
        or none; raises the first `Refused`.
        """
        with self._transaction():
            put = [self._put(event, sign, again, numbered=numbered) for event in events]
            if whole and (no := next((one for one in put if isinstance(one, Refused)), None)):
                raise no
        return put

    def waiting(self, most: int, most_bytes: int, after: int = 0) -> list[Waiting]:
        """The first events without a receipt behind number `after`, in order; at least one if there is any."""
        found: list[Waiting] = []
        size = 0
        query = """select number, source, id, key, body, receipt from event
            where body is not null and number > ? order by number limit ?"""
        with self._reading():
            for number, source, id_, key, body, before in self._db.execute(query, (after, most)):
                one = Waiting(number, source, id_, key, body, _position(before))
                size += len(one.body) + 1
                if found and size > most_bytes:
                    break
                found.append(one)
        return found

    def answered(self, receipts: Sequence[tuple[int, Receipt]]) -> None:
        """Keep the receipts of events by their numbers; their bytes are gone then."""
        rows = [(receipt.status, msgspec.json.encode(receipt), number) for number, receipt in receipts]
        with self._transaction():
            self._db.executemany("update event set status = ?, receipt = ?, body = null where number = ?", rows)

    def drop(self, source: str, id_: str) -> bool:
        """Give up an event that waits and cannot be answered; whether it was there. Its sequence stays used: report it as such."""
        with self._transaction():
            gone = self._db.execute(
                "delete from event where source = ? and id = ? and body is not null", (source, id_)
            ).rowcount
        return bool(gone)

    def standing(self, number: int) -> Standing:
        """How it stands with an event, by the number that `put` gave it. `KeyError` when another took its place since."""
        row = self._row("select source, id, body, receipt from event where number = ?", number)
        if row is None:
            raise KeyError(number)
        source, id_, body, receipt = row
        with self._reading():
            return Standing(source, id_, msgspec.json.decode(receipt, type=Receipt) if body is None else None)

    def find(self, source: str, id_: str) -> Receipt | None:
        """The receipt of an event by source and id; None while it waits, or when it never was here."""
        row = self._row("select number from event where source = ? and id = ?", source, id_)
        return self.standing(row[0]).receipt if row else None

    def numbers(self) -> "array[int]":
        """The numbers of the events that wait, in order."""
        with self._reading():
            rows = self._db.execute("select number from event where body is not null order by number")
            return array("q", (number for (number,) in rows))

    def left(self) -> int:
        """How many events have no receipt yet."""
        row = self._row("select count(*) from event where body is not null")
        return int(row[0]) if row else 0

    def last_sequence(self, source: str) -> int:
        """The last number given to an event of a source, 0 before the first."""
        row = self._row("select last from source where name = ?", source)
        return int(row[0]) if row else 0

    def number_after(self, source: str, last: int) -> None:
        """Go on numbering a source behind `last`, where another outbox or program had come to. Never goes back."""
        with self._transaction():
            self._raise_to(source, last)

    # ---

    def _put(self, event: Event, sign: Sign | None, again: Again, *, numbered: bool) -> int | Refused:
        try:
            event = self._identified(event)
            digest = digest_of(event)
            found = self._db.execute(
                "select number, digest, sequence, status, receipt from event where source = ? and id = ?",
                (event.source, event.id),
            ).fetchone()
            number, same, sequence, status, receipt = found or (None, digest, None, "", None)
            instead = None
            if digest != same:
                if status != _REFUSED:
                    return Refused("id-conflict", "id", "the outbox has this id with other content")
                sequence = None  # other content under a number that was used would be a fork
                instead = receipt
            elif number is not None and not _goes_again(status, again):
                return int(number)
            sequence = self._sequence(event, sequence, numbered=numbered)
            return self._write(number, event, digest, sequence, sign, instead)
        except Refused as refused:
            return refused

    def _write(
        self,
        before: int | None,
        event: Event,
        digest: bytes,
        sequence: int | None,
        sign: Sign | None,
        instead: bytes | None,
    ) -> int:
        """Write an event at the end, in the place of the one that was number `before`: what came behind that is gone long ago."""
        if sequence is not None and SEQUENCE not in event.attributes:
            event = event.with_attribute(SEQUENCE, f"{sequence:019d}")  # padded: it is compared as a text
        sent = sign(event) if sign else event
        body, key = sent.json(), ordering_key(self._secret, event)
        if before is not None:
            self._db.execute("delete from event where number = ?", (before,))
        added = self._db.execute(
            """insert into event (source, id, digest, sequence, key, body, status, receipt)
            values (?, ?, ?, ?, ?, ?, ?, ?)""",
            (event.source, event.id, digest, sequence, key, body, _WAITING, instead),
        )
        if sequence is not None:
            self._raise_to(event.source, sequence)
        assert added.lastrowid is not None
        return added.lastrowid

    def _identified(self, event: Event) -> Event:
        """The event with an id; one made of its content comes out the same for as long as this outbox is kept."""
        if event.id:
            return event
        if not self.keeps:
            raise Refused(
                "not-cloudevents", "id", "an id is made of the content only where an outbox file keeps the secret"
            )
        return replace(event, id=content_id(self._secret, event))

    def _sequence(self, event: Event, before: int | None, *, numbered: bool) -> int | None:
        given = event.attributes.get(SEQUENCE)
        if given is not None:
            number = int(given) if _DIGITS(str(given)) else _LIMIT  # padded as ours are, perhaps
            return number if number < _LIMIT else None
        if before is not None or not numbered or event.type in REPORTS or MATERIAL in event.attributes:
            return before  # what is signed stays as it is
        return self.last_sequence(event.source) + 1

    def _raise_to(self, source: str, last: int) -> None:
        self._db.execute(
            "insert into source values (?, ?) on conflict (name) do update set last = max(last, excluded.last)",
            (source, last),
        )

    def _open(self) -> None:
        for pragma in ("journal_mode = wal", "synchronous = full", "secure_delete = on", "temp_store = memory"):
            self._db.execute(f"pragma {pragma}")
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version == 0:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute("insert into secret values (?)", (secrets.token_bytes(32),))
                self._db.execute(f"pragma user_version = {_VERSION}")
        elif version != _VERSION:
            raise ClientError(f"it is of version {version}, and this program knows {_VERSION}")
        elif (found := self._db.execute("pragma quick_check(1)").fetchone()[0]) != "ok":
            # Half of it may read well: going on would send that half, and number anew what the other half held.
            raise ClientError(f"it is damaged, go back to a copy of it: {' '.join(found.split())}")
        (self._secret,) = self._db.execute("select value from secret").fetchone()

    def _row(self, query: str, *given: int | str) -> tuple[Any, ...] | None:
        with self._reading():
            row: tuple[Any, ...] | None = self._db.execute(query, given).fetchone()
            return row

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:  # a page that went bad, for one
            raise ClientError(f"{self.path} cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("begin immediate")
            yield
            self._db.execute("commit")
        except sqlite3.Error as error:  # a full disk, for one
            self._roll_back()
            raise ClientError(f"{self.path} cannot be written: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")


def _goes_again(status: str, again: Again) -> bool:
    """Whether what stands so waits anew; what waits already does so where it stands."""
    return status != _WAITING and (again is Again.EVERYTHING or (again is Again.REFUSED and status == _REFUSED))


def _position(receipt: bytes | None) -> int:
    """Where the log tells of what a receipt is about, 0 where that is not known."""
    return (msgspec.json.decode(receipt, type=Receipt).position or 0) if receipt else 0


def _locked(path: Path) -> int:
    """Make sure of being the only one, and that nobody else can read it.

    The lock is a file of its own: closing any handle of the outbox would let go of SQLite's own locks on it.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ClientError(f"{path} cannot be used as an outbox: {error.strerror}") from None
    try:
        flock(lock, LOCK_EX | LOCK_NB)
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite's other files follow it
        path.chmod(0o600)
    except BlockingIOError:
        os.close(lock)
        raise OutboxBusyError(f"another process has the outbox {path}") from None
    except OSError as error:
        os.close(lock)
        raise ClientError(f"{path} cannot be used as an outbox: {error.strerror}") from None
    return lock
