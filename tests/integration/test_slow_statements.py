"""What PostgreSQL takes too long for is cancelled there, and whoever asked is told in time, with a code and when to come back."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from time import sleep

import psycopg
import pytest
from httpx import Response
from msgspec.structs import replace

from domain.law import Law
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import Asking, asking, catch_up
from tests.building import retirement, submission
from tests.handing import SZ
from tests.integration.test_traces import event

ACCOUNTS = {"community": (Role.COMMUNITY, SZ), "officer": (Role.OFFICER, "4403")}
_ASLEEP = """create or replace function rights.divisions() returns text[] language plpgsql stable as $$
    begin perform pg_sleep(3600); return null; end $$"""
_AT_IT = """select count(*) from pg_stat_activity
    where datname = current_database() and state = 'active' and application_name = 'changqing'"""


@pytest.fixture
def asked(dsn: str, database: Database, keys: KeyRing, law: Law, tmp_path: Path) -> Iterator[Asking]:
    home = replace(retirement(), residence_division=SZ, hukou_division=SZ)
    Ledger(database, keys, law).accept([submission(home, "r1")], date(2024, 4, 10))
    catch_up(database)
    with asking(dsn, tmp_path, ACCOUNTS, CHANGQING_REQUEST_SECONDS="3") as opened:
        yield opened


def refused(answer: Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (503, "too-slow") and int(answer.headers["retry-after"]) > 0


def nobody_is_at_it(dsn: str) -> None:
    """Wait until no statement of ours runs; one that is asleep for an hour would fail this test by its time limit."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        while owner.execute(_AT_IT).fetchone() != (0,):
            sleep(0.05)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", ["/v1/roster", "/v1/registers/roster?as=csv", "/v1/registers/roster?as=xlsx"])
def test_a_question_that_takes_too_long_is_cancelled_and_told_so(asked: Asking, dsn: str, path: str) -> None:
    assert asked.status("community", path) == 200
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(_ASLEEP)
    assert refused(asked.asked("community", path))
    nobody_is_at_it(dsn)


@pytest.mark.timeout(120)
def test_so_is_what_is_asked_of_no_account_and_what_would_be_written(asked: Asking, dsn: str) -> None:
    sent = {"Content-Type": "application/cloudevents+json"}
    body = json.dumps(event("r", retirement()))
    asked.headers("officer")  # its token is got before
    with psycopg.connect(dsn) as owner:
        owner.execute("lock table ledger.inbox, ledger.head in access exclusive mode")
        receipt = "/v1/receipts?source=/social-insurance/shenzhen&id=r1"
        assert refused(asked.asked("officer", receipt))
        assert refused(asked.ask("officer", "/v1/events", "POST", content=body, headers=sent))
        owner.rollback()
    nobody_is_at_it(dsn)
    assert asked.ask("officer", "/v1/events", "POST", content=body, headers=sent).json()["status"] == "accepted"
