"""`python -m tests.bench`: measure, print one table, exit 0 unless a measurement failed. No timing is asserted."""

import argparse
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from services.opening import spare_the_collector
from tests.bench import (
    alone,
    api,
    bulk,
    bus,
    copying,
    history,
    importing,
    law,
    looks,
    replay,
    report,
    scale,
    single,
    views,
)
from tests.bench.runner import Bench, load
from tests.bench.server import served
from tests.bench.sizes import FULL, QUICK

SECTIONS: dict[str, Callable[[Bench], None]] = {
    "bulk": bulk.measure,
    "import": importing.measure,
    "single": single.measure,
    "alone": alone.measure,
    "bus": bus.measure,
    "replay": replay.measure,
    "copy": copying.measure,
    "scale": scale.measure,
    "history": history.measure,
    "law": law.measure,
    "views": views.measure,
    "looks": looks.measure,
    "api": api.measure,
}


def main() -> int:
    """The exit code: 1 when a measurement failed, 0 otherwise."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds like Ctrl-C: the server stops, its files go
    failed: dict[str, str] = {}
    environment = _environment()
    spare_the_collector()  # as every process of ours does; it spares the library's work in this process as well
    with served() as (server, disk):
        environment |= disk | server.settings
        bench = Bench(server, QUICK if options.quick else FULL, options.repeats or (2 if options.quick else 5))
        for section in options.only:
            bench.begin(section)
            try:
                SECTIONS[section](bench)
            except Exception as error:  # noqa: BLE001 - the other sections are still worth their time
                failed[section] = f"{type(error).__name__}: {error}"
                traceback.print_exc()
    report.show(bench, environment, failed)
    if options.json:
        report.write(options.json, bench, environment, failed)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=sys.modules[__name__].__doc__)
    parser.add_argument("--only", type=_sections, default=list(SECTIONS), help=f"of {','.join(SECTIONS)}")
    parser.add_argument("--repeats", type=int, help="samples of each contender (5; quick: 2)")
    parser.add_argument(
        "--quick", action="store_true", help="a minute, to see that everything works; no figures to quote"
    )
    parser.add_argument("--json", type=Path, help="write everything to this file too")
    return parser.parse_args()


def _sections(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return names


def _environment() -> dict[str, str]:
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "cores": str(os.cpu_count()),
        "load at start": load(),
        "Python": platform.python_version(),
        "eventsourcing": version("eventsourcing"),
        "psycopg": version("psycopg"),
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; the server is stopped and its files are gone")
