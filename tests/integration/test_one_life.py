"""Somebody about whom more is told than any state keeps: each decision is as it would be over all of it."""

from datetime import date

from domain.bounding import KEEP
from domain.facts import DeathReported, Department
from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from tests.building import retirement
from tests.crowd import chance
from tests.one_life import Life, Told, about, live_through, retraction
from tests.storm import assert_decided_rightly
from tests.wholeness import whole_log


def test_a_report_that_the_state_leaves_out_is_stored_and_can_be_taken_back(
    database: Database, keys: KeyRing, law: Law
) -> None:
    whole = Life(Ledger(database, keys, law), law)
    reports = [
        about(DeathReported(effective=date(2022, 1, n), document=f"{n}号"), f"{n}", Department.POLICE, None)
        for n in range(1, KEEP + 3)
    ]
    whole.tell(Told(date(2022, 3, 1), [about(retirement(), "registered", Department.AGENCY, None), *reports]))
    assert len(whole.dossier().deaths) == KEEP
    whole.tell(Told(date(2022, 4, 1), [retraction(reports[-1], "back", date(2022, 4, 1))]))
    whole.tell(Told(date(2022, 5, 1), [retraction(one, f"back-{one.id}", date(2022, 5, 1)) for one in reports[:-2]]))
    whole.assert_as_defined()
    assert [known.reference.id for known in whole.dossier().deaths] == [reports[-2].id]


def test_a_life_of_700_facts_is_decided_as_by_its_definition(database: Database, keys: KeyRing, law: Law) -> None:
    _, figures = live_through(Ledger(database, keys, law), law, 700, chance("one life"))
    print(f"\n{figures}")  # noqa: T201 - for whoever looks on
    assert_decided_rightly(whole_log(database), database, keys, law)
