"""One running system for the tests that do not kill it."""

from collections.abc import Iterator

import pytest

from tests.acceptance.running import System


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """`changqing run` with 300 invented people, ready; it ends with the session, and nothing of it is left."""
    running = System()
    try:
        running.start()
        running.wait_ready()
        yield running
    finally:
        running.close()
