"""What operators do at the terminal with the log as a whole, told to it before they do it: no record, no data."""

import os
import pwd
from uuid import UUID

from domain.disclosures import LogRead
from domain.facts import Department
from infra import log
from infra.database import Database
from infra.ledger import append_plain


def operator() -> str:
    """Who is at the terminal, as the host knows them: `operator:` and the login."""
    try:
        return f"operator:{pwd.getpwuid(os.getuid()).pw_name}"  # not what the environment says, which anybody sets
    except KeyError:  # a container's user often has no name
        return f"operator:{os.getuid()}"


def told(database: Database, command: str, until: int = 0, retiree: UUID | None = None, *, sealed: bool = True) -> None:
    """Record that an operator is about to go through the log up to a position, 0: all of it. Raises `DatabaseError`."""
    event = LogRead(
        department=Department.AGENCY, actor=operator(), command=command, until=until, retiree=retiree, sealed=sealed
    )
    with database.transaction() as connection:
        append_plain(connection, log.stream_of(event.actor), event)
