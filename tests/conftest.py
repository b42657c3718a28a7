"""What tests share. Nothing starts until a test asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest
import structlog
from hypothesis import settings
from psycopg import sql

from domain.law import Law
from infra.database import Database
from infra.embedded import Postgres
from infra.keys import KeyRing
from infra.migrations import migrate
from infra.statutes import the_law
from tests.mortal import mortal_postgres

# The same examples every time, so that a red run stays red; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=150)
settings.register_profile("explore", deadline=None, max_examples=2_000)
settings.load_profile("repeatable")

_TEMPLATE = "template"
_numbers = count(1)


@pytest.fixture(autouse=True)
def logging_anew() -> Iterator[None]:
    """A command that a test ran in this process logs to that test's terminal, which is closed for the next one."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def law() -> Law:
    """The law as shipped."""
    return the_law()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One real PostgreSQL for the whole run. Its directory is short: a socket's path has little room."""
    with mortal_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres_server: Postgres) -> str:
    """The name of a migrated, empty database to copy from."""
    migrate(postgres_server.dsn(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def dsn(postgres_server: Postgres, migrated: str) -> Iterator[str]:
    """A migrated, empty database of the test's own, dropped afterwards."""
    with copied(postgres_server, migrated) as name:
        yield name


@contextmanager
def copied(server: Postgres, migrated: str) -> Iterator[str]:
    """A copy of a database, dropped afterwards; its address."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        copy = sql.SQL("create database {} template {}")
        admin.execute(copy.format(sql.Identifier(name), sql.Identifier(migrated)))
        yield server.dsn(name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database(dsn: str) -> Iterator[Database]:
    """A pool of connections to the test's own database."""
    opened = Database(dsn, max_size=16)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """A key ring; the same key in every test."""
    return KeyRing(bytes(range(32)))
