"""What was known of sources at any time: as it stood, found in the rows that the watch left, and never more than the log held then."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from urllib.parse import quote

import msgspec
import psycopg
import pytest

from domain.facts import DeathReported, Department
from domain.history import Entry
from domain.law import Law
from domain.sources import Policy, Registered
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.sources import Sources
from infra.views import KnownViews
from infra.watching import Watch
from projections import source_past
from projections.source_fold import Held, fold
from services.accounts import Role
from tests.asking import Asking, asking
from tests.building import number_of, submission
from tests.viewing import entries

DIED = DeathReported(effective=date(2024, 1, 31))
OURS, THEIRS, UNDER = "/community/shenzhen", "/civil-affairs/shenzhen", "/civil-affairs/shenzhen/futian"
TODAY = date(2024, 4, 10)
D = Department


@pytest.fixture
def ledger(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


@pytest.fixture
def ask(dsn: str, tmp_path: Path) -> Iterator[Asking]:
    accounts = {"community": (Role.COMMUNITY, "4403"), "officer": (Role.OFFICER, "4403")}
    with asking(dsn, tmp_path, accounts) as browser:
        yield browser


def send(ledger: Ledger, source: str, id_: str, number: int | None, batch: str | None = None) -> datetime:
    """What a source sends; when it was recorded."""
    department = D(source.split("/")[1])
    sent = submission(DIED, id_, number=number_of(1), department=department)
    ledger.accept([msgspec.structs.replace(sent, source=source, sequence=number, batch=batch)], TODAY)
    return entries(ledger.database)[-1].recorded_at


def read(watch: Watch, chance: Random | None = None) -> None:
    """Read what the watch has not, in pieces of any size."""
    history = entries(watch.database, watch.position())
    while history:
        size = chance.choice([1, 2, 5, 50]) if chance else len(history)
        watch.handle(history[:size])
        history = history[size:]


def shown(database: Database, position: int) -> tuple[dict[str, str], dict[str, str]]:
    """The states of sources and of batches as they were known at a position."""
    views = KnownViews(database, position)
    sources = views.select("select source, state from source", {})
    batches = views.select("select source || ' ' || batch as name, state from source_batch", {})
    return {row["source"]: row["state"] for row in sources}, {row["name"]: row["state"] for row in batches}


def folded(history: list[Entry]) -> tuple[dict[str, str], dict[str, str]]:
    """The same by the pure fold of the log."""
    held = Held()
    fold(held, history)
    return (
        {name: msgspec.json.encode(row).decode() for name, row in held.sources.items()},
        {f"{row.source} {row.batch}": msgspec.json.encode(row).decode() for row in held.batches.values()},
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_as_known_at_any_time_is_the_fold_of_the_log_up_to_it_and_folded_again_it_is_the_same(
    ledger: Ledger, database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remembered moment by moment; gaps, forks, refusals, batches, silences and what was told of them among it."""
    monkeypatch.setattr(source_past, "minute_of", lambda at: at)
    chance, watch = Random(seed), Watch(database, timedelta(0))  # noqa: S311 - a seed, not secrecy
    policy = Policy(heartbeat_minutes=60)
    Sources(database).add(
        Registered(source=THEIRS, department=D.CIVIL_AFFAIRS, office="民政局", policy=policy), "operator"
    )
    for step in range(25):
        source = chance.choice([OURS, THEIRS, UNDER])
        number = chance.choice([None, chance.randint(1, 12)])
        send(ledger, source, f"{chance.randint(1, 15)}", number, chance.choice([None, "b1", "b2"]))
        if step % 6 == 5:
            read(watch, chance)
            watch.look(datetime.now(UTC) + timedelta(hours=chance.choice([0, 2])))
    read(watch, chance)
    history = entries(database)
    moments = {entry.recorded_at: entry.position for entry in history}
    expected = {position: folded(history[:position]) for position in moments.values()}
    assert len({str(each) for each in expected.values()}) > 10
    assert {position: shown(database, position) for position in expected} == expected

    with psycopg.connect(database.dsn) as connection:
        connection.execute("delete from views.source")
        connection.execute("delete from views.source_past")
        connection.execute("delete from views.source_batch")
        connection.execute("delete from views.source_batch_past")
        connection.execute("delete from views.source_number")
        connection.execute("delete from views.source_batch_member")
        connection.execute("delete from ledger.tracking where follower = 'sources'")
    read(Watch(database, timedelta(0)), chance)
    assert {position: shown(database, position) for position in expected} == expected


def test_of_what_changes_within_a_minute_only_the_last_is_left(ledger: Ledger, database: Database) -> None:
    """So a source that sends without end, rubbish too, leaves one row a minute."""
    for number in range(1, 40):
        send(ledger, OURS, f"{number}", 2 * number)
    began = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    history = [
        msgspec.structs.replace(entry, recorded_at=began + timedelta(seconds=10 * n))
        for n, entry in enumerate(entries(database))
    ]
    watch = Watch(database, timedelta(0))
    for entry in history:
        watch.handle([entry])
    with database.transaction() as connection:
        left = connection.execute("select since, until from views.source_past order by since").fetchall()
    minutes = {source_past.minute_of(entry.recorded_at): entry for entry in history}
    assert len(left) < len(minutes) < len(history) // 4
    assert all(until == since for (_, until), (since, _) in pairwise(left))
    for entry in minutes.values():
        assert shown(database, entry.position) == folded(history[: entry.position])


def test_each_office_asks_what_was_known_of_its_sources_then_and_the_page_says_so(
    ledger: Ledger, ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_past, "minute_of", lambda at: at)
    watch = Watch(ledger.database, timedelta(0))
    send(ledger, OURS, "1", 1, "b")
    at = send(ledger, OURS, "4", 4, "b")
    send(ledger, OURS, "3", 3)
    send(ledger, THEIRS, "1", 1)
    read(watch)
    then = quote(at.isoformat())

    def missing(asking: str) -> list[tuple[int, int]]:
        found = ask.json("community", f"/v1/sources/missing?source={OURS}{asking}")["missing"]["missing"]
        return [(run["first"], run["last"]) for run in found]

    assert (missing(""), missing(f"&known={then}")) == ([(2, 2)], [(2, 3)])
    assert missing(f"&known={then}&on=2199-12-31") == missing(f"&known={then}")
    assert missing("&on=2199-12-31") == missing("")
    assert ask.status("community", f"/v1/sources/missing?source={OURS}&on=1999-12-31") == 404
    assert ask.status("community", f"/v1/sources/missing?source={THEIRS}&known={then}") == 403
    assert ask.status("officer", "/v1/sources?known=then") == 400
    names = {
        asking: [one["source"] for one in ask.json("officer", f"/v1/sources{asking}")["sources"]]
        for asking in ("", f"?known={then}", "?known=1999-12-31")
    }
    assert list(names.values()) == [[THEIRS, OURS], [OURS], []]
    (arrived,) = ask.json("officer", f"/v1/sources?known={then}")["sources"][0]["batches"]
    assert arrived["arrived"] == 2
    page = ask.page("officer", f"/pages/sources?known={then}")
    assert "2–3" in page
    assert "不是现状" in page
    assert THEIRS not in page
