"""`changqing disclosures`: who was shown or handed what, as lines of JSON for a SIEM or a file. No personal data is in them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event as Flag
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.disclosures import DataDelivered, DataDisclosed
from domain.history import Entry
from infra import codec, log
from infra.database import POLL_SECONDS, Database
from services.reading.ocsf import NAMES, ocsf
from services.settings import Settings

PAGE = 1_000


def show(after: int, *, as_ocsf: bool, follow: bool, stop: Flag) -> None:
    """Write them to standard output, a line each; with `follow` for ever. Raises `SettingsError`, `DatabaseError`."""
    settings = Settings.read()
    with closing(Database(settings.database_url, archive=settings.changqing_archive)) as database:
        for line in lines(database, after, ocsf if as_ocsf else plain, follow=follow, stop=stop):
            sys.stdout.write(line + "\n")
            if follow:
                sys.stdout.flush()


def lines(
    database: Database, after: int, form: Callable[[Entry], Any], *, follow: bool = False, stop: Flag | None = None
) -> Iterator[str]:
    """What was disclosed after a position, in the log's order. Whoever keeps the position of the last line goes on from there."""
    stop = stop or Flag()
    if not follow:
        for entry in _read(database, after):
            yield msgspec.json.encode(form(entry)).decode()
        return
    with database.listen() as connection:
        while not stop.is_set():
            for entry in _read(database, after):
                after = entry.position
                yield msgspec.json.encode(form(entry)).decode()
            list(connection.notifies(timeout=POLL_SECONDS, stop_after=1))


def plain(entry: Entry) -> dict[str, Any]:
    """An entry as the log has it; whom it is about stays in the log: how many they were is told."""
    event: Any = entry.event
    people = len(event.retirees) if isinstance(event, DataDisclosed | DataDelivered) else None
    if people is not None:
        event = replace(event, retirees=(), **({"reason": ""} if isinstance(event, DataDisclosed) else {}))
    told = msgspec.to_builtins(event)
    for member in ("retirees", "alerts", "retiree"):
        told.pop(member, None)
    return {"position": entry.position, "recorded_at": entry.recorded_at, "people": people, **told}


def _read(database: Database, after: int) -> Iterator[Entry]:
    """What there is after a position, in pages."""
    while True:
        with database.transaction() as connection:
            rows = log.read(connection, after, PAGE, names=NAMES)
        yield from codec.entries(rows)
        if len(rows) < PAGE:
            return
        after = rows[-1].position
