"""`changqing rebuild`, `replay`, `followers` and `bulletin`: read models folded anew, tried against the log, how far they are, and reckoned from."""

import re
import signal
from collections.abc import Callable
from threading import Event as Flag
from typing import Annotated
from uuid import UUID

import typer

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII).fullmatch
Guard = Callable[[Callable[..., None]], Callable[..., None]]

_Models = Annotated[
    list[str] | None, typer.Option("--model", help="Only this read model, by its table. May be repeated.")
]


def add_commands(main: typer.Typer, guard: Guard) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    main.command("rebuild")(guard(_rebuild))
    main.command("replay")(guard(_replay))
    main.command("followers")(guard(_followers))
    main.command("bulletin")(guard(_bulletin))


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
    from services.following.rebuilding import rebuild

    if roll_back + forget + bool(model) > 1:
        raise typer.BadParameter("give one of --model, --roll-back and --forget", param_hint="--forget")
    rebuild(model or [], processes, roll_back=roll_back, forget=forget)


def _replay(
    to: Annotated[
        str, typer.Option(help="Up to a position, or what was recorded by the end of a day (Beijing), or by a time.")
    ] = "",
    retiree: Annotated[UUID | None, typer.Option(help="Only the rows about this retiree.")] = None,
    community: Annotated[
        str, typer.Option(help="Only about those whom the division of this code has or serves, 4 to 12 digits.")
    ] = "",
    model: _Models = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Show only what the views, as known then, have otherwise.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Fold the read models from the log without storing anything: print the rows, or compare. People stay sealed.

    Ends with 0, with 3 when a comparison finds rows that differ, 1 for a failure, 2 for something wrong with the command.
    """
    from services.following.replaying import replay

    if retiree and community:
        raise typer.BadParameter("give one of --retiree and --community", param_hint="--community")
    if community and not (community.isdecimal() and 4 <= len(community) <= 12):
        raise typer.BadParameter("give 4 to 12 digits", param_hint="--community")
    try:
        code = replay(to, model or [], retiree, community, compare=compare, as_json=json)
    except ValueError:
        raise typer.BadParameter(f"{to} is neither a position nor a day nor a time", param_hint="--to") from None
    raise typer.Exit(code)


def _followers(*, json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show how far each follower of the log is behind, in events and seconds. Ends with 3 when one has stopped at an entry."""
    from services.following.followers import show

    raise typer.Exit(show(as_json=json))


_MonthOf = Annotated[str, typer.Option(help="A month, YYYY-MM; by default of the quarter that is over.")]


def _bulletin(
    first: _MonthOf = "",
    last: _MonthOf = "",
    known: Annotated[
        str, typer.Option(help="As known by the end of a day (Beijing), or at a time; now by default.")
    ] = "",
) -> None:
    """Reckon the bulletin of a period of everybody at once, and keep its figures. Killed at any point, the same command goes on."""
    from domain.months import Month
    from services.following.bulletins import reckon

    for name, month in (("--first", first), ("--last", last)):
        if month and not _MONTH(month):
            raise typer.BadParameter(f"{month} is no month such as 2024-03", param_hint=name)
    stop = Flag()
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, lambda *_: stop.set())
    try:
        reckon(Month(first) if first else None, Month(last) if last else None, known, stop)
    except ValueError:
        raise typer.BadParameter(f"{known} is neither a day nor a time", param_hint="--known") from None
    raise typer.Exit(130 if stop.is_set() else 0)
