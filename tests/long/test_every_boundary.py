"""A transaction of fifty, cut at every message either end sends, and in the middle of each."""

import pytest

from domain.law import Law
from infra.keys import KeyRing
from tests.doubtful import doubtful_ledger, sweep, watch_doubts


@pytest.mark.parametrize("half", [False, True], ids=["between messages", "within messages"])
@pytest.mark.parametrize("end", ["the ledger's", "PostgreSQL's"])
def test_cut_at_any_message_of_a_transaction_of_fifty_nothing_is_lost_or_doubled(
    dsn: str, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch, end: str, half: bool
) -> None:
    doubts = watch_doubts(monkeypatch)
    with doubtful_ledger(dsn, keys, law) as doubtful:
        messages = sweep(doubtful, 50, from_client=end == "the ledger's", half=half)
    print(f"{messages} messages, {len(doubts)} doubts")  # noqa: T201 - for whoever looks on
    assert messages > 20
    assert doubts
