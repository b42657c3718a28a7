"""Whoever asks for whatever: nobody outside their roster is named to them, and nothing is plain that the purpose masks."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import psycopg
import pytest
from fastapi.routing import APIRoute
from msgspec.structs import replace

from domain.facts import (
    ContactCardIssued,
    DeathReported,
    Department,
    EnterpriseKind,
    GoneMissing,
    HandoverProposed,
    LifeEvent,
    Person,
    RetirementRegistered,
)
from domain.history import FactPublished
from domain.law import Law
from domain.rights import masks
from domain.rights.purposes import How
from domain.told import AlertRaised
from infra.database import Database
from infra.embedded import Postgres
from infra.field_catalogue import the_catalogue
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.searching import Search
from services.accounts import Role
from services.api.app import PAGES, V1
from services.registers import REGISTERS
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ, SZ_OTHER
from tests.viewing import entries

D = Department
ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "agency": (Role.OFFICER, "4403"),
    "dalian": (Role.OFFICER, "2102"),
    "auditor": (Role.AUDITOR, ""),
    "guardian": (Role.GUARDIAN, ""),
    "administrator": (Role.ADMINISTRATOR, ""),
    "publisher": (Role.PUBLISHER, "4403"),
}
TODAY = date(2024, 4, 10)
PHONES = ("15412340001", "15412340002", "15412340003")
PEOPLE = {
    SZ: Person(identity_number=number_of(1), name="金不换", phone=PHONES[0], address="深圳市福田区莲花街道甲巷11号"),
    SZ_OTHER: Person(
        identity_number=number_of(2), name="银无双", phone=PHONES[1], address="深圳市南山区桃源街道乙巷22号"
    ),
    DL: Person(identity_number=number_of(3), name="铜雀台", phone=PHONES[2], address="大连市中山区海军街道丙巷33号"),
}
"""Who is registered where; nobody moved."""
CASES = [
    pytest.param(name, purpose.key, id=f"{name}, {purpose.key}")
    for name, (role, _) in ACCOUNTS.items()
    for purpose in the_catalogue().claimable(role, D.COMMUNITY if role is Role.COMMUNITY else D.AGENCY)
    if purpose.default or name != "dalian"
]
STREAMS = {"/v1/alerts/stream", "/v1/feeds/{consumer}/stream"}
"""They do not end; what they send is what `/v1/alerts` and `/v1/feeds/{consumer}` answer."""


class Town(NamedTuple):
    """Who asks, who there is, by the community they are of, and the alerts about anybody."""

    asked: Asking
    retirees: dict[str, str]
    alerts: list[str]


def _told(place: str) -> Iterator[tuple[LifeEvent, Department]]:
    yield replace(retirement(), residence_division=place, hukou_division=place, party_member=True), D.AGENCY
    yield HandoverProposed(effective=date(2024, 2, 1), enterprise_kind=EnterpriseKind.OTHER, batch="b"), D.ENTERPRISE
    yield ContactCardIssued(effective=date(2024, 2, 1)), D.COMMUNITY
    yield GoneMissing(effective=date(2024, 1, 10), document="公〔2024〕1号"), D.POLICE
    yield DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号"), D.CIVIL_AFFAIRS


@pytest.fixture(scope="module")
def town(
    postgres_server: Postgres, migrated: str, keys: KeyRing, law: Law, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """One for all: whoever asks changes nothing but the record of the looks."""
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(f"create database named template {migrated}".encode())
    dsn = postgres_server.dsn("named")
    database = Database(dsn)
    ledger = Ledger(database, keys, law)
    for place, person in PEOPLE.items():
        for n, (fact, department) in enumerate(_told(place)):
            one = submission(fact, f"{place}-{n}", person=person, department=department)
            assert not isinstance(ledger.accept([one], TODAY)[0], Exception)
    catch_up(database)
    search = Search(database, keys)
    search.apply(entries(database))
    told = [(entry.stream, entry.event) for entry in entries(database)]
    found = {
        str(event.fact.residence_division): str(stream)
        for stream, event in told
        if isinstance(event, FactPublished) and isinstance(event.fact, RetirementRegistered)
    }
    alerts = [event.alert for _, event in told if isinstance(event, AlertRaised)]
    with asking(dsn, tmp_path_factory.mktemp("accounts"), ACCOUNTS) as asked:
        yield Town(asked, found, alerts)
    database.close()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute("drop database named with (force)")


def _paths(town: Town) -> Iterator[str]:
    """Every address that can be asked, with everybody and every alert in its place, by every question that matters."""
    routers = [*((router, "/v1") for router in V1), *((router, "") for router in PAGES)]
    routes = [(prefix, one) for router, prefix in routers for one in router.routes if isinstance(one, APIRoute)]
    for prefix, route in routes:
        if "GET" in (route.methods or ()) and f"{prefix}{route.path}" not in STREAMS:
            yield from _filled(f"{prefix}{route.path}", town)


def _filled(path: str, town: Town) -> Iterator[str]:
    given = {
        "{retiree}": [*town.retirees.values()],
        "{alert}": town.alerts,
        "{register}": [*REGISTERS],
        "{form}": ["csv", "xlsx", "print"],
        "{consumer}": ["nobody-s"],
        "{place}": ["nowhere"],
    }
    found = [path]
    for name, values in given.items():
        if name in path:
            found = [one.replace(name, value) for one in found for value in values]
    yield from found
    if path.endswith(("/roster", "/counts", "{register}")):
        yield from (f"{one}?division={place}" for one in found for place in PEOPLE)
        yield from (f"{one}?on=2024-03-01" for one in found)
    if path == "/v1/registers/{register}":
        yield from (f"{one}?as={form}" for one in found for form in ("csv", "xlsx"))
    if path.endswith("/audit"):
        yield from (f"{one}?retiree={who}" for one in found for who in town.retirees.values())
    if path.endswith("/inbox"):
        yield from (f"{one}?state=" for one in found)


def _text(body: bytes) -> str:
    """What an answer says; a workbook by what is in it."""
    if not body.startswith(b"PK"):
        return body.decode()
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        return "\n".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))


def _roster(account: str, *more: Role) -> set[str]:
    role, division = ACCOUNTS[account]
    return {place for place in PEOPLE if role in {Role.COMMUNITY, Role.OFFICER, *more} and place.startswith(division)}


def _found(account: str) -> set[str]:
    """Who is found when they are sought: a roster, and by the guardian, who has none, whoever makes a request."""
    return _roster(account, Role.GUARDIAN)


def assert_fits(theirs: set[str], purpose: str, text: str, where: str) -> None:
    """Nobody of another roster is in an answer, whole or in part; of one's own people nothing whole that the purpose does not have so."""
    view = the_catalogue().view_for(the_catalogue().purposes[purpose])
    for place, person in PEOPLE.items():
        for name in ("identity_number", "name", "phone", "address"):
            whole = getattr(person, name)
            part = masks.MASKS[the_catalogue().fields[f"person.{name}"].mask or "whole"](whole)
            if place not in theirs:
                assert whole not in text, where
                assert part not in text, where
            elif view.how(f"person.{name}") is not How.PLAIN:
                assert whole not in text, where


