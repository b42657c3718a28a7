"""Every boundary of every parameter, a hundred cases of each operation, and chains of them: by every role and by nobody."""

from collections.abc import Iterator

import pytest

from domain.law import Law
from infra.embedded import Postgres
from infra.keys import KeyRing
from tests.canaries import ACCOUNTS
from tests.trying import Town, inhabited, tried

pytestmark = pytest.mark.timeout(0)


@pytest.fixture
def town(postgres_server: Postgres, migrated: str, keys: KeyRing, law: Law) -> Iterator[Town]:
    """The application over HTTP, with its people and accounts. For each test: an administrator who tries everything shuts accounts."""
    with inhabited(postgres_server, migrated, keys, law) as found:
        yield found


@pytest.mark.parametrize("account", ["", *ACCOUNTS])
def test_the_api_is_what_its_document_says(account: str, town: Town, pytestconfig: pytest.Config) -> None:
    given = {
        "seed": pytestconfig.getoption("seed"),
        "generation": {"max-examples": pytestconfig.getoption("examples"), "no-shrink": True, "database": "none"},
        "max-time": pytestconfig.getoption("seconds"),
    }
    trial = tried(town, account, given)
    print(f"{account or 'nobody'}: {sum(trial.answers.values())} answers of {len(trial.answers)} kinds")  # noqa: T201
    assert not trial.wrong, trial.said
