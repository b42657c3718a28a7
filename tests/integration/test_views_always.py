"""What always holds of the read models, whatever is told: rebuilt, live, replayed and folded are one, row by row."""

from contextlib import closing
from random import Random

import pytest
from msgspec.structs import asdict

from domain.law import Law
from infra import rebuild, versions
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.rebuild import Rebuild
from infra.replay import Replay
from infra.views import Views
from projections import READ_MODELS
from tests.crowd import TODAY, batch
from tests.viewing import Held, entries, folded, stored

STEPS, WRITERS = 10, 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rebuilt_live_replayed_and_folded_are_the_same_rows(
    database: Database, dsn: str, keys: KeyRing, law: Law, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a crowd of writers: deaths, retractions, corrections, mismatches and repeats, folded in batches of random sizes."""
    chance = Random(seed)  # noqa: S311 - a seed, not secrecy
    ledger, live = Ledger(database, keys, law), Views(database)
    for step in range(STEPS):
        for writer in range(WRITERS):
            ledger.accept([one.submission for one in batch(seed, writer, step)], TODAY)
    history = entries(database)
    begin = 0
    while begin < len(history):
        size = chance.choice([1, 2, 7, 50, 500])
        live.apply(history[begin : begin + size])
        begin += size
    whole = folded(history)
    assert stored(database) == whole

    monkeypatch.setattr(rebuild, "PAGE", chance.choice([3, 40, 1_000]))
    monkeypatch.setattr(rebuild, "KEPT", chance.choice([1, 30, 10_000]))
    with closing(Database(dsn, role=None)) as owner:
        shares = chance.choice([1, 2, 5])
        with owner.transaction() as connection:
            versions.begin(connection, READ_MODELS, shares)
        for number in range(shares):
            rebuild.fold_share(dsn, None, [model.table for model in READ_MODELS], number, shares, len(history))
        Rebuild(owner, lambda _: None).run()
    assert stored(database) == whole

    for position in {0, len(history), *(chance.randrange(len(history)) for _ in range(6))}:
        cut = folded(history[:position])
        assert stored(database, known=position) == cut
        assert _replayed(database, position) == cut
        assert not [row for row in Replay(database, READ_MODELS, position).compared() if row.differs]


def _replayed(database: Database, until: int) -> Held:
    found: Held = {model.table: {} for model in READ_MODELS}
    for row in Replay(database, READ_MODELS, until).rows():
        found[row.model.table][row.key] = asdict(row.folded)
    return found
