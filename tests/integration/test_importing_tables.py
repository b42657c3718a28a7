"""`changqing import` of tables: what comes of their rows, and of the files that are given back."""

import json
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.importing_runs import CHANGQING, Home, Running, await_head, head
from tests.tables import DEATHS, column, read_back, register, registrations, write_book, write_text

REGISTER = ("--type", "退休登记", "--source", "/enterprise/shenzhen")
DEAD = ("--type", "死亡", "--source", "/civil-affairs/shenzhen")
RESULT, CODE, EVENT = "结果 result", "代码 code", "受理编号 event id"


@pytest.fixture
def home(tmp_path: Path, dsn: str) -> Home:
    return Home(tmp_path, dsn)


def counts(result: Any) -> tuple[int, int, int, int]:
    said = result["imported"]
    return said["accepted"], said["parked"], said["known"], said["refused"]


def test_a_register_comes_in_once_and_its_failed_rows_alone_are_sent_again(home: Home) -> None:
    file = write_book(home.path / "r.xlsx", register(300, damaged=50))

    first = home.run(file, *REGISTER, code=3)

    assert counts(first) == (294, 0, 0, 6)
    assert list(first["passed"]) == ["303", "304"]
    assert first["unread"] == ["备注"]
    back = read_back(Path(first["result"]))
    assert [row[:10] for row in back[1:302]] == [row[:10] for row in read_back(file)[1:302]]
    assert column(back, RESULT, 2)[:50] == ["受理 accepted"] * 49 + ["不予受理 refused"]
    assert column(back, CODE, 2).count("identity-number-damaged") == 6

    failed = read_back(Path(first["failed"]))
    assert [row[0] for row in failed[2:]] == [50, 100, 150, 200, 250, 300]
    numbers = [data["person"]["identity_number"] for data in registrations(300)]
    for row in failed[2:]:
        row[2] = numbers[int(row[0]) - 1]  # type: ignore[arg-type] # the running number
    mended = write_book(home.path / "mended.xlsx", failed)

    assert counts(home.run(mended, *REGISTER)) == (6, 0, 0, 0)
    assert counts(home.run(write_book(home.path / "whole.xlsx", register(300)), *REGISTER)) == (0, 0, 300, 0)
    with psycopg.connect(home.dsn) as connection:
        assert head(connection) == 300 + 6  # the refusals are told to the log too


def test_the_same_file_again_creates_nothing_and_keeps_what_somebody_is_putting_right(home: Home) -> None:
    file = write_book(home.path / "r.xlsx", register(60, damaged=20))
    first = home.run(file, *REGISTER, code=3)
    failed = Path(first["failed"])
    failed.write_bytes(b"being put right")

    again = home.run(file, *REGISTER, code=3)
    anew = home.run(file, *REGISTER, "--restart", code=3)

    assert again == first
    assert counts(anew) == (0, 0, 57, 3)
    assert column(read_back(Path(anew["result"])), RESULT, 2)[0] == "已有 known"
    assert failed.read_bytes() == b"being put right"
    assert anew["failed"] != first["failed"]


def test_a_row_that_was_changed_is_a_new_event_and_is_said_to_be(home: Home) -> None:
    rows = register(20)
    home.run(write_book(home.path / "r.xlsx", rows), *REGISTER)
    rows[6][4] = 9999.0

    changed = home.run(write_book(home.path / "r.xlsx", rows), *REGISTER)

    assert counts(changed) == (1, 0, 19, 0)
    assert changed["changed"] == 1
    back = read_back(Path(changed["result"]))
    assert [number for number, code in enumerate(column(back, CODE, 2)) if code == "row-changed"] == [4]
    before = str(column(back, "原因 reason", 2)[4]).rpartition(" ")[2]
    with psycopg.connect(home.dsn) as connection:
        known = {id_ for (id_,) in connection.execute("select id from ledger.inbox").fetchall()}
    assert {before, column(back, EVENT, 2)[4]} <= known

    taken_back = [("身份证号", "撤回", "日期"), (rows[6][2], before, "2026-11-01")]
    assert counts(home.run(write_text(home.path / "t.csv", taken_back), "--type", "撤回信息", *REGISTER[2:])) == (
        1,
        0,
        0,
        0,
    )


