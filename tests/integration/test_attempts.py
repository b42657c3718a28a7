"""Waits after failures: whoever guesses is stopped, and neither an officer nor an office is shut out by what others do."""

from collections.abc import Iterator

import psycopg
import pytest
from httpx import AsyncClient

from infra.accounts import AccountRegister
from infra.attempts import AS_ONE_FROM_EVERYWHERE, AT_ADDRESS
from infra.database import Database
from services.identities import passwords
from services.identities.accounts import Accounts
from tests.accounts import form
from tests.signing_in import PASSWORD, Stranger, strangers

ATTACKER, OFFICE = "198.51.100.66", "203.0.113.7"


@pytest.fixture
def stranger(dsn: str, database: Database) -> Iterator[Stranger]:
    with strangers(dsn) as one:
        Accounts(AccountRegister(database)).register.set_password(
            "officer", passwords.hashed(PASSWORD), "tests", must_change=False
        )
        yield one


def guesses(stranger: Stranger, client: AsyncClient, times: int, name: str = "officer") -> list[int]:
    return [stranger.signs_in(name, f"guess {n}", client).status_code for n in range(times)]


def waits_are_over(dsn: str, seconds: int = 0) -> None:
    """As if every wait, and so many seconds, had passed."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "update ledger.attempt set wait_until = '-infinity', last_at = last_at - make_interval(secs => %s)",
            [seconds],
        )


def waits_are_long(dsn: str) -> None:
    """As if whoever has to wait had to for an hour: however slow the machine is."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "update ledger.attempt set wait_until = clock_timestamp() + interval '1 hour' where wait_until > '-infinity'"
        )


def test_whoever_guesses_from_one_address_waits_and_the_officer_elsewhere_does_not(
    stranger: Stranger, dsn: str
) -> None:
    attacker = stranger.client(ATTACKER)
    assert guesses(stranger, attacker, 5) == [401] * 5
    waits_are_long(dsn)
    assert guesses(stranger, attacker, 2) == [429] * 2
    assert stranger.signs_in(client=attacker).status_code == 429, "the right password too"
    assert stranger.signs_in(client=stranger.client(OFFICE)).status_code == 303


def test_guesses_from_many_addresses_wait_for_each_other_and_for_no_longer_than_a_minute(
    stranger: Stranger, dsn: str
) -> None:
    assert AS_ONE_FROM_EVERYWHERE.free == 100
    for n in range(25):
        assert guesses(stranger, stranger.client(f"198.51.{n}.66"), 4) == [401] * 4  # each below its own bound
    waits_are_long(dsn)
    assert guesses(stranger, stranger.client("198.51.100.67"), 2) == [429] * 2
    for n in range(9):
        waits_are_over(dsn)
        guesses(stranger, stranger.client(f"198.52.{n}.66"), 1)
    answer = stranger.signs_in(client=stranger.client(OFFICE))
    assert (answer.status_code, 1 < int(answer.headers["retry-after"]) <= 60) == (429, True)


def test_where_somebody_signed_in_before_failures_elsewhere_make_nobody_wait(stranger: Stranger, dsn: str) -> None:
    known, page = stranger.client(OFFICE), stranger.client(OFFICE)
    assert stranger.signs_in(client=known).status_code == 303
    with psycopg.connect(dsn) as connection:  # as after a night of guesses from everywhere, and at this very address
        assert guesses(stranger, page, 1) == [401]
        connection.execute(
            "update ledger.attempt set failures = 500, wait_until = clock_timestamp() + interval '1 hour'"
        )
        connection.execute("delete from ledger.attempt where subject = %s", [_of_address(stranger, OFFICE)])
    assert stranger.signs_in(client=page).status_code == 429
    assert stranger.signs_in(client=known).status_code == 303
    assert guesses(stranger, known, 5) == [401] * 5
    waits_are_long(dsn)
    assert guesses(stranger, known, 1) == [429], "whoever stole the browser guesses no further"


def test_a_device_is_known_for_those_alone_who_signed_in_on_it_and_by_nobody_elses_word(
    stranger: Stranger, database: Database, dsn: str
) -> None:
    Accounts(AccountRegister(database)).register.set_password(
        "community", passwords.hashed(PASSWORD), "tests", must_change=False
    )
    mine, forged = stranger.client(OFFICE), stranger.client(ATTACKER)
    assert stranger.signs_in("community", client=mine).status_code == 303
    cookie = mine.cookies["changqing-device"]
    assert "community" not in cookie
    device, _, mark = cookie.partition(".")
    forged.cookies.set("changqing-device", f"{'0' * 32}.{mark}")
    for client, name in ((mine, "officer"), (forged, "community")):
        assert guesses(stranger, client, 1, name) == [401]
        with psycopg.connect(dsn) as connection:
            connection.execute("update ledger.attempt set failures = 150")
            connection.execute(
                "delete from ledger.attempt where subject = any(%s)",
                [[_of_address(stranger, one) for one in (OFFICE, ATTACKER)]],
            )
        guesses(stranger, client, 1, name)
        assert guesses(stranger, stranger.client("203.0.113.99"), 1, name) == [429], "it was counted where all are"
        waits_are_over(dsn, 10**6)
    assert len(device) == 32
    assert stranger.signs_in(client=mine).status_code == 303
    assert stranger.signs_in("community", client=mine).status_code == 303
    assert len(mine.cookies["changqing-device"].split(".")) == 3, "two sign in on one machine"


def test_typos_of_a_lifetime_shut_no_office(stranger: Stranger, dsn: str) -> None:
    office = stranger.client(OFFICE)
    for n in range(2 * AT_ADDRESS.free):
        assert guesses(stranger, office, 1, f"officer {n}") == [401]
        waits_are_over(dsn, 60)
    assert stranger.signs_in(client=office).status_code == 303


def test_many_typos_at_once_shut_an_office_until_they_fade(stranger: Stranger, dsn: str) -> None:
    office = stranger.client(OFFICE)
    tried = [answer for n in range(2 * AT_ADDRESS.free) for answer in guesses(stranger, office, 1, f"officer {n}")]
    assert tried[: AT_ADDRESS.free] == [401] * AT_ADDRESS.free
    assert 429 in tried
    waits_are_over(dsn, int(AT_ADDRESS.fades) * AT_ADDRESS.free)
    assert guesses(stranger, office, 3, "another") == [401] * 3


def test_a_program_that_fails_shuts_out_no_people_behind_the_same_address(stranger: Stranger) -> None:
    office = stranger.client(OFFICE)
    answers = [stranger.post("/oauth/token", form(f"feed {n}", "wrong"), office).status_code for n in range(60)]
    assert answers[: AT_ADDRESS.free] == [401] * AT_ADDRESS.free
    assert 429 in answers
    assert stranger.signs_in(client=office).status_code == 303
    shut = stranger.client(ATTACKER)
    assert 429 in [answer for n in range(60) for answer in guesses(stranger, shut, 1, f"officer {n}")]
    assert stranger.post("/oauth/token", form("officer", stranger.secrets["officer"]), shut).status_code == 200


def _of_address(stranger: Stranger, address: str) -> bytes:
    attempts = stranger.app.state.people._attempts
    return bytes(attempts.subject("address-people", address))
