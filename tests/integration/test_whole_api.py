"""Everything that the OpenAPI document names, tried by every role and by nobody: it holds, and nobody is told of who is not theirs."""

from collections.abc import Iterator

import pytest

from domain.law import Law
from infra.embedded import Postgres
from infra.keys import KeyRing
from tests.canaries import ACCOUNTS, MAY_SEE, NAMED, TOLD
from tests.trying import Town, inhabited, leaks, stolen, tried

BOUNDED = {
    "seed": 1,
    "generation": {"max-examples": 3, "deterministic": True, "no-shrink": True, "database": "none"},
    "phases": {"coverage": {"enabled": False}, "stateful": {"enabled": False}},
    "max-time": 15,
}
"""A few of each operation. `make fuzz` takes its time: every boundary of every parameter, and what follows from what."""


@pytest.fixture
def town(postgres_server: Postgres, migrated: str, keys: KeyRing, law: Law) -> Iterator[Town]:
    """The application over HTTP, with its people and accounts. For each test: an administrator who tries everything shuts accounts."""
    with inhabited(postgres_server, migrated, keys, law) as found:
        yield found


@pytest.mark.parametrize("account", ["", *ACCOUNTS])
def test_the_api_is_what_its_document_says(account: str, town: Town) -> None:
    trial = tried(town, account, BOUNDED)
    assert trial.answers
    assert not trial.wrong, trial.said


@pytest.mark.parametrize("account", ["", *ACCOUNTS])
def test_no_identifier_of_somebody_elses_shows_them(account: str, town: Town) -> None:
    shown = MAY_SEE[account]
    hidden = [mark for one in town.canaries if one.community not in shown for mark in one.marks]
    theirs = [mark for one in town.canaries if one.community in shown for mark in one.marks]
    masked = [mark for one in town.canaries if one.community in shown for mark in one.masked]
    told = named = False
    for path, answer in stolen(town, account):
        assert answer.status_code < 500, path
        assert not leaks(answer, hidden), path
        told = told or bool(leaks(answer, theirs))
        named = named or bool(leaks(answer, masked))
    assert told == (account in TOLD)  # else nothing would be found whatever was answered
    assert named == (account in NAMED)