@pytest.mark.parametrize(("account", "purpose"), CASES)
def test_by_no_address_is_anybody_outside_named_or_anything_plain_that_is_masked(
    town: Town, account: str, purpose: str
) -> None:
    answered = 0
    for path in _paths(town):
        answer = town.asked.for_purpose(account, purpose, path)
        assert answer.status_code < 500, path
        assert_fits(_roster(account), purpose, _text(answer.content), path)
        answered += answer.status_code == 200
    assert answered > 5


@pytest.mark.parametrize(("account", "purpose"), CASES)
def test_by_no_search_and_for_no_reason_is_anybody_outside_found(town: Town, account: str, purpose: str) -> None:
    theirs = _found(account)
    for place, person in PEOPLE.items():
        for sought in ({"name": person.name}, {"number": person.identity_number}, {"phone": person.phone}):
            answer = town.asked.for_purpose(account, purpose, "/v1/roster/search", sought)
            assert answer.status_code in {200, 403}
            assert_fits(theirs, purpose, answer.text, str(sought))
            if answer.status_code == 200:
                assert bool(answer.json()) == (place in theirs)
        body = {"fields": ["name"], "reason": "identity-check"}
        answer = town.asked.for_purpose(account, purpose, f"/v1/retirees/{town.retirees[place]}/unmask", body)
        assert answer.status_code == (200 if place in theirs else 403)
        assert (person.name or "") in answer.text or place not in theirs
        if place not in theirs:
            assert_fits(theirs, purpose, answer.text, place)
        whole = town.asked.for_purpose(
            account, purpose, f"/v1/registers/roster/unmasked?division={place}", {"reason": "identity-check"}
        )
        if place not in _roster(account):
            assert whole.status_code == 403
            assert_fits(_roster(account), purpose, whole.text, place)
