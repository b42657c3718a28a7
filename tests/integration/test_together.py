"""Appends of many threads at once: one commit serves many, none is lost, and what fails fails for all of it and for nobody after."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import psycopg
import pytest

from domain.disclosures import DataDisclosed
from domain.law import Law
from infra import log
from infra.database import Database, DatabaseError
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.log import stream_of

READERS, LOOKS = 16, 25


def look(n: int) -> DataDisclosed:
    return DataDisclosed(
        department="community", actor="a", purpose="p", legal_basis="b", fields=("name",), retirees=(UUID(int=n),)
    )


def test_looks_of_many_threads_are_each_in_the_log_once_in_fewer_commits_than_looks(
    database: Database, keys: KeyRing, law: Law
) -> None:
    ledger, together = Ledger(database, keys, law), Barrier(READERS)

    def read(reader: int) -> None:
        together.wait()
        for n in range(LOOKS):
            ledger.append(stream_of(f"reader:{reader % 4}"), look(reader * LOOKS + n))

    with ThreadPoolExecutor(READERS) as threads:
        for done in [threads.submit(read, reader) for reader in range(READERS)]:
            done.result()
    with database.transaction() as connection:
        rows = log.read(connection, 0, 1_000)
        commits = connection.execute("select count(distinct xmin::text) from ledger.event").fetchone()
    assert [row.position for row in rows] == list(range(1, READERS * LOOKS + 1))
    for reader in range(4):
        versions = [row.version for row in rows if row.stream == stream_of(f"reader:{reader}")]
        assert versions == list(range(1, READERS * LOOKS // 4 + 1)), "in each stream without a gap"
    assert len({row.state for row in rows}) == READERS * LOOKS
    assert commits is not None
    assert commits[0] < READERS * LOOKS


def test_a_commit_that_fails_is_told_to_each_of_it_and_the_next_goes_on(
    dsn: str, database: Database, keys: KeyRing, law: Law
) -> None:
    ledger = Ledger(database, keys, law)
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(FULL)

        def refused(n: int) -> bool:
            with pytest.raises(DatabaseError):
                ledger.append(stream_of("reader"), look(n))
            return True

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(refused, range(40)))
        owner.execute("drop trigger full_disk on ledger.event")
    ledger.append(stream_of("reader"), look(41))
    with database.transaction() as connection:
        assert [row.position for row in log.read(connection, 0, 10)] == [1]


FULL = """
create function full_disk() returns trigger language plpgsql as
    'begin raise exception using errcode = ''53100'', message = ''no space left''; end';
create trigger full_disk before insert on ledger.event for each row execute function full_disk()
"""
