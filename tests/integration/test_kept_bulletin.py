"""The bulletin's figures that are kept are those that are counted person by person: by whomever asked, as known at any time."""

from datetime import date
from random import Random
from threading import Event as Flag
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from domain.facts import (
    ArchiveReceived,
    Aspect,
    ContactCardIssued,
    DeathReported,
    Department,
    EnterpriseKind,
    FactRetracted,
    HandoverProposed,
    HealthFileKept,
    IdentityLinked,
    LifeEvent,
    PartyRelationTransferred,
    Person,
    ReceptionAccepted,
    Relocated,
    SurvivalVerified,
    VisitMade,
)
from domain.history import Receipt
from domain.law import Law
from domain.months import Month
from infra import bulletins
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.rebuild import Rebuild
from infra.views import Views
from services.accounts import Role
from services.application import today
from services.cli import main
from services.registers import ahead, bulletin, reckoning
from services.registers.ahead import Ahead
from services.registers.periods import Period
from tests.asking import Asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ, SZ_OTHER

D = Department
TODAY = date(2024, 4, 10)
QUARTER = Period(Month("2024-01"), Month("2024-03"), date(2024, 3, 31))
ACCOUNTS = {
    "shenzhen": (Role.OFFICER, "4403"),
    "district": (Role.OFFICER, SZ[:6]),
    "community": (Role.COMMUNITY, SZ),
    "other": (Role.COMMUNITY, SZ_OTHER),
    "dalian": (Role.COMMUNITY, DL),
    "auditor": (Role.AUDITOR, ""),
}
PLACES = (SZ, SZ_OTHER, DL)


class Crowd:
    """A ledger that is told of a dozen people at random, by a seed."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.ledger = ledger
        self._chance = Random(seed)  # noqa: S311 - a seed, not secrecy
        self._told = 0
        self.times: list[str] = []

    def tell(self, who: int, fact: LifeEvent, department: Department, person: Person | None = None) -> None:
        self._told += 1
        one = submission(fact, f"t{self._told}", number=number_of(who), department=department)
        answer = self.ledger.accept([replace(one, person=person) if person else one], TODAY)[0]
        if isinstance(answer, Receipt):
            self.times.append(quote(answer.recorded_at.isoformat()))

    def register(self) -> None:
        for who in range(1, 13):
            home = replace(retirement(), party_member=who % 3 == 0, **self._somewhere())
            self.tell(who, home, D.AGENCY)

    def go_on(self, steps: int) -> None:
        """Whatever may be told, in any order: late, taken back, of a death, a move, a reception."""
        for _ in range(steps):
            day = date(2023, 11, 1) if self._chance.random() < 0.3 else date(2024, self._chance.randint(1, 4), 9)
            where = self._chance.choice(PLACES)
            facts: list[tuple[LifeEvent, Department]] = [
                (VisitMade(effective=day), D.COMMUNITY),
                (ContactCardIssued(effective=day), D.COMMUNITY),
                (HealthFileKept(effective=day), D.HEALTH),
                (ArchiveReceived(effective=day), D.ARCHIVES),
                (PartyRelationTransferred(effective=day, division=where), D.COMMUNITY),
                (SurvivalVerified(effective=day), D.COMMUNITY),
                (DeathReported(effective=day, document="1号"), D.CIVIL_AFFAIRS),
                (Relocated(effective=day, aspect=Aspect.HUKOU, division=where), D.POLICE),
                (ReceptionAccepted(effective=day, division=where), D.COMMUNITY),
                (HandoverProposed(effective=day, enterprise_kind=EnterpriseKind.MUNICIPAL), D.ENTERPRISE),
                (FactRetracted(effective=day, retracts=f"t{self._chance.randint(1, self._told)}"), D.COMMUNITY),
                (replace(retirement(), **self._somewhere()), D.AGENCY),
            ]
            self.tell(self._chance.randint(1, 12), *self._chance.choice(facts))
        catch_up(self.ledger.database)

    def _somewhere(self) -> dict[str, str]:
        place = self._chance.choice(PLACES)
        return {"residence_division": place, "hukou_division": place}


@pytest.fixture
def ledger(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def figures(asked: Asking, account: str, known: str = "") -> Any:
    path = f"/v1/registers/bulletin?first=2024-01&last=2024-03{known and '&known=' + known}"
    return asked.json(account, path)["rows"]


def now(asked: Asking, account: str) -> str:
    """The period in which everything here is recorded."""
    month = f"{today():%Y-%m}"
    return str(asked.json(account, f"/v1/registers/bulletin?first={month}&last={month}")["rows"])


@pytest.mark.parametrize("seed", [1, 2])
def test_figures_kept_at_one_position_give_those_of_any_other_as_counted_person_by_person(
    ledger: Ledger, asked: Asking, law: Law, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each office, as known at each time, whether that is before what is kept or long after it; late facts among them."""
    crowd = Crowd(ledger, seed)
    crowd.register()
    crowd.go_on(40)
    person = Person(identity_number=number_of(1), other_identity_number=number_of(2))
    crowd.tell(1, IdentityLinked(effective=TODAY, document="公安〔2024〕9号"), D.POLICE, person)
    crowd.go_on(30)
    times = [*Random(seed).sample(crowd.times, 3), crowd.times[-1]]  # noqa: S311 - likewise
    counted = {(name, at): figures(asked, name, at) for name in ACCOUNTS for at in times}
    counted_now = {name: now(asked, name) for name in ACCOUNTS}
    assert len({str(rows) for rows in counted.values()}) > len(ACCOUNTS), "what is told in between shows"

    monkeypatch.setattr(bulletin, "MOST", -1)
    monkeypatch.setattr(reckoning, "CHUNK", 3)
    monkeypatch.setattr(ahead, "SAVED_EVERY", 4)
    one = Ahead(ledger.database, law)
    month = Month(f"{today():%Y-%m}")
    for position, brought in ((20, None), (None, None), (30, 80), (80, 30)):
        with ledger.database.transaction() as connection:
            connection.execute("delete from views.bulletin")
        one.ask(QUARTER, position)
        one.ask(Period(month, month, today()), position)
        while one.reckon_next(Flag()):
            pass
        if position and brought:
            of = bulletins.Of(QUARTER.first_day, QUARTER.last_day, reckoning.law_of(law), position)
            kept = bulletins.Bulletins(ledger.database).nearest(of)
            assert kept
            assert one.bring(QUARTER, kept, brought)
            with ledger.database.transaction() as connection:
                connection.execute("delete from views.bulletin where bulletin = %s", [kept.bulletin])
        assert {(name, at): figures(asked, name, at) for name in ACCOUNTS for at in times} == counted
        assert {name: now(asked, name) for name in ACCOUNTS} == counted_now


