"""`changqing import`: its options, for lines and for tables."""

import os
from pathlib import Path
from typing import Annotated

import typer


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="Life events as CloudEvents, one a line (.gz is unpacked on the way); or a table: .csv, .tsv, .xlsx, .xls, .ods."
        ),
    ],
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes work at it.")] = os.cpu_count() or 1,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines a worker commits at a time.")] = 2_000,
    refusals: Annotated[
        Path | None,
        typer.Option(
            help="Where refused lines go, of a table all answers; FILE.refused.jsonl or FILE.results.jsonl by default."
        ),
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="From the beginning; nothing is taken in twice.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="Tables: the kind of event, of rows without one: death-reported.v1 or 死亡."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Tables: the source, of rows without one: /civil-affairs/shenzhen.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Tables: the sheet to read, where several are tables.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="Tables: COLUMN=MEMBER; COLUMN= leaves it out. As often as needed."),
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Tables: how the first rows would be understood.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tables: what would become of each row; nothing is stored.")
    ] = False,
) -> None:
    """Import a file of life events. Interrupted, by whatever, the same command again goes on from there.

    Ends with 0 when nothing was refused, 1 for a failure, 2 for something wrong with the command, the file or the
    settings, 3 at the end of the file with lines refused, 130 when interrupted.
    """
    from services.importing.command import Bringing, import_file

    bringing = Bringing(refusals, workers, batch, restart)
    if not _is_table(file):
        if type_ or source or sheet or map_ or preview or dry_run:
            typer.echo("changqing: --type, --source, --sheet, --map, --preview and --dry-run are for tables", err=True)
            raise typer.Exit(2)
        raise typer.Exit(import_file(file, bringing, as_json=json))
    from services.tables.command import of_table

    raise typer.Exit(
        of_table(file, bringing, (type_, source, sheet, map_ or ()), preview=preview, dry_run=dry_run, as_json=json)
    )


def _is_table(file: Path) -> bool:
    """Whether a file is a table, by its name: what is in it is looked at then."""
    return file.suffix.lower() in (".csv", ".tsv", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".et")
