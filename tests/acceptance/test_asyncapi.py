"""The AsyncAPI document by the judgement of AsyncAPI's own validator."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.api.documents import asyncapi
from tests.docs import ROOT
from tests.toolchains import node, node_project


@pytest.fixture(scope="module")
def cli() -> Path:
    return node_project(ROOT / "tests" / "npm", "checks") / "node_modules" / "@asyncapi" / "cli" / "bin" / "run_bin"


def judged(cli: Path, document: Any, home: Path) -> subprocess.CompletedProcess[str]:
    """What the validator says of a document; the least remark counts. It is kept from telling its makers of us."""
    file = home / "asyncapi.json"
    file.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    quiet = {"CI": "true", "HOME": str(home), "SUPPRESS_NO_CONFIG_WARNING": "1"}
    command: list[str | Path] = [node(), cli, "validate", file, "--fail-severity=hint"]
    return subprocess.run(command, cwd=home, env=os.environ | quiet, capture_output=True, encoding="utf-8", check=False)


def test_the_document_is_valid_to_the_last_hint(cli: Path, tmp_path: Path) -> None:
    ran = judged(cli, asyncapi(), tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "is valid! File" in ran.stdout


def test_the_validator_finds_what_is_wrong(cli: Path, tmp_path: Path) -> None:
    document = asyncapi()
    document["operations"]["send-alerts-pension"]["action"] = "shout"
    ran = judged(cli, document, tmp_path)
    assert ran.returncode == 1
    assert "action" in ran.stdout + ran.stderr
