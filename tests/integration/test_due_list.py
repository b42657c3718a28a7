"""The due list leads to everybody who is due, of one moment, whoever stands before them and whichever version answers."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from html import unescape
from itertools import count

import psycopg
import pytest
from msgspec.structs import replace

from domain.facts import Department, LifeEvent, SpecialGroup, SurvivalVerified
from domain.history import Receipt
from domain.law import Law
from infra import versions
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.migrations import migrate
from infra.rebuild import Rebuild
from infra.statutes import the_lineage
from infra.views import Views
from projections import READ_MODELS
from services.accounts import Account, Role
from services.application import today
from services.reading import sheets
from services.reading.reader import Reader
from services.reading.sheets import Asked, whole
from services.registers import REGISTERS
from tests.asking import Asking, catch_up
from tests.building import retirement, submission
from tests.crowd import somebody
from tests.handing import DL

ACCOUNTS = {"agency": (Role.OFFICER, "2102"), "community": (Role.COMMUNITY, DL)}
AGENCY = Account(name="agency", role=Role.OFFICER, department=Department.AGENCY, division="2102")
HOME = replace(retirement(), residence_division=DL, hukou_division=DL)
NOT_YET = SurvivalVerified(effective=today() - timedelta(days=280))
"""Long enough ago to be looked at, and not so long that it is due."""
OVERDUE = SurvivalVerified(effective=date(2023, 1, 5))
_ids = count()
_NEXT = re.compile(r'<a href="([^"]+)">下一页').findall
_BACK = (
    "drop function views.unverified_in",
    "alter table views.verifications drop column last_told",
    "drop function views.last_told",
    "update alembic_version set version_num = '0033'",
)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    """A ledger that is told of people by their numbers."""
    return Ledger(database, keys, law)


def tell(ours: Ledger, people: range, *facts: LifeEvent) -> None:
    """The same of each."""
    for fact in facts:
        told = [submission(fact, f"t{next(_ids)}", number=somebody(n), department=Department.AGENCY) for n in people]
        answers = ours.accept(told, today())
        assert all(isinstance(one, Receipt) for one in answers), answers[0]
    catch_up(ours.database)


def walked(asked: Asking, account: str, register: str) -> list[str]:
    """The retirees of a register as its pages lead on from one to the next."""
    page = f"/pages/registers/{register}"
    found, at = [], [""]
    while at:
        shown = asked.page(account, page + unescape(at[0]))
        found += re.findall(r'<a href="/pages/retirees/([0-9a-f-]+)"', shown)
        at = _NEXT(shown)
        assert at or found or "没有记录" in shown
    return found


def due(asked: Asking, **given: int) -> Sequence[str]:
    query = "&".join(f"{key}={value}" for key, value in given.items())
    return [row["retiree"] for row in asked.json("agency", f"/v1/registers/verifications?{query}")["rows"]]


@pytest.mark.parametrize("many", [130, 400])
def test_the_pages_lead_past_however_many_are_not_due_yet(ours: Ledger, asked: Asking, many: int) -> None:
    tell(ours, range(many), HOME, NOT_YET)
    tell(ours, range(many, many + 5), HOME, OVERDUE)
    assert len(walked(asked, "agency", "verifications")) == 5
    assert len(due(asked, limit=5)) == 5


def test_the_pages_lead_past_more_people_than_one_of_them_looks_at(ours: Ledger, asked: Asking) -> None:
    tell(ours, range(1_600), replace(HOME, party_member=False))
    tell(ours, range(1_600, 1_603), replace(HOME, special_groups=(SpecialGroup.ALONE,)))
    assert len(walked(asked, "community", "visits")) == 3


def test_a_file_is_of_one_moment_whatever_is_told_while_it_is_written(
    ours: Ledger, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(ours, range(40), HOME, OVERDUE)
    monkeypatch.setattr(sheets, "CHUNK", 1)
    reader = Reader(ours, Views(ours.database), keys, the_lineage(), law)
    chunks = whole(REGISTERS["verifications"], reader.steady("file"), AGENCY, Asked())
    first = next(chunks)
    tell(ours, range(40), SurvivalVerified(effective=today()))
    assert len(first) + sum(map(len, chunks)) == 40


@pytest.mark.parametrize("made", ["before", "next"])
def test_a_version_made_before_dates_were_kept_beside_has_them_too(
    ours: Ledger, owner: Database, asked: Asking, dsn: str, made: str
) -> None:
    tell(ours, range(3), HOME, OVERDUE)
    with psycopg.connect(dsn) as connection:
        for statement in _BACK:
            connection.execute(statement)
    rebuild = Rebuild(owner, lambda _: None)
    if made == "before":
        rebuild.run()
    else:
        with owner.transaction() as connection:
            versions.begin(connection, READ_MODELS, 2)
    migrate(dsn)
    assert len(due(asked)) == 3
    (rebuild.roll_back if made == "before" else rebuild.run)()
    assert len(due(asked)) == 3
    tell(ours, range(1), SurvivalVerified(effective=today()))
    assert len(due(asked)) == 2
