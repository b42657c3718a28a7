"""Ten thousand facts about one person."""

import pytest

from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from tests.crowd import chance
from tests.one_life import live_through
from tests.storm import assert_decided_rightly
from tests.wholeness import whole_log


@pytest.mark.timeout(240)
def test_a_life_of_10000_facts_is_decided_as_by_its_definition(
    seed: int, database: Database, keys: KeyRing, law: Law
) -> None:
    _, figures = live_through(Ledger(database, keys, law), law, 10_000, chance(seed, "one life"))
    print(figures)  # noqa: T201 - for whoever looks on
    assert_decided_rightly(whole_log(database), database, keys, law)
