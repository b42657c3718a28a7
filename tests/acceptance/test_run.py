"""`changqing run`: up early, down cleanly, kept data kept, others' servers used; and what wrong settings say."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import psycopg
import pytest

from infra.embedded import Kafka, Postgres
from tests.acceptance.running import (
    ACCOUNTS,
    CHANGQING,
    System,
    death,
    processes_of,
    retirement,
    somebody,
    wait_until,
)


@pytest.fixture
def run() -> Iterator[System]:
    """A run with five people, not started yet; in the end nothing of it is left."""
    running = System(options=("--people", "5"))
    yield running
    running.close()


def thrown_away(run: System) -> Path:
    """The directory that a run without `--data` made for itself."""
    (home,) = wait_until(lambda: list(run.home.glob("changqing-*")), "its directory", 20)
    return home


def page_is_up(run: System) -> bool:
    assert run.code is None, run.output
    return "the page is up" in run.output


def test_the_page_is_up_while_kafka_still_comes_up_and_says_so(run: System) -> None:
    began = time.monotonic()
    run.start()
    wait_until(lambda: page_is_up(run), "the page", 30, 0.02)
    early = time.monotonic() - began
    page, status = run.get("/"), run.status
    assert page.status_code == 200
    assert "系统正在启动" in page.text
    assert 'http-equiv="refresh"' in page.text
    assert status["ready"] is False
    kafka = next(step for step in status["steps"] if "Kafka" in step["en"])
    assert kafka["state"] in {"waiting", "working"}
    assert run.get("/readyz").json()["status"] == "ready"
    run.wait_ready()
    print(f"\nthe page is up after {early:.1f} s, everything after {time.monotonic() - began:.1f} s")  # noqa: T201
    page = run.get("/")
    assert "系统已就绪" in page.text
    assert 'http-equiv="refresh"' not in page.text
    run.signal(signal.SIGINT)
    assert run.wait_end() == 0


def test_a_signal_ends_everything_and_throws_the_data_away(run: System) -> None:
    """Even while somebody listens to the event stream, which never ends by itself. SIGTERM is sent to others here."""
    run.start(kept=False)
    run.data = thrown_away(run)
    run.wait_ready()
    assert len(processes_of(run.data)) >= 7, "four of ours, both servers and the supervisor's children are found"
    listening = Thread(target=listen, args=[run], daemon=True)
    listening.start()
    run.signal(signal.SIGINT)
    assert run.wait_end(45) == 0, run.output
    assert processes_of(run.home) == {}
    assert not run.data.exists()
    assert list(run.home.glob("changqing-*")) == []
    listening.join(10)
    assert not listening.is_alive()


def listen(run: System) -> None:
    with run.client("officer") as client:
        try:
            with client.stream("GET", "/v1/alerts/stream") as answer:
                for _ in answer.iter_lines():
                    pass
        except httpx.TransportError:
            pass  # it hung up


@pytest.mark.parametrize(("moment", "sent"), [("PostgreSQL", signal.SIGTERM), ("the page is up", signal.SIGINT)])
def test_a_signal_while_it_comes_up_ends_everything_as_well(run: System, moment: str, sent: signal.Signals) -> None:
    run.start(kept=False)
    wait_until(lambda: moment in run.output or run.code is not None, moment, 30, 0.02)
    run.signal(sent)
    assert run.wait_end(45) == 0, run.output
    assert "Traceback" not in run.output
    assert processes_of(run.home) == {}
    assert list(run.home.glob("changqing-*")) == []


def test_a_second_run_on_kept_data_keeps_the_data(run: System) -> None:
    run.start()
    run.wait_ready()
    who = somebody()
    registered, died = retirement(who), death(who)
    receipts = [run.accept(registered), run.accept(died)]
    run.settled()
    facts = run.facts()
    run.signal(signal.SIGTERM)
    assert run.wait_end() == 0
    assert processes_of(run.home) == {}
    assert (run.data / "postgres").is_dir()

    began = time.monotonic()
    run.start()
    run.wait_ready()
    print(f"\nready again after {time.monotonic() - began:.1f} s: {run.status['steps']}")  # noqa: T201
    run.settled()
    assert run.facts() == facts
    repeats = [run.accept(registered), run.accept(died)]
    assert [(one["known"], one["position"]) for one in repeats] == [(True, one["position"]) for one in receipts]
    inbox = run.get("/v1/inbox", "officer").json()
    assert {row["action"] for row in inbox if row["retiree"] == receipts[0]["retiree"]} == {"stop", "recover", "grant"}
    alerts = [r.json["data"] for r in run.fresh_topic("alerts.pension")]
    assert [a["action"] for a in alerts if a["retiree"] == receipts[0]["retiree"]] == ["stop", "recover", "grant"]


def test_nobody_at_all_may_be_registered() -> None:
    empty = System(options=("--people", "0"))
    try:
        empty.start()
        empty.wait_ready()
    finally:
        empty.close()


def test_servers_of_others_are_used_and_left_running() -> None:
    home = Path(tempfile.mkdtemp(prefix="cqe"))
    postgres, kafka = Postgres(home / "p"), Kafka(home / "k")
    outside: System | None = None
    try:
        postgres.start()
        kafka.start()
        dsn = postgres.dsn("theirs")
        given = {"DATABASE_URL": dsn, "KAFKA_BOOTSTRAP": kafka.bootstrap}
        outside = System(options=("--people", "5"), environment=given)
        outside.start()
        outside.wait_ready()
        assert not (outside.data / "postgres").exists()
        assert not (outside.data / "kafka").exists()
        who = somebody()
        receipt = outside.accept(retirement(who))
        with psycopg.connect(dsn) as connection:
            found = connection.execute("select retiree::text from ledger.inbox where id = %s", [receipt["id"]])
            assert found.fetchall() == [(receipt["retiree"],)]
        outside.signal(signal.SIGTERM)
        assert outside.wait_end() == 0
        assert postgres.alive
        assert kafka.alive
    finally:
        if outside is not None:
            outside.close()
        kafka.stop()
        postgres.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def narrow() -> Iterator[System]:
    """A run in a terminal of 80 columns, whose port somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = System(options=("--people", "5", "--port", str(port)), environment={"COLUMNS": "80"})
        try:
            running.start()
            running.wait_ready()
            yield running
        finally:
            running.close()


