"""What is missing can be asked: by the source's own department, the agency and an auditor; over HTTP, on the page, at the terminal."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from domain.facts import DeathReported, Department
from domain.law import Law
from domain.sources import Policy, Registered
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.sources import Sources
from infra.watching import Watch
from projections import source_past
from services.accounts import Role
from services.application import BEIJING
from services.cli import main
from tests.asking import Asking, asking
from tests.building import number_of, submission
from tests.viewing import entries

DIED = DeathReported(effective=date(2024, 1, 31))
OURS, THEIRS = "/community/shenzhen", "/civil-affairs/shenzhen"


@pytest.fixture
def told(database: Database, keys: KeyRing, law: Law) -> None:
    """Of the community 1 and 4 came; civil affairs, from whom something must be heard within the hour, sent nothing for two."""
    ours = Ledger(database, keys, law)
    for number in (1, 4):
        sent = submission(DIED, str(number), number=number_of(number), department=Department.COMMUNITY)
        ours.accept([msgspec.structs.replace(sent, sequence=number, batch="<b>")], date(2024, 4, 10))
    agreed = Registered(
        source=THEIRS, department=Department.CIVIL_AFFAIRS, office="民政局", policy=Policy(heartbeat_minutes=60)
    )
    Sources(database).add(agreed, "operator 7")
    watch = Watch(database, timedelta(0))
    for _ in range(3):
        for rows in log.scan(database, watch.position()):
            watch.handle(codec.entries(rows))
        watch.look(datetime.now(UTC) + timedelta(hours=2))


@pytest.fixture
def ask(told: None, dsn: str, tmp_path: Path) -> Iterator[Asking]:
    accounts = {"community": (Role.COMMUNITY, "4403"), "officer": (Role.OFFICER, "4403")}
    with asking(dsn, tmp_path, accounts) as browser:
        yield browser


def test_a_department_sees_its_own_sources_and_the_agency_all_of_them(ask: Asking) -> None:
    seen = {
        who: [one["source"] for one in json.loads(ask.page(who, "/v1/sources"))["sources"]]
        for who in ("community", "officer")
    }
    assert seen == {"community": [OURS], "officer": [THEIRS, OURS]}
    assert ask.status("community", f"/v1/sources/missing?source={THEIRS}") == 403
    assert ask.status("officer", "/v1/sources/missing?source=/police/nowhere") == 404
    assert ask.status("community", "/v1/sources/missing?source=nowhere") == 403


def test_the_numbers_that_miss_are_told_in_runs_with_the_batches_that_are_not_whole(ask: Asking) -> None:
    answer = json.loads(ask.page("community", f"/v1/sources/missing?source={OURS}"))["missing"]
    (run,) = answer["missing"]
    assert (run["first"], run["last"], answer["count"], answer["highest"]) == (2, 3, 2, 4)
    assert answer["batches"] == [{"batch": "<b>", "arrived": 2, "count": None, "missing": []}]


def test_pages_of_sources_follow_on_each_other(ask: Asking) -> None:
    first = json.loads(ask.page("officer", "/v1/sources?limit=1"))
    second = json.loads(ask.page("officer", f"/v1/sources?limit=1&after={first['after']}"))
    assert [one["source"] for page in (first, second) for one in page["sources"]] == [THEIRS, OURS]


def test_the_page_says_who_is_silent_and_what_misses_and_repeats_no_markup(ask: Asking) -> None:
    page = ask.page("officer", "/pages/sources")
    for said in ("中断", "2–3", "&lt;b&gt;", "社区", "civil affairs", "未关闭"):
        assert said in page
    assert "<b>" not in page


@pytest.mark.usefixtures("told")
def test_the_terminal_says_it_in_both_languages_and_ends_with_3(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "DATABASE_URL": dsn,
        "CHANGQING_KEY": bytes(32).hex(),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke(main, ["source", "missing", OURS])
    assert run.exit_code == 3
    assert "缺 missing: 2" in run.output
    assert "2–3" in run.output
    assert CliRunner().invoke(main, ["source", "missing", OURS, "--json"]).output.count('"first": 2') == 1
    assert CliRunner().invoke(main, ["source", "missing", THEIRS]).exit_code == 0
    assert CliRunner().invoke(main, ["source", "missing", "/police/nowhere"]).exit_code == 2


def test_the_terminal_says_what_was_known_by_the_end_of_a_day_or_at_a_time(
    database: Database, keys: KeyRing, law: Law, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_past, "minute_of", lambda at: at)
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("CHANGQING_KEY", bytes(32).hex())
    ours, watch = Ledger(database, keys, law), Watch(database, timedelta(0))
    for number in (1, 4, 3):
        sent = submission(DIED, str(number), number=number_of(number), department=Department.COMMUNITY)
        ours.accept([msgspec.structs.replace(sent, sequence=number)], date(2024, 4, 10))
        for rows in log.scan(database, watch.position()):
            watch.handle(codec.entries(rows))
    four = max(entry.recorded_at for entry in entries(database)[:-1])

    def said(known: str) -> tuple[int, list[tuple[int, int]]]:
        run = CliRunner().invoke(main, ["source", "missing", OURS, "--json", "--known", known])
        runs = json.loads(run.output)["missing"]["missing"] if run.exit_code in {0, 3} else []
        return run.exit_code, [(one["first"], one["last"]) for one in runs]

    today = entries(database)[-1].recorded_at.astimezone(BEIJING).date()
    assert said(four.isoformat()) == said(f"{four.astimezone(BEIJING):%Y-%m-%dT%H:%M:%S.%f}") == (3, [(2, 3)])
    assert said("") == said(str(today)) == said("9999-12-31") == (3, [(2, 2)])
    assert said(str(today - timedelta(days=1))) == said("0001-01-01") == (2, [])
    wrong = CliRunner().invoke(main, ["source", "missing", OURS, "--known", "then"])
    assert (wrong.exit_code, "--known" in wrong.output) == (2, True)
