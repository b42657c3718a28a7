"""`changqing dead-letters`: what could not be taken in."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from domain.facts import Department
from services.commands.guard import sentences

letters = typer.Typer(
    no_args_is_help=True, help="What could not be taken in from Kafka: inspect it, mend it, send it again, give it up."
)

Place = Annotated[str, typer.Argument(help="Where the message stood: TOPIC-PARTITION-OFFSET.")]
Who = Annotated[str, typer.Option("--account", help="In whose name: an account; the log keeps it.")]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@letters.command("list")
@sentences
def list_(
    code: Annotated[str | None, typer.Option(help="Only refused with this code.")] = None,
    path: Annotated[str | None, typer.Option(help="Only refused at this path.")] = None,
    department: Annotated[Department | None, typer.Option(help="Only of this department.")] = None,
    state: Annotated[
        Literal["waiting", "replayed", "mended", "given-up"], typer.Option(help="How far they are.")
    ] = "waiting",
    limit: Annotated[int, typer.Option(min=0, help="How many to show one by one, after the groups.")] = 50,
    json: Json = False,
) -> None:
    """Say how many there are of each failure, then which they are. Nobody's data is shown."""
    from infra.letters import Wanted
    from services.letters.showing import show_list

    show_list(Wanted(state=state, code=code, path=path, department=department), limit, as_json=json)


@letters.command()
@sentences
def show(
    place: Place,
    original: Annotated[
        bool,
        typer.Option("--original", help="The message as it came, on standard output; the log records the look first."),
    ] = False,
    account: Annotated[
        str | None,
        typer.Option("--account", help="With --original: the account of who looks."),
    ] = None,
    json: Json = False,
) -> None:
    """Say why a message could not be taken in, and what to do about it."""
    from services.letters.showing import show_one, show_original

    if original:
        show_original(place, account, as_json=json)
    else:
        show_one(place, as_json=json)


@letters.command()
@sentences
def mend(
    place: Place,
    file: Annotated[
        Path,
        typer.Argument(help="The mended message: an event, or its value under the old headers; - for standard input."),
    ],
    account: Who,
    json: Json = False,
) -> None:
    """Send mended bytes in the place of a message, in its publisher's name, by an account of its department.

    Ends with 0 when it is taken in, 1 for a failure, 2 for something wrong with the command or the settings, 3 when it is refused.
    """
    from services.letters.showing import mend_one

    raise typer.Exit(mend_one(place, file, account, as_json=json))


@letters.command()
@sentences
def replay(
    account: Who,
    place: Annotated[str | None, typer.Argument(help="One message, by where it stood.")] = None,
    group: Annotated[str | None, typer.Option(help="All of one failure: CODE, or CODE:PATH.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    json: Json = False,
) -> None:
    """Send the same bytes again, in the order they came. What is taken in is closed; what was taken in before, too.

    Ends with 0 when all were taken in, 1 for a failure, 2 for something wrong with the command or the settings, 3 when some were refused.
    """
    from services.letters.showing import replay_some

    raise typer.Exit(replay_some(place, group, account, everything=everything, as_json=json))


@letters.command("give-up")
@sentences
def give_up(
    place: Place,
    reason: Annotated[str, typer.Option(help="Why; it is kept in clear, so name nobody.")],
    account: Who,
) -> None:
    """Let a message be: its publisher has the refusal, and its bytes go."""
    from services.letters.showing import give_up_one

    give_up_one(place, reason, account)
