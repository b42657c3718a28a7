"""How far each follower of the log is, how far behind, and where one stopped because it could not go on."""

from contextlib import suppress
from datetime import datetime

import structlog
from msgspec import Struct

from infra import log
from infra.database import Database, DatabaseError
from infra.sql import statements

SQL = statements("followers")
USUAL = ("relay", "sources", "views")
"""The followers that every installation has, whether they have begun or not."""
_LONGEST = 300
_logger = structlog.get_logger()


class Stop(Struct, frozen=True, kw_only=True):
    """The entry a follower stopped before: its position and stored name, what went wrong, and since when."""

    position: int
    name: str
    error: str
    since: datetime


class Following(Struct, frozen=True, kw_only=True):
    """A follower. `events`: still to be done; `seconds`: since the first of them was recorded, 0 when none is left."""

    follower: str
    position: int
    events: int
    seconds: float
    stopped: Stop | None = None


class StoppedError(RuntimeError):
    """A follower met an entry that it can do nothing with; nothing is passed over, so it ends there."""


def following(database: Database) -> list[Following]:
    """Every follower, by name."""
    found = []
    with database.transaction() as connection:
        for follower, come, at, name, error, since, now, head in connection.execute(
            SQL["followers"], {"usual": list(USUAL)}
        ).fetchall():
            position = come or 0
            first = log.read(connection, position, 1) if position < head else []
            found.append(
                Following(
                    follower=follower,
                    position=position,
                    events=max(0, head - position),
                    seconds=max(0.0, (now - first[0].recorded_at).total_seconds()) if first else 0.0,
                    stopped=None if at is None else Stop(position=at, name=name, error=error, since=since),
                )
            )
    return found


def stopped(database: Database, follower: str, position: int, name: str, error: Exception) -> StoppedError:
    """Say and remember that a follower stops before an entry; what it is to raise."""
    said = f"{type(error).__name__}: {error}"[:_LONGEST]
    _logger.error(
        "stops before an entry it can do nothing with", follower=follower, position=position, name=name, error=said
    )
    with suppress(DatabaseError), database.transaction() as connection:
        given = {"follower": follower, "position": position, "name": name, "error": said}
        connection.execute(SQL["stop_save"], given)
    return StoppedError(
        f"跟随者 {follower} 停在位置 {position}（{name}）之前。The follower {follower} stopped before position {position}, {name}: {said}"
    )


def goes_on(database: Database, follower: str) -> None:
    """A follower has passed what it stopped at."""
    with database.transaction() as connection:
        connection.execute(SQL["stop_end"], {"follower": follower})
