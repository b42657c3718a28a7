"""What tests of one real server share beside what all do."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.database import Database
from tests.asking import Asking, asking


@pytest.fixture
def asked(request: pytest.FixtureRequest, dsn: str, tmp_path: Path) -> Iterator[Asking]:
    """The API and the pages, as the `ACCOUNTS` of the test's own file meet them."""
    with asking(dsn, tmp_path, request.module.ACCOUNTS) as opened:
        yield opened


@pytest.fixture
def owner(dsn: str) -> Iterator[Database]:
    """The database as the login that owns it meets it."""
    with closing(Database(dsn, role=None)) as opened:
        yield opened