def test_text_in_gb18030_with_own_numbers_is_taken_in_under_them(home: Home) -> None:
    people = [data["person"] for data in registrations(3)]
    rows = [
        (*DEATHS, "编号"),
        *(
            (one["name"], one["identity_number"], "2026年3月1日", "甲〔2026〕１号", str(n))
            for n, one in enumerate(people)
        ),
        ("某", "1.1E+17", "2026-03-01", "", "9"),
        ("某", people[0]["identity_number"], "2026-03-02", "", "0"),
    ]
    file = write_text(home.path / "死亡.csv", rows, "gb18030")

    done = home.run(file, *DEAD, code=3)

    assert counts(done) == (0, 3, 0, 2)
    back = read_back(home.path / "死亡.result.csv", "gb18030")
    assert column(back, RESULT)[:3] == ["待登记 parked"] * 3
    assert column(back, CODE)[3:] == ["identity-number-damaged", "id-conflict"]
    with psycopg.connect(home.dsn) as connection:
        kept = connection.execute(
            "select s ->> 'id', s -> 'fact' ->> 'document' from"
            " (select position, convert_from(state, 'UTF8')::jsonb as s from ledger.event) as e where s ? 'fact' order by position"
        ).fetchall()
    assert sorted(kept) == [(str(n), "甲〔2026〕１号") for n in range(3)]  # two workers, each with people of its own
    assert all("1.1E" not in line for line in (home.path / "死亡.csv.results.jsonl").read_text().splitlines())


def test_an_import_of_a_table_goes_on_after_a_kill(home: Home) -> None:
    file = write_book(home.path / "f.xlsx", register(4_000, damaged=100))
    with Running(home, file, *REGISTER, "--batch", "100") as running:
        await_head(home.dsn, 1_000, running)
        running.kill()

    done = home.run(file, *REGISTER, code=3)

    accepted, _, known, refused = counts(done)
    assert (accepted + known, known) == (3_960 - (refused - 40), 0)
    back = column(read_back(Path(done["result"])), RESULT, 2)
    assert back.count("受理 accepted") == accepted
    assert back.count("不予受理 refused") == refused
    with psycopg.connect(home.dsn) as connection:
        assert head(connection) == accepted + refused


def test_what_is_wrong_with_the_command_is_said_and_nothing_is_written(home: Home) -> None:
    table = write_text(home.path / "f.csv", [DEATHS])
    lines = home.write("f.jsonl", b"{}\n")
    wrong = [
        (table, ("--source", "/civil-affairs/shenzhen")),
        (table, ("--type", "死亡")),
        (table, ("--type", "飞升", "--source", "/civil-affairs/shenzhen")),
        (table, (*DEAD, "--sheet", "一")),
        (lines, ("--type", "死亡")),
    ]

    for file, options in wrong:
        done = subprocess.run(
            [CHANGQING, "import", file, *options], env=home.environment, capture_output=True, check=False
        )
        assert done.returncode == 2, done
        assert done.stderr.decode().startswith("changqing: ")

    assert sorted(path.name for path in home.path.iterdir()) == ["accounts", "f.csv", "f.jsonl", "key"]


def test_a_dry_run_needs_no_settings(home: Home) -> None:
    file = write_text(home.path / "f.csv", [DEATHS, ("甲", "11010519491231002X", "2026-03-01", "")], "utf-16")

    done = subprocess.run([CHANGQING, "import", file, *DEAD, "--dry-run", "--json"], capture_output=True, check=True)

    assert json.loads(done.stdout)["sound"] == 1
