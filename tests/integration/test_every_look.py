"""The account of every look, a thousandth of what tests/long tries: what came out and the log agree."""

from pathlib import Path

from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from tests.every_look import everything


def test_a_few_hundred_reads_deliveries_and_exports_are_in_the_log_each_once(
    database: Database, keys: KeyRing, law: Law, dsn: str, tmp_path: Path
) -> None:
    everything(database, keys, law, dsn, tmp_path, seed=7, people=10, whole=900)
