"""100,000 reads, deliveries and exports and the log: none missing, none extra."""

from pathlib import Path

import pytest

from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from tests.every_look import everything

PEOPLE, WHOLE = 2_000, 100_000


@pytest.mark.timeout(3_600)
def test_every_look_delivery_and_export_is_in_the_log_and_nothing_else_is(
    database: Database, keys: KeyRing, law: Law, dsn: str, tmp_path: Path, seed: int
) -> None:
    everything(database, keys, law, dsn, tmp_path, seed, PEOPLE, WHOLE)
