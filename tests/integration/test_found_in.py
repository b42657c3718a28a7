"""Whom all of some tags fit among people of some communities: the same from either side, and told to whoever may know alone."""

from collections.abc import Iterator
from random import Random
from uuid import UUID

import pytest

from domain.facts import Department
from infra.database import Database
from infra.embedded import Postgres
from infra.migrations import migrate
from infra.reading import Reading
from infra.statutes import the_lineage
from services.accounts import Account, Role
from services.reading.who import who

CODES = [f"440304001{n:03d}" for n in range(1, 6)]
TAGS = [bytes([n]) * 32 for n in range(4)]
_ROW = """
insert into views.roster (retiree, community, serving, department, source, source_id, retired_on, monthly_pension,
    party_member, special_groups, status, sealed, position, registered, verify_alerts, others, gone, category, receptions, since)
values (%s, %s, %s, '', '/hr/x', %s, '2020-01-31', '1.00', false, '{}', 'payable', '', 1, %s, '{}', '{}', '{}', 'retiree', '{}', 1)
"""
_TAG = "insert into views.search (tag, retiree, source, id, record) values (%s, %s, '/hr/x', %s, %s)"
_FOUND = """
select retiree, source, id from views.found_in(%(tags)s::bytea[], %(communities)s, %(after)s, %(limit)s, %(registered)s, %(few)s)
"""
_PLAIN = """
select r.retiree, r.source, r.source_id from views.roster r
where r.registered and case when %(registered)s then r.community else r.serving end = any(%(communities)s) and r.retiree > %(after)s
  and (select count(*) from views.search s where s.retiree = r.retiree and s.source = r.source and s.id = r.source_id
       and s.tag = any(%(tags)s::bytea[])) = cardinality(%(tags)s::bytea[])
order by r.retiree limit %(limit)s
"""


@pytest.fixture(scope="module")
def spread(postgres_server: Postgres) -> Iterator[Database]:
    """Six hundred people, each with some tags, some under a registration that counts no more, some registered no more."""
    dsn = postgres_server.dsn("found_in")
    migrate(dsn)
    database, rng = Database(dsn, role=None), Random(5)  # noqa: S311 - a seed, not secrecy
    with database.transaction() as connection:
        for _ in range(600):
            retiree = UUID(int=rng.getrandbits(128))
            connection.execute("insert into ledger.retiree_key (retiree, wrapped) values (%s, '')", [retiree])
            given = [retiree, rng.choice(CODES), rng.choice(CODES), rng.choice(["now", "then"]), rng.random() < 0.9]
            connection.execute(_ROW, given)
            for tag in rng.sample(TAGS, rng.randrange(4)):
                connection.execute(_TAG, [tag, retiree, "now", retiree])
    yield database
    database.close()


def test_it_does_not_matter_from_which_side_they_are_sought(spread: Database) -> None:
    rng, some = Random(3), 0  # noqa: S311 - a seed, not secrecy
    with spread.transaction() as connection:
        for number in range(60):
            given = {
                "tags": rng.sample(TAGS, 1 + number % 2),
                "communities": rng.sample(CODES, rng.randrange(6)),
                "after": UUID(int=rng.choice([0, rng.getrandbits(128)])),
                "limit": rng.choice([1, 5, 1_000]),
                "registered": rng.random() < 0.5,
            }
            plain = connection.execute(_PLAIN, given).fetchall()
            for few in (0, 8_000):
                assert connection.execute(_FOUND, given | {"few": few}).fetchall() == plain, given
            some += len(plain)
    assert some, "somebody is found at all"


def test_a_reader_is_told_of_people_of_its_own_alone(spread: Database) -> None:
    account = Account(name="c", role=Role.COMMUNITY, department=Department.COMMUNITY, division=CODES[0])
    given = {"tags": TAGS[:1], "after": UUID(int=0), "limit": 1_000, "registered": True}
    with Reading(spread, who(account, the_lineage())).transaction() as connection:
        for few in (0, 8_000):
            own = connection.execute(_FOUND, given | {"communities": CODES[:1], "few": few}).fetchall()
            everybody = connection.execute(_FOUND, given | {"communities": CODES, "few": few}).fetchall()
            assert own
            assert everybody == own
            assert connection.execute(_FOUND, given | {"communities": CODES[1:], "few": few}).fetchall() == []
