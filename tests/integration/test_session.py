"""Statements that travel together: what is asked while it is still being made, and what fails on the way."""

from collections.abc import Iterator

import pytest

from infra.database import Database
from infra.session import Asked
from tests.delivering import wait_until

_KEY = 4712
_HOLD: Asked = ("select pg_advisory_xact_lock(4712)", ())


def _held(database: Database) -> bool:
    with database.transaction() as connection:
        found = connection.execute("select from pg_locks where locktype = 'advisory' and objid = %s", [_KEY]).fetchall()
    return bool(found)


def test_what_stands_before_a_none_begins_before_the_rest_is_made(database: Database) -> None:
    def asked() -> Iterator[Asked | None]:
        yield "begin", ()
        yield _HOLD
        assert not _held(database)
        yield None
        wait_until(lambda: _held(database))
        yield "select 1::int8", ()

    with database.transaction() as session:
        *_, answer = session.exchange(asked(), commit=True)
    assert answer == [[(1).to_bytes(8, "big")]]
    assert not _held(database)


def test_what_cannot_be_made_takes_back_what_stands_before_it(database: Database) -> None:
    def asked() -> Iterator[Asked | None]:
        yield "begin", ()
        yield _HOLD
        yield None
        wait_until(lambda: _held(database))
        raise ValueError

    with pytest.raises(ValueError), database.transaction() as session:  # noqa: PT011 - the very one above
        session.exchange(asked(), commit=True)
    assert session.closed
    wait_until(lambda: not _held(database))
    with database.transaction() as session:  # another connection takes its place
        assert session.exchange([("select 2::int8", ())]) == [[[(2).to_bytes(8, "big")]]]
