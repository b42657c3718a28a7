"""The table and the JSON file."""

from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.runner import Bench, Claim


def show(bench: Bench, environment: dict[str, str], failed: dict[str, str]) -> None:
    """Print everything measured, then what was claimed of it."""
    console = Console(width=None if Console().is_terminal else 160)
    console.print(" · ".join(f"{name}: {value}" for name, value in environment.items()), highlight=False)
    console.print(_figures(bench), _claims(bench.claims))
    for section, text in bench.notes:
        console.print(f"{section}: {text}", highlight=False)
    for section, text in failed.items():
        console.print(f"{section}: FAILED. {text}", highlight=False, markup=False)


def write(file: Path, bench: Bench, environment: dict[str, str], failed: dict[str, str]) -> None:
    """Write everything, every sample included, as JSON."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(_result(bench, environment, failed)), indent=2) + b"\n")


def _result(bench: Bench, environment: dict[str, str], failed: dict[str, str]) -> dict[str, Any]:
    figures = [
        {
            "section": section,
            "what": figure.what,
            "unit": figure.unit,
            "median": median(values),
            "min": min(values),
            "max": max(values),
            "samples": values,
        }
        for (section, figure), values in bench.samples.items()
    ]
    claims = [{**msgspec.structs.asdict(claim), "reached": claim.reached} for claim in bench.claims]
    return {
        "environment": environment,
        "loads": bench.loads,
        "sizes": bench.sizes,
        "repeats": bench.repeats,
        "figures": figures,
        "claims": claims,
        "notes": bench.notes,
        "failed": failed,
    }


def _figures(bench: Bench) -> Table:
    table = Table(title="Measured: medians of n samples", title_justify="left")
    for heading in ("section", "what"):
        table.add_column(heading, overflow="fold")
    for heading in ("median", "min", "max", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    last = ""
    for (section, figure), values in bench.samples.items():
        if last and section != last:
            table.add_section()
        numbers = (_number(value) for value in (median(values), min(values), max(values), len(values)))
        table.add_row(section if section != last else "", figure.what, *numbers, figure.unit)
        last = section
    return table


def _claims(claims: list[Claim]) -> Table:
    table = Table(
        title="Claims: ratios within this run, of the medians and the median of the paired ones", title_justify="left"
    )
    for heading in ("section", "what"):
        table.add_column(heading, overflow="fold")
    for heading in ("of medians", "of pairs", "target"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for claim in claims:
        pairs = "" if claim.of_pairs is None else _number(claim.of_pairs)
        target = f"{'≤' if claim.at_most else '≥'} {_number(claim.target)}"
        verdict = "[green]reached[/]" if claim.reached else "[red]not reached[/]"
        table.add_row(claim.section, claim.what, _number(claim.of_medians), pairs, target, verdict)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
