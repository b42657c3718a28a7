"""`changqing publish` at the terminal, and what it says of a file before anything is sent."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.client import Outbox
from services.publishing.reading import UnusableFileError, events_of
from services.publishing.settings import PublishingSettings
from services.settings import SettingsError
from tests.answering import Answer, Answering, problem
from tests.docs import ROOT

CHANGQING = Path(sys.executable).with_name("changqing")
NUMBER = "11010519491231002X"
ACCOUNT = "civil-affairs:a-secret-of-the-test"


def death(id_: str = "1", **data: Any) -> dict[str, Any]:
    said = {"person": {"identity_number": NUMBER}, "effective": "2026-08-12"} | data
    given = {k: v for k, v in said.items() if v is not ...}
    return {"specversion": "1.0", "type": "death-reported.v1", "source": "/civil-affairs/x", "id": id_, "data": given}


class Desk:
    """Where somebody publishes: a directory, a ledger's address, and what was said."""

    def __init__(self, home: Path, server: Answering) -> None:
        self.home = home
        self.server = server
        (home / "account").write_text(ACCOUNT + "\n")
        (home / "keys").write_bytes(server.key_set)
        self.more: dict[str, str] = {}

    def file(self, *events: Any, name: str = "events.jsonl") -> Path:
        file = self.home / name
        lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in events]
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return file

    def run(self, *options: object, code: int = 0, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "CHANGQING_URL": self.server.url,
            "CHANGQING_ACCOUNT_FILE": str(self.home / "account"),
            "CHANGQING_LEDGER_KEYS_FILE": str(self.home / "keys"),
            "CHANGQING_OUTBOX": str(self.home / "state" / "outbox.db"),
            "CHANGQING_PUBLISH_SECONDS": "2",
        } | self.more
        done = subprocess.run(
            [CHANGQING, "publish", *map(str, options)], input=given, capture_output=True, env=environment, check=False
        )
        assert done.returncode == code, done.stderr.decode()
        assert NUMBER.encode() not in done.stdout + done.stderr
        assert b"a-secret" not in done.stdout + done.stderr
        return done

    def receipts(self, name: str = "events.jsonl.receipts.jsonl") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / name).read_text("utf-8").splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Answering() as server:
        yield Desk(tmp_path, server)


