"""The samples as programs: how each is started in its language, and what it prints."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.docs import ROOT
from tests.toolchains import go_programs, node, node_project

SAMPLES = ROOT / "docs" / "samples"
LANGUAGES = ("python", "javascript", "go")

Json = dict[str, Any]


def program(language: str, name: str) -> list[str | Path]:
    """How a sample is started."""
    match language:
        case "python":
            return [sys.executable, SAMPLES / "python" / f"{name}.py"]
        case "javascript":
            return [node(), node_project(SAMPLES / "javascript", "samples") / f"{name}.js"]
        case _:
            return [go_programs(SAMPLES / "go") / name]


def run(
    language: str, name: str, arguments: Sequence[str | Path], environment: Mapping[str, str], code: int = 0
) -> list[Json]:
    """The lines of JSON that a sample prints; it ends with `code`."""
    ran = subprocess.run(
        [*program(language, name), *arguments],
        env=os.environ | dict(environment),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]