@pytest.mark.parametrize("account", ACCOUNTS)
def test_in_80_columns_every_secret_is_told_whole(narrow: System, account: str) -> None:
    paths = {"officer": "/v1/inbox", "community": "/v1/roster", "auditor": "/v1/audit"}
    if account in paths:
        assert narrow.get(paths[account], account).status_code == 200
    else:
        refused = narrow.post_raw(account, b"{", {"content-type": "application/cloudevents+json"})
        assert refused.status_code == 400


def test_a_taken_port_is_replaced_by_another(narrow: System) -> None:
    assert narrow.get("/healthz").json() == {"status": "ok"}


def test_the_command_it_tells_to_try_works(narrow: System) -> None:
    """The first command line on the screen, pasted."""
    told = re.search(r"^\s+(curl .*)$", narrow.output, re.MULTILINE)
    assert told
    pasted = subprocess.run(
        ["/bin/sh", "-c", told.group(1)], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    assert json.loads(pasted.stdout)["status"] == "accepted"


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """One of our processes with nothing in its environment but what is given."""
    given = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"} | environment
    return subprocess.run(
        [CHANGQING, *arguments], env=given, capture_output=True, encoding="utf-8", timeout=60, check=False
    )


def one_sentence(found: "subprocess.CompletedProcess[str]", code: int, naming: str) -> None:
    assert found.returncode == code, found.stderr
    assert "Traceback" not in found.stderr
    (line,) = found.stderr.strip().splitlines()
    assert line.startswith("changqing: ")
    assert naming in line


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Files that would do, in settings that name no server."""
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    return {"CHANGQING_KEY_FILE": str(key)}


@pytest.mark.parametrize("process", ["api", "intake", "relay", "deliver", "project", "migrate"])
def test_without_a_database_each_process_says_one_sentence_and_ends_with_2(files: dict[str, str], process: str) -> None:
    one_sentence(command(process, **files), 2, "DATABASE_URL")


@pytest.mark.parametrize("process", ["intake", "relay"])
def test_without_kafka_who_needs_it_says_one_sentence_and_ends_with_2(files: dict[str, str], process: str) -> None:
    one_sentence(command(process, DATABASE_URL="postgresql://x@127.0.0.1:1/x", **files), 2, "KAFKA_BOOTSTRAP")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://somewhere"),
        ("CHANGQING_PORT", "eighty"),
        ("KAFKA_SECURITY_PROTOCOL", "HTTPS"),
        ("KAFKA_REPLICATION", "0"),
    ],
)
def test_a_wrong_setting_is_named(files: dict[str, str], variable: str, value: str) -> None:
    given = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"} | files | {variable: value}
    one_sentence(command("api", **given), 2, variable)


@pytest.mark.parametrize("content", [None, "", "not what it should be"])
def test_a_file_that_does_not_do_is_named(files: dict[str, str], tmp_path: Path, content: str | None) -> None:
    wrong = tmp_path / "wrong"
    if content is not None:
        wrong.write_text(content)
    given = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"} | files | {"CHANGQING_KEY_FILE": str(wrong)}
    found = command("api", **given)
    one_sentence(found, found.returncode, "CHANGQING_KEY_FILE" if "CHANGQING_KEY_FILE" in found.stderr else str(wrong))
    assert found.returncode in {1, 2}


def test_a_database_that_is_not_there_is_one_sentence(files: dict[str, str]) -> None:
    one_sentence(command("migrate", DATABASE_URL="postgresql://x@127.0.0.1:1/x", **files), 1, "PostgreSQL")
