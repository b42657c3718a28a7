"""Minutes of kills: writers, sessions, and PostgreSQL itself."""

from pathlib import Path

import pytest

from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.migrations import migrate
from tests.mortal import kill, mortal_postgres, restart
from tests.readers import tailing
from tests.storm import assert_after_storm, weather


@pytest.mark.timeout(540)
def test_in_minutes_of_storm_nothing_is_lost_doubled_or_out_of_order_for_whoever_writes_or_reads(
    seed: int, keys: KeyRing, law: Law, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    seconds = 60 * float(pytestconfig.getoption("--minutes"))
    restarts: list[int | None] = []
    with mortal_postgres() as server:
        dsn = server.dsn("storm")
        migrate(dsn)

        def killed_and_started() -> None:
            kill(server)
            restart(server)
            restarts.append(server.pid)

        with tailing(dsn, keys, law) as tail:
            writing, ended = weather(dsn, seed, tmp_path, seconds=seconds, restart=killed_and_started)
            database = Database(dsn)
            assert_after_storm(database, keys, law, tail, writing, ended)
            database.close()
    print(f"PostgreSQL killed {len(restarts)} times")  # noqa: T201 - for whoever looks on
    assert len(restarts) >= seconds // 60
