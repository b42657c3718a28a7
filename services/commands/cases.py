"""`changqing what-if`, `check` and `benefit`: cases and numbers that are looked at without being stored."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.cases.benefit import benefit

Guard = Callable[[Callable[..., None]], Callable[..., None]]


def add_commands(main: typer.Typer, guard: Guard) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    main.command("what-if")(guard(_what_if))
    main.command("check")(guard(_check))
    main.command("benefit")(guard(benefit))


def _what_if(
    facts: Annotated[
        Path | None, typer.Argument(help="Life events as CloudEvents, one a line; - for standard input.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Instead of a file: everybody in the ledger.")] = False,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of asking; today by default.")
    ] = None,
    law_at: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Apply the law as of this day.")] = None,
    compare_law: Annotated[
        Path | None, typer.Option(help="Rules to try, a TOML file or a directory of them: what would differ.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Months as YYYY-MM, money as text in yuan.")] = False,
) -> None:
    """Check a case: the entitlement by month with its articles, and the alerts; or a changed law. Nothing is stored."""
    on, at = today.date() if today else None, law_at.date() if law_at else None
    if log:
        from services.cases.log_comparison import compare_log

        if facts or compare_law is None:
            typer.echo("changqing: --log takes --compare-law and no file of facts", err=True)
            raise typer.Exit(2)
        raise typer.Exit(compare_log(on, at, compare_law, as_json=json))
    from services.cases.case_file import answer

    if facts is None:
        typer.echo("changqing: name a file of life events, - for standard input, or --log", err=True)
        raise typer.Exit(2)
    raise typer.Exit(answer(facts, on, at, compare_law, as_json=json))


def _check(
    file: Annotated[Path, typer.Argument(help="One item a line; - for standard input.")] = Path("-"),
    kind: Annotated[Literal["identity", "uscc", "division", "auto"], typer.Option(help="What they are.")] = "auto",
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of this day; today by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Check identity numbers, credit codes and division codes. Ends with 3 when some are invalid, 2 for a wrong file."""
    from services.cases.check import check_file

    raise typer.Exit(check_file(file, kind, on.date() if on else None, as_json=json))
