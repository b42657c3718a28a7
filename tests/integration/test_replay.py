"""The read models replayed from the log: printed, cut at any time, and held against what the views say."""

import json
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import asdict, replace
from psycopg import sql
from typer.testing import CliRunner, Result

from domain.disclosures import DataDisclosed
from domain.facts import DeathReported, Department, IdentityLinked, Person
from domain.law import Law
from infra import log_until, replay
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.log import stream_of
from infra.replay import Replay
from infra.views import Views
from projections import READ_MODELS
from services.cli import main
from tests.building import number_of, retirement, submission
from tests.viewing import entries, folded, stored

TODAY = date(2024, 4, 10)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
HERE, NEXT_DOOR = "440304901001", "440304901002"


@pytest.fixture
def ours(
    database: Database, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch, dsn: str, tmp_path: Path
) -> Ledger:
    """Four people, one of them next door; two died; somebody looked at two."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("CHANGQING_KEY", bytes(range(32)).hex())
    ledger = Ledger(database, keys, law)
    moved = replace(retirement(), residence_division=NEXT_DOOR)
    for n, fact in enumerate((retirement(), moved, retirement(), retirement()), start=1):
        ledger.accept([submission(fact, f"r{n}", number=number_of(n))], TODAY)
    for n in (1, 2):
        told = submission(DIED, f"d{n}", number=number_of(n), department=Department.CIVIL_AFFAIRS)
        ledger.accept([told], TODAY)
    both = tuple(sorted(folded(entries(database))["roster"]))[:2]
    look = DataDisclosed(
        department="community", actor="a", purpose="p", legal_basis="b", fields=("name",), retirees=both
    )
    ledger.append(stream_of("account:a"), look)
    Views(database).apply(entries(database))
    return ledger


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments])


def rows(*arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in run("--json", *arguments).stdout.splitlines()]


def test_views_that_follow_from_the_log_compare_as_the_same_at_every_position(ours: Ledger, database: Database) -> None:
    for position in range(1, len(entries(database)) + 1):
        told = run("--compare", "--to", str(position))
        assert (told.exit_code, told.stdout) == (0, "")


def test_a_row_that_was_changed_one_that_is_missing_and_one_too_many_are_each_said(
    ours: Ledger, database: Database, dsn: str
) -> None:
    first, second = sorted(stored(database)["roster"])[:2]
    with psycopg.connect(dsn) as connection:
        connection.execute("update views.roster set monthly_pension = '1.00' where retiree = %s", [first])
        connection.execute("delete from views.roster where retiree = %s", [second])
        connection.execute(
            "insert into views.audit_trail select '1-x', position, recorded_at, deed, department, actor, retiree, what, "
            "purpose, legal_basis, since from views.audit_trail limit 1"
        )
    told = run("--compare")
    assert told.exit_code == 3
    assert f"roster {first}: monthly_pension: 日志 log '3456.78'，视图 view '1.00'" in told.stdout
    assert f"roster {second}: 视图缺少 missing in the view" in told.stdout
    assert "audit_trail 1-x: 视图多出 does not follow from the log" in told.stdout
    assert len(told.stdout.splitlines()) == len(rows("--compare")) == 3
    assert run("--compare", "--model", "handovers").exit_code == 0


def test_what_is_printed_is_the_fold_of_the_log_up_to_a_position_and_people_stay_sealed(
    ours: Ledger, database: Database
) -> None:
    until = 3
    whole = folded(entries(database)[:until])
    printed = rows("--to", str(until))
    assert {(row["model"], row["key"]) for row in printed} == {(m, str(key)) for m in whole for key in whole[m]}
    sealed = [row["row"]["sealed"] for row in printed if row["model"] == "roster"]  # type: ignore[index] # plain JSON
    assert all(text.startswith("sealed, ") for text in sealed)


@pytest.mark.parametrize("share", [2, 5, 1_000])
def test_the_whole_in_shares_is_the_whole_at_once(
    ours: Ledger, database: Database, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "A_SHARE", share)
    monkeypatch.setattr(log_until, "PAGE", 3)
    history = entries(database)
    found = {(row.model.table, row.key): row for row in Replay(database, READ_MODELS, len(history)).rows()}
    assert {at: asdict(row.folded) for at, row in found.items()} == {
        (table, key): row for table, held in folded(history).items() for key, row in held.items()
    }
    assert not [row for row in Replay(database, READ_MODELS, len(history)).compared() if row.differs]


def test_of_one_retiree_it_gives_what_a_replay_of_everything_gives_of_that_one(
    ours: Ledger, database: Database
) -> None:
    """Also of two records of one person, which tell of each other."""
    link = IdentityLinked(effective=TODAY, document="公安〔2024〕9号")
    person = Person(identity_number=number_of(3), other_identity_number=number_of(4))
    told = replace(submission(link, "l1", department=Department.POLICE), person=person)
    ours.accept([told], TODAY)
    history = entries(database)
    assert any(entry.name == "records-joined.v1" for entry in history)
    whole = folded(history)
    for retiree in whole["roster"]:
        mine = {(row.model.table, row.key): asdict(row.folded) for row in _of(database, len(history), retiree)}
        assert mine == {
            (table, key): row for table, held in whole.items() for key, row in held.items() if row["retiree"] == retiree
        }


def _of(database: Database, until: int, retiree: UUID) -> list[replay.Row]:
    return list(Replay(database, READ_MODELS, until, retiree=retiree).rows())


def test_of_a_community_it_gives_the_people_there_and_all_that_is_about_them(ours: Ledger, database: Database) -> None:
    (there,) = {row["retiree"] for row in stored(database)["roster"].values() if row["community"] == NEXT_DOOR}
    found = rows("--community", NEXT_DOOR)
    assert {row["row"]["retiree"] for row in found} == {str(there)}  # type: ignore[index] # plain JSON
    assert {row["model"] for row in found} == {"roster", "alert_inbox", "audit_trail", "lives"}
    assert len(rows("--community", HERE[:9], "--model", "roster")) == 4
    assert run("--community", NEXT_DOOR, "--compare").exit_code == 0


def test_a_day_is_up_to_its_end_and_what_is_neither_day_nor_position_is_wrong_use(ours: Ledger) -> None:
    assert rows("--to", "1999-12-31") == []
    assert len(rows("--to", "2199-12-31")) == len(rows()) > 0
    assert run("--to", "yesterday").exit_code == 2
    assert run("--model", "rosters").exit_code == 1
    assert run("--retiree", str(UUID(int=1)), "--community", HERE).exit_code == 2


def altered(dsn: str, community: str) -> set[tuple[str, str]]:
    """Alter a row of each read model that has any about the people of a community; which."""
    found = set()
    with psycopg.connect(dsn) as connection:
        for model in READ_MODELS:
            if "retiree" not in model.row.__struct_fields__:
                continue
            given = {
                "table": sql.Identifier("views", model.table),
                "key": sql.Identifier(model.row.__struct_fields__[0]),
            }
            alter = sql.SQL(
                "update {table} set position = position + 1 where {key} = (select min({key}::text)::{of} from {table} "
                "where retiree in (select retiree from views.roster where community = %s)) returning {key}::text"
            ).format(of=sql.SQL("uuid" if model.row.__struct_fields__[0] == "retiree" else "text"), **given)
            found |= {(model.table, key) for (key,) in connection.execute(alter, [community]).fetchall()}
    return found


@pytest.mark.parametrize("share", [1, 4, 100_000])
@pytest.mark.parametrize("few", [0, 5_000])
def test_a_row_altered_anywhere_is_found_of_everything_of_its_community_and_of_its_retiree_and_not_of_another(
    ours: Ledger, dsn: str, share: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "A_SHARE", share)
    monkeypatch.setattr(replay, "FEW", few)
    monkeypatch.setattr(log_until, "PAGE", 3)
    assert run("--compare").exit_code == run("--compare", "--community", NEXT_DOOR).exit_code == 0
    rows_there = altered(dsn, NEXT_DOOR)
    assert {table for table, _ in rows_there} == {"roster", "alert_inbox", "audit_trail", "lives"}
    (retiree,) = {key for table, key in rows_there if table == "roster"}
    for asked in ([], ["--community", NEXT_DOOR], ["--retiree", retiree]):
        assert {(row["model"], row["key"]) for row in rows("--compare", *asked)} == rows_there
    assert run("--compare", "--community", HERE).exit_code == 0


def test_where_the_log_is_archived_in_part_a_replay_is_the_same(
    ours: Ledger, database: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranges of streams are then picked out of all of the log."""
    monkeypatch.setattr(replay, "A_SHARE", 4)
    monkeypatch.setattr(log_until, "PAGE", 3)
    by_index = [(row.model.table, row.key, row.folded) for row in Replay(database, READ_MODELS, 9).rows()]
    monkeypatch.setitem(log_until.SQL, "in_files", "select true")
    assert [(row.model.table, row.key, row.folded) for row in Replay(database, READ_MODELS, 9).rows()] == by_index
    assert len(by_index) > 10


def test_how_far_it_is_never_goes_back_within_a_step_and_ends_at_the_end(
    ours: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "A_SHARE", 3)
    monkeypatch.setattr(log_until, "PAGE", 2)
    said: list[tuple[int, int]] = []
    until = len(entries(database))
    for _ in Replay(database, READ_MODELS, until, say=lambda done, of: said.append((done, of))).compared():
        pass
    assert said == sorted(said)
    assert {of for _, of in said} == {2 * until}
    assert said[-1] == (2 * until, 2 * until)