def test_every_event_of_a_file_has_its_receipt_beside_it(desk: Desk) -> None:
    said = json.loads(desk.run(desk.file(death("1"), death("2")), "--json").stdout)
    assert (said["events"], said["accepted"], said["refused"], said["waiting"]) == (2, 2, 0, 0)
    assert [(one["line"], one["id"], one["status"], one["verified"]) for one in desk.receipts()] == [
        (1, "1", "accepted", True),
        (2, "2", "accepted", True),
    ]
    assert (desk.home / "events.jsonl.receipts.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_sent_is_said_with_its_line_and_the_others_go(desk: Desk) -> None:
    ill = json.dumps(death("3")).replace('"3"', f'"{NUMBER}"')
    done = desk.run(desk.file(death("1"), "{", ill, death("1", effective="2026-08-13"), death("2")), code=3)
    assert desk.server.ids == ["1", "2"]
    assert [one.get("code", "") for one in desk.receipts()] == [
        "",
        "malformed-json",
        "identity-number-in-id",
        "id-conflict",
        "",
    ]
    said = done.stderr.decode()
    assert "第 2 行 line 2 不予受理 refused: 不是有效的 JSON this is not valid JSON (malformed-json)" in said
    assert "处理 remedy: " in said


def test_a_ledger_that_is_away_leaves_everything_in_the_outbox_and_resume_goes_on(desk: Desk) -> None:
    desk.server.answer = lambda _: problem(503, "unavailable")
    file = desk.file(death("1"), death("2"))
    desk.run(file, "--numbered", code=4)
    assert [one["status"] for one in desk.receipts()] == ["waiting", "waiting"]
    desk.server.came.clear()
    desk.server.answer = desk.server.receipts
    said = json.loads(desk.run("--resume", "--json").stdout)
    assert (said["events"], said["accepted"]) == (2, 2)
    assert [event["sequence"][-2:] for event in desk.server.came[0]] == ["01", "02"]
    desk.run(file, "--resume", "--numbered")
    assert len(desk.server.came) == 1  # nothing was sent twice
    assert [one["status"] for one in desk.receipts()] == ["accepted", "accepted"]


def test_without_resume_the_same_file_is_sent_again_and_changes_nothing(desk: Desk) -> None:
    file = desk.file(death("1"), death("2"))
    desk.run(file)
    known = [desk.server.receipt(death(id_), known=True) for id_ in "12"]
    desk.server.answer = lambda _: Answer(200, msgspec.json.encode(known))
    said = json.loads(desk.run(file, "--json").stdout)
    assert (said["accepted"], said["known"]) == (2, 2)
    assert desk.server.ids == ["1", "2", "1", "2"]


def test_a_refusal_ends_with_3_and_stands_in_both_languages(desk: Desk) -> None:
    refusal = {"status": "refused", "code": "no-local-law", "reason": {"zh": "没有规定", "en": "no law"}}
    answer = json.dumps([_plain(desk.server.receipt(death(), **refusal))]).encode()
    desk.server.answer = lambda _: Answer(200, answer)
    done = desk.run(desk.file(death()), code=3)
    assert "没有规定 no law (no-local-law)" in done.stderr.decode()
    assert "不予受理 refused 1" in done.stdout.decode()


def test_a_file_that_holds_what_was_refused_and_what_mends_it_has_a_result_for_both(desk: Desk) -> None:
    wrong, mended = death("1"), death("1", effective="2026-08-13")
    refusal = desk.server.receipt(wrong, status="refused", code="no-local-law")
    desk.server.answer = lambda _: Answer(200, msgspec.json.encode([refusal]))
    desk.run(desk.file(wrong), code=3)
    desk.server.answer = desk.server.receipts
    file = desk.file(wrong, mended, death("2"))
    said = json.loads(desk.run(file, "--resume", "--json", code=3).stdout)
    assert (said["events"], said["accepted"], said["refused"]) == (3, 2, 1)
    assert desk.server.came[-1][0]["data"]["effective"] == "2026-08-13"
    assert [(one["line"], one["status"], one.get("code")) for one in desk.receipts()] == [
        (1, "refused", "id-conflict"),
        (2, "accepted", None),
        (3, "accepted", None),
    ]
    before = desk.receipts()
    desk.run(file, "--resume", code=3)
    assert [(one["line"], one["status"]) for one in desk.receipts()] == [(one["line"], one["status"]) for one in before]


def test_wrong_use_a_wrong_file_and_a_wrong_account_end_with_2(desk: Desk) -> None:
    desk.run(code=2)
    desk.run(desk.home / "none.jsonl", code=2)
    desk.run(desk.file(name="empty.jsonl"), code=2)
    file = desk.file(death())
    desk.more = {"CHANGQING_SIGNING_KEY_FILE": str(file)}
    assert b"CHANGQING_SIGNING_KEY_FILE" in desk.run(file, code=2).stderr
    assert not desk.server.came
    desk.more = {}
    desk.server.answer = lambda _: problem(401, "unauthenticated")
    assert b"unauthenticated" in desk.run(file, code=2).stderr


def test_an_outbox_that_somebody_else_has_ends_with_1(desk: Desk) -> None:
    with Outbox(desk.home / "state" / "outbox.db"):
        assert b"another process" in desk.run(desk.file(death()), code=1).stderr


def test_standard_input_is_answered_on_standard_output(desk: Desk) -> None:
    done = desk.run("-", given=json.dumps([death("1"), death("2")], indent=2).encode())
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["1", "2"]


# --- dry run


def test_a_dry_run_says_every_defect_in_both_languages_and_sends_nothing(desk: Desk) -> None:
    wrong = death("2", colour="red", document=7, evidence="")
    file = desk.file(death("1"), wrong, death("1", effective="2026-08-13"), death("3", effective="2999-01-01"), "{")
    found = [json.loads(line) for line in desk.run(file, "--dry-run", "--json", code=3).stdout.splitlines()]
    assert [(one["line"], one["code"], one["path"]) for one in found] == [
        (2, "unknown-field", "data.colour"),
        (2, "invalid-field", "data.document"),
        (2, "invalid-field", "data.evidence"),
        (3, "id-conflict", "id"),
        (4, "date-in-future", "data.effective"),
        (5, "malformed-json", ""),
    ]
    text = desk.run(file, "--dry-run", code=3).stdout.decode()
    assert "第 2 行 line 2 不予受理 refused: 有未知的项 a member is unknown (unknown-field data.colour)" in text
    assert "处理 remedy: 删去或改正 path 所指对象中拼错的项 remove or correct the misspelt member" in text
    assert not desk.server.came


def test_a_dry_run_says_every_defect_of_a_report_of_a_source(desk: Desk) -> None:
    def report(type_: str, **data: Any) -> dict[str, Any]:
        return death() | {"type": type_, "id": f"{type_}-{len(data)}", "data": data}

    file = desk.file(
        report("source-heartbeat.v1", sequence=7),
        report("source-heartbeat.v1", sequence=-1, until="2999-01-01T00:00:00Z"),
        report("batch-closed.v1", batch="2026-11", count=3),
        report("batch-closed.v1", batch="2026-11", count=3, first=1),
        report("batch-closed.v1", batch="2026-11", count=3, first=4, last=2, colour="red"),
        report("sequences-unused.v1", first=1),
    )
    found = [json.loads(line) for line in desk.run(file, "--dry-run", "--json", code=3).stdout.splitlines()]
    assert [(one["line"], one["code"], one["path"]) for one in found] == [
        (2, "invalid-field", "data.sequence"),
        (2, "invalid-field", "data.until"),
        (4, "missing-field", "data.last"),
        (5, "unknown-field", "data.colour"),
        (5, "invalid-field", "data.last"),
        (6, "missing-field", "data.last"),
    ]


def test_a_dry_run_of_good_events_needs_no_server_and_no_settings(tmp_path: Path) -> None:
    file = ROOT / "docs/examples/death.json"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run([CHANGQING, "publish", file, "--dry-run"], capture_output=True, env=bare, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert "可受理 good 1" in done.stderr.decode()
    assert not list(tmp_path.iterdir())


# --- files


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"a":1}\n{"b":2}\n', [(1, b'{"a":1}\n'), (2, b'{"b":2}\n')]),
        (b'\xef\xbb\xbf\n {"a":1}\r\n\n{"b":2}', [(2, b' {"a":1}\r\n'), (4, b'{"b":2}')]),
        (b'{\n "a":1\n}\n', [(1, b'{\n "a":1\n}\n')]),
        (b'[ {"a":1},\n{"b":2} ]', [(1, b'{"a":1}'), (2, b'{"b":2}')]),
        (b'{"a":\n{"b":2}\n\n{"c":3}\n', [(1, b'{"a":'), (2, b'{"b":2}'), (4, b'{"c":3}')]),
        (b'x\n{"b":2}\n', [(1, b"x\n"), (2, b'{"b":2}\n')]),
        (b"", []),
        (b"\n\n", []),
    ],
)
def test_lines_one_object_and_a_list_are_all_files_of_events(
    tmp_path: Path, text: bytes, found: list[tuple[int, bytes]]
) -> None:
    (tmp_path / "f").write_bytes(text)
    assert list(events_of(tmp_path / "f")) == found


