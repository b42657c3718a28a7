"""An import of many lines, killed at many moments."""

from pathlib import Path

from tests.importing_runs import Home, kill_and_go_on, kill_workers, moments

LINES = 30_000


def test_the_importing_process_is_killed_again_and_again(tmp_path: Path, dsn: str, seed: int) -> None:
    kill_and_go_on(Home(tmp_path, dsn), LINES, moments(seed, LINES, 10))


def test_workers_are_killed_and_replaced(tmp_path: Path, dsn: str, seed: int) -> None:
    kill_workers(Home(tmp_path, dsn), LINES, moments(seed, LINES, 10))
