"""A follower that meets what it can do nothing with stops there and says so; how far each is behind."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from domain.history import Entry
from domain.law import Law
from infra.database import Database
from infra.follower import follow
from infra.followers import Following, StoppedError, following
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.views import Views
from services.accounts import Role
from services.cli import main
from services.following.followers import said
from tests.asking import Asking
from tests.building import number_of, retirement, submission
from tests.viewing import entries, folded, stored

TODAY = date(2024, 4, 10)
ACCOUNTS = {"agency": (Role.OFFICER, "4403"), "community": (Role.COMMUNITY, "4403")}


@pytest.fixture
def views(database: Database, keys: KeyRing, law: Law) -> Views:
    """Five people are registered; nothing is folded yet."""
    told = [submission(retirement(), f"r{n}", number=number_of(n)) for n in range(1, 6)]
    Ledger(database, keys, law).accept(told, TODAY)
    return Views(database)


def stops_at(database: Database, views: Views, position: int) -> StoppedError:
    """Follow with a fold that fails on one entry."""

    def failing(given: Sequence[Entry]) -> None:
        if any(entry.position == position for entry in given):
            raise ValueError("no such month")
        views.apply(given)

    with pytest.raises(StoppedError) as caught:
        follow(database, "views", views.position, failing, Event())
    return caught.value


def of(database: Database, follower: str) -> Following:
    return next(one for one in following(database) if one.follower == follower)


def test_it_stops_just_before_the_entry_and_everything_before_that_is_done(views: Views, database: Database) -> None:
    error = stops_at(database, views, 4)
    assert "before position 4, retirement-registered.v1: ValueError: no such month" in str(error)
    assert views.position() == 3
    assert stored(database) == folded(entries(database)[:3])
    stop = of(database, "views").stopped
    assert stop
    assert (stop.position, stop.name, stop.error) == (4, "retirement-registered.v1", "ValueError: no such month")


def test_as_long_as_it_stops_at_the_same_entry_it_is_said_since_when(views: Views, database: Database) -> None:
    stops_at(database, views, 4)
    first = of(database, "views").stopped
    stops_at(database, views, 4)
    assert of(database, "views").stopped == first


def test_once_it_has_passed_the_entry_nothing_is_said_any_more(views: Views, database: Database) -> None:
    stops_at(database, views, 4)
    stop = Event()
    follow(database, "views", views.position, views.apply, stop, rest=stop.set)
    assert of(database, "views") == Following(follower="views", position=5, events=0, seconds=0.0)
    assert stored(database) == folded(entries(database))


def test_how_far_behind_each_is_is_counted_in_events_and_since_the_first_of_them(
    views: Views, database: Database
) -> None:
    views.apply(entries(database)[:2])
    found = {one.follower: one for one in following(database)}
    assert {name: (one.position, one.events) for name, one in found.items()} == {
        "relay": (0, 5),
        "sources": (0, 5),
        "views": (2, 3),
    }
    assert all(one.seconds > 0 for one in found.values())


def test_the_api_the_page_the_probe_and_the_terminal_say_where_it_stopped(
    views: Views, database: Database, asked: Asking, dsn: str, tmp_path: Path
) -> None:
    stops_at(database, views, 4)
    listed = {one["follower"]: one for one in asked.json("agency", "/v1/followers")}
    told_of_accounts = 5  # two of them, a secret each, and the key of their tokens
    assert (listed["views"]["events"], listed["views"]["stopped"]["position"]) == (2 + told_of_accounts, 4)
    assert listed["relay"]["stopped"] is None
    page = asked.page("agency", "/pages/followers")
    assert "停在位置 4 之前" in page
    assert "ValueError: no such month" in page
    probe = asked.json("agency", "/readyz")
    assert (probe["status"], probe["stopped"]) == (
        "ready",
        {"views": {"position": 4, "name": "retirement-registered.v1"}},
    )
    environment = {
        "DATABASE_URL": dsn,
        "CHANGQING_KEY": bytes(range(32)).hex(),
    }
    told = CliRunner().invoke(main, ["followers"], env=environment)
    assert told.exit_code == 3
    assert "stopped before 4 retirement-registered.v1: ValueError: no such month" in told.stdout
    told = CliRunner().invoke(main, ["followers", "--json"], env=environment)
    assert {one["follower"] for one in json.loads(told.stdout)} == {"relay", "sources", "views"}


def test_a_community_is_not_told_how_the_system_is(asked: Asking) -> None:
    assert asked.status("community", "/v1/followers") == asked.status("community", "/pages/followers") == 403


def test_one_that_is_up_to_date_says_so_in_one_line() -> None:
    told = said(Following(follower="views", position=5, events=0, seconds=0.0))
    assert told == "views: 位置 position 5，待处理 left 0，落后 behind 0.0 s"
