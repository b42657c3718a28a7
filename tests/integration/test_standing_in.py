"""Whoever stands in some communities is found in order, a page at a time, however they are spread over them, and by whoever may know."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.facts import Department, SurvivalVerified
from infra.database import Database
from infra.embedded import Postgres
from infra.migrations import migrate
from infra.reading import Reading
from infra.statutes import the_lineage
from projections.candidates import BEGINNING
from projections.kept import Kept
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


_TOLD = "insert into views.verifications (retiree, told, gone, position, since) values (%s, %s, '{}', 1, 1)"
_UNVERIFIED = """
select retiree, more from views.unverified_in(
    %(communities)s, %(after)s, %(few)s, %(limit)s, %(registered)s, %(served)s, %(today)s, %(long_ago)s)
"""
_TODAY = date(2026, 11, 23)


def _told(ago: int, *, gone: bool) -> str:
    day = _TODAY - timedelta(days=ago - 20)  # some to come
    fact = SurvivalVerified(
        effective=day, document='"effective":"2000-01-01", "gone_by":'
    )  # no text passes for a field
    under = UUID(int=1) if gone else None
    return msgspec.json.encode(Kept("s", f"{ago}", Department.AGENCY, day, fact, gone_by=under)).decode()


def _unverified(told: dict[UUID, list[str]], long_ago: date) -> set[UUID]:
    """By the facts one by one: last verified by a day, or after today."""
    kept = {who: [msgspec.json.decode(one, type=Kept) for one in those] for who, those in told.items()}
    last = {who: [one.fact.effective for one in those if not one.gone_by] for who, those in kept.items()}
    return {who for who, days in last.items() if days and (max(days) <= long_ago or max(days) > _TODAY)}


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
            if n % 4:
                connection.execute(
                    _TOLD, [retiree, [_told(rng.randrange(400), gone=rng.random() < 0.2) for _ in range(n % 4)]]
                )
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


def test_a_page_of_the_unverified_holds_the_next_of_them_and_says_how_far_it_looked(spread: Database) -> None:
    long_ago = _TODAY - timedelta(days=200)
    base = {"registered": True, "served": False, "today": _TODAY.isoformat(), "long_ago": long_ago.isoformat()}
    with spread.transaction() as connection:
        wanted = _unverified(
            dict(connection.execute("select retiree, told from views.verifications").fetchall()), long_ago
        )
        for communities in ([CODES[0]], CODES, [EMPTY]):
            for few, limit in ((1, 5_000), (50, 30), (200, 5_000), (7, 100)):
                given: dict[str, Any] = base | {"communities": communities, "after": UUID(int=0), "few": few}
                stand = [one for (one,) in connection.execute(_FOUND, given | {"limit": 5_000})]
                told: list[UUID] = []
                while True:
                    rows = connection.execute(_UNVERIFIED, given | {"limit": limit}).fetchall()
                    assert len(rows) <= few + 1
                    told += [retiree for retiree, _ in rows]
                    assert not any(more for _, more in rows[:-1])
                    if not rows or not rows[-1][1]:
                        break
                    given["after"] = rows[-1][0]
                assert [one for one in told if one in wanted] == [one for one in stand if one in wanted]
                assert len(told) - len([one for one in told if one in wanted]) <= len(stand) // limit + 1


def test_a_reader_is_told_of_communities_of_its_own_alone(spread: Database) -> None:
    account = Account(name="c", role=Role.COMMUNITY, department=Department.COMMUNITY, division=CODES[0])
    given = {"after": UUID(int=0), "limit": 10, "registered": True, "served": True}
    with Reading(spread, who(account, the_lineage())).transaction() as connection:
        own = connection.execute(_FOUND, given | {"communities": [CODES[0]]}).fetchall()
        others = connection.execute(_FOUND, given | {"communities": [*CODES[1:], NEXT_DOOR]}).fetchall()
        asks = given | {"few": 10, "limit": 100, "today": "2026-11-23", "long_ago": "2026-11-22"}
        told = connection.execute(_UNVERIFIED, asks | {"communities": [CODES[0]]}).fetchall()
        nothing = connection.execute(_UNVERIFIED, asks | {"communities": [*CODES[1:], NEXT_DOOR]}).fetchall()
    assert (len(own), others) == (10, [])
    assert (len(told), nothing) == (10, [])


def test_codes_that_begin_with_two_of_a_divisions_are_told_once(spread: Database) -> None:
    with spread.transaction() as connection:
        found = [code for (code,) in connection.execute(BEGINNING, {"begins": ["4403", "440304"]})]
    assert found == sorted({*CODES, NEXT_DOOR})
