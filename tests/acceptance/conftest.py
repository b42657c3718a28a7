"""One running system for the tests that do not kill it."""

from collections.abc import Iterator

import pytest

from tests.acceptance.running import System


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """`changqing run` with 300 invented people, ready; it ends with the session, and nothing of it is left.

    A number may be late by a second only, so that no test waits a minute to see that it did not come.
    """
    running = System(environment={"CHANGQING_GAP_SECONDS": "1"})
    try:
        running.start()
        running.wait_ready()
        yield running
    finally:
        running.close()
