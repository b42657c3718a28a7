"""Tests that take minutes: `make test-long`, or with a seed to see the same again, `make test-long ARGS=--seed=5`."""

from random import SystemRandom

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="what the invented events and faults of tests/long follow from")
    parser.addoption("--permutations", type=int, default=100_000, help="how many orders tests/long tries")
    parser.addoption("--minutes", type=float, default=5, help="how long the storm in tests/long lasts")


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Another one every time, unless it is given."""
    given = request.config.getoption("--seed")
    chosen = SystemRandom().randrange(10**6) if given is None else int(given)
    print(f"\nThe seed is {chosen}: make test-long ARGS=--seed={chosen}")  # noqa: T201 - to see it again
    return chosen


@pytest.fixture
def permutations(request: pytest.FixtureRequest) -> int:
    """How many orders of facts to try."""
    return int(request.config.getoption("--permutations"))
