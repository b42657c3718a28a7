"""PostgreSQL is away for a while."""

from time import monotonic, sleep

import pytest

from domain.law import Law
from infra.database import Database, DatabaseError
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.migrations import migrate
from tests.delayed import TODAY, lives
from tests.mortal import kill, mortal_postgres, restart

AWAY = 17
"""Just after the pool's fifth attempt, which it makes after 15 s; its sixth comes after 31."""


def test_soon_after_postgresql_is_back_there_are_receipts_again(keys: KeyRing, law: Law) -> None:
    with mortal_postgres() as server:
        dsn = server.dsn("outage")
        migrate(dsn)
        database = Database(dsn)
        ledger = Ledger(database, keys, law)
        ledger.accept(lives(1, 1), TODAY)
        kill(server)
        begun = monotonic()
        while monotonic() < begun + AWAY:  # there is always somebody who sends
            with pytest.raises(DatabaseError):
                ledger.accept(lives(2, 1), TODAY)
            sleep(0.1)
        restart(server)
        back = monotonic()
        while True:
            try:
                ledger.accept(lives(2, 1), TODAY)
                break
            except DatabaseError:
                sleep(0.1)
        late = monotonic() - back
        database.close()
    print(f"receipts again after {late:.1f} s")  # noqa: T201 - for whoever looks on
    assert late < 5
