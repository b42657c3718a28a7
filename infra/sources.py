"""The register of sources in the database: each change is an event of the log, and its row, in one transaction."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from psycopg import Connection

from domain.facts import Department
from domain.history import Event
from domain.refusals import Refused
from domain.sources import (
    Policy,
    Register,
    Registered,
    SourceKey,
    SourceKeyAdded,
    SourceKeyRevoked,
    SourceNumbersSet,
    SourcePolicySet,
    SourceRegistered,
)
from infra.database import Database, Rows
from infra.ledger import append_plain
from infra.log import lock_streams, stream_of
from infra.sql import statements

SQL = statements("sources")
READ_EVERY = 2.0
"""Seconds after which whoever takes something in reads the register anew: so long a change may wait to be seen."""


class Sources:
    """Reads the register, and changes it. Raises `DatabaseError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read = Register()
        self._good_until = 0.0

    def now(self) -> Register:
        """The register, read no longer than `READ_EVERY` ago; the very same object for as long as nothing changes."""
        if time.monotonic() > self._good_until:
            found = self.read()
            if (found.sources, found.keys) != (self._read.sources, self._read.keys):
                self._read = found  # else the same one, of which others keep what they made
            self._good_until = time.monotonic() + READ_EVERY
        return self._read

    def read(self) -> Register:
        """The register as it stands."""
        with self._database.transaction() as connection:
            sources = connection.execute(SQL["sources"]).fetchall()
            keys = connection.execute(SQL["keys"]).fetchall()
        return Register(
            (_registered(*row) for row in sources),
            (SourceKey(**dict(zip(SourceKey.__struct_fields__, row, strict=True))) for row in keys),
        )

    def add(self, registered: Registered, by: str) -> None:
        """Register a source. Raises `Refused` when it is there."""
        event = SourceRegistered(**msgspec.structs.asdict(registered), by=by)
        with self._database.transaction() as connection:
            self._lock(connection, registered.source)
            if not connection.execute(SQL["source_add"], _row(registered)).rowcount:
                raise Refused("source-registered", "source")
            self._append(connection, registered.source, event)

    def agree(self, source: str, office: str, policy: Policy, by: str) -> None:
        """Set what is agreed with a source. Raises `Refused` when it is not registered."""
        event = SourcePolicySet(source=source, office=office, policy=policy, by=by)
        with self._database.transaction() as connection:
            self._lock(connection, source)
            given = {"source": source, "office": office, **msgspec.structs.asdict(policy)}
            if not connection.execute(SQL["source_set"], given).rowcount:
                raise Refused("source-not-registered", "source")
            self._append(connection, source, event)

    def set_numbers(self, numbers: SourceNumbersSet) -> None:
        """Say after which number a source goes on; it need not be registered."""
        with self._database.transaction() as connection:
            self._lock(connection, numbers.source)
            self._append(connection, numbers.source, numbers)

    def add_key(self, added: SourceKeyAdded) -> None:
        """Add a key to a source. Raises `Refused` when the source is not registered, or a key of this name is there."""
        with self._database.transaction() as connection:
            self._lock(connection, added.source)
            if not connection.execute(SQL["source_there"], {"source": added.source}).rowcount:
                raise Refused("source-not-registered", "source")
            if not connection.execute(SQL["key_add"], msgspec.structs.asdict(added)).rowcount:
                raise Refused("signing-key-known", "keyid")
            self._append(connection, added.source, added)

    def revoke(self, keyid: str, since: datetime, reason: str, by: str) -> str:
        """Revoke a key; whose it was. Raises `Refused` when there is none of this name."""
        with self._database.transaction() as connection:
            row = connection.execute(SQL["key_find"], {"keyid": keyid}).fetchone()
            if row is None:
                raise Refused("signing-key-unknown", "keyid")
            source = str(row[0])
            self._lock(connection, source)
            connection.execute(SQL["key_revoke"], {"keyid": keyid, "since": since})
            event = SourceKeyRevoked(source=source, keyid=keyid, since=since, reason=reason, by=by)
            self._append(connection, source, event)
        return source

    def _lock(self, connection: Connection[Rows], source: str) -> None:
        """Whoever changes a source waits here for whoever does so already; the head is taken last, as everywhere."""
        lock_streams(connection, [stream_of(f"source:{source}")])

    def _append(self, connection: Connection[Rows], source: str, event: Event) -> None:
        append_plain(connection, stream_of(f"source:{source}"), event)
        self._good_until = 0.0


def _row(registered: Registered) -> Mapping[str, Any]:
    row = msgspec.structs.asdict(registered)
    return row | msgspec.structs.asdict(row.pop("policy"))


def _registered(source: str, department: str, office: str, *policy: Any) -> Registered:
    agreed = Policy(**dict(zip(Policy.__struct_fields__, policy, strict=True)))
    return Registered(source=source, department=Department(department), office=office, policy=agreed)
