"""Every way to append, and how to delay one between its positions and its commit; as a process, one that can be killed.

python -m tests.delayed DSN KIND
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from time import monotonic
from uuid import uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import make_conninfo

from domain.disclosures import DataDisclosed
from domain.facts import DeathReported
from domain.history import Receipt
from domain.refusals import Refused
from infra import codec, log
from infra.keys import KeyRing
from infra.statutes import the_law
from infra.submissions import Submission
from services.application import Changqing
from tests.building import number_of, retirement, submission

TODAY = date(2024, 4, 10)
PATIENCE = 60
_DISCLOSED = DataDisclosed(
    department="community", actor="a", purpose="visit", legal_basis="Art. 6", fields=("name",), retirees=()
)
_KEY = 4_711


def lives(first: int, people: int) -> list[Submission]:
    """Registrations and deaths of so many people."""
    died = DeathReported(effective=date(2024, 1, 31))
    return [
        submission(fact, f"{kind}-{n}", number=number_of(n))
        for n in range(first, first + people)
        for kind, fact in (("registered", retirement()), ("died", died))
    ]


def _accept(people: int) -> Callable[[Changqing, int], list[int]]:
    def write(service: Changqing, first: int) -> list[int]:
        answers: Sequence[Receipt | Refused] = service.ledger.accept(lives(first, people), TODAY)
        return [answer.position for answer in answers if isinstance(answer, Receipt)]

    return write


def _append(service: Changqing, first: int) -> list[int]:
    stream = uuid4()
    service.ledger.append(stream, _DISCLOSED)
    with service.database.transaction() as connection:
        return [row.position for row in log.read_stream(connection, stream)]


def _insert(service: Changqing, first: int) -> list[int]:
    name, state = codec.stored_name(_DISCLOSED), codec.encode(_DISCLOSED)
    stream = uuid4()
    events = [StoredEvent(stream, version, name, state) for version in (1, 2, 3)]
    return list(service.recorder.insert_events(events) or ())


WRITERS: dict[str, Callable[[Changqing, int], list[int]]] = {
    "one decided": _accept(1),
    "many decided": _accept(25),
    "without a decision": _append,
    "by the library": _insert,
}
"""Each is given people of its own, from a number on, and says where its events went."""


def waiting(dsn: str) -> int:
    """How many sessions of this database wait for a lock."""
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    with psycopg.connect(dsn) as watching:
        ((number,),) = watching.execute(query).fetchall()
    return int(number)


class Barrier:
    """Where a delayed session waits, in PostgreSQL itself: once it took its positions, or when it commits."""

    def __init__(self, dsn: str, at: str) -> None:
        """`at`: `positions` or `commit`."""
        self.at = at
        self.dsn = make_conninfo(dsn, options="-c changqing.delayed=on")
        """Whoever connects by this is delayed."""
        self._admin = psycopg.connect(dsn, autocommit=True)
        deferred = "deferrable initially deferred" if at == "commit" else ""
        self._admin.execute(
            f"""
            create function public.delay() returns trigger language plpgsql as $$ begin
                perform pg_advisory_xact_lock({_KEY}); return null;
            end $$;
            create constraint trigger delay after update on ledger.head {deferred} for each row
            when (current_setting('changqing.delayed', true) = 'on') execute function public.delay();
            select pg_advisory_lock({_KEY});
            """.encode()
        )

    def wait_for_waiters(self, number: int) -> None:
        """Until so many sessions wait: the delayed one here, others for it."""
        deadline = monotonic() + PATIENCE
        while waiting(self.dsn) != number:
            assert monotonic() < deadline

    def goes_on(self) -> None:
        self._admin.execute("select pg_advisory_unlock(%s)", [_KEY])

    def session_is_killed(self) -> None:
        query = "select pg_terminate_backend(pid, 10000) from pg_locks where locktype = 'advisory' and not granted"
        assert self._admin.execute(query).fetchall() == [(True,)]

    def close(self) -> None:
        self._admin.close()


@contextmanager
def barrier(dsn: str, at: str) -> Iterator[Barrier]:
    made = Barrier(dsn, at)
    try:
        yield made
    finally:
        made.close()


def main(dsn: str, kind: str) -> None:
    service = Changqing(dsn, KeyRing(bytes(range(32))), the_law())
    WRITERS[kind](service, 1)
    service.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
