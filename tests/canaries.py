"""People of three communities in two cities who can be told apart in whatever is answered, by any part of what is told of them."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace
from stdnum.cn import ric

from domain.facts import (
    DeathReported,
    Department,
    Detained,
    LifeEvent,
    Person,
    SurvivalVerified,
    VisitMade,
    VisitReason,
)
from domain.history import Receipt
from domain.rights import masks
from infra.database import Database
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import catch_up
from tests.building import retirement, submission
from tests.handing import DL, SZ, SZ_OTHER

TODAY = date(2026, 11, 23)
_EACH = 3
_HOMES = {SZ: ("慕容", "138111"), SZ_OTHER: ("欧阳", "138222"), DL: ("诸葛", "138333")}
_GIVEN = "甲乙丙"

NOBODY: frozenset[str] = frozenset()
EVERYBODY = frozenset(_HOMES)

ACCOUNTS = {
    "publisher": (Role.PUBLISHER, ""),
    "officer": (Role.OFFICER, "4403"),
    "officer elsewhere": (Role.OFFICER, "2102"),
    "community": (Role.COMMUNITY, SZ),
    "street beside": (Role.COMMUNITY, SZ_OTHER[:9]),
    "auditor": (Role.AUDITOR, ""),
    "administrator": (Role.ADMINISTRATOR, ""),
    "guardian": (Role.GUARDIAN, ""),
}
"""Accounts by their names; `""` is nobody."""

MAY_SEE = {
    "": NOBODY,
    "publisher": NOBODY,
    "officer": frozenset({SZ, SZ_OTHER}),
    "officer elsewhere": frozenset({DL}),
    "community": frozenset({SZ}),
    "street beside": frozenset({SZ_OTHER}),
    "auditor": EVERYBODY,
    "administrator": NOBODY,
    "guardian": EVERYBODY,
}
"""The communities whose people an account may be told of."""


TOLD = frozenset({"officer", "officer elsewhere", "community", "street beside", "auditor", "guardian"})
"""Who of them is told of anybody by what is read."""
NAMED = TOLD - {"auditor", "guardian"}
"""Who of them is told more than an id: names, numbers, telephones, plain or masked."""


class Canary(NamedTuple):
    """Somebody, where they are served, and who they are in the log."""

    community: str
    person: Person
    retiree: UUID
    dead: bool

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands in no answer but one that tells of them: not even parts of it, as where something is masked."""
        person = self.person
        assert person.name
        assert person.phone
        assert person.address
        return (
            person.name[:2],
            person.identity_number[:14],
            person.phone[:8],
            person.address,
            str(self.retiree),
            *self.masked,
        )

    @property
    def masked(self) -> tuple[str, ...]:
        """What is left of them where something is masked, as the product masks: nobody else's is like it."""
        person = self.person
        assert person.name
        assert person.phone
        return masks.name(person.name), masks.identity_number(person.identity_number), masks.phone(person.phone)


def settle(ledger: Ledger, database: Database) -> list[Canary]:
    """Register three people in each community, and have enough told of them that there is something in every view."""
    found: list[Canary] = []
    for number, (home, (family, phone)) in enumerate(_HOMES.items(), start=1):
        for n in range(_EACH):
            stem = f"{home[:6]}{1940 + number}0{n + 1}0{number}{number}0{n + 1}"
            person = Person(
                identity_number=stem + ric.calc_check_digit(stem + "0"),
                name=f"{family}{_GIVEN[n]}",
                phone=f"{phone}0{number}10{n}",
                address=f"{family}街道{family}巷{n + 1}号",
            )
            found.append(Canary(home, person, _told(ledger, person, f"{home}-{n}", n, home), dead=n == 1))
    assert len({mark for one in found for mark in one.masked}) == len(found) * 3
    catch_up(database)
    return found


def _told(ledger: Ledger, person: Person, id_: str, n: int, home: str) -> UUID:
    facts: list[tuple[Department, LifeEvent]] = [
        (Department.AGENCY, replace(retirement(), residence_division=home, hukou_division=home)),
        (Department.COMMUNITY, VisitMade(effective=date(2026, 10, 1), reason=VisitReason.FESTIVAL)),
        (Department.AGENCY, SurvivalVerified(effective=date(2026, 9, 1))),
    ]
    if n == 1:
        facts.append((Department.CIVIL_AFFAIRS, DeathReported(effective=date(2026, 11, 2), document="民殡〔2026〕1号")))
    if n == 2:
        facts.append((Department.POLICE, Detained(effective=date(2026, 10, 8), case="案1")))
    sent = [
        submission(fact, f"{id_}-{place}", person=person, department=department)
        for place, (department, fact) in enumerate(facts)
    ]
    answers = ledger.accept(sent, TODAY)
    assert all(isinstance(answer, Receipt) for answer in answers), answers
    first = answers[0]
    assert isinstance(first, Receipt)
    return first.retiree
