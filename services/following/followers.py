"""`changqing followers`: how far behind each follower of the log is."""

import sys
from contextlib import closing

import msgspec

from infra.database import Database
from infra.followers import Following, following
from services.settings import Settings

STOPPED = 3


def show(*, as_json: bool) -> int:
    """On standard output; the exit code: 3 when one has stopped at an entry, else 0. Raises `SettingsError`, `DatabaseError`."""
    settings = Settings.read()
    with closing(Database(settings.database_url, archive=settings.changqing_archive)) as database:
        found = following(database)
    lines = [msgspec.json.encode(found).decode()] if as_json else map(said, found)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return STOPPED if any(one.stopped for one in found) else 0


def said(one: Following) -> str:
    """A follower in one line."""
    line = f"{one.follower}: 位置 position {one.position}，待处理 left {one.events}，落后 behind {one.seconds:.1f} s"
    if one.stopped:
        line += f"，停在 stopped before {one.stopped.position} {one.stopped.name}: {one.stopped.error}"
    return line
