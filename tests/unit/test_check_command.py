"""`changqing check` at the terminal: no server, no settings, nothing stored."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.cases.check import check_file
from services.settings import SettingsError

CHANGQING = str(Path(sys.executable).with_name("changqing"))
PERSON, COMPANY, DISTRICT = "11010519491231002X", "91440300MA05AMPLE6", "210282000000"
DAY = date(2026, 11, 23)


@pytest.fixture(autouse=True)
def no_divisions_of_a_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHANGQING_DIVISIONS_FILE", raising=False)


def run(*options: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    bare = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"}
    return subprocess.run([CHANGQING, "check", *options], input=given, capture_output=True, env=bare, check=False)


def written(folder: Path, content: bytes) -> Path:
    file = folder / "numbers.txt"
    file.write_bytes(content)
    return file


def answers(capsys: pytest.CaptureFixture[str], file: Path, kind: str = "auto", on: date = DAY) -> list[dict[str, Any]]:
    check_file(file, kind, on, as_json=True)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_of_text_for_each_line_of_standard_input() -> None:
    found = run("--on", "2010-01-01", given=f"{PERSON.lower()}\n\n{DISTRICT}\r\n".encode())
    assert found.returncode == 0
    person, division = found.stdout.decode().splitlines()
    assert person == f"1\t身份证号 identity\t有效 valid\t符合 GB 11643 it fits GB 11643 (fits)\t{PERSON}"
    line, kind, verdict, reason, normal = division.split("\t")
    assert (line, kind, verdict, normal) == ("3", "区划代码 division", "有效 valid", DISTRICT)
    assert reason.startswith("辽宁省大连市普兰店市，2010-01-01 在用 Pulandian City, Dalian, Liaoning, in force on")
    assert found.stderr.decode() == "有效 valid 2，存疑 flagged 0，无效 invalid 0\n"


def test_the_exit_code_says_whether_some_are_invalid() -> None:
    assert run("-", given=f"{COMPANY[:-1]}7\n".encode()).returncode == 0  # flagged
    assert run("-", given=b"1.1E+17\n").returncode == 3
    assert run("--kind", "something").returncode == 2
    assert run("no-such-file").returncode == 2


def test_an_object_a_line_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, f"{PERSON}\n110105194912310000\n".encode())
    valid, invalid = answers(capsys, file)
    assert valid == {
        "line": 1,
        "kind": "identity",
        "verdict": "valid",
        "reason": "fits",
        "zh": "符合 GB 11643",
        "en": "it fits GB 11643",
        "normal": PERSON,
    }
    assert (invalid["line"], invalid["verdict"], invalid["reason"], invalid["normal"]) == (
        2,
        "invalid",
        "excel-zeros",
        None,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_full_width_is_read_in_every_encoding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in PERSON)
    file = written(tmp_path, f"{wide}\r\n李秀英\r\n{PERSON}".encode(encoding))
    assert [found["normal"] for found in answers(capsys, file)] == [PERSON, None, PERSON]


@pytest.mark.parametrize("kind", ["identity", "uscc", "division"])
def test_what_they_are_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    file = written(tmp_path, f"{PERSON}\n{COMPANY}\n{DISTRICT}".encode())
    found = answers(capsys, file, kind)
    assert {one["kind"] for one in found} == {kind}
    assert [one["verdict"] != "invalid" for one in found].count(True) == (2 if kind == "uscc" else 1)


def test_a_line_too_long_or_in_no_encoding_is_one_invalid_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, b"1" * 10_000 + b"\n" + b"\xff\xff\n" + PERSON.encode())
    found = answers(capsys, file)
    assert [(one["line"], one["reason"]) for one in found] == [(1, "unreadable"), (2, "unreadable"), (3, "fits")]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x03\x04rest", "Excel workbook"), ("1\n".encode("utf-16"), "UTF-16")],
    ids=["xlsx", "utf-16"],
)
def test_what_is_no_text_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    assert check_file(written(tmp_path, content), "auto", DAY, as_json=False) == 2
    assert said in capsys.readouterr().err


def test_streets_come_from_the_users_own_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    streets = tmp_path / "streets.toml"
    streets.write_text('440304901000 = { zh = "示例街道", en = "Sample Street", valid_from = 2020-01-01 }', "utf-8")
    monkeypatch.setenv("CHANGQING_DIVISIONS_FILE", str(streets))
    file = written(tmp_path, b"440304901000\n")
    (found,) = answers(capsys, file)
    assert (found["reason"], found["zh"]) == ("in-force", "广东省深圳市福田区示例街道，2026-11-23 在用")
    (found,) = answers(capsys, file, on=date(2019, 12, 31))
    assert (found["reason"], found["zh"]) == ("not-yet-in-force", "示例街道，2020-01-01 起启用")


def test_a_users_own_file_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    streets = written(tmp_path, '440399901000 = { zh = "示例街道", en = "Sample Street" }'.encode())
    monkeypatch.setenv("CHANGQING_DIVISIONS_FILE", str(streets))
    with pytest.raises(SettingsError, match="440399901000 lies in 440399000000"):
        check_file(streets, "division", DAY, as_json=False)
