"""`changqing rebuild`, `replay` and `followers`: the read models folded anew, tried against the log, and how far they are."""

from collections.abc import Callable
from typing import Annotated

import typer

Guard = Callable[[Callable[..., None]], Callable[..., None]]

_Models = Annotated[
    list[str] | None, typer.Option("--model", help="Only this read model, by its table. May be repeated.")
]


def add_commands(main: typer.Typer, guard: Guard) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    main.command("rebuild")(guard(_rebuild))


def _rebuild(
    model: _Models = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes fold; for a new rebuild.")] = 2,
    roll_back: Annotated[bool, typer.Option("--roll-back", help="Let the version before answer again.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Drop the version before, and what is folded of an unfinished rebuild.")
    ] = False,
) -> None:
    """Fold the read models anew beside the live ones, then let them answer. Wants the login that owns the database, as migrate does.

    Killed at any point, the same command goes on from there. Ends with 1 when it cannot be done now, and says why.
    """
    from services.rebuilding import rebuild

    if roll_back + forget + bool(model) > 1:
        raise typer.BadParameter("give one of --model, --roll-back and --forget", param_hint="--forget")
    rebuild(model or [], processes, roll_back=roll_back, forget=forget)