def test_a_line_that_is_longer_than_any_event_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b'{"a":1}\n' + b"x" * 3_000_000 + b'\n{"b":2}\n')
    assert [number for number, _ in events_of(tmp_path / "f")] == [1, 2, 3]
    assert max(len(line) for _, line in events_of(tmp_path / "f")) <= 1 << 20


@pytest.mark.parametrize("text", [b"\xff\xfe{", b"PK\x03\x04", b"\x1f\x8b", b"[1,", b"[\xff]"])
def test_what_is_no_file_of_events_is_named_for_what_it_is(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "f").write_bytes(text)
    with pytest.raises(UnusableFileError):
        list(events_of(tmp_path / "f"))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "CHANGQING_URL or KAFKA_BOOTSTRAP"),
        ({"CHANGQING_URL": "https://x", "KAFKA_BOOTSTRAP": "x:1"}, "--over"),
        ({"CHANGQING_URL": "https://x"}, "CHANGQING_ACCOUNT, CHANGQING_ACCOUNT_FILE"),
        ({"CHANGQING_URL": "https://x", "CHANGQING_ACCOUNT": "secret"}, "name:secret"),
        ({"CHANGQING_URL": "http://x.example", "CHANGQING_ACCOUNT": "x:secret"}, "https://host"),
        ({"CHANGQING_URL": "https://x", "CHANGQING_ACCOUNT": "x:secret", "CHANGQING_LEDGER_KEYS_FILE": "none"}, "none"),
        ({"CHANGQING_PUBLISH_SECONDS": "soon", "CHANGQING_ACCOUNT": "x:secret"}, "CHANGQING_PUBLISH_SECONDS"),
        ({"KAFKA_BOOTSTRAP": "x:1", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        ({"KAFKA_BOOTSTRAP": "x:1", "KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "none"}, "KAFKA_SSL_CAFILE"),
    ],
)
def test_settings_say_which_variable_is_wrong_and_repeat_no_secret(given: dict[str, str], named: str) -> None:
    def connect() -> None:
        settings = PublishingSettings.read(given)
        settings.channel(settings.way(None))

    with pytest.raises(SettingsError, match=named) as caught:
        connect()
    assert "x:secret" not in str(caught.value)


@pytest.mark.parametrize("page", ["docs/client.md", "docs/client.zh-CN.md"])
def test_every_setting_of_publishers_is_explained(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    missing = [name.upper() for name in PublishingSettings.model_fields if f"`{name.upper()}`" not in text]
    assert not missing


def _plain(receipt: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(receipt)
    return plain
