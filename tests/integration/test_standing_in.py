"""Whoever stands in some communities is found in order, a page at a time, however they are spread over them, and by whoever may know."""

from collections.abc import Iterator
from itertools import chain
from random import Random
from uuid import UUID

import pytest

from domain.facts import Department
from infra.database import Database
from infra.embedded import Postgres
from infra.migrations import migrate
from infra.reading import Reading
from infra.statutes import the_lineage
from projections.candidates import BEGINNING
from services.accounts import Account, Role
from services.reading.who import who

CODES = [f"440304001{n:03d}" for n in range(1, 30)]
EMPTY, NEXT_DOOR = "440304001999", "440305001001"
_ROW = """
insert into views.{table} ({past}retiree, community, serving, department, source, source_id, retired_on, monthly_pension,
    party_member, special_groups, status, sealed, position, registered, verify_alerts, others, gone, category, receptions, since)
values ({until}%s, %s, %s, '', '', '', '2020-01-31', '1.00', false, '{{}}', 'payable', '', 1, true, '{{}}', '{{}}', '{{}}', 'retiree', '{{}}', 1)
"""
_FOUND = "select views.standing_in(%(communities)s, %(after)s, %(limit)s, %(registered)s, %(served)s)"
_PLAIN = """
select distinct retiree from (
    select retiree, community, serving from views.roster
    union all select retiree, community, serving from views.roster_past where %(ever)s
) every
where (%(registered)s and community = any(%(communities)s) or %(served)s and serving = any(%(communities)s))
  and retiree > %(after)s order by retiree limit %(limit)s
"""


@pytest.fixture(scope="module")
def spread(postgres_server: Postgres) -> Iterator[Database]:
    """Two thousand people: half of them in one community, the others anywhere; every third was elsewhere before."""
    dsn = postgres_server.dsn("standing_in")
    migrate(dsn)
    database, rng = Database(dsn, role=None), Random(7)  # noqa: S311 - a seed, not secrecy
    with database.transaction() as connection:
        for n in range(2_000):
            retiree = UUID(int=rng.getrandbits(128))
            home, served = CODES[0] if n % 2 else rng.choice([*CODES, NEXT_DOOR]), rng.choice(CODES)
            connection.execute(_ROW.format(table="roster", past="", until=""), [retiree, home, served])
            if n % 3 == 0:
                before = rng.choice([*CODES, NEXT_DOOR])
                connection.execute(
                    _ROW.format(table="roster_past", past="until, ", until="2, "), [retiree, before, before]
                )
    yield database
    database.close()


@pytest.mark.parametrize("known", ["", "1"])
def test_a_page_holds_the_next_of_all_who_stand_there(spread: Database, known: str) -> None:
    rng = Random(11)  # noqa: S311 - a seed, not secrecy
    few: tuple[list[str], ...] = ([rng.choice(CODES)], rng.sample(CODES, 3), [CODES[0], EMPTY], [EMPTY], [], CODES)
    with spread.transaction() as connection:
        connection.execute("select set_config('changqing.known_at', %s, true)", [known])
        for communities in few:
            for limit in (1, 7, 60, 500, 5_000):
                given = {
                    "communities": communities,
                    "after": UUID(int=rng.choice([0, rng.getrandbits(128)])),
                    "limit": limit,
                    "registered": limit != 7,
                    "served": limit != 60,
                    "ever": bool(known),
                }
                found = chain.from_iterable(connection.execute(_FOUND, given))
                assert [*found] == [*chain.from_iterable(connection.execute(_PLAIN, given))], given


def test_a_reader_is_told_of_communities_of_its_own_alone(spread: Database) -> None:
    account = Account(name="c", role=Role.COMMUNITY, department=Department.COMMUNITY, division=CODES[0])
    given = {"after": UUID(int=0), "limit": 10, "registered": True, "served": True}
    with Reading(spread, who(account, the_lineage())).transaction() as connection:
        own = connection.execute(_FOUND, given | {"communities": [CODES[0]]}).fetchall()
        others = connection.execute(_FOUND, given | {"communities": [*CODES[1:], NEXT_DOOR]}).fetchall()
    assert (len(own), others) == (10, [])


def test_codes_that_begin_with_two_of_a_divisions_are_told_once(spread: Database) -> None:
    with spread.transaction() as connection:
        found = [code for (code,) in connection.execute(BEGINNING, {"begins": ["4403", "440304"]})]
    assert found == sorted({*CODES, NEXT_DOOR})
