"""The watch over reading: folds looks and refusals into what is usual, and tells the log what is not. All in one transaction with its position."""

from collections.abc import Sequence
from datetime import date

import msgspec
from eventsourcing.persistence import Tracking

from domain.disclosures import UnusualAccessFlagged
from domain.history import Entry
from domain.unusual import Habit, Readers, Reading, after, after_of, reading
from infra import codec
from infra.database import Database
from infra.log import append_all, stream_of
from infra.recorder import LedgerRecorder
from infra.session import Session
from infra.sql import statements
from infra.views import APPLICATION

SQL = statements("habits")
_habit = msgspec.json.Decoder(Habit).decode
_readers = msgspec.json.Decoder(Readers).decode


class Habits:
    """One watch. A crash leaves neither a flag nor a count, or both."""

    def __init__(self, database: Database, follower: str = "reading") -> None:
        self.database = database
        self._recorder = LedgerRecorder(database, follower)
        self._day = date.min

    def position(self) -> int:
        """The position up to which everything was read."""
        return self._recorder.max_tracking_id(APPLICATION) or 0

    def handle(self, entries: Sequence[Entry]) -> None:
        """Fold entries, and tell of what is unusual. `IntegrityError` when another one read them."""
        readings = [one for entry in entries if (one := reading(entry))]
        with self.database.transaction() as connection:
            self._recorder.track(connection, Tracking(APPLICATION, entries[-1].position), after=entries[0].position - 1)
            if readings:
                self._fold(connection, readings)

    def _fold(self, connection: Session, readings: Sequence[Reading]) -> None:
        keys = {_account(one) for one in readings} | {f"retiree {one.retiree}" for one in readings if one.retiree}
        held: dict[str, bytes] = dict(connection.execute(SQL["habits_find"], {"keys": list(keys)}).fetchall())
        habits = {key: _habit(state) for key, state in held.items() if not key.startswith("retiree ")}
        readers = {key: _readers(state) for key, state in held.items() if key.startswith("retiree ")}
        flags: list[UnusualAccessFlagged] = []
        for one in readings:
            habits[_account(one)], found = after(habits.get(_account(one)), one)
            flags += found
            if one.retiree:
                key = f"retiree {one.retiree}"
                readers[key], found = after_of(readers.get(key), one)
                flags += found
        states = {key: msgspec.json.encode(state).decode() for key, state in (*habits.items(), *readers.items())}
        connection.execute(SQL["habits_save"], {"keys": list(states), "states": list(states.values())})
        if (
            readings[-1].day > self._day
        ):  # who read whom on a day is over with it; forgotten once a day, and after a start
            self._day = readings[-1].day
            connection.execute(SQL["readers_forget"], {"day": self._day.isoformat()})
        if flags:
            stream = stream_of("unusual-access")
            append_all(connection, [(stream, codec.stored_name(one), codec.encode(one)) for one in flags])


def _account(one: Reading) -> str:
    return f"account {one.department} {one.actor}"
