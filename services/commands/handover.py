"""`changqing handover`: how far a batch of handovers is."""

from typing import Annotated

import typer


def handover(
    batch: Annotated[
        str | None, typer.Argument(help="The publisher's number of a batch; without it all are listed.")
    ] = None,
    city: Annotated[str, typer.Option(help="Only in the city of this division code, 4 to 12 digits.")] = "",
    json: Annotated[bool, typer.Option("--json", help="The figures as JSON, money as text in yuan.")] = False,
) -> None:
    """Say how far a batch of handovers is: people, open steps and who owes them, fees, staff, keepers, store room.

    Ends with 0, with 1 for a failure, 2 for something wrong with the command or the settings, 3 when no batch has this number.
    """
    from services.handover.showing import show

    raise typer.Exit(show(batch, city, as_json=json))