def test_a_late_fact_changes_a_past_quarter_as_known_now_and_not_as_it_was_known_then(
    ledger: Ledger, asked: Asking, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = Crowd(ledger, 1)
    crowd.register()
    catch_up(ledger.database)
    monkeypatch.setattr(bulletin, "MOST", -1)
    one = Ahead(ledger.database, law)
    one.ask(QUARTER)
    one.reckon_next(Flag())
    before, then = figures(asked, "shenzhen"), crowd.times[-1]
    there = next(row for row in before if row["measure"] == "visited" and row["done"] == 0 and row["of"])
    for who in range(1, 13):
        crowd.tell(who, VisitMade(effective=date(2024, 2, 1)), D.COMMUNITY)
    catch_up(ledger.database)
    after = figures(asked, "shenzhen")
    (same,) = [row for row in after if (row["district"], row["measure"]) == (there["district"], "visited")]
    assert (same["done"], same["of"]) == (there["of"], there["of"])
    assert figures(asked, "shenzhen", then) == before


def test_of_too_many_it_is_said_that_it_is_being_reckoned_and_then_it_is_answered(
    ledger: Ledger, asked: Asking, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = Crowd(ledger, 2)
    crowd.register()
    crowd.go_on(10)
    counted = figures(asked, "auditor")
    monkeypatch.setattr(bulletin, "MOST", 3)
    path = "/v1/registers/bulletin?first=2024-01&last=2024-03"
    for _ in range(2):
        answer = asked.asked("auditor", path)
        assert (answer.status_code, answer.json()["code"]) == (503, "being-reckoned")
        assert int(answer.headers["Retry-After"]) > 0
    one = Ahead(ledger.database, law)
    assert one.reckon_next(Flag())
    assert not one.reckon_next(Flag()), "asked for twice it is reckoned once"
    assert figures(asked, "auditor") == counted


def test_killed_half_way_it_goes_on_with_those_who_are_not_counted(
    ledger: Ledger, asked: Asking, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = Crowd(ledger, 3)
    crowd.register()
    crowd.go_on(20)
    counted = figures(asked, "auditor")
    monkeypatch.setattr(bulletin, "MOST", -1)
    monkeypatch.setattr(reckoning, "CHUNK", 5)
    Ahead(ledger.database, law).ask(QUARTER)
    ended = Flag()
    ended.set()
    rounds = 0
    while Ahead(ledger.database, law).reckon_next(ended):
        rounds += 1
    assert rounds > 2
    assert figures(asked, "auditor") == counted


def test_the_command_reckons_as_known_at_a_time_and_a_rebuild_throws_what_is_kept_away(
    ledger: Ledger, asked: Asking, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("CHANGQING_KEY", bytes(range(32)).hex())
    crowd = Crowd(ledger, 4)
    crowd.register()
    crowd.go_on(10)
    counted = figures(asked, "auditor")
    monkeypatch.setattr(bulletin, "MOST", -1)
    told = CliRunner().invoke(main, ["bulletin", "--first", "2024-01", "--last", "2024-03", "--known", "2199-12-31"])
    assert (told.exit_code, "2024-01" in told.stdout, "12" in told.stderr) == (0, True, True), told.output
    assert figures(asked, "auditor") == counted
    assert CliRunner().invoke(main, ["bulletin", "--known", "then"]).exit_code == 2
    assert CliRunner().invoke(main, ["bulletin", "--first", "2024-13"]).exit_code == 2
    owner = Database(dsn, role=None)
    Rebuild(owner, lambda _: None).run()
    owner.close()
    assert asked.status("auditor", "/v1/registers/bulletin?first=2024-01&last=2024-03") == 503


def test_only_the_newest_of_a_period_are_kept(
    ledger: Ledger, law: Law, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulletins, "KEPT", 2)
    crowd = Crowd(ledger, 5)
    crowd.register()
    catch_up(database)
    one = Ahead(database, law)
    for position in (3, 5, 7):
        one.ask(QUARTER, position)
        one.reckon_next(Flag())
    with database.transaction() as connection:
        assert connection.execute("select position from views.bulletin order by 1").fetchall() == [(5,), (7,)]


def test_nothing_is_reckoned_further_than_the_read_models_have_come(ledger: Ledger, law: Law, dsn: str) -> None:
    crowd = Crowd(ledger, 6)
    crowd.register()
    catch_up(ledger.database)
    come = Views(ledger.database).position()
    crowd.tell(1, VisitMade(effective=date(2024, 2, 1)), D.COMMUNITY)
    assert Ahead(ledger.database, law).ask(QUARTER, come + 1).position == come
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select position from views.bulletin").fetchall() == [(come,)]


def test_two_who_reckon_at_once_count_nobody_twice(database: Database) -> None:
    """The lock of the first went with its connection: what it saves after the other is as if it never was."""
    kept = bulletins.Bulletins(database)
    kept.ask(bulletins.Of(QUARTER.first_day, QUARTER.last_day, "law", 0))
    first = second = kept.next("law")
    assert first is not None
    assert second is not None
    figures = [(True, SZ, "people", 1, 2)]
    assert kept.save(second, figures, UUID(int=7), 2)
    assert not kept.save(first, figures, UUID(int=7), 2)
    assert not kept.save(first, figures, UUID(int=9), 3, end=True)
    assert kept.save(second._replace(people=2), figures, UUID(int=9), 3, end=True)
    assert not kept.save(second._replace(people=3), figures, UUID(int=9), 3, end=True)
    with database.transaction() as connection:
        assert connection.execute("select done, of from views.bulletin_figure").fetchall() == [(2, 4)]


def test_figures_that_went_while_they_were_read_are_not_told(
    ledger: Ledger, law: Law, asked: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    Crowd(ledger, 3).register()
    monkeypatch.setattr(bulletin, "MOST", -1)
    ahead_ = Ahead(ledger.database, law)
    ahead_.ask(QUARTER)
    assert ahead_.reckon_next(Flag())
    assert asked.status("shenzhen", "/v1/registers/bulletin?first=2024-01&last=2024-03") == 200
    read = bulletins.Bulletins.touched

    def touched(self: bulletins.Bulletins, *given: Any) -> Any:
        found = read(self, *given)
        with ledger.database.transaction() as connection:
            connection.execute("delete from views.bulletin")
        return found

    monkeypatch.setattr(bulletins.Bulletins, "touched", touched)
    answer = asked.ask("shenzhen", "/v1/registers/bulletin?first=2024-01&last=2024-03")
    assert (answer.status_code, answer.json()["code"]) == (503, "being-reckoned")
