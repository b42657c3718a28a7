"""`changqing import`: what comes of a file, and of files that are not as they should be."""

import gzip
import json
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from domain.law import Law
from infra import codec
from infra.embedded import Postgres
from infra.keys import KeyRing
from services.accepting.cloudevents import Publisher, department_of, structured
from services.accepting.intake import Received, accept
from services.application import Changqing
from tests.importing import spoilt, write_lines
from tests.importing_runs import CHANGQING, Home, Running, await_head, check, head, refusals, wait_until

_numbers = count(1)
_in_order = msgspec.json.Encoder(order="deterministic").encode
"""A set is written as the hashes of its members fall, which are others in every process: two workers write one set in two ways."""


@pytest.fixture
def home(tmp_path: Path, dsn: str) -> Home:
    return Home(tmp_path, dsn)


@pytest.fixture
def another_dsn(postgres_server: Postgres, migrated: str) -> Iterator[str]:
    """A second empty database."""
    name = f"another_{next(_numbers)}"
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(migrated)))
        yield postgres_server.dsn(name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def lines_of(home: Home, count: int) -> list[bytes]:
    """Some good lines."""
    write_lines(home.path / "good", count)
    return (home.path / "good").read_bytes().splitlines()


def ledger(dsn: str) -> dict[bytes, Any]:
    """What is known of whom: events, decision state and receipts, without what is random in them."""
    found: dict[bytes, Any] = {}
    with psycopg.connect(dsn) as connection:
        events = defaultdict(list)
        for stream, name, state in connection.execute("select stream, name, state from ledger.event order by position"):
            event = {key: value for key, value in json.loads(state).items() if key != "sealed"}
            events[stream].append((name, json.dumps(event).replace(str(stream), "")))
        receipts = defaultdict(list)
        inbox = "select retiree, source, id, status from ledger.inbox order by position"
        for stream, *receipt in connection.execute(inbox):
            receipts[stream].append(receipt)
        people = "select tag, stream, state from ledger.identity join ledger.stream on stream = retiree"
        for tag, stream, state in connection.execute(people):
            known = _in_order(codec.decode_state(state)).decode().replace(str(stream), "")
            found[tag] = (events[stream], known, receipts[stream])
    return found


@pytest.mark.parametrize(
    ("lines", "people", "options"),
    [
        (1_200, None, ("--batch", "100")),
        (400, 20, ("--batch", "1")),
        (400, 20, ("--batch", "7", "--workers", "4")),
    ],
    ids=["a city", "few people, line by line", "few people, many workers"],
)
def test_a_file_becomes_what_its_lines_become_one_by_one(
    home: Home, another_dsn: str, law: Law, lines: int, people: int | None, options: tuple[str, ...]
) -> None:
    file = home.path / "城市.jsonl"
    written = write_lines(file, lines, people=people, bad=0.02)

    with Running(home, file, *options) as running:
        check(running, running.end(3), written, home.dsn)

    application = Changqing(another_dsn, KeyRing(bytes(range(32))), law)
    for line in file.read_bytes().splitlines():
        source = str(json.loads(line)["source"]) if line.startswith(b'{"specversion":') else "/police"
        department = department_of(source if source.startswith("/") else "/police")
        accept(application, [Received(partial(structured, line), Publisher("import:城市.jsonl", department, "file"))])
    application.close()
    one_by_one = ledger(another_dsn)
    assert len(one_by_one) > 800 if people is None else len(one_by_one) == people
    assert ledger(home.dsn) == one_by_one


def test_refusals_name_line_code_and_remedy_and_nobody(home: Home) -> None:
    good = lines_of(home, 200)
    number = json.loads(good[6])["data"]["person"]["identity_number"]
    good[6] = spoilt(good[6].decode(), "date-in-future").encode()
    good[9] = good[9].replace(b'"id":"', b'"id":"' + number.encode() + b"-")
    file = home.write("f", b"\n".join(good))

    result = home.run(file, "--batch", "50", code=3)

    assert (result["lines"], result["refused"], result["accepted"] + result["parked"]) == (200, 2, 198)
    text = Path(result["refusals"]).read_text("utf-8")
    first, second = map(json.loads, text.splitlines())
    assert (first["line"], first["refusal"]["code"], first["refusal"]["path"]) == (
        7,
        "date-in-future",
        "data.effective",
    )
    assert (second["line"], second["refusal"]["code"]) == (10, "identity-number-in-id")
    assert first["refusal"]["reason"]["zh"]
    assert first["refusal"]["remedy"]["en"]
    assert number not in text
    assert "示例" not in text


def test_a_repeated_command_says_that_it_is_done_and_restart_finds_everything_known(home: Home) -> None:
    file = home.path / "f"
    write_lines(file, 1_000)
    once = home.run(file)

    with Running(home, file) as again:
        assert again.end() == once
        assert "imported to its end before" in again.said.read_text("utf-8")
    anew = home.run(file, "--restart")

    assert (anew["known"], anew["accepted"], anew["parked"], anew["refused"]) == (1_000, 0, 0, 0)
    assert anew["first_position"] is None


def test_a_line_that_comes_twice_is_known_the_second_time(home: Home) -> None:
    lines = lines_of(home, 600)
    file = home.write("f", b"\n".join([*lines, lines[0], *lines[:5]]))

    result = home.run(file, "--batch", "100")

    assert (result["accepted"] + result["parked"], result["known"]) == (600, 6)


@pytest.mark.parametrize(
    ("content", "accepted", "refused"),
    [
        (b"", 0, []),
        (b"\n \n\r\n\n", 0, []),
        (b"%s\n%s", 2, []),
        (b"%s\r\n%s\r\n", 2, []),
        (b"\xef\xbb\xbf%s\n%s\n", 2, []),
        (b"\n\n%s\n   \n\t\r\n%s\n\n", 2, []),
        (b"%s\n" + b" " * 70_000 + b"{}\n%s\n", 2, [(2, "body-too-large")]),
        (b"%s\n" + b"x" * 65_537 + b"\n%s\n", 2, [(2, "body-too-large")]),
        (b"%s\n" + b"x" * 65_536 + b"\r\n%s\n", 2, [(2, "malformed-json")]),
        (b"%s\n\xff\xfe\x00{}\n%s\n", 2, [(2, "malformed-json")]),
        (b"%s\nnull\n[]\n%s\n", 2, [(2, "invalid-field"), (3, "invalid-field")]),
        (b"\xef\xbb\xbf", 0, []),
    ],
    ids=[
        "empty", "blank", "no-final-newline", "crlf", "bom", "blank-lines", "long-blank", "too-long", "just-not-too-long",
        "not-utf-8", "no-object", "bom-alone",
    ],
)  # fmt: skip
def test_files_of_every_shape(home: Home, content: bytes, accepted: int, refused: list[tuple[int, str]]) -> None:
    file = home.write("f", content % tuple(lines_of(home, 2)) if accepted else content)

    result = home.run(file, code=3 if refused else 0)

    assert (result["accepted"] + result["parked"], result["refused"]) == (accepted, len(refused))
    assert refusals(Path(result["refusals"])) == refused


def test_the_biggest_event_that_may_be_is_taken_in(home: Home) -> None:
    (line,) = lines_of(home, 1)
    padded = line[:-1] + b" " * (64 * 1024 - len(line)) + b"}"
    assert len(padded) == 64 * 1024

    result = home.run(home.write("f", padded + b"\r\n" + padded[:-1] + b" }\n"), code=3)

    assert (result["accepted"], refusals(Path(result["refusals"]))) == (1, [(2, "body-too-large")])


def test_a_line_of_100_megabytes_is_refused_and_never_in_memory(home: Home) -> None:
    first, last = lines_of(home, 2)
    file = home.path / "f"
    with file.open("wb") as out:
        out.write(first + b"\n")
        for _ in range(100):
            out.write(b"x" * 1_000_000)
        out.write(b"\n" + last)

    most = 0  # kB; asked for while it runs, as what a process is said to have used afterwards begins with its parent's
    with Running(home, file) as running:
        while running.process.poll() is None:
            with suppress(OSError):
                status = Path(f"/proc/{running.process.pid}/status").read_text()
                most = max([most, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
            time.sleep(0.02)

    assert running.process.returncode == 3
    assert refusals(running.refused) == [(2, "body-too-large")]
    assert 0 < most < 150 * 1024


def test_a_gzipped_file_is_unpacked_on_the_way_and_goes_on_after_a_kill(home: Home) -> None:
    plain = home.path / "plain"
    written = write_lines(plain, 6_000, bad=0.01)
    file = home.write("f.jsonl.gz", gzip.compress(plain.read_bytes(), 1))
    with Running(home, file, "--batch", "200") as running:
        await_head(home.dsn, 2_000, running)
        running.kill()

    with Running(home, file) as running:
        check(running, running.end(3), written, home.dsn)

    whole = file.read_bytes()
    cut = home.write("cut.jsonl.gz", whole[: len(whole) // 2])
    with Running(home, cut) as running:
        running.end(1)
        assert "cannot be read" in running.said.read_text("utf-8")


@pytest.mark.parametrize("name", ["nothing", "directory", "closed", "pipe", "440304195001010013.jsonl"])
def test_a_file_that_cannot_be_imported_is_said_in_a_sentence(home: Home, name: str) -> None:
    file = home.path / name
    match name:
        case "directory":
            file.mkdir()
        case "closed":
            file.symlink_to(file)  # as root may read anything
        case "pipe":
            os.mkfifo(file)
        case "440304195001010013.jsonl":
            write_lines(file, 10)
        case _:
            assert not file.exists()

    with Running(home, file) as running:
        assert running.end(2) is None

    (said,) = running.said.read_text("utf-8").splitlines()
    assert said.startswith("changqing: ")
    assert not running.refused.exists()
    with psycopg.connect(home.dsn) as connection:
        assert head(connection) == 0


def test_settings_and_keys_that_are_wrong_are_said_in_a_sentence(home: Home) -> None:
    file = home.path / "f"
    write_lines(file, 10)
    home.run(file)
    (home.path / "key").write_text("11" * 32)
    with Running(home, file, "--restart") as running:
        running.end(1)
    assert running.said.read_text("utf-8").endswith("is not the one this ledger was written under\n")

    (home.path / "key").unlink()
    with Running(home, file, "--restart", "--workers", "6") as running:  # the last one takes precedence
        running.end(2)
    (sentence,) = running.said.read_text("utf-8").splitlines()  # of six who find it out
    assert "CHANGQING_KEY_FILE must lead to a key" in sentence

    home.dsn = ""
    with Running(home, file, "--restart") as running:
        running.end(2)
    assert "DATABASE_URL" in running.said.read_text("utf-8")


def test_another_file_under_the_same_name_is_refused_until_told_to_restart(home: Home) -> None:
    file = home.path / "f"
    write_lines(file, 1_000)
    home.run(file)
    content = bytearray(file.read_bytes())
    content[100_000] ^= 1
    file.write_bytes(content)

    with Running(home, file) as running:
        running.end(2)
        assert "is not the file that was begun" in running.said.read_text("utf-8")
    assert home.run(file, "--restart", code=3)["known"] == 999

    file.write_bytes(bytes(content) + b"\n")
    with Running(home, file) as running:
        running.end(2)


def test_an_import_begun_in_another_database_does_not_go_on_in_this_one(home: Home, another_dsn: str) -> None:
    file = home.path / "f"
    write_lines(file, 10_000)
    with Running(home, file, "--batch", "200") as running:
        await_head(home.dsn, 4_000, running)
        running.kill()
    home.dsn = another_dsn

    with Running(home, file) as running:
        running.end(2)

    assert "another database?" in running.said.read_text("utf-8")


def test_files_in_the_way_are_left_alone(home: Home) -> None:
    file = home.path / "f"
    write_lines(file, 10)
    notes = home.write("notes.txt", b"mine\n")

    for refused in (notes, file):
        with Running(home, file, "--refusals", str(refused)) as running:
            running.end(2)

    assert notes.read_bytes() == b"mine\n"
    assert len(file.read_bytes().splitlines()) == 10
    with Running(home, file, "--refusals", str(home.path / "nowhere" / "f")) as running:
        running.end(1)
        assert "cannot be written" in running.said.read_text("utf-8")


def test_two_imports_of_one_file_at_a_time_do_not_mix(home: Home) -> None:
    file = home.path / "f"
    written = write_lines(file, 8_000)
    with Running(home, file, "--batch", "200") as first:
        await_head(home.dsn, 1_000, first)
        first.process.send_signal(signal.SIGSTOP)  # so that it is still at it, however slow the second starts
        second = subprocess.run([CHANGQING, "import", file], env=home.environment, capture_output=True, check=False)
        first.process.send_signal(signal.SIGCONT)
        check(first, first.end(), written, home.dsn)

    assert second.returncode == 2
    assert b"another import" in second.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_so_leaves_no_process_and_goes_on(home: Home, sent: signal.Signals) -> None:
    file = home.path / "f"
    written = write_lines(file, 10_000, bad=0.01)
    with Running(home, file, "--batch", "200") as running:
        await_head(home.dsn, 2_000, running)
        workers = running.workers
        running.process.send_signal(sent)
        running.end(130)
        assert "goes on from here" in running.said.read_text("utf-8")
    assert len(workers) == 2
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]

    with Running(home, file) as running:
        check(running, running.end(3), written, home.dsn)
        assert "going on from line" in running.said.read_text("utf-8")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_the_file_is_gone_through_it_has_given_nothing_to_anybody(
    home: Home, sent: signal.Signals
) -> None:
    file = home.path / "f"
    write_lines(file, 100)
    with file.open("r+b") as grown:
        grown.truncate(1 << 40)  # a hole, so it takes no room; to go through it takes many minutes
    with Running(home, file) as running:
        wait_until(lambda: len(running.workers) == 2, "its workers")
        workers = running.workers
        time.sleep(2)  # they are ready for long
        running.process.send_signal(sent)
        running.end(130)
        assert "goes on from here" in running.said.read_text("utf-8")
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    with psycopg.connect(home.dsn) as connection:
        assert head(connection) == 0


def test_without_json_people_read_the_result_chinese_first(home: Home) -> None:
    file = home.path / "f"
    write_lines(file, 100)

    done = subprocess.run([CHANGQING, "import", file], env=home.environment, capture_output=True, check=True)

    assert done.stdout.decode().startswith("100 条 events")
    assert "受理 accepted 100" in done.stdout.decode()
