"""What the pages show can be pasted: the commands that need no server as they stand, and the journeys into a running system."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.running import ACCOUNTS, CHANGQING, System
from tests.docs import ROOT, blocks, section


def paste(script: str, where: Path = ROOT, code: int = 0) -> str:
    """What a shell says to this, with the programs of these tests in the place of the reader's; its last command ends with `code`."""
    script = script.replace(".venv/bin/", f"{CHANGQING.parent}/")
    ran = subprocess.run(["/bin/sh", "-c", script], cwd=where, capture_output=True, encoding="utf-8", check=False)
    assert ran.returncode == code, ran.stderr
    return ran.stdout


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("docs/commands.md", "## `changqing what-if`"),
        ("docs/commands.md", "## `changqing benefit`"),
        ("docs/commands.md", "## `changqing check`"),
        ("docs/commands.zh-CN.md", "## 试算：`changqing what-if`"),
        ("docs/commands.zh-CN.md", "## 丧葬补助金和抚恤金：`changqing benefit`"),
        ("docs/commands.zh-CN.md", "## 核对号码：`changqing check`"),
        ("docs/handover.md", "## Refusals"),
        ("docs/handover.zh-CN.md", "## 常见的拒绝"),
    ],
)
def test_what_a_page_shows_of_a_command_is_what_it_says(page: str, heading: str, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    code = 3 if "check" in heading else 1 if "handover" in page else 0
    said, shown = "", 0
    for language, text in blocks(section(page, heading)):
        if language:
            said = paste(text, tmp_path, code)
        else:
            assert text.strip() in said
            shown += 1
    assert shown == {"what-if`": 2, "Refusals": 0, "常见的拒绝": 0}.get(heading.rsplit(maxsplit=1)[-1], 1)
    assert code != 1 or "handover-open-steps" in said


def test_the_case_of_the_first_journey_is_answered_without_a_server(tmp_path: Path) -> None:
    (case,) = (block.text for block in blocks(section("README.md", "## A first journey")) if "what-if" in block.text)
    assert "9600.00" in paste(case, tmp_path)


def test_the_first_journey_can_be_pasted_and_goes_as_it_is_told(system: System) -> None:
    setting, publishing, retiree, answering, back, looking, _ = (
        block.text for block in blocks(section("README.md", "## A first journey"))
    )
    given = entered(setting, system)

    receipts = receipts_in(paste(given + publishing))
    assert [receipt["status"] for receipt in receipts] == ["accepted", "accepted"]
    assert [(one["known"], one["position"]) for one in receipts_in(paste(given + publishing))] == [
        (True, receipt["position"]) for receipt in receipts
    ]
    who = receipts[0]["retiree"]
    system.settled()
    assert alerts(system, who) == [("grant", "open"), ("recover", "open"), ("stop", "open")]

    given += retiree.replace("PASTE-THE-ID", who)
    assert receipts_in(paste(given + answering))[0]["status"] == "accepted"
    system.settled()
    assert alerts(system, who) == [("grant", "open"), ("recover", "open"), ("stop", "closed")]

    assert receipts_in(paste(given + back))[0]["status"] == "accepted"
    system.settled()
    assert [action for action, state in alerts(system, who) if state == "open"] == ["resume"]
    deeds = {deed["what"] for deed in json.loads(paste(given + looking))}
    assert {"death-reported.v1", "alert-applied.v1", "death-retracted.v1"} <= deeds


@pytest.mark.parametrize("page", ["docs/publishing.md", "docs/publishing.zh-CN.md"])
def test_the_examples_of_publishing_are_taken_in(page: str, system: System, tmp_path: Path) -> None:
    setting, http, verifying, broker, kafka = (
        block.text for block in blocks((ROOT / page).read_text("utf-8")) if block.language == "sh"
    )
    given = entered(setting, system) + broker.replace("127.0.0.1:PORT", system.bootstrap)
    assert [receipt["status"] for receipt in receipts_in(paste(given + http))] == ["accepted"] * 6

    assert json.loads(paste(f"cd {tmp_path}\n{given}{verifying}"))["id"] == "2026-004711"
    paste(given + kafka)
    receipt = system.topic("receipts.police").wait_for(
        lambda record: record.json["data"].get("id") == "2026-3302", "the receipt of the example"
    )
    assert receipt.json["data"]["status"] == "accepted"


def alerts(system: System, retiree: str) -> list[tuple[str, str]]:
    """Action and state of the alerts about a retiree, the newest first."""
    told = system.get(f"/v1/retirees/{retiree}", "officer").json()["alerts"]
    return [(one["action"], one["state"]) for one in told]


def entered(setting: str, system: System) -> str:
    """The variables as a reader fills them in."""
    for account in ACCOUNTS:
        setting = re.sub(rf"={account}:\S+", f"={account}:{system.secret(account)}", setting)
    return setting.replace("http://127.0.0.1:8000", system.address)


def receipts_in(said: str) -> list[dict[str, Any]]:
    """The receipts that curl wrote one behind the other, alone or in lists; other answers left out."""
    decoder, found, left = json.JSONDecoder(), [], said.strip()
    while left:
        one, end = decoder.raw_decode(left)
        found += one if isinstance(one, list) else [one]
        left = left[end:].strip()
    return [receipt for receipt in found if "status" in receipt]
