"""A city of many people, the accounts of those who work in it, and what they ask."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count, islice
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace
from stdnum.cn import ric

from domain.facts import DeathReported, Department, Person
from domain.history import Receipt
from infra.database import Database
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import catch_up
from tests.building import retirement, submission
from tests.crowding import Request
from tests.serving import Served

TODAY = date(2026, 11, 23)
READERS, WRITERS = 200, 100
COMMUNITIES = [f"44030400{street}{n:03d}" for street in (1, 2) for n in range(1, 11)]
_BATCH = 500
_NAMED = 500
"""So many of them are sought and visited."""
_EVERY = 20
"""Of so many people one has died, and there are alerts."""

ACCOUNTS = {
    **{f"officer-{n}": (Role.OFFICER, "4403") for n in range(READERS // 2)},
    **{f"community-{n}": (Role.COMMUNITY, COMMUNITIES[n % len(COMMUNITIES)]) for n in range(READERS // 2)},
    **{f"writer-{n}": (Role.COMMUNITY, COMMUNITIES[n % len(COMMUNITIES)]) for n in range(WRITERS)},
}


def number_of(n: int) -> str:
    """The identity number of the n-th invented person."""
    stem = f"440304{date(1940, 1, 1) + timedelta(days=n // 900):%Y%m%d}{n % 900 + 1:03d}"
    return stem + ric.calc_check_digit(stem + "0")


def person_of(n: int) -> Person:
    """The n-th."""
    return Person(identity_number=number_of(n), name=f"第{n}人", phone=f"139{n:08d}", address=f"向阳路{n}号")


def peopled(ledger: Ledger, database: Database, people: int) -> None:
    """Register so many, and have some of them die."""
    told = _told(people)
    while batch := list(islice(told, _BATCH)):
        answers = ledger.accept(batch, TODAY)
        assert all(isinstance(answer, Receipt) for answer in answers)
    catch_up(database)


def _told(people: int) -> Iterator[Any]:
    for n in range(people):
        home = COMMUNITIES[n % len(COMMUNITIES)]
        fact = replace(retirement(), residence_division=home, hukou_division=home)
        yield submission(fact, f"r{n}", person=person_of(n), department=Department.AGENCY)
    for n in range(0, people, _EVERY):
        died = DeathReported(effective=date(2026, 11, 2))
        yield submission(died, f"d{n}", person=person_of(n), department=Department.CIVIL_AFFAIRS)


def reading(served: Served, database: Database, n: int, seed: int, only: str = "") -> Callable[[], Request]:
    """What the n-th reader asks next: half of them officers of the city, half in the communities. `only`: one kind of question."""
    officer = n % 2 == 0
    headers = served.headers(f"{'officer' if officer else 'community'}-{n // 2}")
    home = COMMUNITIES[n // 2 % len(COMMUNITIES)]
    random = Random(f"{seed}/{n}")  # noqa: S311 - a seed, not secrecy
    with database.transaction() as connection:
        alerts = [
            alert for (alert,) in connection.execute("select alert from views.alert_inbox order by alert limit 100")
        ]
        mine = "select retiree from views.roster where serving like %s order by retiree limit 100"
        retirees = [retiree for (retiree,) in connection.execute(mine, [home if not officer else "4403%"])]
    mix = (
        [("inbox", 6), ("alert", 4), ("retiree", 4), ("roster", 4), ("search", 2)]
        if officer
        else [("roster", 10), ("retiree", 7), ("search", 3)]
    )
    kinds = [kind for kind, times in mix for _ in range(times)]

    def ask() -> Request:
        kind = only or random.choice(kinds)
        if kind == "search":
            body = msgspec.json.encode({"name": person_of(random.randrange(_NAMED)).name})
            return Request(kind, "POST", "/v1/roster/search", headers | {"Content-Type": "application/json"}, body)
        paths = {
            "inbox": "/v1/inbox?limit=50",
            "alert": f"/v1/alerts/{random.choice(alerts)}",
            "retiree": f"/v1/retirees/{random.choice(retirees)}",
            "roster": f"/v1/roster?limit=50&division={home}",
        }
        return Request(kind, "GET", paths[kind], headers)

    return ask


def writing(served: Served, n: int, seed: int) -> Callable[[], Request]:
    """What the n-th writer tells next: a visit to somebody."""
    headers = served.headers(f"writer-{n}") | {"Content-Type": "application/cloudevents+json"}
    random, numbers = Random(f"{seed}/{-n}"), count()  # noqa: S311 - a seed, not secrecy

    def ask() -> Request:
        who = person_of(random.randrange(_NAMED))
        event = {
            "specversion": "1.0",
            "type": "visit-made.v1",
            "source": "/community/shenzhen",
            "id": f"v{n}-{next(numbers)}",
            "data": {"person": who, "effective": "2026-11-20", "reason": "festival"},
        }
        return Request("write", "POST", "/v1/events", headers, msgspec.json.encode(event))

    return ask
