"""`changqing archive`, `verify-archive` and `restore-archive`: the oldest parts of the log in files of their own."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

Guard = Callable[[Callable[..., None]], Callable[..., None]]
_Directory = Annotated[Path, typer.Argument(help="The directory of the archives; CHANGQING_ARCHIVE of services.")]


def add_commands(main: typer.Typer, guard: Guard) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    main.command("archive")(guard(_archive))
    main.command("verify-archive")(guard(_verify_archive))
    main.command("restore-archive")(guard(_restore_archive))


def _archive(
    directory: _Directory,
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest full partitions stay in the database.")] = 2,
) -> None:
    """Move the oldest full partitions of the log to files. Wants the login that owns the database, as migrate does."""
    from infra.archive_write import archive as leave
    from infra.database import Database
    from infra.terminal import told
    from services.settings import Settings

    with closing(Database(Settings.read().database_url, role=None)) as database:
        told(database, "archive")
        if not leave(database, directory, keep, typer.echo):
            typer.echo(f"nothing to archive: all but the newest {keep} full partitions are")


def _verify_archive(directory: _Directory) -> None:
    """Read every archive and compare it with what the ledger remembers. Code 1 when something is not sound."""
    from infra.archive_verify import verify
    from infra.database import Database
    from infra.terminal import told
    from services.settings import Settings

    with closing(Database(Settings.read().database_url)) as database:
        told(database, "verify-archive")
        if not verify(database, directory, typer.echo):
            raise typer.Exit(1)


def _restore_archive(directory: _Directory) -> None:
    """Make the newest archive a partition of the database again. Wants the login that owns the database."""
    from infra.archive_write import restore
    from infra.database import Database
    from infra.terminal import told
    from services.settings import Settings

    with closing(Database(Settings.read().database_url, role=None)) as database:
        told(database, "restore-archive")
        typer.echo(f"{restore(database, directory, typer.echo)}: in the database again; the files may be deleted")
