"""`changqing publish`: a file of events to a ledger elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def publish(
    file: Annotated[
        Path | None,
        typer.Argument(help="Events as CloudEvents: one a line, one object or a list; - for standard input."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is wrong with each; send nothing.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on: what has a receipt is not sent again. Without FILE: what is left.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON; of --dry-run one defect a line.")] = False,
    over: Annotated[
        Literal["http", "kafka"] | None, typer.Option(help="By which way, where the settings know both.")
    ] = None,
    numbered: Annotated[bool, typer.Option("--numbered", help="Give each event a sequence within its source.")] = False,
    results: Annotated[
        Path | None, typer.Option(help="Where the receipts go; FILE.receipts.jsonl by default, - for standard output.")
    ] = None,
) -> None:
    """Publish a file of events to a ledger over HTTP or Kafka, and wait for the receipt of each.

    Ends with 0 when all were taken in, 1 for a failure, 2 for something wrong with the command, the file, the settings or
    the account, 3 when something was refused, 4 when some have no receipt yet (they are kept), 130 when interrupted.
    """
    if file is None and (dry_run or not resume):
        typer.echo("changqing: name a file of events, - for standard input, or --resume", err=True)
        raise typer.Exit(2)
    if file is not None and dry_run:
        from services.publishing.checking import check_file

        raise typer.Exit(check_file(file, as_json=json))
    from services.publishing.command import publish_file

    raise typer.Exit(publish_file(file, over, results, numbered=numbered, resume=resume, as_json=json))
