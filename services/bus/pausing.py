"""Pausing and resuming the intake from the bus, and how it stands: what `changqing intake-…` does."""

from collections.abc import Sequence
from contextlib import closing

import msgspec
import typer
from msgspec import Struct

from domain.facts import Department
from domain.pausing import IntakePaused, IntakeResumed
from infra.bus import BusError
from infra.database import Database
from infra.ledger import append_plain
from infra.pausing import INTAKE, PausesRead
from services import bootstrap
from services.bus.outgoing import INTAKE_GROUP, intake_topic
from services.settings import Settings


class Standing(Struct, frozen=True, kw_only=True):
    """How the intake of one department stands. `lag`: messages that wait in Kafka; None when it cannot be asked."""

    department: Department
    paused: bool
    by: str = ""
    reason: str = ""
    lag: int | None = None


def pause(database: Database, departments: Sequence[Department], by: str, reason: str) -> None:
    """Let the intake of departments rest; workers see it within a second. Raises `DatabaseError`."""
    with database.transaction() as connection:
        append_plain(connection, INTAKE, IntakePaused(departments=tuple(departments), by=by, reason=reason))


def resume(database: Database, departments: Sequence[Department], by: str) -> None:
    """Let it go on. Raises `DatabaseError`."""
    with database.transaction() as connection:
        append_plain(connection, INTAKE, IntakeResumed(departments=tuple(departments), by=by))


def operated() -> Database:
    """The database of the settings, for an operator's command. Raises `SettingsError`."""
    return Database(Settings.read().database_url)


def standings(settings: Settings) -> list[Standing]:
    """How the intake of every department stands. Raises `DatabaseError`."""
    with closing(Database(settings.database_url, archive=settings.changqing_archive)) as database:
        pauses = PausesRead(database).look()
    try:
        lag = bootstrap.bus(settings).lag(INTAKE_GROUP, map(intake_topic, Department))
    except BusError:
        lag = {}
    found = []
    for department in Department:
        pause = pauses.get(department)
        told = {"by": pause.by, "reason": pause.reason} if pause else {}
        found.append(
            Standing(department=department, paused=pause is not None, lag=lag.get(intake_topic(department)), **told)
        )
    return found


def show(settings: Settings, *, as_json: bool) -> None:
    """Print how the intake stands."""
    found = standings(settings)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    for one in found:
        state = f"暂停 paused: {one.reason} ({one.by})" if one.paused else "收取 taken in"
        waiting = "?" if one.lag is None else str(one.lag)
        typer.echo(f"{one.department:<18} {waiting:>8} 待收 waiting  {state}")
